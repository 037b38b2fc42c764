import { assertEquals } from "@std/assert";
import { layRanges } from "../../../src/http/geo.ts";

Deno.test("geo: a range within an earlier one takes its place there", () => {
  assertEquals(
    layRanges([
      { start: 0, end: 9, value: "a" },
      { start: 3, end: 4, value: "b" },
      { start: 0, end: 1, value: "c" },
      { start: 8, end: 9, value: "d" },
      { start: 20, end: 20, value: "e" },
      { start: 20, end: 20, value: "f" },
    ]),
    [
      { start: 0, end: 1, value: "c" },
      { start: 2, end: 2, value: "a" },
      { start: 3, end: 4, value: "b" },
      { start: 5, end: 7, value: "a" },
      { start: 8, end: 9, value: "d" },
      { start: 20, end: 20, value: "f" },
    ],
  );
});
