/**
 * Whether something that is measured again and again stays what it was.
 *
 * The rule: the first quarter of the measurements is warm-up and does not count. Of what is left,
 * the median of the last third may be greater than that of the first by a stated share. Medians,
 * because one measurement in which the machine was busy is none of a leak.
 *
 * @module
 */

/** From the first third after the warm-up to the last. */
export interface Drift {
  readonly before: number;
  readonly after: number;
  /** Of growth: 0.1 is a tenth more. NaN where nothing was measured. */
  readonly share: number;
}

const WARM_UP_SHARE = 1 / 4;

/**
 * Measurements in the order of time; those that are NaN do not count.
 *
 * @param typical What stands for several of them.
 */
export function driftOf(values: readonly number[], typical = median): Drift {
  const counted = values.slice(Math.floor(values.length * WARM_UP_SHARE));
  const third = Math.ceil(counted.length / 3);
  const before = typical(counted.slice(0, third));
  const after = typical(counted.slice(-third));
  // From nothing to nothing is no growth, from nothing to anything without bound.
  const share = before === after ? 0 : after / before - 1;
  return { before, after, share };
}

/** Whether it has grown by no more than `share`; something that was not measured has not passed. */
export function isFlat(drift: Drift, share: number): boolean {
  return drift.share <= share;
}

/** Of the values that are numbers; NaN without any. */
export function median(values: readonly number[]): number {
  return quantile(values, 1 / 2);
}

/** What a tenth of the numbers is not below: of something that rises and falls, how far it rises. */
export function highestTenth(values: readonly number[]): number {
  return quantile(values, 9 / 10);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? NaN;
}

/** Growth in an hour by the line that fits best, after the warm-up; without those that are NaN. */
export function slopeAnHour(values: readonly number[], atMs: readonly number[]): number {
  const points = values
    .map((value, n) => ({ value, atMs: atMs[n]! }))
    .slice(Math.floor(values.length * WARM_UP_SHARE))
    .filter(({ value }) => !Number.isNaN(value));
  const meanValue = mean(points.map(({ value }) => value));
  const meanMs = mean(points.map(({ atMs }) => atMs));
  let products = 0;
  let squares = 0;
  for (const { value, atMs } of points) {
    products += (atMs - meanMs) * (value - meanValue);
    squares += (atMs - meanMs) ** 2;
  }
  return products / squares * 3_600_000;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
