/**
 * How much disk temp files take, and may take: those of all workers together.
 *
 * @module
 */

/** A number of which each worker has its part. */
export interface SharedNumber {
  /** Of this worker. */
  readonly own: number;
  add(amount: number): void;
  /** Over all workers. */
  sum(): number;
}

/** What temp files take it from, and give it back to. One a worker. */
export class TempSpace {
  /** Of all workers together; may be changed at any time, and Infinity is no bound. */
  maxBytes = Infinity;
  /** Up to which part of it something new may begin; what has begun may have the rest. */
  shareOfNew = 1;
  /** Open files of this worker. */
  files = 0;
  /** Where space is short: gives back what is only kept for later. Returns whether there was any. */
  reclaim: (() => boolean) | undefined;
  readonly #bytes: SharedNumber;

  /** @param bytes @default {a number that is this thread's alone} */
  constructor(bytes: SharedNumber = new OwnNumber()) {
    this.#bytes = bytes;
  }

  /** What the files of this worker take. */
  get bytes(): number {
    return this.#bytes.own;
  }

  /** Whether that much more is within this share of it. */
  hasRoomFor(byteCount: number, share = 1): boolean {
    if (this.maxBytes === Infinity || this.#isWithin(byteCount, share)) return true;
    return this.reclaim?.() === true && this.#isWithin(byteCount, share);
  }

  /**
   * Takes that much, if it is within this share of it. Counted first and looked at then: of
   * two workers that want the last of it none gets more than there is.
   *
   * @returns Whether it did.
   */
  take(byteCount: number, share = 1): boolean {
    this.#bytes.add(byteCount);
    if (this.hasRoomFor(0, share)) return true;
    this.#bytes.add(-byteCount);
    return false;
  }

  give(byteCount: number): void {
    this.#bytes.add(-byteCount);
  }

  #isWithin(byteCount: number, share: number): boolean {
    return this.#bytes.sum() + byteCount <= this.maxBytes * share;
  }

  /** What this worker still has, for leak checks. */
  outstanding(): readonly string[] {
    if (this.files === 0 && this.bytes === 0) return [];
    return [`${this.files} temp files of ${this.bytes} bytes`];
  }
}

class OwnNumber implements SharedNumber {
  own = 0;

  add(amount: number): void {
    this.own += amount;
  }

  sum(): number {
    return this.own;
  }
}
