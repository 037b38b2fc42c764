/**
 * Where a message body ends (RFC 9112, 6 and 7), found in place.
 *
 * @module
 */
import { BadMessage } from "./bad_message.ts";
import { CR, IS_FIELD_VALUE, LF } from "./chars.ts";
import { CONTENT_LENGTH, FieldLines, HOST, TRANSFER_ENCODING } from "./fields.ts";

/** Length of a chunk: as many hex digits as a safe integer surely has. */
const SIZE_DIGITS_MAX = 12;
/** Bytes of extensions that one chunk may have. They mean nothing to anybody, and are dropped. */
const EXTENSION_BYTES_MAX = 256;
/**
 * Bytes of extensions that a body may have beyond one for each of its bytes: who sends
 * tiny chunks with long extensions sends work, not data.
 */
const EXTENSION_EXCESS_MAX = 16_384;
/** Bytes of a trailer section. */
const TRAILER_BYTES_MAX = 8192;
const TRAILER_LINES_MAX = 100;

const NONE = 0;
const LENGTH = 1;
const CHUNKED = 2;
const TO_EOF = 3;

const SIZE_START = 0;
const SIZE = 1;
const EXTENSION = 2;
const SIZE_LF = 3;
const DATA = 4;
const DATA_CR = 5;
const DATA_LF = 6;
const TRAILER = 7;

/**
 * Takes a body out of its framing. `decode` moves chunk data together within the
 * cell it is in, so that the body bytes of one read are one piece.
 */
export class BodyDecoder {
  /** Offset just past the body bytes of the last {@linkcode decode}; they begin at its `start`. */
  dataEnd = 0;
  /** Offset of the first byte that the last {@linkcode decode} did not use: it is behind the body. */
  restStart = 0;
  /** Whether the whole body has been seen. */
  isDone = true;
  /** Trailer fields, once the body is done and if there were any. In bytes of their own. */
  trailers: FieldLines | undefined;

  #mode = NONE;
  /** Bytes still to come, of the body or of the chunk. */
  #remaining = 0;
  #state = SIZE_START;
  #digits = 0;
  #extensionBytes = 0;
  /** Bytes of extensions so far beyond those of data. */
  #extensionExcess = 0;
  #trailerBytes: Uint8Array | undefined;
  #trailerSize = 0;

  beginNone(): void {
    this.#begin(NONE, 0);
    this.isDone = true;
  }

  beginLength(lengthBytes: number): void {
    this.#begin(LENGTH, lengthBytes);
    this.isDone = lengthBytes === 0;
  }

  beginChunked(): void {
    this.#begin(CHUNKED, 0);
    this.#state = SIZE_START;
    this.#digits = this.#extensionBytes = this.#extensionExcess = 0;
  }

  /** The body ends with the connection: HTTP/1.0, and origins that do not say a length. */
  beginToEof(): void {
    this.#begin(TO_EOF, 0);
  }

  /** Bytes that the body still has, or -1 where only its end tells: also when that was seen. */
  get remainingBytes(): number {
    return this.#mode === LENGTH ? this.#remaining : this.#mode === NONE ? 0 : -1;
  }

