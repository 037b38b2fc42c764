/**
 * The command line of the bench.
 *
 * @module
 */
import { BenchError } from "./programs.ts";
import { type Feature, FEATURES, type Workload, WORKLOADS } from "./workloads.ts";

export interface Options {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly seconds: number;
  /** Compare with this revision rather than with nginx. */
  readonly against: string | undefined;
  /** Compare the working tree with and without these rather than with nginx; empty: none. */
  readonly cost: readonly Feature[];
  readonly peers: boolean;
  readonly strace: boolean;
  readonly allocations: boolean;
  readonly profile: boolean;
  readonly accessLog: boolean;
  readonly sluiceCommand: string | undefined;
  /** YAML behind the generated configuration. */
  readonly sluiceConfig: string;
  /** Where JSON and SVG go; undefined for the usual place. */
  readonly saveTo: string | undefined;
}

export const HELP = `Measures Sluice against nginx on this machine, in alternating paired rounds.

Usage: deno task bench [options]
  --only NAME,NAME        these workloads only (--list names them)
  --rounds N              paired rounds a workload (5)
  --seconds N             length of a round (3)
  --against REV           compare with that revision of Sluice instead of nginx
  --cost FEATURE,FEATURE  what features cost: Sluice with them against Sluice without them
                          (access-log, metrics, maps, limit-req, add-header)
  --peers                 also httpxy, http-proxy-3, fast-proxy, Deno.serve + fetch, and
                          HAProxy where installed, on the workload "small"
  --access-log            write an access log, in both
  --strace                count system calls a request instead of measuring
  --allocations           count bytes and promises that a request allocates in Sluice
  --profile               where the time of Sluice's main thread goes
  --sluice-config FILE    YAML to put behind the generated configuration
  --sluice-command TEXT   run this as Sluice; {config}, {folder}, {listen}, {upstream}
                          and {inspect} are filled in
  --save DIR              where bench.json and bench.svg go (tmp/bench)
  --list                  name the workloads
  --help                  this text
`;

const SWITCHES = ["--peers", "--access-log", "--strace", "--allocations", "--profile"];
/** What looks at one workload unless others are named, and takes the place of measuring. */
const INSTEAD = ["--strace", "--allocations", "--profile"];
const VALUES = [
  "--only",
  "--rounds",
  "--seconds",
  "--against",
  "--cost",
  "--sluice-config",
  "--sluice-command",
  "--save",
];

/** @throws {BenchError} on anything it does not know. */
export async function parseOptions(args: readonly string[]): Promise<Options> {
  const given = new Map<string, string>();
  const words = args.flatMap((arg) => /^--[a-z-]+=/.test(arg) ? splitAtEquals(arg) : [arg]);
  while (words.length > 0) {
    const name = words.shift() ?? "";
    if (SWITCHES.includes(name)) {
      given.set(name, "");
    } else if (VALUES.includes(name)) {
      const value = words.shift();
      if (value === undefined) throw new BenchError(`Cannot use ${name}: a value must follow`);
      given.set(name, value);
    } else {
      throw new BenchError(`Cannot use "${name}": see --help`);
    }
  }

  const configFile = given.get("--sluice-config");
  const cost = given.get("--cost");
  if (cost !== undefined && given.has("--against")) {
    throw new BenchError("Cannot use --cost with --against: each says what is compared");
  }
  return {
    workloads: chooseWorkloads(
      given.get("--only"),
      INSTEAD.some((name) => given.has(name)),
    ),
    rounds: positive("--rounds", given.get("--rounds") ?? "5"),
    seconds: positive("--seconds", given.get("--seconds") ?? "3"),
    against: given.get("--against"),
    cost: cost?.split(",").map(chooseFeature) ?? [],
    peers: given.has("--peers"),
    strace: given.has("--strace"),
    allocations: given.has("--allocations"),
    profile: given.has("--profile"),
    accessLog: given.has("--access-log"),
    sluiceCommand: given.get("--sluice-command"),
    sluiceConfig: configFile === undefined ? "" : await readConfig(configFile),
    saveTo: given.get("--save"),
  };
}

/** @param isOne Of one workload, unless others are named. */
function chooseWorkloads(only: string | undefined, isOne: boolean): Workload[] {
  if (only === undefined) {
    return WORKLOADS.filter((workload) => isOne ? workload.name === "small" : !workload.onlyByName);
  }
  return only.split(",").map((name) => {
    const workload = WORKLOADS.find((workload) => workload.name === name);
    if (workload) return workload;
    const known = WORKLOADS.map((workload) => workload.name).join(", ");
    throw new BenchError(`Cannot find the workload "${name}": expected one of ${known}`);
  });
}

function chooseFeature(name: string): Feature {
  const feature = FEATURES.find((feature) => feature === name);
  if (feature !== undefined) return feature;
  throw new BenchError(`Cannot use --cost ${name}: expected one of ${FEATURES.join(", ")}`);
}

async function readConfig(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    throw new BenchError(`Cannot read --sluice-config ${path}: ${why}`);
  }
}

function positive(name: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new BenchError(`Cannot use ${name} ${text}: expected a whole number from 1`);
}

function splitAtEquals(arg: string): [string, string] {
  const at = arg.indexOf("=");
  return [arg.slice(0, at), arg.slice(at + 1)];
}
