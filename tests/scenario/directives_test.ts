/** The tests that stand for directives do test them: a few, drawn at random, have to fail without. */
import { assertEquals } from "@std/assert";
import { COVERAGE } from "../coverage/index.ts";
import { runIgnoring } from "../coverage/notice.ts";
import { withRandom } from "../support/random.ts";

/** `deno task directives` tries all. */
const TRIED = 3;

Deno.test(`${TRIED} directives, ignored one after the other: the test of each fails`, async () => {
  await withRandom(async (random) => {
    for (const [id, standing] of random.shuffled(Object.entries(COVERAGE)).slice(0, TRIED)) {
      assertEquals(await runIgnoring(id, standing), "fails", `${id}: ${standing.join(": ")}`);
    }
  });
});
