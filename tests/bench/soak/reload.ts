/**
 * A reload every second under traffic, for minutes. Most requests are h2load's, small ones to an
 * nginx; some are of clients that look at every byte, as are all event streams and WebSockets.
 *
 * ```
 * deno run -A tests/bench/soak/reload.ts --seconds 300 --rate 3000
 * ```
 *
 * @module
 */
import { driftOf, isFlat } from "../../support/flatness.ts";
import { reloadUnderTraffic } from "../../support/reload_run.ts";

/** The last third may have this much more memory than the first one, after the warm-up. */
const GROWTH_MAX = 0.1;
/** Requests a second that are compared byte for byte. */
const CHECKED_RATE = 200;

async function main(args: readonly string[]): Promise<number> {
  const option = (name: string, otherwise: number): number => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  const seconds = option("--seconds", 300);
  const rate = option("--rate", 3_000);
  const result = await reloadUnderTraffic({
    reloads: seconds,
    everyMs: 1_000,
    kept: 8,
    requestsPerSecond: CHECKED_RATE,
    streams: 10,
    sockets: 10,
    lifeMs: 5_000,
    workers: option("--workers", 1),
    seed: option("--seed", 1),
    load: { clients: option("--clients", 32), requestsPerSecond: rate - CHECKED_RATE },
    onSample: ({ reloads, requests, failures, rssBytes, descriptors, reloadMs }) =>
      console.log(
        `${reloads} reloads, the slowest ${reloadMs.toFixed(0)} ms  ` +
          `${requests} requests looked at  ${failures} failures  ` +
          `${(rssBytes / 1e6).toFixed(1)} MB  ${descriptors} descriptors`,
      ),
  });
  const { samples, failures, complaints, load } = result;
  for (const line of [...failures, ...complaints.slice(0, 20)]) console.log(line);
  for (const line of load?.times ?? []) console.log(line);
  const drift = driftOf(samples.map(({ rssBytes }) => rssBytes / 1e6));
  const requests = result.requests + (load?.requests ?? 0);
  const failed = result.failureCount + (load?.failures ?? 0);
  console.log(
    `${requests} requests (${Math.round(requests / seconds)} a second), ` +
      `${result.events} events on ${result.streams} streams, ` +
      `${result.messages} messages on ${result.sockets} WebSockets, ` +
      `${result.reloadsDone} reloads, ${result.generationsEnded} old configurations ended; ` +
      `${failed} failures, ${result.closes} connections closed, ` +
      `${complaints.length} complaints in the log; ` +
      `memory ${drift.before.toFixed(1)} MB in the first third after the warm-up, ` +
      `${drift.after.toFixed(1)} MB in the last; ` +
      `descriptors ${result.descriptorsBefore} before, ${result.descriptorsAfter} after`,
  );
  const isGood = failed === 0 && result.closes === 0 && complaints.length === 0;
  return isGood && isFlat(drift, GROWTH_MAX) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
