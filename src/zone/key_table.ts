/**
 * A table of a fixed size whose entries are known by texts: addresses that are limited,
 * sessions, peers.
 *
 * Keys are kept as 64 bits of a seeded hash. A key's entry is in one of the
 * {@linkcode LINES_MAX} lines of eight that its hash names one after the other, so looking
 * one up or making one has a bound. A new key takes the first that was never used; where there is none, the one that was not asked for
 * the longest and on which nobody counts: in a table that is nearly full the oldest go.
 *
 * Nobody ever waits for another. An entry changes hands in one exchange of 64 bits:
 *
 *   never used → key                       (its words are 0 already)
 *   key → claimed by column c → key'       (words are cleared while it is claimed)
 *   vacant → claimed by column c → key'
 *
 * Claimed and vacant entries have a high half of 0, which no key has. A worker that ends
 * between the two steps leaves a claimed entry; `Zone.clearColumn` makes it vacant. Who
 * counts on an entry that is changing hands looks, after having counted, whether the key is
 * still the same, and who claims it looks, after having claimed, whether somebody counts: of
 * the two orders at least one sees the other.
 *
 * Two workers that take the same new key in the same moment mostly meet in one exchange. If
 * the older entries change meanwhile there may be two entries for a time: everybody uses the
 * one that is found first, the other is forgotten like any that is not asked for.
 *
 * @module
 */
import { type Halves, hashText } from "./key_hash.ts";
import { LINE_ENTRIES } from "./layout.ts";
import type { Zone } from "./zone.ts";

/** Lines that a key's entry may be in: a table is three quarters full, and mostly more, before they all are. */
const LINES_MAX = 8;
/** How often a worker tries again that others are always ahead of. */
const TURNS = 16;

/** There is no entry, and none can be had: counts are held on all that it might be. */
export const NO_ENTRY = -1;
/** As many are counted as may be. */
export const NO_ROOM = -2;

/** Of an entry that was used, is not claimed, and has no key. */
const VACANT_LOW = -1;
const VACANT = BigInt(VACANT_LOW >>> 0);

/** Workers' clocks differ by less: what seems to be further ahead is older than 24 days. */
const AHEAD_MAX_MS = 60_000;

export class KeyTable {
  /** How many entries there are. */
  readonly entries: number;
  /** What users of the table keep in its entries: see {@linkcode at}. */
  readonly words: Int32Array;
  /** The same memory as doubles, for what only one worker writes: see {@linkcode doubleAt}. */
  readonly doubles: Float64Array;
  readonly #wordsEach: number;
  readonly #keys: Int32Array;
  readonly #keysWhole: BigInt64Array;
  readonly #touched: Int32Array;
  /** All counts: see {@linkcode countAt}. */
  readonly counts: Int32Array;
  readonly #countsEach: number;
  readonly #columns: number;
  readonly #column: number;
  /** Of the counts: from one column to the next, and where this worker's begins. */
  readonly #columnSize: number;
  readonly #ownAt: number;
  readonly #lines: number;
  /** Entries that a key's may be one of. */
  readonly #reach: number;
  readonly #seedLow: number;
  readonly #seedHigh: number;
  /** Of the key that was asked for last. */
  readonly #hash: Halves = { low: 0, high: 0 };

