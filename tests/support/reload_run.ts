/**
 * Reload after reload under traffic: what a test does for seconds, and
 * `tests/bench/soak/reload.ts` for minutes.
 *
 * @module
 */
import { eventually } from "./in_process.ts";
import { Program } from "./program.ts";
import { Random } from "./random.ts";
import { need, startNginx } from "./real_servers.ts";
import { type Sluice, startSluice } from "./sluice.ts";
import { startEchoOrigin, Traffic, type TrafficReport } from "./traffic.ts";

/** How long, how often, and under how much. */
export interface ReloadRun {
  readonly reloads: number;
  readonly everyMs: number;
  readonly kept: number;
  readonly requestsPerSecond: number;
  readonly streams: number;
  readonly sockets: number;
  /** `workers` of the configuration. @default 1 */
  readonly workers?: number;
  /** How long a stream or WebSocket is used, on average, in ms. */
  readonly lifeMs: number;
  readonly seed: number;
  /** More requests, by h2load to an nginx: where a thousand a second are too many for this process. */
  readonly load?: { readonly clients: number; readonly requestsPerSecond: number };
  /** Told now and then. @default nobody */
  readonly onSample?: (sample: ReloadSample) => void;
}

/** The process, at one moment. */
export interface ReloadSample {
  readonly reloads: number;
  readonly requests: number;
  readonly failures: number;
  readonly rssBytes: number;
  readonly descriptors: number;
  /** The longest time from a signal to a configuration in force since the sample before. */
  readonly reloadMs: number;
}

/** What h2load counted. */
export interface LoadReport {
  readonly requests: number;
  /** Failed, broken off, or answered with anything but 2xx. */
  readonly failures: number;
  /** Its lines about times. */
  readonly times: readonly string[];
}

/** What came of it. */
export interface ReloadResult extends TrafficReport {
  readonly samples: readonly ReloadSample[];
  /** Of the further load; undefined without it. */
  readonly load: LoadReport | undefined;
  /** Reloads that the process has done, by its log. */
  readonly reloadsDone: number;
  /** Configurations that have ended, by its log. */
  readonly generationsEnded: number;
  /** Of the error log: warnings and worse. */
  readonly complaints: readonly string[];
  /** Descriptors without any traffic, before it and after it. */
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
}

const SAMPLES = 40;

/** Where requests go. */
interface Origins {
  readonly echo: string;
  /** Of the further load. */
  readonly small: string;
}

function config(dir: string, { echo, small }: Origins, number: number, workers: number): string {
  // Each is another one: a header that tells, another group, another log from time to time.
  return `
log: { access: { path: ${dir}/access${
    number % 3
  }.log, buffer: 64k }, error: { path: ${dir}/error.log, level: notice } }
upstreams:
  app${number % 2}: { servers: [{ address: "${echo}", weight: ${1 + number % 5} }], keepalive: ${
    8 + number % 8
  } }
  small: { servers: ["${small}"], keepalive: ${32 + number % 8} }
keepalive_requests: 1000000
workers: ${workers}
servers:
  - listen: 127.0.0.1:0
    locations:
      /: { proxy: { pass: "http://app${number % 2}" }, add_header: { X-Conf: "${number}" } }
      = /small: { proxy: { pass: "http://small" } }
      /events: { proxy: { pass: "http://app${number % 2}", buffering: off } }
      = /ws: { proxy: { pass: "http://app${
    number % 2
  }", set_header: { Upgrade: $http_upgrade, Connection: upgrade } } }
`;
}

