/** What Sluice passes on, in either direction, is read by other programs as Sluice did. */
import { assert } from "@std/assert";
import { Random, seedFromEnv } from "../support/random.ts";
import { realServerTest } from "../support/real_servers.ts";
import { type Rounds, told, tryBatch } from "./batch.ts";
import type { Difference } from "./comparison.ts";
import { REQUESTS, RESPONSES } from "./corpus.ts";
import { Differential } from "./differential.ts";
import { ResponseDifferential } from "./response_differential.ts";
import { doubtfulResponse, smugglingText } from "./smuggling.ts";

/**
 * Always the same: what programs of other versions read in other ways is to be found by hand, with
 * `deno task fuzz`, not by the next commit's luck.
 */
const CI_SEED = 1;

const RUN_MS = 3_000;
/** Messages in a round. */
const ROUND = 100;
/** A generator that is too tame, or too wild, finds nothing: how often each has to happen. */
const LEAST = 30;

realServerTest(
  "nginx and Node read mutated requests as Sluice does",
  ["nginx", "node"],
  async () => {
    await using differential = await Differential.start();
    await tryCorpus(differential, REQUESTS);
    const seed = seedFromEnv(CI_SEED);
    let [forwarded, refused, compared] = [0, 0, 0];
    await untilOver(async (from) => {
      const batch = { seed, from, count: ROUND };
      const outcome = await tryBatch("requests", differential, smugglingText, batch);
      forwarded += outcome.forwarded;
      refused += outcome.refused;
      compared += outcome.compared;
    });
    assertAll({ forwarded, refused, compared }, seed);
  },
);

realServerTest(
  "clients read mutated responses as Sluice does, and find cut what it cuts",
  ["node"],
  async () => {
    await using differential = await ResponseDifferential.start();
    await tryCorpus(differential, RESPONSES);
    const seed = seedFromEnv(CI_SEED);
    let [passed, cut, refused, compared] = [0, 0, 0, 0];
    await untilOver(async (from) => {
      const batch = { seed, from, count: ROUND };
      const outcome = await tryBatch("responses", differential, doubtfulResponse, batch);
      passed += outcome.passed;
      cut += outcome.cut;
      refused += outcome.refused;
      compared += outcome.compared;
    });
    assertAll({ passed, cut, refused, compared }, seed);
  },
);

async function tryCorpus(
  rounds: Rounds<{ readonly differences: readonly Difference[] }>,
  messages: readonly string[],
): Promise<void> {
  const { differences } = await rounds.round(messages, new Random(CI_SEED));
  assert(differences.length === 0, told(differences, messages));
}

/** One round at least. */
async function untilOver(round: (from: number) => Promise<void>): Promise<void> {
  const endMs = performance.now() + RUN_MS;
  for (let from = 0; from === 0 || performance.now() < endMs; from += ROUND) await round(from);
}

function assertAll(tally: Readonly<Record<string, number>>, seed: number): void {
  console.log(`seed ${seed}: ${JSON.stringify(tally)}`);
  for (const count of Object.values(tally)) assert(count >= LEAST, JSON.stringify(tally));
}
