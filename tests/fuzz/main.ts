/**
 * A long run of the fuzzers, by hand. It says now and then how far it is, and what a run that
 * goes on from there is started with.
 *
 * ```sh
 * deno run -A tests/fuzz/main.ts --seconds 600 --seed 1
 * ```
 *
 * @module
 */
import { seedFromEnv } from "../support/random.ts";
import { Found, fuzz } from "./fuzzers.ts";

/** Inputs between two looks at the clock. */
const BATCH = 2_000;
const TELL_EVERY_MS = 10_000;

function main(args: readonly string[]): number {
  const seconds = option(args, "--seconds") ?? 60;
  const seed = option(args, "--seed") ?? seedFromEnv();
  const count = option(args, "--count") ?? Infinity;
  const endMs = performance.now() + seconds * 1_000;
  let from = option(args, "--from") ?? 0;
  const lastNumber = from + count;
  const total = new Map<string, number>();
  let tried = 0;
  let tellAtMs = 0;
  try {
    while (performance.now() < endMs && from < lastNumber) {
      const batch = Math.min(BATCH, lastNumber - from);
      const tally = fuzz(seed, (done) => done >= batch, from);
      from += batch;
      tried += tally.tried;
      for (const [verdict, times] of tally.verdicts) {
        total.set(verdict, (total.get(verdict) ?? 0) + times);
      }
      if (performance.now() < tellAtMs) continue;
      tellAtMs = performance.now() + TELL_EVERY_MS;
      console.log(`${tried} messages; go on with --seed ${seed} --from ${from}`);
    }
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    console.error(error.message);
    return 1;
  }
  for (const [verdict, times] of [...total].sort()) {
    console.log(`${String(times).padStart(9)} ${verdict}`);
  }
  console.log(`${tried} messages, seed ${seed}, nothing found`);
  return 0;
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

if (import.meta.main) Deno.exit(main(Deno.args));
