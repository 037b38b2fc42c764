/**
 * One number of 32 bits that every worker may change.
 *
 * @module
 */
import type { Zone } from "./zone.ts";

/** A word of a "words" zone. */
export class Word {
  readonly #words: Int32Array;
  readonly #at: number;

  /** @param slot Which one, from 0. */
  constructor(zone: Zone, slot: number) {
    const { slotsAt, entries } = zone.expect("words");
    if (slot < 0 || slot >= entries) throw new RangeError(`no word ${slot} of ${entries}`);
    this.#words = new Int32Array(zone.buffer, slotsAt, entries);
    this.#at = slot;
  }

  get value(): number {
    return Atomics.load(this.#words, this.#at);
  }

  set value(value: number) {
    Atomics.store(this.#words, this.#at, value);
  }

  /** Adds, and returns what it was before. */
  add(amount: number): number {
    return Atomics.add(this.#words, this.#at, amount);
  }

  /** Makes it `next` if it is `expected`; returns whether it was. */
  exchange(expected: number, next: number): boolean {
    return Atomics.compareExchange(this.#words, this.#at, expected, next) === expected;
  }
}
