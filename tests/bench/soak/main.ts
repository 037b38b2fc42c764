/**
 * The soak: mixed traffic for as long as it is told to, good and bad clients and origins,
 * reloads and dying peers, and at the end nothing held that was not held before.
 *
 * ```
 * deno task soak --minutes 60 --seed 7      # rate: clients a second (60)
 * deno task soak --big                      # 1 GB through the proxy, each way
 * ```
 *
 * @module
 */
import { Random } from "../../support/random.ts";
import { readCpuMs, readMemory } from "../proc.ts";
import { AdminClient } from "./admin_client.ts";
import { bigTransfers } from "./big.ts";
import { sleep } from "./byte_socket.ts";
import { playClient, Traffic } from "./clients.ts";
import { configOf, type SoakConf } from "./config.ts";
import { judge } from "./judge.ts";
import { type Behaviour, killAndRestart, Origin } from "./origins.ts";
import { Reloads } from "./reloads.ts";
import { type Report, talliesOf, toText, writeReport } from "./report.ts";
import { isAtRest, ownDescriptors, restLine } from "./rest.ts";
import { outcomesOf, Sampler } from "./sampler.ts";
import type { ServerSample } from "./server.ts";
import { SluiceProcess } from "./sluice_process.ts";

const RUNNING_MAX = 300;
const QUIESCENCE_MS = 90_000;
const BUFFER_MEMORY = "128m";
const ROOT = new URL("../../../", import.meta.url).pathname;

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly rate: number;
  readonly reloadEveryMs: number;
  readonly killEveryMs: number;
  readonly big: boolean;
  readonly debugBuffers: boolean;
  /** Of the configuration: little enough makes everything wait for everything. */
  readonly bufferMemory: string;
  readonly dir: string;
}

const HELP = `Runs mixed traffic through Sluice and looks for what it leaks, mixes up or gets wrong.

Usage: deno task soak [options]
  --minutes N        how long (20)
  --seed N           all choices of clients and origins (from the clock)
  --rate N           new clients a second (60)
  --reload-every N   seconds from one reload to the next (10)
  --kill-every N     seconds from one killed origin to the next (5)
  --buffer-memory N  of the proxy's configuration (${BUFFER_MEMORY}); little makes requests wait, or be shed
  --debug-buffers    buffers remember their holders: slow
  --save DIR         where the report goes (tmp/soak)
  --big              instead: 1 GB up and down, and the memory that it takes
`;

/** @throws {Error} on anything it does not know. */
function parseOptions(args: readonly string[]): Options {
  const given = new Map<string, string>();
  for (let at = 0; at < args.length; at++) {
    const name = args[at]!;
    if (name === "--big" || name === "--debug-buffers") given.set(name, "");
    else if (/^--(?:minutes|seed|rate|reload-every|kill-every|save|buffer-memory)$/.test(name)) {
      given.set(name, args[++at] ?? "");
    } else throw new Error(`Cannot use "${name}"\n\n${HELP}`);
  }
  const number = (name: string, otherwise: number) => {
    const value = Number(given.get(name) ?? otherwise);
    if (value > 0) return value;
    throw new Error(`Cannot use ${name} ${given.get(name)}: expected a number above 0`);
  };
  return {
    minutes: number("--minutes", 20),
    seed: number("--seed", Date.now() % 1_000_000),
    rate: number("--rate", 60),
    reloadEveryMs: number("--reload-every", 10) * 1_000,
    killEveryMs: number("--kill-every", 5) * 1_000,
    big: given.has("--big"),
    bufferMemory: given.get("--buffer-memory") ?? BUFFER_MEMORY,
    debugBuffers: given.has("--debug-buffers"),
    dir: given.get("--save") ?? `${ROOT}tmp/soak`,
  };
}

