/** The fuzzers without sockets: a short run of each, from a seed that stays. */
import { assert } from "@std/assert";
import { Random, seedFromEnv } from "../support/random.ts";
import { type Rounds, told, tryBatch } from "./batch.ts";
import { tryConfigurations } from "./configurations.ts";
import { REQUESTS, RESPONSES } from "./corpus.ts";
import { playMarked } from "./memory_isolation.ts";
import { playRequests } from "./memory_requests.ts";
import { playResponses } from "./memory_responses.ts";
import type { MemoryOutcome } from "./memory_round.ts";
import { playSchedules } from "./schedules.ts";
import { doubtfulResponse, smugglingText } from "./smuggling.ts";
import { tryReadings } from "./wire_differential.ts";

const RUN_MS = 1_500;
/** What a new seed finds belongs to a long run by hand, not to whoever changes something else. */
const CI_SEED = 20_261_130;
/** A generator that is too tame, or too wild, finds nothing: how often each has to happen. */
const LEAST = 30;

/** Batches at most, where the machine is slow and what is wanted is rare. */
const BATCHES_MOST = 40;

/** Adds up what batches tell, until time is over and enough of all that is wanted has come. */
async function untilOver(
  batchSize: number,
  play: (seed: number, from: number) => Promise<ReadonlyMap<string, number>>,
  ...wanted: readonly string[]
): Promise<void> {
  const seed = seedFromEnv(CI_SEED);
  const total = new Map<string, number>();
  const endMs = performance.now() + RUN_MS;
  const isRare = (what: string): boolean => (total.get(what) ?? 0) < LEAST;
  for (let batch = 0; batch < BATCHES_MOST; batch++) {
    if (performance.now() > endMs && !wanted.some(isRare)) break;
    const from = batch * batchSize;
    for (const [what, times] of await play(seed, from)) {
      total.set(what, (total.get(what) ?? 0) + times);
    }
  }
  console.log(`seed ${seed}: ${JSON.stringify(Object.fromEntries(total))}`);
  for (const what of wanted) assert(!isRare(what), `too few: ${what}`);
}

Deno.test("llhttp and a strict reader read mutated messages as src/wire/ does", async () => {
  await untilOver(
    2_000,
    (seed, from) => Promise.resolve(tryReadings(seed, from, 2_000)),
    "requests read",
    "responses read",
    "compared with llhttp's reading",
  );
});

for (
  const [name, round, make, corpus, wanted] of [
    ["memory-requests", playRequests, smugglingText, REQUESTS, [
      "forwarded",
      "refused",
      "bodies compared",
      "compared with llhttp's direct reading",
    ]],
    ["memory-responses", playResponses, doubtfulResponse, RESPONSES, [
      "passed on",
      "cut",
      "refused",
      "compared with llhttp's direct reading",
    ]],
  ] as const
) {
  Deno.test(`${name}: what the whole program passes on is read as it reads it, and as it was meant`, async () => {
    const rounds: Rounds<MemoryOutcome> = { round };
    const { differences } = await round(corpus, new Random(1));
    assert(differences.length === 0, told(differences, corpus));
    await untilOver(500, async (seed, from) => {
      const { verdicts } = await tryBatch(name, rounds, make, { seed, from, count: 500 });
      return verdicts;
    }, ...wanted);
  });
}

Deno.test("in memory, too, clients that leave and origins that break off show nobody another's bytes", async () => {
  await untilOver(
    200,
    async (seed, from) => {
      const { answered, failed, left, uploads } = await playMarked(seed, from, 200);
      return new Map(Object.entries({ answered, failed, left, uploads }));
    },
    "answered",
    "failed",
    "left",
    "uploads",
  );
});

Deno.test("whoever does what when: answers are well-formed, and at the end all is given back", async () => {
  await untilOver(
    20,
    async (seed, from) => new Map(Object.entries(await playSchedules(seed, from, 20))),
    "requests",
    "answers",
    "reloads",
  );
});

Deno.test("mutated configurations in both syntaxes are read or refused with a place", async () => {
  await untilOver(
    200,
    (seed, from) => Promise.resolve(tryConfigurations(seed, from, 200)),
    "sluice.yaml: read",
    "sluice.yaml: refused",
    "nginx.conf: read",
    "nginx.conf: refused",
  );
});
