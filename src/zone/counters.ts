/**
 * Numbers that each worker counts on its own and that are read as their sums.
 *
 * A slot is a double: whole numbers up to 2^53 are exact, and it is written by one worker
 * alone, so an addition is a load and a store. That a reader never sees half of one rests on
 * an aligned double being one memory access, which it is on every platform of Deno.
 *
 * @module
 */
import type { Zone } from "./zone.ts";

export class Counters {
  /** How many numbers there are. */
  readonly slots: number;
  readonly #all: Float64Array;
  /** This worker's. */
  readonly #own: Float64Array;
  readonly #columns: number;

  /** @param zone One of "totals" or "gauges". */
  constructor(zone: Zone) {
    const { entries, slotsAt } = zone.expect("totals", "gauges");
    this.slots = entries;
    this.#columns = zone.columns;
    this.#all = new Float64Array(zone.buffer, slotsAt, entries * zone.columns);
    this.#own = this.#all.subarray(zone.column * entries, (zone.column + 1) * entries);
  }

  /** Adds to this worker's part of a number. */
  add(slot: number, amount = 1): void {
    this.#own[slot]! += amount;
  }

  /** This worker's part, to be written by whoever counts often: `own[slot]++`. */
  get own(): Float64Array {
    return this.#own;
  }

  /** One number, over all workers. */
  sum(slot: number): number {
    let sum = 0;
    for (let column = 0; column < this.#columns; column++) {
      sum += this.#all[column * this.slots + slot]!;
    }
    return sum;
  }

  /** The part of one worker. */
  of(column: number, slot: number): number {
    return this.#all[column * this.slots + slot] ?? 0;
  }
}
