import { assert } from "@std/assert";
import { seedFromEnv } from "../support/random.ts";
import { fuzz } from "./fuzzers.ts";

const RUN_MS = 2_000;

Deno.test("mutated messages are complete, incomplete or refused, the same however they come", () => {
  const endMs = performance.now() + RUN_MS;
  const { tried, verdicts } = fuzz(seedFromEnv(), (done) => done > 0 && performance.now() > endMs);
  const seen = (name: string) => [...verdicts.keys()].some((verdict) => verdict.startsWith(name));
  assert(tried > 500, `only ${tried} messages in ${RUN_MS} ms`);
  for (const name of ["request", "response", "chunks"]) {
    for (const verdict of ["complete", "incomplete", "400"]) {
      assert(seen(`${name}: ${verdict}`), `no ${name} was ${verdict}: the generator is too tame`);
    }
  }
});