/** Starts all of it, reloads as often as it is told to, and ends all of it. */
export async function reloadUnderTraffic(run: ReloadRun): Promise<ReloadResult> {
  const { workers = 1 } = run;
  await using stack = new AsyncDisposableStack();
  const echo = startEchoOrigin();
  stack.defer(() => echo.stop());
  const small = run.load === undefined ? undefined : stack.use(await startSmallOrigin());
  const origins = { echo: echo.address, small: small?.address ?? echo.address };
  const sluice = stack.use(await startSluice((dir) => config(dir, origins, 0, workers)));
  const descriptorsBefore = sluice.fdCount();
  const traffic = new Traffic(sluice.address, { ...run, random: new Random(run.seed) });
  const load = run.load && stack.use(startLoad(sluice, run));
  const samples: ReloadSample[] = [];
  const errorLog = () => sluice.readLog("error.log");
  const count = (end: string) => errorLog().filter((line) => line.endsWith(end)).length;
  // The first worker's; one alone is the process.
  const started = `start worker process ${workers === 1 ? sluice.pid : 1}`;
  const startMs = performance.now();
  let reloadMs = 0;
  for (let number = 1; number <= run.reloads; number++) {
    await until(startMs + number * run.everyMs);
    const text = config(sluice.dir, origins, number, workers);
    // In one step, as editors do it: half a file is not a configuration.
    await Deno.writeTextFile(`${sluice.dir}/next.yaml`, text);
    await Deno.rename(`${sluice.dir}/next.yaml`, sluice.configPath);
    const signalMs = performance.now();
    sluice.program.kill("SIGHUP");
    // Two signals that come before the process has looked are one.
    await eventually(`reload ${number}`, () => count(started) > number);
    reloadMs = Math.max(reloadMs, performance.now() - signalMs);
    if (number % Math.max(1, Math.floor(run.reloads / SAMPLES)) !== 0) continue;
    const sample = {
      reloads: number,
      requests: traffic.requests,
      failures: traffic.failureCount,
      rssBytes: sluice.rssBytes(),
      descriptors: sluice.fdCount(),
      reloadMs,
    };
    reloadMs = 0;
    samples.push(sample);
    run.onSample?.(sample);
  }
  const loadReport = load && await endOf(load);
  const report = await traffic.stop();
  // With several the main thread has one too, which serves nobody.
  const threads = workers === 1 ? 1 : workers + 1;
  await eventually(
    "every old configuration to end",
    () => count("exiting") === run.reloads * threads,
  );
  // What is left are idle connections to the origin: one reload more closes them.
  sluice.program.kill("SIGHUP");
  await eventually("the reload after that", () => count(started) === run.reloads + 2);
  await eventually(
    () => `the descriptors to be ${descriptorsBefore} again: ${sluice.fdCount()}`,
    () => sluice.fdCount() <= descriptorsBefore,
  );
  return {
    ...report,
    load: loadReport,
    samples,
    reloadsDone: count(started) - 2,
    generationsEnded: count("exiting") / threads,
    complaints: errorLog().filter((line) => /\[(?:emerg|alert|crit|error|warn)\]/.test(line)),
    descriptorsBefore,
    descriptorsAfter: sluice.fdCount(),
  };
}

/** An nginx: answers small requests for next to nothing. */
function startSmallOrigin(): ReturnType<typeof startNginx> {
  return startNginx(([port]) =>
    `access_log off; keepalive_requests 1000000000;
    server { listen 127.0.0.1:${port}; location / { return 200 "hello, world\\n"; } }`
  );
}

function startLoad(sluice: Sluice, { load, reloads, everyMs }: ReloadRun): Program {
  const { clients = 1, requestsPerSecond = 1 } = load ?? {};
  return new Program({
    command: need("h2load"),
    args: [
      "--h1",
      `--clients=${clients}`,
      `--rps=${requestsPerSecond / clients}`,
      `--duration=${Math.ceil(reloads * everyMs / 1_000)}`,
      `http://${sluice.address}/small`,
    ],
  });
}

/** @throws {Error} When it says nothing that can be read. */
async function endOf(load: Program): Promise<LoadReport> {
  await load.exited;
  const text = load.stdout.join("\n");
  const [, done, ...failures] = /^requests: .* (\d+) done, .*?(\d+) failed, (\d+) errored/m
    .exec(text)?.map(Number) ?? [];
  const [, ...others] = /^status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/m.exec(text)
    ?.map(Number) ?? [];
  if (done === undefined || others.length === 0) {
    throw new Error(`Cannot read what h2load says:\n${text}\n${load.stderr.join("\n")}`);
  }
  return {
    requests: done,
    failures: [...failures, ...others].reduce((sum, count) => sum + count, 0),
    times: load.stdout.filter((line) => /^(?:time for request|finished in|req\/s)/.test(line)),
  };
}

function until(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms - performance.now()));
}
