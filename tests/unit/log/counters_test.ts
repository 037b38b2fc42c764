import { assertEquals, assertThrows } from "@std/assert";
import { bytesFor, Counters } from "../../../src/log/counters.ts";

Deno.test("counters: each name counts for itself", () => {
  const counters = new Counters(["requests", "connections"]);
  const { requests, connections } = counters.slotOf;
  counters.add(requests);
  counters.add(requests);
  counters.add(connections, 3);
  counters.add(connections, -1);
  assertEquals(counters.snapshot(), { requests: 2, connections: 2 });
});

Deno.test("counters: in shared memory another holder of it reads the same counts", () => {
  const names = ["a", "b"] as const;
  const memory = new SharedArrayBuffer(bytesFor(names));
  const [writer, reader] = [new Counters(names, memory), new Counters(names, memory)];
  writer.add(writer.slotOf.b, 5);
  assertEquals(reader.snapshot(), { a: 0, b: 5 });
});

Deno.test("counters: a name cannot be used twice", () => {
  assertThrows(() => new Counters(["a", "a"]), RangeError, "different names");
});
