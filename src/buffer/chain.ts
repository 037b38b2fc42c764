/**
 * Bufs in sending order, linked through themselves: a Buf is in one Chain at a time.
 *
 * @module
 */
import type { Buf } from "./buf.ts";

/** A queue of Bufs. Whoever holds the Chain owns its Bufs. */
export class Chain {
  #first: Buf | undefined;
  #last: Buf | undefined;

  get first(): Buf | undefined {
    return this.#first;
  }

  get last(): Buf | undefined {
    return this.#last;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  push(buf: Buf): void {
    buf.next = undefined;
    if (this.#last === undefined) this.#first = buf;
    else this.#last.next = buf;
    this.#last = buf;
  }

  /** Puts a Buf back in front. */
  unshift(buf: Buf): void {
    buf.next = this.#first;
    this.#first = buf;
    this.#last ??= buf;
  }

  shift(): Buf | undefined {
    const buf = this.#first;
    if (buf === undefined) return undefined;
    this.#first = buf.next;
    if (this.#first === undefined) this.#last = undefined;
    buf.next = undefined;
    return buf;
  }

  /** Moves every Buf of `tail` behind this Chain, leaving `tail` empty. */
  append(tail: Chain): void {
    if (tail.#first === undefined) return;
    if (this.#last === undefined) this.#first = tail.#first;
    else this.#last.next = tail.#first;
    this.#last = tail.#last;
    tail.#first = tail.#last = undefined;
  }

  /** Gives every Buf back to its pool. */
  releaseAll(): void {
    for (let buf = this.shift(); buf !== undefined; buf = this.shift()) buf.release();
  }

  /** How many Bufs there are. Walks the Chain. */
  get length(): number {
    let length = 0;
    for (let buf = this.#first; buf !== undefined; buf = buf.next) length++;
    return length;
  }

  /** Unread bytes of all Bufs. Walks the Chain. */
  get sizeBytes(): number {
    let bytes = 0;
    for (let buf = this.#first; buf !== undefined; buf = buf.next) bytes += buf.size;
    return bytes;
  }
}