  /**
   * Takes in `bytes[start, end)`. Sets {@linkcode dataEnd}, {@linkcode restStart} and
   * {@linkcode isDone}.
   *
   * @throws {BadMessage} The framing is illegal; nothing of it may be passed on.
   */
  decode(bytes: Uint8Array, start: number, end: number): void {
    switch (this.#mode) {
      case LENGTH: {
        const taken = Math.min(this.#remaining, end - start);
        this.#remaining -= taken;
        this.isDone = this.#remaining === 0;
        this.dataEnd = this.restStart = start + taken;
        return;
      }
      case CHUNKED:
        if (!this.isDone) return this.#decodeChunks(bytes, start, end);
        this.dataEnd = this.restStart = start;
        return;
      case TO_EOF:
        this.dataEnd = this.restStart = end;
        return;
      default:
        this.dataEnd = this.restStart = start;
    }
  }

  /** The stream has ended. Returns whether the body is complete; if not it was cut short. */
  endOfStream(): boolean {
    if (this.#mode === TO_EOF) this.isDone = true;
    return this.isDone;
  }

  #begin(mode: number, remaining: number): void {
    this.#mode = mode;
    this.#remaining = remaining;
    this.isDone = false;
    this.dataEnd = this.restStart = 0;
    this.trailers = undefined;
    this.#trailerSize = 0;
  }

  #decodeChunks(bytes: Uint8Array, start: number, end: number): void {
    let out = start;
    let at = start;
    while (at < end) {
      if (this.#state === DATA) {
        const taken = Math.min(this.#remaining, end - at);
        if (out !== at) bytes.copyWithin(out, at, at + taken);
        out += taken;
        at += taken;
        this.#remaining -= taken;
        if (this.#remaining === 0) this.#state = DATA_CR;
        continue;
      }
      if (this.#state === TRAILER) {
        at = this.#takeTrailer(bytes, at, end);
        if (this.isDone) break;
        continue;
      }
      this.#step(bytes[at]!);
      at++;
    }
    this.dataEnd = out;
    this.restStart = at;
  }

  /** One byte of the framing between data. */
  #step(byte: number): void {
    switch (this.#state) {
      case SIZE_START:
      case SIZE: {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          if (++this.#digits > SIZE_DIGITS_MAX) throw new BadMessage(400, "too large a chunk");
          this.#remaining = this.#remaining * 16 + digit;
          this.#state = SIZE;
          return;
        }
        if (this.#state === SIZE_START) throw new BadMessage(400, "an illegal chunk size");
        if (byte === CR) this.#state = SIZE_LF;
        else if (byte === 0x3b) this.#state = EXTENSION;
        else throw new BadMessage(400, "an illegal chunk size");
        return;
      }
      case EXTENSION:
        if (byte === CR) {
          this.#state = SIZE_LF;
        } else if (
          IS_FIELD_VALUE[byte] !== 1 || ++this.#extensionBytes > EXTENSION_BYTES_MAX
        ) {
          throw new BadMessage(400, "an illegal chunk extension");
        }
        return;
      case SIZE_LF:
        if (byte !== LF) throw new BadMessage(400, "a bare CR in a chunk's first line");
        this.#countExtension();
        this.#digits = this.#extensionBytes = 0;
        this.#state = this.#remaining === 0 ? TRAILER : DATA;
        return;
      case DATA_CR:
        if (byte !== CR) throw new BadMessage(400, "chunk data is longer than its size");
        this.#state = DATA_LF;
        return;
      case DATA_LF:
        if (byte !== LF) throw new BadMessage(400, "a bare CR behind chunk data");
        this.#state = SIZE_START;
        return;
    }
  }

  /** At the end of a chunk's first line. */
  #countExtension(): void {
    if (this.#extensionBytes === 0 && this.#extensionExcess === 0) return;
    const excess = this.#extensionExcess + this.#extensionBytes - this.#remaining;
    if (excess > EXTENSION_EXCESS_MAX) throw new BadMessage(400, "too many chunk extensions");
    this.#extensionExcess = Math.max(0, excess);
  }

  /** Gathers the trailer section, which ends in an empty line. Returns the offset it got to. */
  #takeTrailer(bytes: Uint8Array, start: number, end: number): number {
    const gathered = this.#trailerBytes ??= new Uint8Array(TRAILER_BYTES_MAX);
    let size = this.#trailerSize;
    let at = start;
    while (at < end) {
      const byte = bytes[at++]!;
      if (size === TRAILER_BYTES_MAX) throw new BadMessage(431, "too large a trailer section");
      gathered[size++] = byte;
      if (byte !== LF) continue;
      if (gathered[size - 2] !== CR) throw new BadMessage(400, "a bare LF in a trailer section");
      const isEmptyLine = size === 2 || gathered[size - 3] === LF;
      if (!isEmptyLine) continue;
      this.#readTrailers(gathered, size);
      this.isDone = true;
      break;
    }
    this.#trailerSize = size;
    return at;
  }

  #readTrailers(gathered: Uint8Array, size: number): void {
    if (size === 2 && gathered[0] === CR) return;
    const lines = new FieldLines(gathered.slice(0, size), TRAILER_LINES_MAX, 0);
    let at = 0;
    while (at < size - 2) {
      at = lines.add(at, size);
      if (at < 0) throw new BadMessage(400, "a malformed trailer section");
      const id = lines.id(lines.count - 1);
      // RFC 9110, 6.5.1: whoever heeds them reads another message than we did.
      if (id === CONTENT_LENGTH || id === TRANSFER_ENCODING || id === HOST) {
        throw new BadMessage(400, "a field in a trailer section that frames or routes the message");
      }
    }
    this.trailers = lines;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x37;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  return -1;
}
