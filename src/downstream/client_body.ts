/**
 * A request body on its way in: taken out of its framing, bounded, in the reader's Buf.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { AGAIN, Failure, type Wait } from "../event/mod.ts";
import { BadMessage, BodyDecoder, bytesOf, type FieldLines } from "../wire/mod.ts";
import type { ClientConnection } from "./client_connection.ts";

const CONTINUE = bytesOf("HTTP/1.1 100 Continue\r\n\r\n");

/** All of it has been read from the begin: all requests without a body share it. */
const NO_BODY = new BodyDecoder();

/** The body of a connection's current request. */
export class ClientBody {
  /** Length in bytes; -1 when chunked, 0 when there is none. */
  lengthBytes = 0;
  /** Whether any of it was handed out. */
  isStarted = false;
  /** Body bytes handed out so far. */
  bytes = 0;
  readonly #client: ClientConnection;
  /** Of the current request; one of the connection's own only where there is a body. */
  #decoder = NO_BODY;
  #ownDecoder: BodyDecoder | undefined;
  /** The client waits to be told to go on. */
  #owesContinue = false;
  /** Nothing is done before all of it is here. */
  #isNeededWhole = false;
  /** Since when a read waits for the client; -1: none does. In ms of the clock. */
  #waitingSinceMs = -1;
  /** How far the client is behind `client_body_min_rate`, in ms. */
  #behindMs = 0;
  /** Where a read is pending that nobody waits for, or has brought what nobody took. */
  #kept: Buf | undefined;
  #readable: Wait | undefined;

  constructor(client: ClientConnection) {
    this.#client = client;
  }

  /** Waits for {@linkcode read} to get further. Being given up does not harm the connection. */
  get readable(): Wait {
    return this.#readable ??= new BodyReadable(this.#client); // most clients never send a body
  }

  begin(): void {
    const { head } = this.#client;
    this.isStarted = false;
    this.bytes = 0;
    this.#isNeededWhole = false;
    this.#waitingSinceMs = -1;
    this.#behindMs = 0;
    this.lengthBytes = head.isChunked ? -1 : Math.max(0, head.contentLength);
    if (this.lengthBytes === 0) {
      this.#decoder = NO_BODY;
    } else {
      this.#decoder = this.#ownDecoder ??= new BodyDecoder();
      if (head.isChunked) this.#decoder.beginChunked();
      else this.#decoder.beginLength(this.lengthBytes);
    }
    this.#owesContinue = head.expectsContinue && !this.#decoder.isDone;
  }

  get isDone(): boolean {
    return this.#decoder.isDone;
  }

  get trailers(): FieldLines | undefined {
    return this.#decoder.trailers;
  }

  get bufferBytes(): number {
    return this.#client.conf.clientBodyBufferSizeBytes;
  }

  get tempPath(): string {
    return this.#client.conf.clientBodyTempPath;
  }

  get inFileOnly(): "off" | "on" | "clean" {
    return this.#client.conf.clientBodyInFileOnly;
  }

  /** Whether the client holds its body back until it is told to go on; it may never send it. */
  get isHeldBack(): boolean {
    return this.#owesContinue;
  }

