/**
 * What clients notice of thousands of others that dribble their requests: p99 of a load before
 * `slowhttptest` has opened them and while they dribble, and what memory they take.
 *
 * @module
 */
import type { Cleanup } from "./cleanup.ts";
import { type Bench, type Contender, inRounds, type Result } from "./measure.ts";
import { readMemory } from "./proc.ts";
import { BenchError, delay, pinnedArgs, type Program } from "./programs.ts";
import { type BesideWorkload, type LoadWorkload, SMALL_BODY } from "./workloads.ts";
import { type Load, runWrk, writeScript } from "./wrk.ts";

/** Each round starts the proxies anew, and opens thousands of connections. */
const MOST_ROUNDS = 3;
const WARM_UP_S = 6;
/** Heads are timed out after 60 s, and have been there for up to 20. */
const SECONDS_MAX = 30;
/** Before memory is read, and once all dribblers are there. */
const SETTLE_MS = 3_000;
const COME_WITHIN_MS = 45_000;
const POLL_MS = 250;

/** Of one dribbler: what it sends, how often, and how fast they come. */
const INTERVAL_S = 5;
const FOLLOW_UP_VALUE_BYTES = 3;
const COMING_PER_SECOND = 1_000;
const BODY_BYTES = 16_000;
/** Longer than a round takes: they are stopped. */
const ENDLESS_S = 600;
/** Of `/proc/net/tcp`. */
const ESTABLISHED = "01";

/**
 * Measures each contender alone: it is started, loaded, and loaded again beside the dribblers.
 *
 * @throws {BenchError} The dribblers do not come, or would not stay for so long.
 */
export async function measureBeside(
  bench: Bench,
  workload: BesideWorkload,
  contenders: readonly Contender[],
): Promise<Result> {
  if (bench.seconds > SECONDS_MAX) {
    throw new BenchError(`Cannot measure ${workload.name} for more than ${SECONDS_MAX} seconds`);
  }
  const load: LoadWorkload = {
    kind: "load",
    name: workload.name,
    about: workload.about,
    path: "/small",
    connections: workload.connections,
    responseBodyBytes: SMALL_BODY.length,
  };
  const script = await writeScript(load, bench.folder);
  const fewRounds = { ...bench, rounds: Math.min(bench.rounds, MOST_ROUNDS) };
  return await inRounds(fewRounds, workload, contenders, async (contender) => {
    const program = await contender.start(workload);
    const measure = (seconds: number): Promise<Load> =>
      runWrk(load, script, program.address, seconds, bench.cores.rest, bench.cleanup);
    try {
      await measure(WARM_UP_S);
      const before = await measure(bench.seconds);
      await delay(SETTLE_MS);
      const memoryBefore = await readMemory(program.pid);
      const dribblers = await Dribblers.come(workload, program, bench);
      try {
        const beside = await measure(bench.seconds);
        const after = await readMemory(program.pid);
        const left = dribblers.count - await dribblers.countOpen();
        const grownBytes = after.rssBytes - memoryBefore.rssBytes;
        return {
          figures: {
            requestsPerSecond: beside.requestsPerSecond,
            p50Ms: beside.p50Ms,
            p99Ms: beside.p99Ms,
            p99Times: beside.p99Ms / before.p99Ms,
            rssBytes: after.rssBytes,
            bytesPerConnection: grownBytes / dribblers.count,
          },
          problems: [
            ...before.problems,
            ...beside.problems,
            ...(left > 0 ? [`${left} of the dribblers were not there to the end`] : []),
          ],
        };
      } finally {
        await dribblers.leave();
      }
    } finally {
      await program.stop();
    }
  });
}

/** Two of `slowhttptest`: it dribbles either heads or bodies. */
class Dribblers {
  readonly count: number;
  readonly #portHex: string;
  readonly #stops: readonly (() => Promise<void>)[];

  private constructor(count: number, port: number, stops: readonly (() => Promise<void>)[]) {
    this.count = count;
    this.#portHex = port.toString(16).toUpperCase().padStart(4, "0");
    this.#stops = stops;
  }

  /** Resolves once all are there, and have been for a while. */
  static async come(
    { heads, bodies }: BesideWorkload,
    { name, address }: Program,
    { cores, cleanup }: Bench,
  ): Promise<Dribblers> {
    const dribblers = new Dribblers(heads + bodies, Number(address.split(":")[1]), [
      startDribbling(["-H", "-c", String(heads)], address, cores.rest, cleanup),
      startDribbling(["-B", "-c", String(bodies)], address, cores.rest, cleanup),
    ]);
    const endMs = performance.now() + COME_WITHIN_MS;
    while (await dribblers.countOpen() < dribblers.count) {
      if (performance.now() > endMs) {
        const there = await dribblers.countOpen();
        await dribblers.leave();
        throw new BenchError(
          `Cannot open ${dribblers.count} dribblers to ${name}: ${there} after ${COME_WITHIN_MS} ms`,
        );
      }
      await delay(POLL_MS);
    }
    await delay(SETTLE_MS);
    return dribblers;
  }

  /** Connections to the proxy that are open, as the kernel sees the clients' ends. */
  async countOpen(): Promise<number> {
    const table = await Deno.readTextFile("/proc/net/tcp");
    const to = `0100007F:${this.#portHex} ${ESTABLISHED} `;
    return table.split(to).length - 1;
  }

  async leave(): Promise<void> {
    for (const stop of this.#stops) await stop();
  }
}

/** Returns what ends it. */
function startDribbling(
  args: readonly string[],
  address: string,
  cores: string,
  cleanup: Cleanup,
): () => Promise<void> {
  const child = new Deno.Command("/bin/sh", {
    args: pinnedArgs(cores, "slowhttptest", [
      ...args,
      ...["-r", String(COMING_PER_SECOND), "-i", String(INTERVAL_S), "-l", String(ENDLESS_S)],
      ...["-x", String(FOLLOW_UP_VALUE_BYTES), "-s", String(BODY_BYTES), "-v", "0"],
      ...["-p", String(ENDLESS_S), "-u", `http://${address}/small`],
    ]),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return cleanup.add(async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended: its connections are counted.
    }
    await child.status;
  });
}
