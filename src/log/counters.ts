/**
 * Named counters: a number in a typed array each, so that counting costs as much
 * as an addition.
 *
 * @module
 */

/**
 * A fixed set of counters. One thread writes; with shared memory others may read.
 * Counts are exact up to 2^53.
 */
export class Counters<Name extends string> {
  readonly names: readonly Name[];
  /** Where each counter stands in {@linkcode values}; to be looked up once. */
  readonly slotOf: Readonly<Record<Name, number>>;
  /** The counts. `values[slot]++` is the fastest way to count. */
  readonly values: Float64Array;

  /** @param memory `bytesFor(names)` bytes, for counters that other threads read. @default {own memory} */
  constructor(names: readonly Name[], memory: ArrayBufferLike = new ArrayBuffer(bytesFor(names))) {
    this.names = names;
    this.slotOf = slots(names);
    this.values = new Float64Array(memory, 0, names.length);
  }

  /** Counts. `by` may be negative, for what comes and goes. */
  add(slot: number, by = 1): void {
    this.values[slot]! += by;
  }

  /** All counts by name, as they are now. */
  snapshot(): Record<Name, number> {
    return record(this.names, (_, slot) => this.values[slot]!);
  }
}

/** Bytes of memory that counters of these names take. */
export function bytesFor(names: readonly string[]): number {
  return names.length * Float64Array.BYTES_PER_ELEMENT;
}

function slots<Name extends string>(names: readonly Name[]): Record<Name, number> {
  if (new Set(names).size !== names.length) {
    throw new RangeError(`Cannot make counters ${names.join(", ")}: expected different names`);
  }
  return record(names, (_, slot) => slot);
}

function record<Name extends string>(
  names: readonly Name[],
  value: (name: Name, slot: number) => number,
): Record<Name, number> {
  return Object.fromEntries(names.map((name, slot) => [name, value(name, slot)])) as Record<
    Name,
    number
  >;
}
