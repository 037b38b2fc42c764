/** What Sluice forwards, nginx and Node read as Sluice did. */
import { assert, assertEquals } from "@std/assert";
import { realServerTest } from "../support/real_servers.ts";
import { seedFromEnv } from "../support/random.ts";
import { REQUESTS } from "./corpus.ts";
import { Differential, fuzzRequests } from "./differential.ts";

const RUN_MS = 4_000;
/** Messages in a round. */
const ROUND = 100;

realServerTest(
  "requests: nginx and Node read the corpus as Sluice does",
  ["nginx", "node"],
  async () => {
    await using differential = await Differential.start();
    const { differences } = await differential.round(REQUESTS);
    assertEquals(differences.map(({ message, what }) => `${REQUESTS[message]}\n${what}`), []);
  },
);

realServerTest(
  "requests: nginx and Node read mutated ones as Sluice does",
  ["nginx", "node"],
  async () => {
    await using differential = await Differential.start();
    const endMs = performance.now() + RUN_MS;
    const seed = seedFromEnv();
    let [forwarded, refused, compared] = [0, 0, 0];
    for (let from = 0; from === 0 || performance.now() < endMs; from += ROUND) {
      const outcome = await fuzzRequests(differential, seed, from, ROUND);
      forwarded += outcome.forwarded;
      refused += outcome.refused;
      compared += outcome.compared;
    }
    const tally = { forwarded, refused, compared };
    // A generator that is too tame, or too wild, finds nothing.
    for (const count of Object.values(tally)) assert(count >= ROUND / 2, JSON.stringify(tally));
  },
);
