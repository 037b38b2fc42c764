import { assertEquals } from "@std/assert";
import { Pace } from "../../../src/upstream/pace.ts";

Deno.test("Pace: bytes are due when the rate lets them pass", () => {
  const pace = new Pace({ bytesPerSecond: 1_000, afterBytes: 0 }, 5_000);
  assertEquals(pace.dueMs, 5_000);
  pace.bytes += 500;
  assertEquals(pace.dueMs, 5_500);
  pace.bytes += 1_500;
  assertEquals(pace.dueMs, 7_000);
});

Deno.test("Pace: what comes first is not counted", () => {
  const pace = new Pace({ bytesPerSecond: 1_000, afterBytes: 800 }, 0);
  assertEquals(pace.pieceBytes, Infinity);
  pace.bytes += 800;
  assertEquals([pace.dueMs, pace.pieceBytes], [0, 512]);
  pace.bytes += 100;
  assertEquals(pace.dueMs, 100);
});

Deno.test("Pace: pieces are an eighth of a second, but never tiny", () => {
  assertEquals(new Pace({ bytesPerSecond: 80_000, afterBytes: 0 }, 0).pieceBytes, 10_000);
  assertEquals(new Pace({ bytesPerSecond: 1, afterBytes: 0 }, 0).pieceBytes, 512);
});
