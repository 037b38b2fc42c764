/**
 * A long run of the fuzzers, by hand. It says now and then how far it is, and what a run that
 * goes on from there is started with.
 *
 * ```sh
 * deno task fuzz --minutes 60 --seed 1
 * deno task fuzz --minutes 60 --seed 1 --from 1200000
 * deno task fuzz --only requests --count 1000
 * ```
 *
 * @module
 */
import { seedFromEnv } from "../support/random.ts";
import { REQUESTS } from "./corpus.ts";
import { Differential, fuzzRequests } from "./differential.ts";
import { Found, fuzz } from "./fuzzers.ts";

/** Inputs between two looks at the clock. */
const BATCH = 2_000;
const TELL_EVERY_MS = 10_000;
/** The real programs are slow: they get one of so many inputs. */
const REAL_SHARE = 4;

/** One kind of run: tries inputs `from` to `from + count - 1`, and says how often what came of it. */
type Run = (from: number, count: number) => Promise<ReadonlyMap<string, number>>;

async function main(args: readonly string[]): Promise<number> {
  const minutes = option(args, "--minutes") ?? 1;
  const seed = option(args, "--seed") ?? seedFromEnv();
  const count = option(args, "--count") ?? Infinity;
  const endMs = performance.now() + minutes * 60_000;
  let from = option(args, "--from") ?? 0;
  const firstNumber = from;
  const total = new Map<string, number>();
  let tellAtMs = performance.now() + TELL_EVERY_MS;
  await using stack = new AsyncDisposableStack();
  try {
    const runs = await chosenRuns(args, seed, stack);
    while (performance.now() < endMs && from < firstNumber + count) {
      const batch = Math.min(BATCH, firstNumber + count - from);
      for (const run of runs) {
        for (const [what, times] of await run(from, batch)) {
          total.set(what, (total.get(what) ?? 0) + times);
        }
      }
      from += batch;
      if (performance.now() < tellAtMs) continue;
      tellAtMs = performance.now() + TELL_EVERY_MS;
      console.log(`${from - firstNumber} inputs; go on with --seed ${seed} --from ${from}`);
    }
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    console.error(error.message);
    return 1;
  }
  for (const [what, times] of [...total].sort()) {
    console.log(`${String(times).padStart(9)} ${what}`);
  }
  console.log(`${from - firstNumber} inputs, seed ${seed}, nothing found`);
  return 0;
}

async function chosenRuns(
  args: readonly string[],
  seed: number,
  stack: AsyncDisposableStack,
): Promise<Run[]> {
  const only = args.includes("--only") ? args[args.indexOf("--only") + 1] : undefined;
  const runs: Run[] = [];
  if (only === undefined || only === "wire") runs.push(wireRun(seed));
  if (only === undefined || only === "requests") {
    const share = only === undefined ? REAL_SHARE : 1;
    runs.push(await requestsRun(seed, share, stack));
  }
  if (runs.length === 0) {
    throw new RangeError(`Cannot run --only ${only}: expected wire or requests`);
  }
  return runs;
}

function wireRun(seed: number): Run {
  return (from, count) => {
    const { verdicts } = fuzz(seed, (done) => done >= count, from);
    return Promise.resolve(verdicts);
  };
}

async function requestsRun(seed: number, share: number, stack: AsyncDisposableStack): Promise<Run> {
  const differential = stack.use(await Differential.start());
  const { differences } = await differential.round(REQUESTS);
  if (differences.length > 0) throw new Found(`the corpus: ${differences[0]?.what}`);
  return async (from, count) => {
    const tries = Math.ceil(count / share);
    const outcome = await fuzzRequests(differential, seed, from, tries);
    return new Map([
      ["differential requests: messages", tries],
      ["differential requests: forwarded by Sluice", outcome.forwarded],
      ["differential requests: refused by Sluice", outcome.refused],
      ["differential requests: compared with a direct reading", outcome.compared],
    ]);
  };
}

function option(args: readonly string[], name: string): number | undefined {
  const at = args.indexOf(name);
  if (at < 0) return undefined;
  const value = Number(args[at + 1]);
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`Cannot use ${name} ${args[at + 1]}: expected an integer`);
  }
  return value;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
