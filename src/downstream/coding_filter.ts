/**
 * Compresses or decompresses a body on its way to the client.
 *
 * @module
 */
import type { Buf, SlabPool } from "../buffer/mod.ts";
import { Failure } from "../event/mod.ts";
import { BadMessage, CHUNK_HEADROOM, CHUNK_TAILROOM } from "../wire/mod.ts";
import type { BodyFilter, BodySink } from "./body_filter.ts";
import type { Coder, CoderMode } from "./coder.ts";

/** Cell that is written into. */
const CELL_BYTES = 16_384;
const SMALL_CELL_BYTES = 4_096;
/**
 * What is handed to the connection before the client has taken what was handed to it
 * earlier. Compression never gets there; decompression of a few bytes might go on for long.
 */
const AHEAD_BYTES_MAX = 131_072;

/** One response's coding. */
export class CodingFilter implements BodyFilter {
  /** Bytes taken, and bytes made of them. */
  takenBytes = 0;
  madeBytes = 0;
  readonly #pool: SlabPool;
  readonly #flushesEach: boolean;
  readonly #cellBytes: number;
  #coder: Coder | undefined;
  #cell: Buf | undefined;
  /** Input that has to wait until the client has taken more. */
  #rest: Buf | undefined;
  #restMode: CoderMode = "more";

  /**
   * @param flushesEach Whether each piece is to reach the client at once.
   * @param expectedBytes Length of the body before; -1 when that is not known.
   */
  constructor(coder: Coder, pool: SlabPool, flushesEach: boolean, expectedBytes: number) {
    this.#coder = coder;
    this.#pool = pool;
    this.#flushesEach = flushesEach;
    const isSmall = expectedBytes >= 0 && expectedBytes <= SMALL_CELL_BYTES;
    this.#cellBytes = isSmall ? SMALL_CELL_BYTES : CELL_BYTES;
  }

  readonly isSatisfied = false;

  filter(from: Buf, isLast: boolean, next: BodySink): void {
    const mode = isLast ? "end" : this.#flushesEach ? "flush" : "more";
    if (this.#rest !== undefined) throw new Error("Cannot filter: the client is still behind");
    if (from.size === 0 && mode !== "end") return;
    const isDone = this.#run(from, mode, next);
    if (!isDone) this.#keepRest(from, mode);
    from.pos = from.last;
  }

  resume(next: BodySink): void {
    const rest = this.#rest;
    if (rest === undefined || !this.#run(rest, this.#restMode, next)) return;
    this.#rest = undefined;
    rest.release();
  }

  end(next: BodySink): void {
    while (this.#rest !== undefined) this.resume(next);
    const empty = this.#acquire(0);
    try {
      // The framing's end is not ours: there may be trailers behind it.
      while (!this.#run(empty, "end", (piece) => next(piece, false)));
    } finally {
      empty.release();
    }
  }

  close(): void {
    this.#coder?.close();
    this.#cell?.release();
    this.#rest?.release();
    this.#coder = this.#cell = this.#rest = undefined;
  }

  /** Returns whether all of `from` was taken, and all that it makes was passed on or is kept. */
  #run(from: Buf, mode: CoderMode, next: BodySink): boolean {
    const coder = this.#coder;
    if (coder === undefined) throw new Error("Cannot filter: the response is over");
    for (let ahead = 0; ahead < AHEAD_BYTES_MAX;) {
      const cell = this.#cell ??= this.#acquire(this.#cellBytes);
      try {
        coder.code(mode, from.cell, from.pos, from.last, cell.cell, cell.last, cell.end);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Failure("upstream", "invalid_body", `inflate() failed: ${why}`);
      }
      this.takenBytes += coder.taken;
      this.madeBytes += coder.written;
      from.pos += coder.taken;
      cell.last += coder.written;
      if (cell.room === 0) {
        ahead += cell.size;
        this.#pass(cell, false, next);
        continue;
      }
      if (mode === "end") this.#pass(cell, true, next);
      else if (mode === "flush" && cell.size > 0) this.#pass(cell, false, next);
      return true;
    }
    return false;
  }

  #pass(cell: Buf, isLast: boolean, next: BodySink): void {
    this.#cell = undefined;
    try {
      next(cell, isLast);
    } finally {
      cell.release(); // when it is sent
    }
  }

  #keepRest(from: Buf, mode: CoderMode): void {
    const rest = this.#acquire(from.size);
    rest.cell.set(from.data(), rest.last);
    rest.last += from.size;
    this.#rest = rest;
    this.#restMode = mode;
  }

  #acquire(sizeBytes: number): Buf {
    const wanted = Math.max(SMALL_CELL_BYTES, sizeBytes + CHUNK_HEADROOM + CHUNK_TAILROOM);
    const buf = this.#pool.acquire(
      sizeBytes === this.#cellBytes ? sizeBytes : wanted,
      "compression",
    );
    if (buf === undefined) throw new BadMessage(503, "no buffer memory");
    buf.reset(CHUNK_HEADROOM, CHUNK_TAILROOM);
    return buf;
  }
}
