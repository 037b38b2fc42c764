/**
 * The soak: mixed traffic for as long as it is told to, good and bad clients and origins,
 * and at the end nothing held that was not held before.
 *
 * ```
 * deno task soak --minutes 20 --seed 7      # rate: clients a second (60)
 * deno task soak --big                      # 1 GB through the proxy, each way
 * ```
 *
 * @module
 */
import { Random } from "../../support/random.ts";
import { readCpuMs, readMemory } from "../proc.ts";
import { bigTransfers } from "./big.ts";
import { playClient, Traffic } from "./clients.ts";
import { type Behaviour, killAndRestart, Origin } from "./origins.ts";
import {
  type Check,
  growth,
  quantile,
  type Report,
  type Sample,
  talliesOf,
  toText,
  writeReport,
} from "./report.ts";
import type { ServerSample } from "./server.ts";
import { sleep } from "./byte_socket.ts";
import { SluiceProcess } from "./sluice_process.ts";

const SAMPLE_EVERY_MS = 2_000;
const LIVE_LINE_EVERY = 3;
const RUNNING_MAX = 300;
const KILL_EVERY_MS = 5_000;
const QUIESCENCE_MS = 90_000;
const GROWTH_MAX = 0.1;
const ROOT = new URL("../../../", import.meta.url).pathname;

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly rate: number;
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
  --buffer-memory N  of the proxy's configuration (128m); little makes all wait for each other
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
    else if (/^--(?:minutes|seed|rate|save|buffer-memory)$/.test(name)) {
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
    big: given.has("--big"),
    bufferMemory: given.get("--buffer-memory") ?? "128m",
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
];

/** Everything a location can be made of, in front of the good origins; and one for each bad one. */
function configOf(
  { dir, bufferMemory }: Options,
  address: (name: string) => string,
): string {
  const bad = (name: string, settings = "") => `
      /${name}/: { proxy: { pass: "http://${name}"${settings} } }`;
  const alone = (name: string) => `
  ${name}: { servers: [{ address: "${address(name)}", max_fails: 0 }], keepalive: 8 }`;
  const single = ["slow", "silent", "reset", "early", "garbage", "short", "half", "extra"];
  return `
log:
  access: { path: ${dir}/access.log }
  error: { path: ${dir}/error.log, level: info }
buffer_memory: ${bufferMemory}
client_max_body_size: 0
client_body_temp_path: ${dir}/temp
proxy: { temp_path: ${dir}/temp }
client_header_timeout: 10s
client_body_timeout: 10s
keepalive_timeout: 4s
send_timeout: 20s
lingering_timeout: 1s
lingering_time: 5s
upstreams:
  good: { servers: ["${address("good1")}", "${
    address("good2")
  }"], keepalive: 16, keepalive_timeout: 5s }
  stale: { servers: [{ address: "${address("stale")}", max_fails: 0 }], keepalive: 8 }
  dying: { servers: [{ address: "${address("dying")}", max_fails: 0 }], keepalive: 8 }
  pair:
    servers: ["${address("good1")}", { address: "${address("dying")}", fail_timeout: 1s }]
    keepalive: 8
  mixed:
    servers:
      - "${address("good1")}"
      - { address: "${address("reset")}", max_fails: 0 }
      - { address: "${address("early")}", max_fails: 3, fail_timeout: 1s }
      - { address: "${address("garbage")}", max_fails: 0 }
    keepalive: 8${single.map(alone).join("")}
servers:
  - listen: 127.0.0.1:0
    locations:
      /good/: { proxy: { pass: "http://good" } }
      /stream/: { proxy: { pass: "http://good", buffering: off, request_buffering: off } }
      /notemp/: { proxy: { pass: "http://good", max_temp_file_size: 0, buffers: "4 8k" } }
      /tiny/: { proxy: { pass: "http://good", buffer_size: 1k, buffers: "2 4k", busy_buffers_size: 4k }, client_body_buffer_size: 1k }
      /cyclic/: { proxy: { pass: "http://good", cyclic_temp_file: on, buffers: "4 4k" } }
      /v10/: { proxy: { pass: "http://good", http_version: "1.0" } }
      /rate/: { proxy: { pass: "http://good" }, limit_rate: 400k, limit_rate_after: 50k }
      /infile/: { proxy: { pass: "http://good" }, client_body_in_file_only: clean }
      /inrate/: { proxy: { pass: "http://good", limit_rate: 400k } }
      /accel/: { proxy: { pass: "http://good" } }
      /ws/: { proxy: { pass: "http://good", read_timeout: 5s, set_header: { Connection: upgrade, Upgrade: $http_upgrade } } }
      /authed/: { proxy: { pass: "http://good" }, auth_request: /auth, mirror: /shadow, client_body_buffer_size: 32k }
      "= /auth": { proxy: { pass: "http://good", pass_request_body: off }, internal: on }
      "= /shadow": { proxy: { pass: "http://reset" }, internal: on }${
    single.filter((name) => name !== "garbage" && name !== "silent").map((name) => bad(name)).join(
      "",
    )
  }${bad("garbage", ", next_upstream: off")}${bad("silent", ", read_timeout: 1s")}${bad("stale")}${
    bad("dying")
  }${bad("pair")}${bad("mixed", ", next_upstream: [error, timeout, invalid_header]")}
`;
}

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