  /** @param zone One of "keys". */
  constructor(zone: Zone) {
    const { buffer } = zone;
    const { entries, words, counts, keysAt, touchedAt, wordsAt, countsAt } = zone.expect("keys");
    this.entries = entries;
    this.words = new Int32Array(buffer, wordsAt, entries * words);
    this.doubles = new Float64Array(buffer, wordsAt, entries * words / 2);
    this.#wordsEach = words;
    this.#keys = new Int32Array(buffer, keysAt, entries * 2);
    this.#keysWhole = new BigInt64Array(buffer, keysAt, entries);
    this.#touched = new Int32Array(buffer, touchedAt, entries);
    this.#countsEach = counts;
    this.#columnSize = entries * counts;
    this.counts = new Int32Array(buffer, countsAt, this.#columnSize * zone.columns);
    this.#columns = zone.columns;
    this.#column = zone.column;
    this.#ownAt = zone.column * this.#columnSize;
    this.#lines = entries / LINE_ENTRIES;
    this.#reach = Math.min(this.#lines, LINES_MAX) * LINE_ENTRIES;
    [this.#seedLow, this.#seedHigh] = zone.seed;
  }

  /** Where an entry's word is in {@linkcode words}. All of a new entry's are 0. */
  at(entry: number, word: number): number {
    return entry * this.#wordsEach + word;
  }

  /** Where an entry's double is in {@linkcode doubles}: two words each. */
  doubleAt(entry: number, double: number): number {
    return entry * this.#wordsEach / 2 + double;
  }

  /** Where this worker's count of an entry is in {@linkcode counts}: nobody else writes there. */
  countAt(entry: number, count: number): number {
    return this.#ownAt + entry * this.#countsEach + count;
  }

  /** The entry of a key, or {@linkcode NO_ENTRY}. It is not thereby asked for. */
  find(key: string): number {
    this.#setHash(key);
    return this.#look();
  }

  /**
   * The entry of a key, as asked for now; a new one where there was none.
   *
   * @param nowMs Of a clock that all who share the table have.
   * @returns {@linkcode NO_ENTRY} when counts are held on all that it might be.
   */
  take(key: string, nowMs: number): number {
    this.#setHash(key);
    return this.#take(nowMs);
  }

  /**
   * Counts one more on a key's entry unless all workers together count `limit` there.
   * Give it back with {@linkcode release}.
   *
   * @param limit From 1.
   * @returns The entry, {@linkcode NO_ROOM} or {@linkcode NO_ENTRY}.
   */
  claim(key: string, nowMs: number, limit: number, count = 0): number {
    this.#setHash(key);
    for (let turn = 0; turn < TURNS; turn++) {
      const entry = this.#take(nowMs);
      if (entry < 0) return entry;
      const isCounted = this.claimAt(entry, limit, count);
      if (this.#isOurs(entry)) return isCounted ? entry : NO_ROOM;
      if (isCounted) this.release(entry, count); // it changed hands meanwhile
    }
    return NO_ENTRY;
  }

  /**
   * Counts one more on an entry that somebody counts on all the while, unless all workers
   * together count `limit` there. Returns whether it did.
   */
  claimAt(entry: number, limit: number, count = 0): boolean {
    const at = this.countAt(entry, count);
    for (let turn = 0; turn < TURNS; turn++) {
      Atomics.add(this.counts, at, 1);
      if (this.#columns === 1 ? this.counts[at]! <= limit : this.sum(entry, count) <= limit) {
        return true;
      }
      // Two that want the last place may both have seen each other: who gives it back looks again.
      Atomics.sub(this.counts, at, 1);
      if (this.sum(entry, count) >= limit) return false;
    }
    return false;
  }

  /** Counts one less, in this worker's column. */
  release(entry: number, count = 0): void {
    Atomics.sub(this.counts, this.countAt(entry, count), 1);
  }

  /** What all workers count on an entry. */
  sum(entry: number, count = 0): number {
    let sum = 0;
    let at = entry * this.#countsEach + count;
    for (let column = 0; column < this.#columns; column++, at += this.#columnSize) {
      sum += Atomics.load(this.counts, at);
    }
    return sum;
  }

  /** How long ago an entry was asked for, in ms; entries of more than 24 days ago are as of then. */
  ageMs(entry: number, nowMs: number): number {
    const ageMs = ((nowMs | 0) - Atomics.load(this.#touched, entry)) | 0;
    if (ageMs >= 0) return ageMs;
    return ageMs < -AHEAD_MAX_MS ? 0x7fff_ffff : 0;
  }

  /** It is asked for now: what {@linkcode take} does for the entry that it finds. */
  touch(entry: number, nowMs: number): void {
    Atomics.store(this.#touched, entry, nowMs | 0);
  }

  /** Entries that have a key now: counted one by one, for people who ask. */
  get used(): number {
    let used = 0;
    for (let at = 1; at < this.#keys.length; at += 2) if (this.#keys[at] !== 0) used++;
    return used;
  }

  #setHash(key: string): void {
    hashText(key, this.#seedLow, this.#seedHigh, this.#hash);
    if (this.#hash.high === 0) this.#hash.high = 1;
  }

  /** The entry that is looked at after so many others: line after line. */
  #entryAt(step: number): number {
    const { low, high } = this.#hash;
    const lines = this.#lines;
    const first = Math.floor((low >>> 0) / 2 ** 32 * lines);
    const stride = lines <= LINES_MAX ? 1 : 1 + (high >>> 0) % (lines - 1);
    return (first + (step >>> 3) * stride) % lines * LINE_ENTRIES + (step & 7);
  }

  #isOurs(entry: number): boolean {
    return Atomics.load(this.#keys, entry * 2) === this.#hash.low &&
      Atomics.load(this.#keys, entry * 2 + 1) === this.#hash.high;
  }

  /** @param until Not this one nor what would be looked at after it. */
  #look(until = NO_ENTRY): number {
    const { low, high } = this.#hash;
    let entry = 0;
    for (let step = 0; step < this.#reach; step++, entry++) {
      if ((step & 7) === 0) entry = this.#entryAt(step);
      if (entry === until) return NO_ENTRY;
      const found = Atomics.load(this.#keys, entry * 2);
      const foundHigh = Atomics.load(this.#keys, entry * 2 + 1);
      if (found === low && foundHigh === high) return entry;
      if (found === 0 && foundHigh === 0) return NO_ENTRY; // never used: keys come before it
    }
    return NO_ENTRY;
  }

  #take(nowMs: number): number {
    let entry = this.#look();
    for (let turn = 0; entry < 0 && turn < TURNS; turn++) {
      entry = this.#make(nowMs);
      if (entry === NO_ENTRY) return NO_ENTRY;
    }
    if (entry < 0) return NO_ENTRY;
    this.touch(entry, nowMs);
    return entry;
  }

  /** Returns {@linkcode NO_ROOM} when somebody else was faster: to be tried again. */
  #make(nowMs: number): number {
    const entry = this.#findPlace(nowMs);
    if (entry < 0) return entry;
    const key = this.#wholeKey();
    const before = Atomics.load(this.#keysWhole, entry);
    if (before === key) return entry;
    if (before === 0n) {
      const found = Atomics.compareExchange(this.#keysWhole, entry, 0n, key);
      if (found === key) return entry;
      if (found !== 0n) return NO_ROOM;
    } else if (isClaimed(before) || !this.#changeHands(entry, before, key)) return NO_ROOM;
    return this.#withoutTwin(entry, key);
  }

  /** Never used, or vacant, or else the oldest that nobody counts on. */
  #findPlace(nowMs: number): number {
    let oldest = NO_ENTRY;
    let oldestMs = -1;
    let entry = 0;
    for (let step = 0; step < this.#reach; step++, entry++) {
      if ((step & 7) === 0) entry = this.#entryAt(step);
      const low = Atomics.load(this.#keys, entry * 2);
      const isKey = Atomics.load(this.#keys, entry * 2 + 1) !== 0;
      if (!isKey && low === 0) return oldestMs === Infinity ? oldest : entry;
      if (!isKey && low !== VACANT_LOW) continue; // somebody is about to use it
      const ageMs = isKey ? this.ageMs(entry, nowMs) : Infinity;
      if (ageMs <= oldestMs || this.#isCountedOn(entry)) continue;
      oldest = entry;
      oldestMs = ageMs;
    }
    return oldest;
  }

  #isCountedOn(entry: number): boolean {
    for (let count = 0; count < this.#countsEach; count++) {
      if (this.sum(entry, count) !== 0) return true;
    }
    return false;
  }

  #changeHands(entry: number, before: bigint, key: bigint): boolean {
    const claimed = BigInt(this.#column + 1);
    const keys = this.#keysWhole;
    if (Atomics.compareExchange(keys, entry, before, claimed) !== before) return false;
    if (this.#isCountedOn(entry)) {
      Atomics.store(keys, entry, before);
      return false;
    }
    const start = this.at(entry, 0);
    for (let word = 0; word < this.#wordsEach; word++) Atomics.store(this.words, start + word, 0);
    Atomics.store(keys, entry, key);
    return true;
  }

  /** The entry to be used for a key that has got one: an earlier one if it has two. */
  #withoutTwin(entry: number, key: bigint): number {
    const earlier = this.#look(entry);
    if (earlier < 0) return entry;
    Atomics.compareExchange(this.#keysWhole, entry, key, VACANT);
    return earlier;
  }

  #wholeKey(): bigint {
    return BigInt(this.#hash.high) << 32n | BigInt(this.#hash.low >>> 0);
  }
}

/**
 * Whether somebody is about to use the entry that holds `whole`. Who looks at the halves one after
 * the other may have seen it between two claims, and taken it for a key.
 */
function isClaimed(whole: bigint): boolean {
  return whole > 0n && whole < VACANT;
}

/** Makes entries vacant that the worker of a column was about to use when it ended. */
export function releaseClaims(zone: Zone, column: number): void {
  const { entries, keysAt } = zone.regions;
  const halves = new Int32Array(zone.buffer, keysAt, entries * 2);
  const keys = new BigInt64Array(zone.buffer, keysAt, entries);
  const claimed = BigInt(column + 1);
  for (let entry = 0; entry < entries; entry++) {
    if (halves[entry * 2] !== column + 1 || halves[entry * 2 + 1] !== 0) continue;
    Atomics.compareExchange(keys, entry, claimed, VACANT);
  }
}
