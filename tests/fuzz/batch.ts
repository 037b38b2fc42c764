/**
 * Batches of messages out of a seed, for the differential fuzzers.
 *
 * @module
 */
import { Random } from "../support/random.ts";
import { type Difference, SENTINEL } from "./comparison.ts";
import { Found } from "./fuzzers.ts";

/** Messages `from` to `from + count - 1` of a seed. */
export interface Batch {
  readonly seed: number;
  readonly from: number;
  readonly count: number;
}

/** A differential fuzzer. */
export interface Rounds<Outcome extends { readonly differences: readonly Difference[] }> {
  /** @param random What else is left to chance, where that is in its hands. */
  round(messages: readonly string[], random: Random): Promise<Outcome>;
}

/** Differences of one round that a failure tells of. */
const DIFFERENCES_TOLD = 5;

/**
 * Tries a batch in one round. Message number n depends on the seed and n only; what else is left
 * to chance on the seed and on the batch.
 *
 * @param name What `--only` calls these messages.
 * @throws {Found} When any was read in two ways, or the round did not come to its end.
 */
export async function tryBatch<Outcome extends { readonly differences: readonly Difference[] }>(
  name: "requests" | "responses" | "memory-requests" | "memory-responses",
  rounds: Rounds<Outcome>,
  make: (random: Random) => string,
  { seed, from, count }: Batch,
): Promise<Outcome> {
  const messages = Array.from(
    { length: count },
    (_, index) => make(new Random(seed ^ Math.imul(from + index, 0x9e37_79b1))),
  );
  const again =
    `again: deno task fuzz --only ${name} --seed ${seed} --from ${from} --count ${count}`;
  let outcome: Outcome;
  try {
    outcome = await rounds.round(messages, new Random(seed ^ Math.imul(from, 0x85eb_ca6b)));
  } catch (cause) {
    throw new Found(`${cause instanceof Error ? cause.message : cause}\n${again}`, { cause });
  }
  if (outcome.differences.length === 0) return outcome;
  throw new Found(`${told(outcome.differences, messages, from)}\n${again}`);
}

/** Differences with the messages that led to them. */
export function told(
  differences: readonly Difference[],
  messages: readonly string[],
  from = 0,
): string {
  return differences.slice(0, DIFFERENCES_TOLD).map(({ message, what }) =>
    message === SENTINEL
      ? what
      : `message ${from + message}: ${JSON.stringify(messages[message])}\n${what}`
  ).join("\n");
}
