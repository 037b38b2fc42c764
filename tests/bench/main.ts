/**
 * `deno task bench`: Sluice against nginx, or against itself at another revision.
 *
 * @module
 */
import { countAllocations } from "./allocations.ts";
import { measureBeside } from "./beside.ts";
import { Cleanup } from "./cleanup.ts";
import { measureIdle } from "./idle.ts";
import { alone } from "./lock.ts";
import { type Bench, type Contender, measureLoad, type Result } from "./measure.ts";
import { type ProxyOptions, startNginxProxy, startOrigin } from "./nginx.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { findPeers } from "./peers.ts";
import { BenchError, chooseCores, type Cores, freeAddress, requirePrograms } from "./programs.ts";
import { profile } from "./profile.ts";
import { toTables } from "./report.ts";
import { checkOut } from "./revision.ts";
import { startSluice } from "./sluice.ts";
import { measureStart } from "./start.ts";
import { countSystemCalls } from "./strace.ts";
import { toSvg } from "./svg.ts";
import { type Feature, type Workload, WORKLOADS } from "./workloads.ts";

const CHECKOUT = new URL("../..", import.meta.url).pathname;
const RESULTS = `${CHECKOUT}tmp/bench`;
/** The workload that `--peers` runs on. */
const PEERS_RUN = "small";
const LEAST_KEEPALIVE = 64;

if (import.meta.main) Deno.exit(await main(Deno.args));

/** Returns the exit status: 1 when something could not be measured. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  if (args.includes("--list")) {
    for (const { name, about } of WORKLOADS) console.log(`${name.padEnd(16)} ${about}`);
    return 0;
  }
  const cleanup = new Cleanup();
  cleanup.onSignals();
  try {
    const results = await run(await parseOptions(args), cleanup);
    return results.every((result) => result.problems.length === 0) ? 0 : 1;
  } catch (failure) {
    if (!cleanup.interrupted) {
      if (!(failure instanceof BenchError)) throw failure;
      console.error(failure.message);
    }
    return 1;
  } finally {
    await cleanup.run();
    // The signal's own exit, with its own status, comes next.
    if (cleanup.interrupted) await new Promise(() => {});
  }
}

async function run(options: Options, cleanup: Cleanup): Promise<Result[]> {
  await requirePrograms({
    wrk: "wrk",
    nginx: "nginx",
    taskset: "util-linux",
    ...(options.strace ? { strace: "strace" } : {}),
    ...(options.workloads.some(({ kind }) => kind === "beside")
      ? { slowhttptest: "slowhttptest" }
      : {}),
    ...(options.against === undefined ? {} : { git: "git" }),
  });
  await Deno.mkdir(RESULTS, { recursive: true });
  const folder = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  const cores = await chooseCores();
  const originFolder = `${folder}/origin`;
  await Deno.mkdir(originFolder);
  const origin = await startOrigin(originFolder, cores, cleanup);
  const { rounds, seconds } = options;
  const say = (line: string) => console.error(line);
  const bench: Bench = { cores, cleanup, folder, rounds, seconds, originPid: origin.pid, say };
  const field = await findContenders(options, bench, origin.address);

  const results: Result[] = [];
  for (const workload of options.workloads) {
    const contenders = workload.name === PEERS_RUN
      ? [...field.always, ...field.peers]
      : field.always;
    await alone(`${RESULTS}/lock`, say, async () => {
      if (options.strace || options.allocations || options.profile) {
        if (workload.kind !== "load") return;
        if (options.strace) console.log(await countSystemCalls(bench, workload, contenders));
        if (options.allocations) console.log(await countAllocations(bench, workload, contenders));
        if (options.profile) console.log(await profile(bench, workload, contenders));
      } else {
        results.push(await measure(bench, workload, contenders));
      }
    });
  }
  if (results.length > 0) {
    console.log(toTables(results));
    console.log(`Saved: ${(await save(options, cores, results)).join(" ")}`);
  }
  return results;
}

function measure(
  bench: Bench,
  workload: Workload,
  contenders: readonly Contender[],
): Promise<Result> {
  switch (workload.kind) {
    case "load":
      return measureLoad(bench, workload, contenders);
    case "idle":
      return measureIdle(bench, workload, contenders);
    case "beside":
      return measureBeside(bench, workload, contenders);
    case "start":
      return measureStart(bench, workload, contenders);
  }
}

interface Field {
  /** The working tree, and what it is compared with. */
  readonly always: readonly Contender[];
  readonly peers: readonly Contender[];
}

