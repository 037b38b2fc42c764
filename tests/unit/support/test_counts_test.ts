import { assertEquals } from "@std/assert";
import { count, summary } from "../../support/test_counts.ts";

const SUMMARIES = [
  ["ok | 12 passed | 0 failed (3s)", "12 passed, 0 failed"],
  ["ok | 12 passed | 0 failed | 1 ignored (3s)", "12 passed, 0 failed, 1 skipped"],
  [
    "FAILED | 1 passed (2 steps) | 2 failed (1 step) | 3 ignored (9ms)",
    "1 passed, 2 failed, 3 skipped",
  ],
  [
    "\x1b[0m\x1b[32mok\x1b[0m | 5 passed | 0 failed \x1b[38;5;245m(2s)\x1b[0m",
    "5 passed, 0 failed",
  ],
  ["ok | 1 passed | 0 failed (1s)\n\nok | 2 passed | 0 failed (1s)\n", "3 passed, 0 failed"],
  ["ok | 4 passed | 0 failed | 0 measured | 7 filtered out (1s)", "4 passed, 0 failed"],
  ["error: Test failed", "0 passed, 0 failed"],
  ["  said: ok | 12 passed | 0 failed", "0 passed, 0 failed"],
] as const;

for (const [printed, counted] of SUMMARIES) {
  Deno.test(`count: ${JSON.stringify(printed)} is ${counted}`, () => {
    assertEquals(summary(count(printed)), counted);
  });
}
