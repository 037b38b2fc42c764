/**
 * Cuts byte ranges out of a body that passes by once.
 *
 * @module
 */
import type { Buf, SlabPool } from "../buffer/mod.ts";
import { BadMessage, type ByteRange } from "../wire/mod.ts";
import type { BodyFilter, BodySink } from "./body_filter.ts";

/** Cell in which part heads, and what several ranges want of one piece, are gathered. */
const STAGE_BYTES = 4096;

/** One range: what is sent of a piece is narrowed in place, nothing is copied. */
export class RangeFilter implements BodyFilter {
  readonly #range: ByteRange;
  /** Of the next piece's first byte, in the whole body. */
  #offset = 0;

  constructor(range: ByteRange) {
    this.#range = range;
  }

  get isSatisfied(): boolean {
    return this.#offset >= this.#range.end;
  }

  filter(from: Buf, isLast: boolean, next: BodySink): void {
    const { start, end } = this.#range;
    const first = this.#offset;
    const isBehind = this.isSatisfied;
    this.#offset += from.size;
    const { pos, last } = from;
    from.last = Math.min(last, pos + Math.max(0, end - first));
    from.pos = Math.min(from.last, pos + Math.max(0, start - first));
    if (from.size > 0) next(from, this.isSatisfied);
    else if (!isBehind && isLast) next(from, true);
  }
}

/** Several ranges in ascending order, as `multipart/byteranges`. */
export class MultipartFilter implements BodyFilter {
  readonly #ranges: readonly ByteRange[];
  readonly #heads: readonly Uint8Array[];
  readonly #end: Uint8Array;
  readonly #pool: SlabPool;
  #offset = 0;
  /** The range that is being sent, or looked for. */
  #at = 0;
  #stage: Buf | undefined;

  /**
   * @param heads What stands in front of each range.
   * @param end What stands behind the last one.
   */
  constructor(
    ranges: readonly ByteRange[],
    heads: readonly Uint8Array[],
    end: Uint8Array,
    pool: SlabPool,
  ) {
    this.#ranges = ranges;
    this.#heads = heads;
    this.#end = end;
    this.#pool = pool;
  }

  get isSatisfied(): boolean {
    return this.#at === this.#ranges.length;
  }

  filter(from: Buf, _isLast: boolean, next: BodySink): void {
    const first = this.#offset;
    const behind = first + from.size;
    const { cell, pos } = from;
    this.#offset = behind;
    try {
      while (!this.isSatisfied) {
        const { start, end } = this.#ranges[this.#at]!;
        if (start >= behind) break;
        if (start >= first) this.#put(this.#heads[this.#at]!, next);
        const cutStart = pos + Math.max(0, start - first);
        const cutEnd = pos + Math.min(end, behind) - first;
        const isLastHere = end >= behind || this.#at + 1 === this.#ranges.length;
        if (end <= behind) this.#at++;
        if (isLastHere) {
          this.#send(next, false);
          from.pos = cutStart;
          from.last = cutEnd;
          next(from, false);
          if (this.isSatisfied) this.#put(this.#end, next);
          return this.#send(next, this.isSatisfied);
        }
        this.#put(cell.subarray(cutStart, cutEnd), next);
      }
      this.#send(next, false);
      from.pos = from.last;
    } finally {
      this.#stage?.release(); // left only where sending broke
      this.#stage = undefined;
    }
  }

  #put(bytes: Uint8Array, next: BodySink): void {
    for (let at = 0; at < bytes.length;) {
      const stage = this.#stage ??= this.#acquire();
      const count = Math.min(stage.room, bytes.length - at);
      stage.cell.set(bytes.subarray(at, at + count), stage.last);
      stage.last += count;
      at += count;
      if (stage.room === 0) this.#send(next, false);
    }
  }

  #send(next: BodySink, isLast: boolean): void {
    const stage = this.#stage;
    if (stage === undefined) return;
    this.#stage = undefined;
    try {
      next(stage, isLast);
    } finally {
      stage.release(); // when it is sent
    }
  }

  #acquire(): Buf {
    const buf = this.#pool.acquire(STAGE_BYTES, "ranges of a response");
    if (buf === undefined) throw new BadMessage(503, "no buffer memory");
    return buf;
  }
}
