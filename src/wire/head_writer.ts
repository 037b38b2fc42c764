/**
 * Writes heads and chunk framing into a cell: copies of ranges and of constants, no
 * strings but where a value is a string to begin with.
 *
 * @module
 */
import { CR, IS_FIELD_VALUE, LF } from "./chars.ts";
import { BadMessage } from "./bad_message.ts";
import { isProtected } from "./head.ts";
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  EXPECT,
  type FieldLines,
  FIRST_END_TO_END,
  HOST,
  LOCATION,
  SET_COOKIE,
} from "./fields.ts";

/** Below this many bytes a loop copies faster than the making of a view costs. */
const LOOP_MAX = 24;
const NO_BYTES = new Uint8Array();

/**
 * A place in a cell that is written to from front to back. When what is to be
 * written does not fit, {@linkcode HeadWriter.hasOverflowed} tells, and nothing
 * beyond the end is touched: the caller tries again in a larger cell.
 */
export class HeadWriter {
  bytes: Uint8Array = NO_BYTES;
  /** Where the next byte goes. */
  at = 0;
  hasOverflowed = false;
  #end = 0;

  /** Starts writing at `bytes[start]`, up to `end`. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.#end = end;
    this.hasOverflowed = false;
  }

  /** Bytes that still fit. */
  get room(): number {
    return this.#end - this.at;
  }

  constant(from: Uint8Array): void {
    this.range(from, 0, from.length);
  }

  /** Copies `from[start, end)`. */
  range(from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const at = this.#claim(length);
    if (at < 0) return;
    if (length > LOOP_MAX) {
      this.bytes.set(start === 0 && length === from.length ? from : from.subarray(start, end), at);
    } else {
      const { bytes } = this;
      for (let offset = 0; offset < length; offset++) bytes[at + offset] = from[start + offset]!;
    }
  }

  /**
   * Writes a string of single-byte code units. Controls cannot get through here, of which
   * some would end a line: they are a bug of the caller's, or an attack.
   *
   * @throws {BadMessage} The text holds a control other than a tab, or a code unit over 0xff.
   */
  text(text: string): void {
    if (!this.#put(text)) throw new BadMessage(500, "a value that no head may hold");
  }

  /**
   * Writes what a variable has brought: its controls escaped as in a URL, for it may hold what a
   * client has sent, decoded. (nginx writes them as they are, and the message is split.)
   *
   * @throws {BadMessage} The text holds a code unit over 0xff.
   */
  value(text: string): void {
    if (!this.#put(text)) this.text(text.replace(CONTROLS, encodeURIComponent));
  }

  /** Writes a whole number in decimal digits. */
  decimal(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let at = this.#claim(digits);
    if (at < 0) return;
    at += digits;
    let rest = value;
    for (; digits > 0; digits--) {
      this.bytes[--at] = 0x30 + rest % 10;
      rest = Math.floor(rest / 10);
    }
  }

  crlf(): void {
    const at = this.#claim(2);
    if (at < 0) return;
    this.bytes[at] = CR;
    this.bytes[at + 1] = LF;
  }

  /** Writes a text, if a head may hold it; nothing of it where not. Returns whether it may. */
  #put(text: string): boolean {
    const at = this.#claim(text.length);
    if (at < 0) return true; // too long for the cell, which is told otherwise
    const { bytes } = this;
    for (let offset = 0; offset < text.length; offset++) {
      const unit = text.charCodeAt(offset);
      if (IS_FIELD_VALUE[unit] !== 1) {
        this.at = at;
        return false;
      }
      bytes[at + offset] = unit;
    }
    return true;
  }

  #claim(length: number): number {
    const at = this.at;
    if (at + length > this.#end) {
      this.hasOverflowed = true;
      return -1;
    }
    this.at = at + length;
    return at;
  }
}

// deno-lint-ignore no-control-regex -- controls are what must not get through
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f]/g;

/** Bytes that a chunk's first line may take: twelve digits and CRLF. */
export const CHUNK_HEADROOM = 16;
/** Bytes behind chunk data: CRLF, and for the last one `0 CRLF CRLF` too. */
export const CHUNK_TAILROOM = 7;

const LAST_CHUNK = [0x30, CR, LF, CR, LF];
const HEX = new TextEncoder().encode("0123456789abcdef");

/**
 * Writes the framing of a chunk around its data `bytes[start, end)`, in place.
 * There must be CHUNK_HEADROOM bytes free in front and CHUNK_TAILROOM behind.
 *
 * @returns Offset of the chunk's first byte. Its end is {@linkcode chunkEnd}.
 */
export function frameChunk(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
  let at = start;
  bytes[--at] = LF;
  bytes[--at] = CR;
  for (let rest = end - start; rest > 0; rest = Math.floor(rest / 16)) {
    bytes[--at] = HEX[rest % 16]!;
  }
  bytes[end] = CR;
  bytes[end + 1] = LF;
  if (isLast) bytes.set(LAST_CHUNK, end + 2);
  return at;
}

/** Offset just past a chunk framed by {@linkcode frameChunk} whose data ended at `end`. */
export function chunkEnd(end: number, isLast: boolean): number {
  return end + (isLast ? CHUNK_TAILROOM : 2);
}

/**
 * Writes the end of a chunked body with its trailer section (RFC 9112, 7.1.2). Fields
 * that may not be trailers are left out.
 *
 * @returns Offset just past it. There must be room for the section and eight bytes more.
 */
export function writeTrailers(trailers: FieldLines, into: Uint8Array, start: number): number {
  let at = start;
  into[at++] = 0x30;
  into[at++] = CR;
  into[at++] = LF;
  for (let index = 0; index < trailers.count; index++) {
    if (!isTrailer(trailers, index)) continue;
    const line = trailers.bytes.subarray(trailers.lineStart(index), trailers.lineEnd(index));
    into.set(line, at);
    at += line.length;
  }
  into[at++] = CR;
  into[at++] = LF;
  return at;
}

/** RFC 9110, 6.5.1: not what frames, routes, describes or authenticates the message. */
function isTrailer(trailers: FieldLines, index: number): boolean {
  const id = trailers.id(index);
  return id >= FIRST_END_TO_END && id !== HOST && id !== CONTENT_LENGTH && id !== CONTENT_TYPE &&
    id !== EXPECT && id !== SET_COOKIE && id !== LOCATION &&
    !isProtected(trailers.bytes, trailers.lineStart(index), trailers.nameEnd(index));
}

/** The end of a chunked body without trailers. */
export const LAST_CHUNK_BYTES: Uint8Array = Uint8Array.from(LAST_CHUNK);
