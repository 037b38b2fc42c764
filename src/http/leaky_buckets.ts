/**
 * The buckets of a `limit_req_zone`: one for each key, which leaks at the zone's rate and
 * into which each request is poured. nginx's arithmetic, in whole thousandths of a request
 * and whole milliseconds, so that the same requests get the same answers.
 *
 * @module
 */
import { KeyTable, type Zone, type ZoneLayout } from "../zone/mod.ts";

/** What is poured in for one request. */
const REQUEST = 1_000;
/** Of an entry's words: what is in the bucket, and when that was so, in ms modulo 2^32. */
const EXCESS = 0;
const LAST = 1;
/** How often a worker tries again that others are always ahead of. */
const TURNS = 64;

/** There is no bucket, and none can be had. */
export const NO_BUCKET = -1;

/** The zone that buckets need. @param bytes Memory that it may take: 20 for a bucket. */
export function bucketsLayout(bytes: number): ZoneLayout {
  return { kind: "keys", size: { bytes }, words: 2, counts: 0 };
}

export class LeakyBuckets {
  /** Thousandths of a request a second. */
  readonly rate: number;
  readonly #table: KeyTable;
  /** The two words of an entry as one, where others may change them meanwhile. */
  readonly #states: BigInt64Array | undefined;
  /** What {@linkcode #pour} has made of a bucket. */
  #last = 0;

  constructor(zone: Zone, rate: number) {
    this.rate = rate;
    this.#table = new KeyTable(zone);
    const { buffer, byteOffset, length } = this.#table.words;
    if (zone.columns > 1) this.#states = new BigInt64Array(buffer, byteOffset, length / 2);
  }

  /** What would be in a key's bucket with one more request, in thousandths; or {@linkcode NO_BUCKET}. */
  look(key: string, nowMs: number): number {
    const entry = this.#table.take(key, nowMs);
    if (entry < 0) return NO_BUCKET;
    const at = this.#table.at(entry, 0);
    const { words } = this.#table;
    return this.#pour(words[at + EXCESS]!, words[at + LAST]!, nowMs);
  }

  /**
   * Pours one more request into a key's bucket, unless there would be more than `most` in it
   * then. Returns what is in it now, or would be; or {@linkcode NO_BUCKET}.
   */
  pour(key: string, nowMs: number, most: number): number {
    const entry = this.#table.take(key, nowMs);
    if (entry < 0) return NO_BUCKET;
    const at = this.#table.at(entry, 0);
    if (this.#states !== undefined) return this.#pourShared(this.#states, at >> 1, nowMs, most);
    const { words } = this.#table;
    const excess = this.#pour(words[at + EXCESS]!, words[at + LAST]!, nowMs);
    if (excess > most) return excess;
    words[at + EXCESS] = excess;
    words[at + LAST] = this.#last;
    return excess;
  }

  #pourShared(states: BigInt64Array, at: number, nowMs: number, most: number): number {
    let excess = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      const before = Atomics.load(states, at);
      excess = this.#pour(
        Number(before & 0xffff_ffffn),
        Number(BigInt.asIntN(32, before >> 32n)),
        nowMs,
      );
      if (excess > most) return excess;
      const after = BigInt.asIntN(64, BigInt(this.#last) << 32n | BigInt(excess));
      if (Atomics.compareExchange(states, at, before, after) === before) return excess;
    }
    return most === Infinity ? excess : most + REQUEST; // so many at once are too many
  }

  /** Sets {@linkcode #last}, and returns what is in the bucket. */
  #pour(excess: number, last: number, nowMs: number): number {
    const now = nowMs | 0;
    this.#last = now === 0 ? 1 : now; // 0 and 0 is a new bucket's
    if (excess === 0 && last === 0) return 0;
    const ms = (now - last) | 0;
    // Workers' clocks differ a little; what seems to be far ahead is from 24 days ago and more.
    if (ms < -CLOCKS_DIFFER_MS) return 0;
    if (ms <= 0) this.#last = last;
    return Math.max(0, excess - Math.floor(this.rate * Math.max(0, ms) / 1_000) + REQUEST);
  }
}

const CLOCKS_DIFFER_MS = 60_000;
