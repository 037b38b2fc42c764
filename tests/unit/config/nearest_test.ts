import { assertEquals } from "@std/assert";
import { editDistance, nearestName } from "../../../src/config/nearest.ts";

Deno.test("nearest: insertions, deletions, replacements and swaps of neighbours count one each", () => {
  const cases: [a: string, b: string, distance: number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "abxc", 1],
    ["abc", "ac", 1],
    ["abc", "axc", 1],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, distance] of cases) {
    assertEquals([editDistance(a, b), editDistance(b, a)], [distance, distance], `${a} ${b}`);
  }
});

Deno.test("nearest: the nearest name within a third of the length", () => {
  const names = ["read_timeout", "send_timeout", "pass"];
  assertEquals(nearestName("read_timout", names), "read_timeout");
  assertEquals(nearestName("Send_Timeout", names), "send_timeout");
  assertEquals(nearestName("psas", names), "pass");
  assertEquals(nearestName("paths", names), undefined);
  assertEquals(nearestName("x", []), undefined);
  assertEquals(nearestName("a".repeat(100_000), names), undefined);
});
