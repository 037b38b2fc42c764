/**
 * The Bufs of one buffered response: nginx's `free`, `in`, `out` and `busy` chains.
 *
 * @module
 */
import type { Buf } from "./buf.ts";
import { Chain } from "./chain.ts";
import type { SlabPool } from "./slab_pool.ts";

/** Cells are not made smaller than this, however small `buffers` are: a read costs as much. */
const CELL_BYTES_MIN = 4_096;
const CELL_BYTES_MAX = 65_536;
const SPARE_CELL_BYTES = 8_192;
/** While the pool is not ample. */
const SHORT_CELL_BYTES = 8_192;

/**
 * A bounded number of Bufs, acquired as they are needed.
 *
 * `buffers: 8 4k` is a bound of 32 KB. nginx fills its eight buffers with one `readv`;
 * Deno has none, so the same memory is taken as two or more larger cells, one to read
 * into while another is being sent. A chunked body's data is moved together within its
 * cell, so a read is one piece, and nginx's shadow buffers have nothing to do.
 */
export class WorkingSet {
  /** Read and taken out of their framing, waiting to be sent, in order. */
  readonly in = new Chain();
  /** Being sent, in order. */
  readonly busy = new Busy();
  readonly #firstBytes: number;
  readonly #cellBytes: number;
  readonly #pool: SlabPool;
  readonly #free = new Chain();
  readonly #maxCells: number;
  #cells = 0;

  /**
   * @param count `buffers`, the number. @param sizeBytes `buffers`, the size.
   * @param pool Where the cells come from.
   * @param expectedBytes How much is to come, if that is known; else -1.
   */
  constructor(count: number, sizeBytes: number, pool: SlabPool, expectedBytes: number) {
    const allBytes = Math.min(count * sizeBytes, CELL_BYTES_MAX * count);
    this.#pool = pool;
    if (expectedBytes >= 0 && expectedBytes <= allBytes && expectedBytes <= CELL_BYTES_MAX) {
      // One cell for all of it, and a small one should the client take only a part at first.
      this.#firstBytes = Math.max(CELL_BYTES_MIN, expectedBytes);
      this.#cellBytes = Math.min(SPARE_CELL_BYTES, this.#firstBytes);
      this.#maxCells = 2;
      return;
    }
    let cellBytes = CELL_BYTES_MAX;
    while (cellBytes > CELL_BYTES_MIN && cellBytes * 2 > allBytes) cellBytes /= 2;
    this.#firstBytes = this.#cellBytes = cellBytes;
    this.#maxCells = Math.max(2, Math.floor(allBytes / cellBytes));
  }

  /** A Buf to read into, or `undefined`: all are in use, or the pool is exhausted. */
  take(): Buf | undefined {
    const free = this.#free.shift();
    if (free !== undefined) return free;
    if (this.#cells === this.#maxCells) return undefined;
    const wantedBytes = this.#cells === 0 ? this.#firstBytes : this.#cellBytes;
    // Where memory is short a smaller cell does: clients that read slowly must not have all of it.
    const sizeBytes = this.#pool.isAmple ? wantedBytes : Math.min(wantedBytes, SHORT_CELL_BYTES);
    const buf = this.#pool.acquire(sizeBytes, "buffered response") ??
      (sizeBytes > CELL_BYTES_MIN
        ? this.#pool.acquire(CELL_BYTES_MIN, "buffered response")
        : undefined);
    if (buf !== undefined) this.#cells++;
    return buf;
  }

  /** Takes back a Buf whose bytes have been sent or written to the temp file. */
  give(buf: Buf): void {
    this.#free.push(buf);
  }

  /** Moves what has been sent from `busy` to the free ones. */
  recycle(): void {
    for (let buf = this.busy.first; buf !== undefined && !buf.isLent; buf = this.busy.first) {
      this.#free.push(this.busy.shift()!);
    }
  }

  /** How many Bufs {@linkcode take} could still give, if the pool has room. */
  get spareCount(): number {
    let spare = this.#maxCells - this.#cells;
    for (let buf = this.#free.first; buf !== undefined; buf = buf.next) spare++;
    return spare;
  }

  /** Whether {@linkcode take} would say no although the pool has room: wait for a Buf to be sent. */
  get isFull(): boolean {
    return this.#free.isEmpty && this.#cells === this.#maxCells;
  }

  /** Gives all back to the pool, those that are still being sent when they are. */
  release(): void {
    this.#free.releaseAll();
    this.in.releaseAll();
    this.busy.releaseAll();
  }
}

/** Bufs in the order of their sending. No Chain: they are in the one of the connection that sends them. */
class Busy {
  readonly #bufs: Buf[] = [];

  get first(): Buf | undefined {
    return this.#bufs[0];
  }

  get isEmpty(): boolean {
    return this.#bufs.length === 0;
  }

  /** Unsent bytes of all Bufs. */
  get sizeBytes(): number {
    let bytes = 0;
    for (const { size } of this.#bufs) bytes += size;
    return bytes;
  }

  push(buf: Buf): void {
    this.#bufs.push(buf);
  }

  shift(): Buf | undefined {
    return this.#bufs.shift();
  }

  releaseAll(): void {
    for (const buf of this.#bufs.splice(0)) buf.release();
  }
}
