/** No byte of one connection is ever seen on another. */
import { assert } from "@std/assert";
import { seedFromEnv } from "../support/random.ts";
import { playIsolation } from "./isolation.ts";

const RUN_MS = 3_000;
const CONNECTIONS_LEAST = 100;

Deno.test("clients that leave at any step and origins that break off: nobody sees another's bytes", async () => {
  const endMs = performance.now() + RUN_MS;
  const seed = seedFromEnv();
  const { connections, requests, answered, failed, left, uploads } = await playIsolation(
    seed,
    (played) => played >= CONNECTIONS_LEAST && performance.now() > endMs,
  );
  const tally = { connections, requests, answered, failed, left, uploads };
  console.log(`seed ${seed}: ${JSON.stringify(tally)}`);
  assert(answered > connections / 2, JSON.stringify(tally));
  for (const count of [failed, left, uploads]) assert(count > 0, JSON.stringify(tally));
});
