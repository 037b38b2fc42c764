/**
 * How long things take, counted in buckets of fixed bounds.
 *
 * A histogram is a range of a counting row: one slot a bucket, then the sum in ms. How many
 * were counted is the sum of the buckets.
 *
 * @module
 */

/** Upper bounds of the buckets, in ms, each within its bucket; one more bucket is for the rest. */
export const BUCKET_BOUNDS_MS: readonly number[] = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1_000,
  2_000,
  5_000,
  10_000,
  30_000,
  60_000,
];

const BUCKETS = BUCKET_BOUNDS_MS.length + 1;

/** Slots that a histogram takes in a row. */
export const HISTOGRAM_SLOTS: number = BUCKETS + 1;

/** Times up to this many ms are looked up. */
const LOOKED_UP_MS = 1_000;

/** The bucket of each whole ms. */
const BUCKET_OF_MS = Uint8Array.from(
  { length: LOOKED_UP_MS + 1 },
  (_, ms) => bucketOf(ms),
);

/** Counts a time of `ms` in the histogram whose first slot is `at`. Negative times count as 0. */
export function observe(row: Float64Array, at: number, ms: number): void {
  const bucket = ms <= 0 ? 0 : ms <= LOOKED_UP_MS ? BUCKET_OF_MS[Math.ceil(ms)]! : bucketOf(ms);
  row[at + bucket]! += 1;
  if (ms > 0) row[at + BUCKETS]! += ms;
}

/** A histogram, read. */
export interface Histogram {
  /** Of each bucket, not cumulative; the last is above all bounds. */
  readonly buckets: readonly number[];
  readonly count: number;
  readonly sumMs: number;
}

/** Reads the histogram whose first slot is `at`. */
export function histogramIn(values: ArrayLike<number>, at: number): Histogram {
  const buckets = Array.from({ length: BUCKETS }, (_, bucket) => values[at + bucket] ?? 0);
  return {
    buckets,
    count: buckets.reduce((sum, count) => sum + count, 0),
    sumMs: values[at + BUCKETS] ?? 0,
  };
}

function bucketOf(ms: number): number {
  const bucket = BUCKET_BOUNDS_MS.findIndex((bound) => ms <= bound);
  return bucket < 0 ? BUCKETS - 1 : bucket;
}
