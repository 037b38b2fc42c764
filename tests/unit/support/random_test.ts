import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Random, SEED_VARIABLE, withRandom } from "../../support/random.ts";

Deno.test("Random: the same seed gives the same choices", () => {
  const choices = (seed: number) => {
    const random = new Random(seed);
    return [random.bits(), random.integer(1, 6), random.pick(["a", "b", "c"]), ...random.bytes(8)];
  };

  assertEquals(choices(42), choices(42));
  assertNotEquals(choices(42), choices(43));
});

Deno.test("Random: integers cover their range, both ends included", () => {
  const random = new Random(1);
  const seen = new Set(Array.from({ length: 500 }, () => random.integer(3, 6)));

  assertEquals([...seen].sort(), [3, 4, 5, 6]);
});

Deno.test("Random: pieces add up to the total and none is too large", () => {
  const random = new Random(7);
  for (let total = 0; total < 200; total++) {
    const pieces = random.pieces(total, 9);

    assertEquals(pieces.reduce((sum, size) => sum + size, 0), total);
    assert(pieces.every((size) => size >= 1 && size <= 9));
  }
});

Deno.test("withRandom: a failure names the seed that repeats it", async () => {
  const failing = () =>
    withRandom(() => {
      throw new Error("broken");
    }, 99);

  const error = await assertRejects(failing, Error, "broken");

  assert(error.message.includes(`${SEED_VARIABLE}=99`));
});
