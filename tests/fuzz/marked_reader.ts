/**
 * Reads messages whose bytes carry marks, as they come, and says which of them are not their own.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { marksIn, tokenOf } from "../bench/soak/marks.ts";

/** What is known of a message when its head is there. */
export interface MarkedHead {
  /** What its bytes are to be; undefined where it is Sluice's own, and has none. */
  readonly mark: number | undefined;
  /** Bytes of its body; "chunked", or "until end". */
  readonly body: number | "chunked" | "until end";
}

/** Who reads. */
export interface MarkedOwner {
  /** A head came. What it returns is to be what follows. */
  onHead(head: string): MarkedHead;
  /** A body came to its end. */
  onBody(bytes: number): void;
  /** What must not be. */
  onViolation(what: string): void;
}

const UNIT_BYTES = 16;
const TOKEN_BYTES = 12;
const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/**
 * The endless body of a mark: its token and the number of the token, again and again. Cheaper for
 * a few bytes than the soak's.
 */
export class MarkedBody {
  readonly #unit = new Uint8Array(UNIT_BYTES);

  constructor(mark: number) {
    const token = tokenOf(mark);
    for (let at = 0; at < TOKEN_BYTES; at++) this.#unit[at] = token.charCodeAt(at);
  }

  /** The first bytes of it. */
  first(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += UNIT_BYTES) {
      this.#number(at / UNIT_BYTES);
      bytes.set(at + UNIT_BYTES > length ? this.#unit.subarray(0, length - at) : this.#unit, at);
    }
    return bytes;
  }

  /** Whether `bytes` are what stands at `offset`. */
  isAt(offset: number, bytes: Uint8Array): boolean {
    const unit = this.#unit;
    let at = offset % UNIT_BYTES;
    this.#number((offset - at) / UNIT_BYTES);
    for (let index = 0; index < bytes.length; index++, at++) {
      if (at === UNIT_BYTES) {
        at = 0;
        this.#number((offset + index) / UNIT_BYTES);
      }
      if (bytes[index] !== unit[at]) return false;
    }
    return true;
  }

  #number(number: number): void {
    const unit = this.#unit;
    for (let at = UNIT_BYTES - 1; at >= TOKEN_BYTES; at--, number >>= 4) {
      unit[at] = HEX[number & 15]!;
    }
  }
}

const enum State {
  Head,
  Body,
  ChunkSize,
  ChunkEnd,
  LastLine,
  Broken,
}

/** Longest part of a head or of a chunk's framing. */
const LINE_MAX = 4_096;

/** One direction of one connection. */
export class MarkedReader {
  readonly #owner: MarkedOwner;
  #state = State.Head;
  #line = "";
  #mark: number | undefined;
  #content: MarkedBody | undefined;
  /** Bytes that are still to come of this chunk, or of the body. */
  #left = 0;
  #isChunked = false;
  #bytes = 0;

  constructor(owner: MarkedOwner) {
    this.#owner = owner;
  }

  /** Whether it is between two messages. */
  get isBetween(): boolean {
    return this.#state === State.Head && this.#line === "";
  }

  /** What came of a head that has not come to its end; "" while a body comes. */
  get partialHead(): string {
    return this.#state === State.Head ? this.#line : "";
  }

  feed(bytes: Uint8Array): void {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < piece.length && this.#state !== State.Broken;) {
      at = this.#state === State.Body ? this.#takeBody(piece, at) : this.#takeLine(piece, at);
    }
  }

  /** The connection has come to its end. */
  finish(): void {
    if (this.#state === State.Body && this.#left === Infinity) this.#endBody();
  }

  #takeBody(piece: Buffer, at: number): number {
    const end = Math.min(piece.length, at + this.#left);
    const part = at === 0 && end === piece.length ? piece : piece.subarray(at, end);
    if (this.#content === undefined) {
      const marks = marksIn(part.toString("latin1"));
      if (marks.length > 0) this.#owner.onViolation(`${tokenOf(marks[0]!)} in an error's page`);
    } else if (!this.#content.isAt(this.#bytes, part)) {
      this.#owner.onViolation(
        `other bytes at ${this.#bytes} of the body of ${tokenOf(this.#mark!)}: ` +
          JSON.stringify(part.subarray(0, 100).toString("latin1")),
      );
      this.#state = State.Broken;
    }
    this.#bytes += end - at;
    this.#left -= end - at;
    if (this.#left === 0 && this.#state === State.Body) {
      if (this.#isChunked) this.#state = State.ChunkEnd;
      else this.#endBody();
    }
    return end;
  }

  /** Heads and chunks' framing: ends with a LF, which no head of ours has within a line. */
  #takeLine(piece: Buffer, at: number): number {
    const lf = piece.indexOf(0x0a, at);
    const end = lf < 0 ? piece.length : lf + 1;
    this.#line += piece.toString("latin1", at, end);
    if (lf < 0) {
      if (this.#line.length > LINE_MAX) this.#break("a line without an end");
      return end;
    }
    switch (this.#state) {
      case State.Head:
        if (this.#line.endsWith("\r\n\r\n")) this.#takeHead();
        break;
      case State.ChunkSize: {
        const [, digits] = /^([0-9a-f]+)\r\n$/i.exec(this.#line) ?? [];
        if (digits === undefined) return this.#break("a bad chunk");
        this.#line = "";
        this.#left = parseInt(digits, 16);
        this.#state = this.#left === 0 ? State.LastLine : State.Body;
        break;
      }
      default: {
        if (this.#line !== "\r\n") return this.#break("a bad end of a chunk");
        this.#line = "";
        if (this.#state === State.ChunkEnd) this.#state = State.ChunkSize;
        else this.#endBody();
      }
    }
    return end;
  }

  #takeHead(): void {
    const { mark, body } = this.#owner.onHead(this.#line);
    this.#line = "";
    this.#mark = mark;
    this.#content = mark === undefined ? undefined : new MarkedBody(mark);
    this.#bytes = 0;
    this.#isChunked = body === "chunked";
    this.#left = body === "until end" ? Infinity : body === "chunked" ? 0 : body;
    this.#state = this.#isChunked ? State.ChunkSize : State.Body;
    if (body === 0) this.#endBody();
  }

  #endBody(): void {
    this.#state = State.Head;
    this.#owner.onBody(this.#bytes);
  }

  #break(what: string): number {
    this.#owner.onViolation(`${what}: ${JSON.stringify(this.#line.slice(0, 200))}`);
    this.#state = State.Broken;
    return Infinity;
  }
}