/** Origins by name: every behaviour, two good ones, and good ones that are killed. */
const ORIGINS: readonly (readonly [name: string, behaviour: Behaviour])[] = [
  ["good1", "good"],
  ["good2", "good"],
  ["slow", "slow"],
  ["silent", "silent"],
  ["reset", "reset"],
  ["early", "early"],
  ["garbage", "garbage"],
  ["short", "short"],
  ["half", "half"],
  ["extra", "extra"],
  ["stale", "stale"],
  ["dying", "good"],
  ["mortal1", "good"],
  ["mortal2", "good"],
];

/** One at a time. The last two are a group, which can always answer. */
const KILLED = ["dying", "mortal1", "mortal2"] as const;

/** What an earlier run may have left. */
const FILES = ["access.log", "access2.log", "pair.log", "error.log", "temp", "extra.sock"];

/** Opens all origins, each on a port below those that the system gives away. */
async function openOrigins(
  random: Random,
  fail: (what: string, detail: string) => void,
): Promise<Map<string, Origin>> {
  const once = new Set<number>();
  const origins = new Map<string, Origin>();
  for (const [name, behaviour] of ORIGINS) {
    while (!origins.has(name)) {
      const origin = new Origin(behaviour, portBelowEphemeral(), random.fork(), once, fail);
      try {
        await origin.listen();
        origins.set(name, origin);
      } catch {
        continue; // taken
      }
    }
  }
  return origins;
}

/** Not seeded: two runs may stand beside each other. */
function portBelowEphemeral(): number {
  return 15_000 + crypto.getRandomValues(new Uint16Array(1))[0]! % 15_000;
}

/** New clients at random moments, `rate` a second in the mean, and not too many at once. */
async function sendTraffic(
  traffic: Traffic,
  random: Random,
  rate: number,
  isOver: () => boolean,
): Promise<void> {
  let nextMs = performance.now();
  while (!isOver()) {
    nextMs += -Math.log(1 - random.fraction()) * 1_000 / rate;
    const waitMs = nextMs - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    if (traffic.running < RUNNING_MAX) void playClient(traffic, random.fork());
    else nextMs = performance.now();
  }
}

/** With `before`, until as few descriptors are open as then: the admin listener has clients too. */
async function waitForRest(sluice: SluiceProcess, before?: ServerSample): Promise<ServerSample> {
  const endMs = performance.now() + QUIESCENCE_MS;
  const descriptorsMax = before === undefined ? Infinity : ownDescriptors(before);
  while (true) {
    const stats = await sluice.ask("stats");
    const isCalm = isAtRest(stats) && ownDescriptors(stats) <= descriptorsMax;
    if (isCalm || performance.now() > endMs) return stats;
    await sleep(250);
  }
}

