/**
 * A reload every second under traffic, for minutes.
 *
 * ```
 * deno run -A tests/bench/soak/reload.ts --seconds 300 --rate 2000
 * ```
 *
 * @module
 */
import { type ReloadSample, reloadUnderTraffic } from "../../support/reload_run.ts";

/** The last quarter may have this much more memory than the second one. */
const GROWTH_MAX = 0.1;

async function main(args: readonly string[]): Promise<number> {
  const option = (name: string, otherwise: number): number => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  const seconds = option("--seconds", 300);
  const result = await reloadUnderTraffic({
    reloads: seconds,
    everyMs: 1_000,
    kept: option("--clients", 32),
    requestsPerSecond: option("--rate", 2_000),
    streams: 10,
    sockets: 10,
    lifeMs: 5_000,
    workers: option("--workers", 1),
    seed: option("--seed", 1),
    onSample: ({ reloads, requests, failures, rssBytes, descriptors }) =>
      console.log(
        `${reloads} reloads  ${requests} requests  ${failures} failures  ` +
          `${(rssBytes / 1e6).toFixed(1)} MB  ${descriptors} descriptors`,
      ),
  });
  const { samples, failures, complaints } = result;
  for (const line of [...failures, ...complaints.slice(0, 20)]) console.log(line);
  const [second, last] = [quarter(samples, 1), quarter(samples, 3)];
  console.log(
    `${result.requests} requests (${Math.round(result.requests / seconds)} a second), ` +
      `${result.events} events on ${result.streams} streams, ` +
      `${result.messages} messages on ${result.sockets} WebSockets, ` +
      `${result.reloadsDone} reloads, ${result.generationsEnded} old configurations ended; ` +
      `${result.failureCount} failures, ${result.closes} connections closed, ` +
      `${complaints.length} complaints in the log; ` +
      `memory ${(second / 1e6).toFixed(1)} MB in the 2nd quarter, ${(last / 1e6).toFixed(1)} MB ` +
      `in the last; descriptors ${result.descriptorsBefore} before, ${result.descriptorsAfter} after`,
  );
  const isFlat = last <= second * (1 + GROWTH_MAX);
  const isGood = result.failureCount === 0 && result.closes === 0 && complaints.length === 0;
  return isFlat && isGood ? 0 : 1;
}

/** The mean of a quarter's resident memory. */
function quarter(samples: readonly ReloadSample[], index: number): number {
  const size = Math.floor(samples.length / 4);
  const part = samples.slice(index * size, (index + 1) * size);
  return part.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / part.length;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
