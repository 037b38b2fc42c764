/**
 * Bytes that tell whose they are. Every request has a mark of its own; bodies are made
 * of it and of their offsets, so that one that is shifted, cut or another's is noticed.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** What no client may ever see: bad origins put it where nobody asked for anything. */
export const POISON = 0xffff_ffff;

const BLOCK_BYTES = 1024;
const TOKEN_BYTES = 12;
const NEEDLE = Buffer.from("<m:");
const TOKEN = /<m:([0-9a-f]{8})>/g;

/** The upper 24 bits of a mark name the connection, the lower 8 the request on it. */
export function markOf(connection: number, request: number): number {
  return ((connection << 8) | (request & 0xff)) >>> 0;
}

export function connectionOf(mark: number): number {
  return mark >>> 8;
}

export function hex(mark: number): string {
  return mark.toString(16).padStart(8, "0");
}

export function tokenOf(mark: number): string {
  return `<m:${hex(mark)}>`;
}

/** All marks that a text carries. */
export function marksIn(text: string): number[] {
  return Array.from(text.matchAll(TOKEN), ([, digits]) => parseInt(digits ?? "", 16));
}

/** The endless body of a mark. Blocks of 1 KB: token, number of the block, tokens. */
export class Content {
  readonly #block: Buffer;

  constructor(mark: number) {
    const token = tokenOf(mark);
    this.#block = Buffer.from(
      `${token}00000000----${token.repeat((BLOCK_BYTES - 2 * TOKEN_BYTES) / TOKEN_BYTES)}`
        .padEnd(BLOCK_BYTES, "="),
    );
  }

  /** A copy of bytes `from` to `from + length`. */
  slice(from: number, length: number): Buffer {
    const first = Math.floor(from / BLOCK_BYTES);
    const last = Math.ceil((from + length) / BLOCK_BYTES);
    const blocks = Buffer.allocUnsafe((last - first) * BLOCK_BYTES);
    for (let block = first; block < last; block++) {
      const at = (block - first) * BLOCK_BYTES;
      blocks.set(this.#block, at);
      let rest = block;
      for (let digit = 7; rest > 0; digit--) {
        blocks[at + TOKEN_BYTES + digit] = HEX[rest & 15]!;
        rest >>>= 4;
      }
    }
    const start = from - first * BLOCK_BYTES;
    return blocks.subarray(start, start + length);
  }

  /** Whether `bytes` are what stands at `offset`. */
  isAt(offset: number, bytes: Buffer): boolean {
    return this.slice(offset, bytes.length).equals(bytes);
  }
}

const HEX = Buffer.from("0123456789abcdef");

/** Finds marks in a stream, also where a piece ends within one. */
export class MarkScanner {
  readonly #onMark: (mark: number) => void;
  #carry: Buffer = Buffer.alloc(0);

  constructor(onMark: (mark: number) => void) {
    this.#onMark = onMark;
  }

  feed(bytes: Buffer): void {
    const all = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes]);
    let at = all.indexOf(NEEDLE);
    while (at >= 0 && at + TOKEN_BYTES <= all.length) {
      for (const mark of marksIn(all.toString("latin1", at, at + TOKEN_BYTES))) this.#onMark(mark);
      at = all.indexOf(NEEDLE, at + NEEDLE.length);
    }
    const keepFrom = at >= 0 ? at : Math.max(0, all.length - NEEDLE.length + 1);
    this.#carry = Buffer.from(all.subarray(keepFrom));
  }
}
