/** Reload after reload under traffic. The same for minutes: `tests/bench/soak/reload.ts`. */
import { assert, assertEquals } from "@std/assert";
import { reloadUnderTraffic } from "../support/reload_run.ts";

Deno.test("ten reloads under kept connections, event streams and WebSockets: nothing fails, nothing is cut", async () => {
  const result = await reloadUnderTraffic({
    reloads: 10,
    everyMs: 150,
    kept: 8,
    requestsPerSecond: 200,
    streams: 2,
    sockets: 2,
    lifeMs: 600,
    seed: 1,
  });
  assertEquals([result.failureCount, result.failures], [0, []]);
  assertEquals(result.complaints, []);
  assertEquals([result.reloadsDone, result.generationsEnded], [10, 11]);
  assertEquals(result.confs.size > 5, true, "each configuration has answered");
  assert(result.requests > 0 && result.events > 0 && result.messages > 0);
  assertEquals(result.closes, 0, "no kept connection was closed by a reload");
});