async function readRevision(): Promise<string> {
  const { stdout } = await new Deno.Command("git", {
    args: ["-C", ROOT, "log", "-1", "--format=%h"],
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** A request of each kind of place, so that what is opened once is open. */
async function warmUp(traffic: Traffic): Promise<void> {
  const random = new Random(1);
  await Promise.all(Array.from({ length: 40 }, () => playClient(traffic, random.fork())));
}

async function soak(options: Options): Promise<boolean> {
  const { minutes, seed, rate, dir, bufferMemory } = options;
  const random = new Random(seed);
  const startedAt = new Date().toISOString();
  const revision = await readRevision();
  await clear(dir);
  let fail: (what: string, detail: string) => void = () => {};
  const origins = await openOrigins(random.fork(), (what, detail) => fail(what, detail));
  const origin = (name: string): Origin => origins.get(name)!;
  const conf: SoakConf = { dir, bufferMemory, address: (name) => origin(name).address };
  const configPath = `${dir}/soak.yaml`;
  await Deno.writeTextFile(configPath, configOf(0, conf));
  await using sluice = await SluiceProcess.start(configPath, options.debugBuffers);
  using admin = new AdminClient(sluice.adminAddress);
  console.log(`Soak of ${minutes} minutes with seed ${seed}: pid ${sluice.pid}, ${dir}`);

  const traffic = new Traffic(sluice.address, bufferMemory !== BUFFER_MEMORY);
  fail = (what, detail) => traffic.fail(what, detail);
  await warmUp(traffic);
  const before = await waitForRest(sluice);
  console.log(`At rest before: ${restLine(before)}`);

  const lengthMs = minutes * 60_000;
  const endMs = performance.now() + lengthMs;
  const isOver = () => performance.now() > endMs;
  const reloads = new Reloads({
    sluice,
    admin,
    traffic,
    configPath,
    configOf: (number) => configOf(number, conf),
  });
  const sampler = new Sampler({ traffic, sluice, admin, reloads, direct: origin("good1").address });
  const cpuBeforeMs = await readCpuMs(sluice.pid);
  const killed = [origin(KILLED[0]), origin(KILLED[1]), origin(KILLED[2])] as const;
  const [kills] = await Promise.all([
    killAndRestart(killed, random.fork(), options.killEveryMs, isOver),
    reloads.run(options.reloadEveryMs, isOver),
    sendTraffic(traffic, random.fork(), rate, isOver),
    sampler.run(isOver, lengthMs),
  ]);
  const serverCpuShare = (await readCpuMs(sluice.pid) - cpuBeforeMs) / lengthMs;

  console.log(`The traffic ends; ${traffic.running} clients are still there`);
  const patienceMs = performance.now() + QUIESCENCE_MS;
  while (traffic.running > 0 && performance.now() < patienceMs) await sleep(100);
  if (traffic.running > 0) traffic.fail("clients do not end", String(traffic.running));
  // Back to a configuration of the first one's kind, which has as many files and listeners.
  do await reloads.next(); while (traffic.confNewest % 2 === 1);
  const after = await waitForRest(sluice, before);
  const collected = await sluice.ask("gc");
  const { peakRssBytes } = await readMemory(sluice.pid);
  console.log(`At rest after: ${restLine(after)}`);
  const stopped = await sluice.stop();
  for (const origin of origins.values()) await origin.kill();

  const checks = await judge({ dir, traffic, sampler, before, after, collected, stopped });
  const report: Report = {
    command: commandOf(options),
    revision,
    seed,
    minutes,
    startedAt,
    requests: traffic.requests,
    certainRequests: traffic.certainRequests,
    clients: traffic.connections,
    failures: traffic.failures,
    outcomes: outcomesOf(traffic),
    downloadedBytes: traffic.downloadedBytes,
    uploadedBytes: traffic.uploadedBytes,
    kills,
    reloads: reloads.done,
    refusedReloads: reloads.refused,
    serverCpuShare,
    peakRssBytes,
    checks,
    firstFailures: traffic.firstFailures,
    tallies: talliesOf(traffic.tallies),
    samples: sampler.samples,
  };
  await writeReport(dir, report);
  console.log(`\n${toText(report)}\nWritten to ${dir}/soak.{json,md,svg}`);
  return checks.every(({ isGood }) => isGood);
}

async function clear(dir: string): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  for (const name of FILES) {
    await Deno.remove(`${dir}/${name}`, { recursive: true }).catch(() => {});
  }
  await Deno.mkdir(`${dir}/temp`);
}

function commandOf(options: Options): string {
  const { minutes, seed, rate, reloadEveryMs, killEveryMs, bufferMemory, debugBuffers } = options;
  return `deno task soak --minutes ${minutes} --seed ${seed} --rate ${rate} ` +
    `--reload-every ${reloadEveryMs / 1_000} --kill-every ${killEveryMs / 1_000}` +
    (bufferMemory === BUFFER_MEMORY ? "" : ` --buffer-memory ${bufferMemory}`) +
    (debugBuffers ? " --debug-buffers" : "");
}

if (import.meta.main) {
  const options = parseOptions(Deno.args);
  const isGood = options.big ? await bigTransfers(options.dir) : await soak(options);
  Deno.exit(isGood ? 0 : 1);
}
