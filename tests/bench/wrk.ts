/**
 * Runs `wrk` for one round and reads its figures.
 *
 * @module
 */
import type { Cleanup } from "./cleanup.ts";
import { BenchError, runProgram } from "./programs.ts";
import type { LoadWorkload } from "./workloads.ts";

/** What one run of `wrk` measured. */
export interface Load {
  readonly requests: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly receivedBytes: number;
  /** Empty when every request was answered as it should be. */
  readonly problems: readonly string[];
}

/** What the `done` function of the script prints. Times in microseconds. */
interface Summary {
  readonly requests: number;
  readonly duration: number;
  readonly bytes: number;
  readonly p50: number;
  readonly p99: number;
  readonly connect: number;
  readonly read: number;
  readonly write: number;
  readonly status: number;
  readonly timeout: number;
}

const SUMMARY_MARK = "BENCH-SUMMARY ";

/** Figures of `done` rather than of wrk's own report: they are not rounded. */
const DONE = `
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\n${SUMMARY_MARK}{"requests":%d,"duration":%d,"bytes":%.0f,"p50":%d,"p99":%d,' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
`;

/** The Lua script that makes this workload's request, written to `folder`. Returns its path. */
export async function writeScript(workload: LoadWorkload, folder: string): Promise<string> {
  const lines = [`wrk.method = "${workload.method ?? "GET"}"`];
  for (const [name, value] of Object.entries(workload.headers ?? {})) {
    lines.push(`wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`);
  }
  if (workload.requestBodyBytes !== undefined) {
    lines.push(`wrk.body = string.rep("x", ${workload.requestBodyBytes})`);
  }
  const path = `${folder}/${workload.name}.lua`;
  await Deno.writeTextFile(path, lines.join("\n") + DONE);
  return path;
}

/** One run against `address`. One thread: the core it has is shared with the origin. */
export async function runWrk(
  workload: LoadWorkload,
  script: string,
  address: string,
  seconds: number,
  cores: string,
  cleanup: Cleanup,
): Promise<Load> {
  const { stdout, stderr } = await runProgram(cores, "wrk", [
    "--threads=1",
    `--connections=${workload.connections}`,
    `--duration=${seconds}s`,
    "--latency",
    `--script=${script}`,
    `http://${address}${workload.path}`,
  ], cleanup);
  const line = stdout.split("\n").find((line) => line.startsWith(SUMMARY_MARK));
  if (!line) {
    throw new BenchError(`Cannot read what wrk measured: no summary in\n${stdout}${stderr}`);
  }
  return toLoad(JSON.parse(line.slice(SUMMARY_MARK.length)), workload);
}

function toLoad(summary: Summary, workload: LoadWorkload): Load {
  const problems: string[] = [];
  if (summary.requests === 0) problems.push("no requests");
  if (summary.status > 0) problems.push(`${summary.status} answers other than 2xx and 3xx`);
  for (const kind of ["connect", "read", "write", "timeout"] as const) {
    if (summary[kind] > 0) problems.push(`${summary[kind]} ${kind} errors`);
  }
  if (summary.bytes < summary.requests * workload.responseBodyBytes) {
    problems.push(`answers shorter than ${workload.responseBodyBytes} bytes`);
  }
  const seconds = summary.duration / 1e6;
  return {
    requests: summary.requests,
    seconds,
    requestsPerSecond: summary.requests / seconds,
    p50Ms: summary.p50 / 1e3,
    p99Ms: summary.p99 / 1e3,
    receivedBytes: summary.bytes,
    problems,
  };
}
