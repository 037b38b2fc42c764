/**
 * `limit_rate`: how long to wait so that bytes pass at a rate.
 *
 * @module
 */

/** A rate, and what it does not count. */
export interface RateLimit {
  readonly bytesPerSecond: number;
  /** Bytes that pass before the rate counts. */
  readonly afterBytes: number;
}

/** Pieces a second that a limited stream is sent in. */
const PIECES_PER_SECOND = 8;
const PIECE_BYTES_MIN = 512;

/** Bytes on their way at a rate. nginx lets a second's worth pass at once; this does not. */
export class Pace {
  /** Bytes that have passed. */
  bytes = 0;
  readonly #limit: RateLimit;
  readonly #startedAtMs: number;

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#startedAtMs = nowMs;
  }

  /** When the next bytes may pass, in ms of the clock; in the past if they may now. */
  get dueMs(): number {
    const { bytesPerSecond, afterBytes } = this.#limit;
    return this.#startedAtMs + Math.max(0, this.bytes - afterBytes) / bytesPerSecond * 1_000;
  }

  /** Bytes to send at a time, so that they come evenly. */
  get pieceBytes(): number {
    if (this.bytes < this.#limit.afterBytes) return Infinity;
    return Math.max(PIECE_BYTES_MIN, Math.floor(this.#limit.bytesPerSecond / PIECES_PER_SECOND));
  }
}
