import { assertEquals } from "@std/assert";
import { Deadlines } from "../../../src/event/mod.ts";
import type { Request } from "../../../src/http/request.ts";
import { Worker } from "../../../src/http/worker.ts";
import { ErrorLog } from "../../../src/log/mod.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { testContext } from "../../support/scripted_transport.ts";

Deno.test("the time that logs tell moves with the latest event, and follows a clock that is set", async () => {
  const clock = new ManualClock();
  let setByMs = 0;
  const deadlines = new Deadlines({
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs() + setByMs,
    arm: (atMs, fire) => clock.arm(atMs, fire),
  });
  const errorLog = new ErrorLog([], { process: "1#0", wallMs: () => 0 });
  const worker = new Worker({ ...testContext(), deadlines }, errorLog);
  const startMs = clock.wallMs();
  assertEquals(worker.wallMs, startMs);
  await clock.advance(300);
  assertEquals(worker.wallMs, startMs, "nothing has happened since");
  deadlines.stamp();
  assertEquals(worker.wallMs, startMs + 300);

  setByMs = -60_000;
  await clock.advance(1_000);
  deadlines.stamp();
  assertEquals(worker.wallMs, startMs + 1_300 - 60_000);
});

Deno.test("Requests are used again, but a burst's are not kept for ever", () => {
  const sink = { append() {} };
  const errorLog = new ErrorLog([{ level: "error", sink }], { process: "1#0", wallMs: () => 0 });
  const worker = new Worker(testContext(), errorLog);
  const take = (count: number): Request[] =>
    Array.from({ length: count }, () => worker.takeRequest());
  const first = take(3_000);
  for (const request of first) worker.giveBack(request);
  const again = new Set(take(3_000));
  assertEquals(first.filter((request) => again.has(request)).length, 1_024);
});
