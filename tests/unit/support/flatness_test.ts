import { assertEquals } from "@std/assert";
import { driftOf, isFlat, median, slopeAnHour } from "../../support/flatness.ts";

/** A soak's worth of memory: it grows at first, then it is `level`, and `more` at each step. */
function series(level: number, more: number, noise = 0): number[] {
  return Array.from({ length: 400 }, (_, n) => {
    const warm = Math.min(1, (n + 1) / 80);
    return level * warm + more * n + (n % 2 === 0 ? noise : -noise);
  });
}

Deno.test("flatness: the warm-up does not count", () => {
  const drift = driftOf(series(100, 0));
  assertEquals(drift, { before: 100, after: 100, share: 0 });
  assertEquals(isFlat(drift, 0), true);
});

Deno.test("flatness: noise around a level is flat", () => {
  assertEquals(isFlat(driftOf(series(100, 0, 30)), 0.1), true);
});

Deno.test("flatness: a slow leak is not", () => {
  const drift = driftOf(series(100, 0.1));
  assertEquals(drift.share.toFixed(1), "0.2");
  assertEquals(isFlat(drift, 0.1), false);
});

Deno.test("flatness: a single outlier at the end is", () => {
  const values = series(100, 0);
  values[399] = 10_000;
  assertEquals(isFlat(driftOf(values), 0.1), true);
});

Deno.test("flatness: what shrinks is flat", () => {
  assertEquals(isFlat(driftOf(series(100, -0.1)), 0), true);
});

Deno.test("flatness: from none to none is flat, from none to some is not", () => {
  assertEquals(isFlat(driftOf(series(0, 0)), 0.1), true);
  const appearing = Array.from({ length: 400 }, (_, n) => n < 300 ? 0 : 5);
  assertEquals(isFlat(driftOf(appearing), 0.1), false);
});

Deno.test("flatness: what was never measured has not passed", () => {
  assertEquals(isFlat(driftOf([NaN, NaN, NaN, NaN]), 0.1), false);
  assertEquals(isFlat(driftOf([]), 0.1), false);
});

Deno.test("median: without what was not measured", () => {
  assertEquals(median([3, NaN, 1, 2]), 2);
});

Deno.test("slope: by the hour, without what was not measured", () => {
  const atMs = Array.from({ length: 100 }, (_, n) => n * 1_000);
  const values = atMs.map((ms, n) => n % 7 === 0 ? NaN : 7 + ms / 1_000);
  assertEquals(slopeAnHour(values, atMs).toFixed(6), "3600.000000");
});
