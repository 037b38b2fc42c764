import { assertEquals } from "@std/assert";
import { RetryBudget } from "../../../src/peer/retry_budget.ts";

/** Retries until the budget is spent. */
function retriesAt(budget: RetryBudget, nowMs: number): number {
  let retries = 0;
  for (; !budget.isSpent(nowMs) && retries < 1_000; retries++) budget.withdraw(nowMs);
  return retries;
}

Deno.test("retry budget: a share of the requests of the last ten seconds", () => {
  const budget = new RetryBudget({ share: 0.2, minPerSecond: 0 });
  assertEquals(retriesAt(budget, 0), 0);
  for (let at = 0; at < 100; at++) budget.deposit(5_000);
  assertEquals(retriesAt(budget, 5_500), 20);
  assertEquals(retriesAt(budget, 14_000), 0, "they count still");
  for (let at = 0; at < 10; at++) budget.deposit(14_000);
  assertEquals(retriesAt(budget, 14_500), 2);
  assertEquals(retriesAt(budget, 16_000), 0, "2 of 10 have been");
  for (let at = 0; at < 10; at++) budget.deposit(16_000);
  assertEquals(retriesAt(budget, 16_000), 2);
});

Deno.test("retry budget: some are always allowed", () => {
  const budget = new RetryBudget({ share: 0, minPerSecond: 3 });
  assertEquals(retriesAt(budget, 1_000), 30);
  assertEquals(retriesAt(budget, 10_999), 0);
  assertEquals(retriesAt(budget, 11_000), 30);
  assertEquals(retriesAt(budget, 1_000_000), 30, "long after");
});
