/**
 * One response on its way to a client: head and first body bytes in one write, the
 * rest from the cells it came in, framed in place.
 *
 * @module
 */
import { Buf } from "../buffer/mod.ts";
import type { Wait } from "../event/mod.ts";
import {
  BadMessage,
  bytesOf,
  CHUNK_HEADROOM,
  CHUNK_TAILROOM,
  chunkEnd,
  type FieldLines,
  frameChunk,
  HeadWriter,
  LAST_CHUNK_BYTES,
  writeTrailers,
} from "../wire/mod.ts";
import type { LimitRate } from "./client.ts";
import type { BodyFilter } from "./body_filter.ts";
import type { ClientConnection } from "./client_connection.ts";

/** Cell that a response head, and a small body behind it, is written into. */
const HEAD_BUF_BYTES = 4096;
const HEAD_BUF_BYTES_MAX = 8_192;
const HEAD_BYTES_USUAL = 1_024;
const LARGEST_HEAD_BYTES = 65_536;

const CR = 0x0d;
const LF = 0x0a;
const OWN_TRAILERS_BYTES_MAX = 4_096;
const CRLF = bytesOf("\r\n");
const CRLF_BYTES = CRLF.length;

/** How long the connection is kept, for who asks before it sends the next request. */
const KEEP_ALIVE_TIMEOUT = bytesOf("Keep-Alive: timeout=");
const CLOSE = bytesOf("Connection: close\r\n\r\n");
const CHUNKED_CLOSE = bytesOf("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
const KEEP_ALIVE = bytesOf("Connection: keep-alive\r\n\r\n");
const CHUNKED_KEEP_ALIVE = bytesOf("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");

/** The response to a connection's current request. */
export class ClientResponse {
  readonly writer = new HeadWriter();
  /** Status that was sent, or that stands in the log though nothing could be sent. 0: none yet. */
  status = 0;
  /** Body bytes handed to the connection, without their framing. */
  bodyBytes = 0;
  /** Bytes handed to the connection, head and framing included. */
  sentBytes = 0;
  /** Whether the connection can carry another request after this response. */
  keepsAlive = false;
  /** `limit_rate`, once the response has begun. */
  limitRate: LimitRate | undefined;
  /** Changes the body on its way. */
  filter: BodyFilter | undefined;
  /** Writes the lines of trailers of ours, behind a chunked body. */
  writeTrailers: ((into: HeadWriter) => void) | undefined;
  /** Whether the response was cut short: the connection has to be closed at once. */
  isCut = false;

  /** Whether what was sent is still asked for when it is gone: set for each response. */
  keepsHead = false;

  readonly #client: ClientConnection;
  #sentHead: Uint8Array | undefined;
  #sentTrailers: Uint8Array | undefined;
  /** Holds the head until the first piece of the body is there. */
  #headBuf: Buf | undefined;
  #isChunked = false;
  #hasBody = false;
  #boundSendPiece: ((from: Buf, isLast: boolean) => void) | undefined;

  constructor(client: ClientConnection) {
    this.#client = client;
  }

  begin(): void {
    this.status = this.bodyBytes = this.sentBytes = 0;
    this.limitRate = this.writeTrailers = undefined;
    this.#closeFilter();
    if (this.keepsHead) this.#forgetHead();
    this.keepsAlive =
      this.isCut =
      this.#isChunked =
      this.#hasBody =
        false;
  }

  /** Makes sure of the cell for the head. Returns whether there is one. */
  prepare(bodyBytes = 0): boolean {
    this.#headBuf ??= this.#client.context.pool.acquire(headBufBytes(bodyBytes), "response head");
    return this.#headBuf !== undefined;
  }

  /**
   * Writes the head: calls `writeFields` for the status line and all fields but those
   * about the connection, which are ours. Goes out with the first piece of the body.
   *
   * @param bodyBytes Length of the body; -1 when only its end will tell.
   * @param hasBody Whether a body follows: not for HEAD, 204 and 304.
   * @throws {BadMessage} The fields hold what no head may hold, or are too large.
   */
  writeHead(
    status: number,
    bodyBytes: number,
    hasBody: boolean,
    writeFields: (writer: HeadWriter) => void,
  ): void {
    this.status = status;
    this.#hasBody = hasBody;
    this.#decideFraming(bodyBytes);
    if (!this.prepare()) throw new BadMessage(503, "no buffer memory");
    const { writer } = this;
    const { toldMs } = this.#client.conf.keepaliveTimeout;
    while (true) {
      const buf = this.#headBuf!;
      writer.begin(buf.cell, 0, buf.cell.length);
      writeFields(writer);
      if (this.keepsAlive && toldMs > 0) {
        writer.constant(KEEP_ALIVE_TIMEOUT);
        writer.decimal(Math.floor(toldMs / 1000));
        writer.crlf();
      }
      writer.constant(
        this.keepsAlive
          ? this.#isChunked ? CHUNKED_KEEP_ALIVE : KEEP_ALIVE
          : this.#isChunked
          ? CHUNKED_CLOSE
          : CLOSE,
      );
      if (!writer.hasOverflowed) {
        buf.last = writer.at;
        return;
      }
      this.#growHead();
    }
  }

  /** Sends an interim head at once. `write` writes all of it, its empty line too. */
  sendInterim(write: (writer: HeadWriter) => void): void {
    const buf = this.#client.context.pool.acquire(HEAD_BUF_BYTES, "interim response");
    if (buf === undefined) return; // a hint: the client does without it
    this.writer.begin(buf.cell, 0, buf.cell.length);
    write(this.writer);
    if (!this.writer.hasOverflowed) buf.last = this.writer.at;
    this.#sendAndRelease(buf);
  }

  /**
   * Sends the head of a 101, of which `write` writes all, its empty line too.
   *
   * @throws {BadMessage} It is too large, or there is no memory for it.
   */
  sendSwitch(status: number, write: (writer: HeadWriter) => void): void {
    this.status = status;
    if (!this.prepare()) throw new BadMessage(503, "no buffer memory");
    const { writer } = this;
    while (true) {
      const buf = this.#headBuf!;
      writer.begin(buf.cell, 0, buf.cell.length);
      write(writer);
      if (!writer.hasOverflowed) {
        buf.last = writer.at;
        return this.flush();
      }
      this.#growHead();
    }
  }

  /** Bytes of body that {@linkcode send} would copy behind the head. */
  get copiesUpTo(): number {
    return this.filter === undefined ? this.#roomBehindHead : -1; // a filter may add to it
  }

  /** See {@linkcode Downstream.send} of the upstream's port. */
  send(from: Buf, isLast: boolean): void {
    if (!this.#hasBody) {
      from.pos = from.last;
      if (isLast) this.flush();
      return;
    }
    const endsLater = isLast && this.writeTrailers !== undefined;
    const isEnd = isLast && !endsLater;
    if (this.filter === undefined) this.#sendPiece(from, isEnd);
    else this.filter.filter(from, isEnd, this.#passOn);
    if (endsLater) this.end();
  }

  /** Where a filter puts what it has made: bound, so made only where there is one. */
  get #passOn(): (from: Buf, isLast: boolean) => void {
    return this.#boundSendPiece ??= (from, isLast) => this.#sendPiece(from, isLast);
  }

  #sendPiece(from: Buf, isLast: boolean): void {
    this.bodyBytes += from.size;
    const head = this.#headBuf;
    if (head !== undefined && from.size <= this.#roomBehindHead) {
      this.#copyBehindHead(head, from, isLast);
      this.flush();
      return;
    }
    const isInFront = head !== undefined && from.pos >= head.size + CHUNK_HEADROOM &&
      from.size > 0 && from.cell.length - from.last >= CHUNK_TAILROOM;
    if (!isInFront) this.flush();
    if (this.#isChunked) {
      if (from.size === 0) {
        if (isLast) this.#sendConstant(LAST_CHUNK_BYTES);
        return;
      }
      if (from.pos < CHUNK_HEADROOM || from.cell.length - from.last < CHUNK_TAILROOM) {
        return this.#sendCopy(from, isLast);
      }
      const end = from.last;
      from.pos = frameChunk(from.cell, from.pos, end, isLast);
      from.last = chunkEnd(end, isLast);
    }
    if (from.size === 0) return;
    if (isInFront) this.#putInFront(head, from);
    this.sentBytes += from.size;
    this.#client.conn.send(from);
  }

  /** Ends the body behind what was sent. */
  end(trailers?: FieldLines): void {
    if (this.#hasBody) this.filter?.end?.(this.#passOn);
    if (!this.#hasBody || !this.#isChunked) return this.flush();
    if (trailers !== undefined || this.writeTrailers !== undefined) {
      return this.#sendTrailers(trailers);
    }
    const head = this.#headBuf;
    if (head === undefined || head.room < LAST_CHUNK_BYTES.length) {
      this.flush();
      return this.#sendConstant(LAST_CHUNK_BYTES);
    }
    head.cell.set(LAST_CHUNK_BYTES, head.last);
    head.last += LAST_CHUNK_BYTES.length;
    this.flush();
  }

  /** Sends the head if it is still waiting. */
  flush(): void {
    const head = this.#headBuf;
    if (head === undefined) return;
    this.#headBuf = undefined;
    this.sentBytes += head.size;
    if (this.keepsHead) this.#sentHead = headOf(head.data()).slice();
    try {
      this.#client.conn.send(head);
    } finally {
      head.release();
    }
  }

  /** Whether anything is on its way. A filter that holds something back goes on with it here. */
  get isSending(): boolean {
    const { conn } = this.#client;
    if (this.filter !== undefined && !conn.isSending) this.filter.resume?.(this.#passOn);
    return conn.isSending;
  }

  get writable(): Wait {
    return this.#client.conn.writable;
  }

  checkSending(): void {
    this.#client.conn.checkSending();
  }

  /** The response cannot be completed: the client sees its connection end too early. */
  cutShort(): void {
    this.isCut = true;
    this.keepsAlive = false;
    this.drop();
  }

  /** Gives back what waits to be sent. */
  drop(): void {
    this.#headBuf?.release();
    this.#headBuf = undefined;
    this.#closeFilter();
  }

  #closeFilter(): void {
    this.filter?.close?.();
    this.filter = undefined;
  }

  headBytes(): Uint8Array | undefined {
    const waiting = this.#headBuf;
    if (waiting === undefined) return this.#sentHead;
    // Not finished yet: what is written so far, by whoever asks.
    return waiting.size === 0 ? waiting.cell.subarray(0, this.writer.at) : headOf(waiting.data());
  }

  trailerBytes(): Uint8Array | undefined {
    return this.#sentTrailers;
  }

  #forgetHead(): void {
    this.keepsHead = false;
    this.#sentHead = this.#sentTrailers = undefined;
  }

  get #roomBehindHead(): number {
    return this.#headBuf === undefined ? 0 : this.#headBuf.room - CHUNK_HEADROOM - CHUNK_TAILROOM;
  }

  /** How the client will know where the body ends (RFC 9112, 6.3). */
  #decideFraming(bodyBytes: number): void {
    const client = this.#client;
    const { head, conf } = client;
    const ageMs = client.context.deadlines.nowMs - client.connectedAtMs;
    this.keepsAlive = head.allowsKeepalive && !client.isDraining && !client.body.isHeldBack &&
      conf.keepaliveTimeout.idleMs > 0 && client.requests < conf.keepaliveRequests &&
      ageMs <= conf.keepaliveTimeMs;
    this.#isChunked = false;
    if (!this.#hasBody || bodyBytes >= 0) return;
    if (head.minorVersion === 1 && conf.chunkedTransferEncoding) this.#isChunked = true;
    else this.keepsAlive = false; // the end of the connection is the end of the body
  }

  #copyBehindHead(head: Buf, from: Buf, isLast: boolean): void {
    const bytes = head.cell;
    let at = head.last;
    if (!this.#isChunked) {
      bytes.set(from.data(), at);
      head.last = at + from.size;
    } else if (from.size > 0) {
      at += CHUNK_HEADROOM;
      bytes.set(from.data(), at);
      const end = at + from.size;
      const start = frameChunk(bytes, at, end, isLast);
      const framedEnd = chunkEnd(end, isLast);
      bytes.copyWithin(head.last, start, framedEnd); // no gap between head and chunk
      head.last += framedEnd - start;
    } else if (isLast) {
      bytes.set(LAST_CHUNK_BYTES, at);
      head.last = at + LAST_CHUNK_BYTES.length;
    }
    from.pos = from.last;
  }

  /** The head goes where in the piece's own cell the peer's was: one write, and no body bytes copied. */
  #putInFront(head: Buf, from: Buf): void {
    from.pos -= head.size;
    from.cell.set(head.data(), from.pos);
    head.release();
    this.#headBuf = undefined;
  }

  /** For a piece without room for framing around it: the first one, behind a large head. */
  #sendCopy(from: Buf, isLast: boolean): void {
    const sizeBytes = from.size + CHUNK_HEADROOM + CHUNK_TAILROOM;
    const copy = this.#client.context.pool.acquire(sizeBytes, "response chunk");
    if (copy === undefined) throw new BadMessage(503, "no buffer memory");
    copy.reset(CHUNK_HEADROOM);
    copy.cell.set(from.data(), CHUNK_HEADROOM);
    const end = CHUNK_HEADROOM + from.size;
    copy.pos = frameChunk(copy.cell, CHUNK_HEADROOM, end, isLast);
    copy.last = chunkEnd(end, isLast);
    from.pos = from.last;
    this.#sendAndRelease(copy);
  }

  #sendTrailers(trailers: FieldLines | undefined): void {
    this.flush();
    const ownBytes = this.writeTrailers === undefined ? 0 : OWN_TRAILERS_BYTES_MAX;
    const sizeBytes = (trailers?.bytes.length ?? 0) + ownBytes + CHUNK_HEADROOM;
    const buf = this.#client.context.pool.acquire(sizeBytes, "trailers");
    if (buf === undefined) return this.#sendConstant(LAST_CHUNK_BYTES); // they may be left out
    if (trailers === undefined) {
      buf.cell.set(LAST_CHUNK_BYTES);
      buf.last = LAST_CHUNK_BYTES.length;
    } else {
      buf.last = writeTrailers(trailers, buf.cell, 0);
    }
    if (this.writeTrailers !== undefined) this.#addTrailers(buf, this.writeTrailers);
    if (this.keepsHead) this.#sentTrailers = buf.data().slice();
    this.#sendAndRelease(buf);
  }

  /** Behind the other lines, in front of the empty line; none where they are too large. */
  #addTrailers(buf: Buf, write: (into: HeadWriter) => void): void {
    const { writer } = this;
    writer.begin(buf.cell, buf.last - CRLF_BYTES, buf.cell.length);
    write(writer);
    writer.crlf();
    if (!writer.hasOverflowed) buf.last = writer.at;
    else buf.cell.set(CRLF, buf.last - CRLF_BYTES);
  }

  #sendConstant(bytes: Uint8Array): void {
    const buf = this.#client.context.pool.acquire(bytes.length, "response framing") ??
      besidePool(bytes.length);
    buf.cell.set(bytes);
    buf.last = bytes.length;
    this.#sendAndRelease(buf);
  }

  #sendAndRelease(buf: Buf): void {
    this.sentBytes += buf.size;
    try {
      this.#client.conn.send(buf);
    } finally {
      buf.release();
    }
  }

  #growHead(): void {
    const sizeBytes = this.#headBuf!.cell.length * 4;
    this.#headBuf!.release();
    this.#headBuf = undefined;
    if (sizeBytes > LARGEST_HEAD_BYTES) throw new BadMessage(502, "too large a response head");
    this.#headBuf = this.#client.context.pool.acquire(sizeBytes, "response head");
    if (this.#headBuf === undefined) throw new BadMessage(503, "no buffer memory");
  }
}

/** Of a head with a part of the body behind it, the head. */
function headOf(bytes: Uint8Array): Uint8Array {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === CR) return bytes.subarray(0, at + 1);
  }
  return bytes;
}

/** A cell for the head and the body bytes that came with it: copying some costs less than a write. */
function headBufBytes(bodyBytes: number): number {
  const wanted = HEAD_BYTES_USUAL + bodyBytes + CHUNK_HEADROOM + CHUNK_TAILROOM;
  return wanted <= HEAD_BUF_BYTES_MAX ? Math.max(HEAD_BUF_BYTES, wanted) : HEAD_BUF_BYTES;
}

/** A few bytes that no pool has: a response that is whole is not cut for want of its last chunk. */
function besidePool(sizeBytes: number): Buf {
  const buf = new Buf(new Uint8Array(sizeBytes), { takeBack() {} });
  buf.handOut("response framing");
  return buf;
}
