import { assertEquals } from "@std/assert";
import type { Request } from "../../../src/http/request.ts";
import { Worker } from "../../../src/http/worker.ts";
import { ErrorLog } from "../../../src/log/mod.ts";
import { testContext } from "../../support/scripted_transport.ts";

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