class Sampler {
  readonly samples: Sample[] = [];
  /** The heap after a collection: at the end of each quarter but the last. */
  readonly collected: number[] = [];
  readonly #traffic: Traffic;
  readonly #sluice: SluiceProcess;
  readonly #startMs = performance.now();

  constructor(traffic: Traffic, sluice: SluiceProcess) {
    this.#traffic = traffic;
    this.#sluice = sluice;
  }

  async run(isOver: () => boolean, lengthMs: number): Promise<void> {
    while (!isOver()) {
      await sleep(SAMPLE_EVERY_MS);
      const sample = this.#take(await this.#sluice.ask("stats"));
      if (sample.atMs > (this.collected.length + 1) * lengthMs / 4 && this.collected.length < 3) {
        this.collected.push((await this.#sluice.ask("gc")).heapBytes);
      }
      this.samples.push(sample);
      if (this.samples.length % LIVE_LINE_EVERY === 0) console.log(liveLine(sample));
    }
  }

  #take(stats: ServerSample): Sample {
    const traffic = this.#traffic;
    const latencies = traffic.latencies.sort((a, b) => a - b);
    traffic.latencies = [];
    const { pool, rssBytes, heapBytes, externalBytes, descriptors } = stats;
    const { requests, failures, refusals, running } = traffic;
    return {
      atMs: performance.now() - this.#startMs,
      requests,
      failures,
      refusals,
      running,
      rssBytes,
      heapBytes,
      externalBytes,
      descriptors,
      heldCells: pool.heldCells,
      heldBytes: pool.heldBytes,
      slabBytes: pool.slabBytes,
      connections: stats.connections,
      clients: stats.clients,
      idle: stats.idle,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
    };
  }
}

function liveLine(sample: Sample): string {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1).padStart(6);
  const count = (n: number) => String(n).padStart(4);
  return `${(sample.atMs / 1_000).toFixed(0).padStart(5)} s  ${
    String(sample.requests).padStart(7)
  } requests ${count(sample.failures)} failures  rss ${mb(sample.rssBytes)} heap ${
    mb(sample.heapBytes)
  } MB  fds ${count(sample.descriptors)}  cells ${count(sample.heldCells)} (${
    mb(sample.slabBytes)
  } MB)  clients ${count(sample.clients)} connections ${count(sample.connections)} idle ${
    count(sample.idle)
  }  p50 ${sample.p50Ms.toFixed(1)} p99 ${sample.p99Ms.toFixed(1)} ms`;
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

/** Deadlines that are registered: the pool has one line of its own, unless it names the holders. */
function deadlinesOf({ outstanding }: ServerSample): readonly string[] {
  return outstanding.filter((line) => !/^\d+ (?:cells|bytes)\b/.test(line));
}

/** Whether nothing is held but by idle connections to origins. */
function isAtRest(stats: ServerSample): boolean {
  const { clients, connections, idle, pool } = stats;
  return clients === 0 && connections === idle && pool.heldCells === idle &&
    deadlinesOf(stats).length === idle;
}

async function waitForRest(sluice: SluiceProcess): Promise<ServerSample> {
  const endMs = performance.now() + QUIESCENCE_MS;
  while (true) {
    const stats = await sluice.ask("stats");
    if (isAtRest(stats) || performance.now() > endMs) return stats;
    await sleep(250);
  }
}

async function revision(): Promise<string> {
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
  const { minutes, seed, rate, dir } = options;
  const random = new Random(seed);
  const startedAt = new Date().toISOString();
  await Deno.mkdir(dir, { recursive: true });
  for (const name of ["access.log", "error.log", "temp"]) {
    await Deno.remove(`${dir}/${name}`, { recursive: true }).catch(() => {});
  }
  await Deno.mkdir(`${dir}/temp`);
  let fail: (what: string, detail: string) => void = () => {};
  const origins = await openOrigins(random.fork(), (what, detail) => fail(what, detail));
  const config = configOf(options, (name) => origins.get(name)!.address);
  await Deno.writeTextFile(`${dir}/soak.yaml`, config);
  await using sluice = await SluiceProcess.start(`${dir}/soak.yaml`, options.debugBuffers);
  console.log(`Soak of ${minutes} minutes with seed ${seed}: pid ${sluice.pid}, ${dir}`);

  const traffic = new Traffic(sluice.address);
  fail = (what, detail) => traffic.fail(what, detail);
  await warmUp(traffic);
  const before = await waitForRest(sluice);
  console.log(`At rest before: ${restLine(before)}`);

  const endMs = performance.now() + minutes * 60_000;
  const isOver = () => performance.now() > endMs;
  const sampler = new Sampler(traffic, sluice);
  const cpuBeforeMs = await readCpuMs(sluice.pid);
  const [kills] = await Promise.all([
    killAndRestart(origins.get("dying")!, random.fork(), KILL_EVERY_MS, isOver),
    sendTraffic(traffic, random.fork(), rate, isOver),
    sampler.run(isOver, minutes * 60_000),
  ]);
  const serverCpuShare = (await readCpuMs(sluice.pid) - cpuBeforeMs) / (minutes * 60_000);

  console.log(`The traffic ends; ${traffic.running} clients are still there`);
  const patienceMs = performance.now() + QUIESCENCE_MS;
  while (traffic.running > 0 && performance.now() < patienceMs) await sleep(100);
  if (traffic.running > 0) traffic.fail("clients do not end", String(traffic.running));
  const after = await waitForRest(sluice);
  const collected = await sluice.ask("gc");
  const { peakRssBytes } = await readMemory(sluice.pid);
  console.log(`At rest after: ${restLine(after)}`);
  const stopped = await sluice.stop();
  for (const origin of origins.values()) await origin.kill();

  const checks = judge(sampler, before, after, collected, stopped, traffic);
  const left = Array.from(Deno.readDirSync(`${dir}/temp`), ({ name }) => name);
  checks.push(
    {
      name: "no temporary file is left",
      isGood: left.length === 0,
      detail: left.join(" ") || "none",
    },
    await checkErrorLog(`${dir}/error.log`),
  );
  const report: Report = {
    command: `deno task soak --minutes ${minutes} --seed ${seed} --rate ${rate}`,
    revision: await revision(),
    seed,
    minutes,
    startedAt,
    requests: traffic.requests,
    clients: traffic.connections,
    failures: traffic.failures,
    downloadedBytes: traffic.downloadedBytes,
    uploadedBytes: traffic.uploadedBytes,
    kills,
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

function restLine(stats: ServerSample): string {
  const { clients, connections, idle, pool, descriptors } = stats;
  return `${clients} clients, ${connections} connections, ${idle} idle, ${pool.heldCells} cells, ` +
    `${deadlinesOf(stats).length} deadlines, ${descriptors} descriptors`;
}

function judge(
  { samples, collected: collections }: Sampler,
  before: ServerSample,
  after: ServerSample,
  collected: ServerSample,
  stopped: ServerSample,
  traffic: Traffic,
): Check[] {
  const flat = (name: string, value: (sample: Sample) => number): Check => {
    const { before, after, share } = growth(samples, value);
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    return {
      name,
      isGood: share <= GROWTH_MAX,
      detail: `${mb(before)} in the 2nd quarter, ${mb(after)} in the last: ${
        (share * 100).toFixed(1)
      } %`,
    };
  };
  const collectedHeaps = [...collections, collected.heapBytes];
  const kept = collected.heapBytes / (collections[0] ?? NaN) - 1;
  const ownDescriptors = (stats: ServerSample) => stats.descriptors - stats.idle;
  return [
    {
      name: "no request failed",
      isGood: traffic.failures === 0,
      detail: `${traffic.failures} failures of ${traffic.requests} requests`,
    },
    {
      name: "at rest only idle connections hold cells and deadlines",
      isGood: isAtRest(after),
      detail: restLine(after) +
        (isAtRest(after)
          ? ""
          : after.outstanding.slice(0, 20).map((line) => `\n    ${line}`).join("")),
    },
    {
      name: "descriptors as before, without idle connections",
      isGood: ownDescriptors(after) === ownDescriptors(before),
      detail: `${ownDescriptors(before)} before, ${ownDescriptors(after)} after`,
    },
    flat("resident memory is flat", ({ rssBytes }) => rssBytes),
    flat("heap is flat", ({ heapBytes }) => heapBytes),
    {
      name: "heap after a collection is flat",
      isGood: kept <= GROWTH_MAX,
      detail: `${
        collectedHeaps.map((bytes) => (bytes / 1e6).toFixed(2)).join(", ")
      } MB at the end of each quarter; resident ${
        (collected.rssBytes / 1e6).toFixed(1)
      } MB, slabs ${(collected.pool.slabBytes / 1e6).toFixed(1)} MB`,
    },
    {
      name: "stopped, it holds nothing",
      isGood: stopped.outstanding.length === 0 && stopped.connections === 0,
      detail: stopped.outstanding.join("; ") || "nothing",
    },
  ];
}

/** A bug that the proxy itself has noticed. */
async function checkErrorLog(path: string): Promise<Check> {
  const log = await Deno.readTextFile(path);
  const bugs = log.split("\n").filter((line) =>
    /\[(?:crit|alert|emerg)\]|a bug in this/.test(line)
  );
  return {
    name: "the error log tells of no bug",
    isGood: bugs.length === 0,
    detail: bugs.length === 0 ? "none" : `${bugs.length}: ${bugs.slice(0, 5).join("\n    ")}`,
  };
}

if (import.meta.main) {
  const options = parseOptions(Deno.args);
  const isGood = options.big ? await bigTransfers(options.dir) : await soak(options);
  Deno.exit(isGood ? 0 : 1);
}
