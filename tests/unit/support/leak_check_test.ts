import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  assertNothingHeld,
  counting,
  leakTest,
  StillHeld,
  withNothingHeld,
} from "../../support/leak_check.ts";

Deno.test("assertNothingHeld: says what each of them still holds", () => {
  const pool = counting("buffer pool", () => ["1k cell held by readHead()", "16k cell"]);
  const deadlines = counting("deadlines", () => []);

  const error = assertThrows(() => assertNothingHeld(pool, deadlines), StillHeld);

  assertEquals(
    error.message,
    "buffer pool still holds 2:\n  1k cell held by readHead()\n  16k cell",
  );
});

Deno.test("assertNothingHeld: a long list is cut, with its length told", () => {
  const many = counting("connections", () => Array.from({ length: 25 }, (_, k) => `conn ${k}`));

  const { message } = assertThrows(() => assertNothingHeld(many), StillHeld);

  assertEquals(message.split("\n").length, 22);
  assertEquals(message.endsWith("… and 5 more"), true);
});

Deno.test("withNothingHeld: looks after the body, not before", async () => {
  const held = ["a cell"];
  await withNothingHeld((watch) => {
    watch(counting("pool", () => held));
    held.pop();
  });

  await assertRejects(
    () => withNothingHeld((watch) => void watch(counting("pool", () => ["a cell"]))),
    StillHeld,
  );
});

Deno.test("withNothingHeld: a failing body is reported, not the leak it left", async () => {
  const failing = () =>
    withNothingHeld((watch) => {
      watch(counting("pool", () => ["a cell"]));
      throw new Error("first failure");
    });

  await assertRejects(failing, Error, "first failure");
});

leakTest("leakTest: registers a test that passes when all is back", (watch) => {
  watch(counting("pool", () => []));
});
