import { assertEquals } from "@std/assert";
import {
  countAttempt,
  type CountedAttempt,
  countRequest,
  Counts,
  FAILURE_KINDS,
  histogramIn,
  PEER_SLOTS,
  SERVER_SLOTS,
  sumOf,
} from "../../../src/log/mod.ts";
import { BUCKET_BOUNDS_MS, HISTOGRAM_SLOTS, observe } from "../../../src/log/histogram.ts";

const ATTEMPT: CountedAttempt = {
  status: 200,
  connectMs: 1,
  headerMs: 4,
  responseMs: 30,
  bytesSent: 100,
  bytesReceived: 1_000,
  failure: undefined,
  isStale: false,
};

Deno.test("a time is counted in the first bucket whose bound is not below it", () => {
  for (
    const [ms, bucket] of [[-1, 0], [0, 0], [1, 0], [1.5, 1], [2, 1], [1_000, 9], [1_000.5, 10]]
  ) {
    const row = new Float64Array(HISTOGRAM_SLOTS + 1);
    observe(row, 1, ms!);
    const { buckets, count, sumMs } = histogramIn(row, 1);
    assertEquals(buckets.indexOf(1), bucket, `${ms} ms`);
    assertEquals([count, sumMs], [1, Math.max(0, ms!)]);
  }
});

Deno.test("a time above all bounds is in the last bucket", () => {
  const row = new Float64Array(HISTOGRAM_SLOTS);
  observe(row, 0, 60_001);
  assertEquals(histogramIn(row, 0).buckets[BUCKET_BOUNDS_MS.length], 1);
});

Deno.test("a request is counted by its status class, with its bytes and its time", () => {
  const row = new Counts().servers.of("example.org");
  for (const status of [200, 204, 404, 0, 999]) countRequest(row, status, 10, 20, 7);
  assertEquals([...row.subarray(0, 6)], [2, 0, 2, 0, 1, 0]);
  assertEquals([row[SERVER_SLOTS.receivedBytes], row[SERVER_SLOTS.sentBytes]], [50, 100]);
  assertEquals(histogramIn(row, SERVER_SLOTS.duration).sumMs, 35);
});

Deno.test("an attempt that had no answer has no status, whatever the client was told", () => {
  const row = new Counts().peers.of("app", "127.0.0.1:1");
  const failed = { ...ATTEMPT, status: 504, headerMs: -1, failure: "timeout" } as const;
  countAttempt(row, failed, false);
  assertEquals(row[PEER_SLOTS.responses], 1);
  assertEquals(row[PEER_SLOTS.failures + FAILURE_KINDS.indexOf("timeout")], 1);
  assertEquals(histogramIn(row, PEER_SLOTS.connectTime).count, 1);
  assertEquals(histogramIn(row, PEER_SLOTS.headerTime).count, 0);
});

Deno.test("an attempt on a connection that was idle took no time to connect", () => {
  const row = new Counts().peers.of("app", "127.0.0.1:1");
  countAttempt(row, ATTEMPT, true);
  assertEquals([row[PEER_SLOTS.opened], row[PEER_SLOTS.reused]], [0, 1]);
  assertEquals(histogramIn(row, PEER_SLOTS.connectTime).count, 0);
  assertEquals(histogramIn(row, PEER_SLOTS.responseTime).sumMs, 30);
});

Deno.test("rows are kept by their labels", () => {
  const { peers } = new Counts();
  const row = peers.of("app", "a");
  assertEquals(row === peers.of("app", "a"), true);
  assertEquals(row === peers.of("appa", ""), false);
});

Deno.test("labels without end share one row", () => {
  const { peers } = new Counts();
  for (let k = 0; k < 5_000; k++) peers.of("app", String(k))[0]! += 1;
  const rows = peers.read();
  assertEquals(rows.length, 4_097);
  assertEquals(rows.at(-1)?.labels, ["other", "other"]);
  assertEquals(rows.at(-1)?.values[0], 5_000 - 4_096);
});

Deno.test("what workers have counted is added up by labels", () => {
  const [a, b] = [new Counts(), new Counts()];
  countRequest(a.servers.of("x"), 200, 1, 2, 3);
  countRequest(b.servers.of("x"), 500, 1, 2, 3);
  countRequest(b.servers.of("y"), 200, 1, 2, 3);
  const { servers } = sumOf([a.read(), b.read()]);
  assertEquals(servers.map(({ labels }) => labels), [["x"], ["y"]]);
  assertEquals(servers[0]?.values.slice(0, 8), [0, 0, 1, 0, 0, 1, 2, 4]);
});