async function findContenders(options: Options, bench: Bench, upstream: string): Promise<Field> {
  const { cores, cleanup } = bench;
  const newFolder = () => Deno.makeTempDir({ dir: bench.folder });
  const proxyOptions = async (workload: Workload): Promise<ProxyOptions> => {
    const folder = await newFolder();
    const accessLog = options.accessLog ? `${folder}/access.log` : undefined;
    const connections = workload.kind === "start" ? 0 : workload.connections;
    const features = featuresOf(workload);
    const keepalive = Math.max(LEAST_KEEPALIVE, connections);
    return { folder, accessLog, features, upstream, keepalive };
  };
  const sluice = (name: string, checkout: string, choose: Choice = featuresOf): Contender => {
    const inspectorAt = options.allocations || options.profile ? freeAddress() : undefined;
    return {
      name,
      inspectorAt,
      start: async (workload) =>
        await startSluice(
          {
            ...await proxyOptions(workload),
            features: choose(workload),
            name,
            checkout,
            inspectorAt,
            command: options.sluiceCommand,
            extraConfig: options.sluiceConfig,
            unbuffered: options.workloads.some((workload) => workload.name.endsWith("unbuffered")),
          },
          cores,
          cleanup,
        ),
    };
  };
  const nginx: Contender = {
    name: "nginx",
    start: async (workload) => await startNginxProxy(await proxyOptions(workload), cores, cleanup),
  };

  const { cost } = options;
  const always = cost.length === 0 ? [sluice("sluice", CHECKOUT)] : [
    sluice(
      "with",
      CHECKOUT,
      (workload) => new Set([...featuresOf(workload) ?? [], ...cost]),
    ),
    sluice(
      "without",
      CHECKOUT,
      (workload) => new Set(featuresOf(workload)).difference(new Set(cost)),
    ),
  ];
  if (options.against === undefined) {
    if (cost.length === 0) always.push(nginx);
  } else {
    const checkout = `${bench.folder}/against`;
    await checkOut(CHECKOUT, options.against, checkout, cleanup);
    always.push(sluice(options.against, checkout));
  }
  const peers = (options.peers ? await findPeers() : []).map((peer): Contender => ({
    name: peer.name,
    start: async () => await peer.start({ upstream, folder: await newFolder() }, cores, cleanup),
  }));
  return { always, peers };
}

/** Which features a workload's nginx.conf has; undefined: it runs none. */
type Choice = (workload: Workload) => ReadonlySet<Feature> | undefined;

function featuresOf(workload: Workload): ReadonlySet<Feature> | undefined {
  const features = workload.kind === "load" ? workload.features : undefined;
  return features && new Set(features);
}

/** Returns the paths of what it wrote. */
async function save(options: Options, cores: Cores, results: readonly Result[]): Promise<string[]> {
  const folder = options.saveTo ?? RESULTS;
  await Deno.mkdir(folder, { recursive: true });
  const { rounds, seconds, against, cost, accessLog } = options;
  const at = new Date().toISOString();
  const run = { at, deno: Deno.version.deno, rounds, seconds, against, cost, accessLog, cores };
  const subtitle =
    `${at.slice(0, 10)}, Deno ${run.deno}, ${rounds} paired rounds of ${seconds} s, ` +
    `proxy on core ${cores.proxy}, median with min and max`;
  const paths = [`${folder}/bench.json`, `${folder}/bench.svg`] as const;
  await Deno.writeTextFile(paths[0], JSON.stringify({ ...run, results }, null, 2) + "\n");
  await Deno.writeTextFile(paths[1], toSvg(results, subtitle));
  return [...paths];
}
