/**
 * Reload after reload under traffic: what a test does for seconds, and
 * `tests/bench/soak/reload.ts` for minutes.
 *
 * @module
 */
import { eventually } from "./in_process.ts";
import { Random } from "./random.ts";
import { startSluice } from "./sluice.ts";
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
}

/** What came of it. */
export interface ReloadResult extends TrafficReport {
  readonly samples: readonly ReloadSample[];
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

/** A quarter of a run has this many samples. */
const SAMPLES = 40;

function config(dir: string, origin: string, number: number, workers: number): string {
  // Each is another one: a header that tells, another group, another log from time to time.
  return `
log: { access: { path: ${dir}/access${
    number % 3
  }.log, buffer: 64k }, error: { path: ${dir}/error.log, level: notice } }
upstreams:
  app${number % 2}: { servers: [{ address: "${origin}", weight: ${1 + number % 5} }], keepalive: ${
    8 + number % 8
  } }
keepalive_requests: 1000000
workers: ${workers}
servers:
  - listen: 127.0.0.1:0
    locations:
      /: { proxy: { pass: "http://app${number % 2}" }, add_header: { X-Conf: "${number}" } }
      /events: { proxy: { pass: "http://app${number % 2}", buffering: off } }
      = /ws: { proxy: { pass: "http://app${
    number % 2
  }", set_header: { Upgrade: $http_upgrade, Connection: upgrade } } }
`;
}

/** Starts all of it, reloads as often as it is told to, and ends all of it. */
export async function reloadUnderTraffic(run: ReloadRun): Promise<ReloadResult> {
  const { workers = 1 } = run;
  const origin = startEchoOrigin();
  try {
    await using sluice = await startSluice((dir) => config(dir, origin.address, 0, workers));
    const descriptorsBefore = sluice.fdCount();
    const traffic = new Traffic(sluice.address, { ...run, random: new Random(run.seed) });
    const samples: ReloadSample[] = [];
    const errorLog = () => sluice.readLog("error.log");
    const count = (end: string) => errorLog().filter((line) => line.endsWith(end)).length;
    // The first worker's; one alone is the process.
    const started = `start worker process ${workers === 1 ? sluice.pid : 1}`;
    for (let number = 1; number <= run.reloads; number++) {
      await new Promise((resolve) => setTimeout(resolve, run.everyMs));
      const text = config(sluice.dir, origin.address, number, workers);
      // In one step, as editors do it: half a file is not a configuration.
      await Deno.writeTextFile(`${sluice.dir}/next.yaml`, text);
      await Deno.rename(`${sluice.dir}/next.yaml`, sluice.configPath);
      sluice.program.kill("SIGHUP");
      // Two signals that come before the process has looked are one.
      await eventually(`reload ${number}`, () => count(started) > number);
      if (number % Math.max(1, Math.floor(run.reloads / SAMPLES)) !== 0) continue;
      const sample = {
        reloads: number,
        requests: traffic.requests,
        failures: traffic.failureCount,
        rssBytes: sluice.rssBytes(),
        descriptors: sluice.fdCount(),
      };
      samples.push(sample);
      run.onSample?.(sample);
    }
    // With several the main thread has one too, which serves nobody.
    const threads = workers === 1 ? 1 : workers + 1;
    const report = await traffic.stop();
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
      samples,
      reloadsDone: count(started) - 2,
      generationsEnded: count("exiting") / threads,
      complaints: errorLog().filter((line) => /\[(?:emerg|alert|crit|error|warn)\]/.test(line)),
      descriptorsBefore,
      descriptorsAfter: sluice.fdCount(),
    };
  } finally {
    await origin.stop();
  }
}