  /** See {@linkcode RequestBody.read} of the upstream's port. */
  read(into: Buf): number {
    if (this.#decoder.isDone) return 0;
    this.isStarted = true;
    const client = this.#client;
    const { conn } = client;
    if (conn.pendingRead === undefined && !conn.hasReceived) {
      if (client.buf!.size > 0) return this.#takePreread(client.buf!, into);
      if (this.#owesContinue) this.#sendContinue();
      this.#limit(into);
    }
    const received = conn.recv(into, this.#isNeededWhole);
    if (received === AGAIN) {
      conn.setReadDeadline(this.#deadlineMs(client.context.deadlines.nowMs));
      return AGAIN;
    }
    if (received === 0) {
      throw new Failure("downstream", "closed", "client prematurely closed connection");
    }
    const bytesBefore = this.bytes;
    this.#decode(into, received);
    if (this.#waitingSinceMs >= 0) this.#noteRate(this.bytes - bytesBefore);
    if (this.#decoder.restStart < into.last) this.#keepRest(into);
    into.last = this.#decoder.dataEnd;
    return into.size > 0 || this.isDone ? into.size : this.read(into); // only framing came
  }

  /** See {@linkcode RequestBody.needWhole} of the upstream's port. */
  needWhole(): void {
    this.#isNeededWhole = true;
  }

  /**
   * Of a read that has to wait: the time between two reads, or what is left of the time that the
   * client may be behind its rate. That is as much as one read may take.
   */
  #deadlineMs(nowMs: number): number {
    const { clientBodyTimeoutMs, clientBodyMinRate } = this.#client.conf;
    if (this.#waitingSinceMs < 0) this.#waitingSinceMs = nowMs;
    const nextMs = nowMs + clientBodyTimeoutMs;
    if (!this.#isNeededWhole || clientBodyMinRate === 0) return nextMs;
    return Math.min(nextMs, this.#waitingSinceMs + clientBodyTimeoutMs - this.#behindMs);
  }

  /** What has come makes up for the time that it took, and for no more: no credit is saved. */
  #noteRate(byteCount: number): void {
    const { clientBodyMinRate } = this.#client.conf;
    const waitedMs = this.#client.context.deadlines.nowMs - this.#waitingSinceMs;
    this.#waitingSinceMs = -1;
    if (clientBodyMinRate === 0) return;
    const dueMs = byteCount * 1_000 / clientBodyMinRate;
    this.#behindMs = Math.max(0, this.#behindMs + waitedMs - dueMs);
  }

  /** See {@linkcode RequestBody.stop} of the upstream's port. */
  stop(into: Buf): boolean {
    const { conn } = this.#client;
    this.#isNeededWhole = false; // who reads on may need it piece by piece
    // Also where the read is done and nobody has asked for its bytes: they are in this Buf.
    const holdsRead = conn.pendingRead === into || (!this.isDone && conn.hasReceived);
    if (!holdsRead) return false;
    this.#kept = into;
    return true;
  }

  /** Hands over the Buf of a read that was left behind, if there is one: the next one goes into it. */
  takeKept(): Buf | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    return kept;
  }

  drop(): void {
    this.takeKept()?.release();
  }

  /** Takes what came together with the head. */
  #takePreread(from: Buf, into: Buf): number {
    this.#owesContinue = false; // it has begun to send, so it is not waiting
    let taken = Math.min(from.size, into.room);
    if (this.lengthBytes >= 0) taken = Math.min(taken, this.#decoder.remainingBytes);
    into.cell.set(from.cell.subarray(from.pos, from.pos + taken), into.last);
    into.last += taken;
    this.#decode(into, taken);
    const rest = into.last - this.#decoder.restStart; // pipelined bytes stay where they were
    from.pos += taken - rest;
    into.last = this.#decoder.dataEnd;
    return into.size > 0 || this.isDone ? into.size : this.read(into);
  }

  #decode(into: Buf, received: number): void {
    const start = into.last - received;
    this.#decoder.decode(into.cell, start, into.last);
    this.bytes += this.#decoder.dataEnd - start;
    const maxBytes = this.#client.conf.clientMaxBodySizeBytes;
    if (maxBytes === 0 || this.bytes <= maxBytes) return;
    throw new BadMessage(
      413,
      `client intended to send too large chunked body: ${this.bytes} bytes`,
    );
  }

  /**
   * Bytes behind the body belong to the next request, so they are not read with it; but for one
   * that hardly ever comes: a read that has room left has seen that there is no more, and the
   * next one, of the watch, does not ask the kernel in vain.
   */
  #limit(into: Buf): void {
    if (this.lengthBytes < 0) return;
    into.end = Math.min(into.end, into.last + this.#decoder.remainingBytes + 1);
  }

  /** What was read beyond the body. The end of a chunked one is found only so. */
  #keepRest(into: Buf): void {
    const client = this.#client;
    const start = this.#decoder.restStart;
    const next = client.context.pool.acquire(into.last - start, "pipelined request");
    if (next === undefined) {
      client.isDraining = true; // no memory for what follows: this request is the last one
      return;
    }
    next.cell.set(into.cell.subarray(start, into.last));
    next.last = into.last - start;
    client.nextBuf = next;
  }

  #sendContinue(): void {
    this.#owesContinue = false;
    const { conn, context } = this.#client;
    const buf = context.pool.acquire(CONTINUE.length, "100 Continue");
    if (buf === undefined) return; // RFC 9110, 10.1.1: the client goes on by itself after a while
    buf.cell.set(CONTINUE);
    buf.last = CONTINUE.length;
    try {
      conn.send(buf);
    } finally {
      buf.release();
    }
  }
}

/** Like the connection's own, but giving up does not close the client's connection. */
class BodyReadable implements Wait {
  readonly #client: ClientConnection;
  #wake: (() => void) | undefined;

  constructor(client: ClientConnection) {
    this.#client = client;
  }

  get blocked(): Promise<void> | undefined {
    if (this.#client.conn.readable.blocked === undefined) return undefined;
    return new Promise(this.#begin);
  }

  arm(wake: () => void): void {
    this.#wake = wake;
    this.#client.conn.readable.arm(this.#onEvent);
  }

  disarm(): void {
    this.#wake = undefined;
    this.#client.conn.readable.disarm();
  }

  abandon(): void {
    this.#onEvent();
  }

  readonly #begin = (resolve: () => void): void => this.arm(resolve);

  readonly #onEvent = (): void => {
    const wake = this.#wake;
    this.disarm();
    wake?.();
  };
}
