/**
 * A `Deno.Conn` (TCP or unix) in the would-block vocabulary.
 *
 * Bound callbacks and Waits are made once a connection: `recv` and `send` allocate
 * nothing but the operation's own promises.
 *
 * @module
 */
import { type Buf, Chain, type SlabPool, type TempSpace } from "../buffer/mod.ts";
import type { DescriptorReserve } from "./descriptor_reserve.ts";
import { type Deadlines, type Expirable, NEVER } from "./clock.ts";
import type { Conn, RemoteAddress } from "./conn.ts";
import type { Connect } from "./dial.ts";
import type { Counts } from "../log/mod.ts";
import { Failure, type Side } from "./failure.ts";
import type { Moment, Waiter } from "./later.ts";
import type { SpareFiles } from "./spare_files.ts";
import { systemErrorText } from "./system_error.ts";
import type { ReadGate } from "./turnstile.ts";
import { AGAIN, type Wait } from "./wait.ts";

/** What carries the bytes: the part of `Deno.Conn` that is used. Tests pass a script. */
export interface Transport {
  read(into: Uint8Array): Promise<number | null>;
  write(from: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/** What connections share: one of each a worker. */
export interface ConnContext {
  readonly pool: SlabPool;
  readonly tempSpace: TempSpace;
  readonly deadlines: Deadlines;
  readonly gate: ReadGate;
  readonly counters: ConnCounters;
  /** What is counted for the operator; undefined where nobody could ask (no `admin`). */
  counts?: Counts | undefined;
  /** What accepting leaves to others when descriptors run out; undefined for nothing. */
  reserve?: DescriptorReserve | undefined;
  /** Temp files to be used again; undefined: each body has a new one. */
  readonly spareFiles?: SpareFiles;
  /** How connections to peers are opened. @default {by the system} */
  readonly connect?: Connect;
}

/** Counts of one worker, for limits, status and leak checks. */
export interface ConnCounters {
  /** Connections that are open now, both sides. */
  open: number;
  /** Those of them on which a patient reader waits for the next dribble. */
  dribbling: number;
}

/**
 * A read of less than this is small, in bytes; where the other end dribbles already, also one of
 * less than this for each second that it took, unless there was no room for more.
 */
const SMALL_READ_BYTES = 64;
/** After so many small reads in a row the other end dribbles. One that took so long, in ms, is two. */
const DRIBBLE_READS = 4;
const SLOW_READ_MS = 1_000;
/** Fewer connections that dribble hold up nobody, and are read at once. */
const DRIBBLING_MAX = 100;
/** Those that dribble in step are not read in step: up to this part earlier, by their slot. */
const SPREAD = 0.25;
const SPREAD_SLOTS = 64;
/** Nothing has been read that was not handed on yet. */
const NOTHING = -2;
const CLOSED_BY_US = "the connection was closed by this proxy";
/** Made once, since every connection ends with it: an Error's stack costs several microseconds. */
const CLOSED: Readonly<Record<Side, Failure>> = {
  upstream: new Failure("upstream", "closed", CLOSED_BY_US),
  downstream: new Failure("downstream", "closed", CLOSED_BY_US),
};
/** Nobody has asked: of connections to peers. */
const UNKNOWN: RemoteAddress = { hostname: "", port: 0 };

export class TcpConn implements Conn, Expirable, Waiter {
  slot = -1;
  readonly side: Side;
  readonly remote: RemoteAddress;
  readonly local: RemoteAddress;
  readonly readable: Wait;
  readonly writable: Wait;
  sendTimeoutMs = NEVER;
  sendMinRate = 0;
  bytesReceived = 0;
  bytesSent = 0;
  isClosed = false;

  readonly #transport: Transport;
  readonly #context: ConnContext;

  /** Given to the outstanding read. */
  #into: Buf | undefined;
  #reading: Promise<void> | undefined;
  /** The gate has not let the read start yet. */
  #isHeldBack = false;
  /** Resolves what somebody was given who began to wait meanwhile. */
  #heldBack: (() => void) | undefined;
  #received = NOTHING;
  #isAtEnd = false;
  #readDeadlineMs = NEVER;

  /** Whose the outstanding read is, or the last one was. */
  #isPatient = false;
  /** Small reads in a row for a patient reader, and how long they took together. */
  #smallReads = 0;
  #dribbledMs = 0;
  /** When the outstanding read of a patient reader was asked for, or the last one. */
  #askedMs = 0;
  /** Whether the outstanding read is counted as one that waits for a dribble. */
  #isDribbling = false;
  /** When a read that was put off starts. */
  #moment: Moment | undefined;

  /** All that is being sent; the first Buf is the one being written. */
  readonly #out = new Chain();
  #writing: Promise<void> | undefined;
  #writeDeadlineMs = NEVER;
  #writeStartedMs = 0;
  /** How far the other end is behind {@linkcode sendMinRate}. */
  #behindMs = 0;
  #closesWriteWhenSent = false;

  #readFailure: Failure | undefined;
  #sendFailure: Failure | undefined;

  /** One-slot wake-ups: the Waits' business. */
  wakeReader: (() => void) | undefined;
  wakeWriter: (() => void) | undefined;

  constructor(
    transport: Transport,
    side: Side,
    remote: RemoteAddress,
    context: ConnContext,
    local: RemoteAddress = UNKNOWN,
  ) {
    this.#transport = transport;
    this.side = side;
    this.remote = remote;
    this.local = local;
    this.#context = context;
    this.readable = new Readable(this);
    this.writable = new Writable(this);
    context.deadlines.add(this);
    context.counters.open++;
  }

  get pendingRead(): Buf | undefined {
    return this.#into;
  }

  get hasReceived(): boolean {
    return this.#received !== NOTHING;
  }

  get hasEnded(): boolean {
    return this.#readFailure !== undefined || this.#isAtEnd;
  }

  /** What a blocked reader waits for; the Waits' business. */
  get reading(): Promise<void> | undefined {
    if (this.#isHeldBack) {
      this.#reading ??= new Promise((resolve) => this.#heldBack = resolve);
    }
    return this.#reading;
  }

  /** What a blocked writer waits for; the Waits' business. */
  get writing(): Promise<void> | undefined {
    return this.#writing;
  }

  get isSending(): boolean {
    return !this.#out.isEmpty;
  }

  recv(into: Buf, isPatient = false): number {
    const received = this.#received;
    if (received !== NOTHING) {
      this.#received = NOTHING;
      return received;
    }
    if (this.#into !== undefined) {
      if (this.#into !== into) {
        throw new Error("Cannot recv into another Buf than the pending read's");
      }
      if (!isPatient && this.#moment !== undefined) this.#putReadOff(0);
      return AGAIN;
    }
    if (this.#readFailure !== undefined) throw this.#readFailure;
    if (this.#isAtEnd) return 0;
    into.lendRoom();
    this.#into = into;
    // A sweep forgets a deadline that no read has: it may have been set long before.
    if (this.#readDeadlineMs !== NEVER) this.#context.deadlines.notice(this.#readDeadlineMs);
    this.#isHeldBack = true;
    if (isPatient !== this.#isPatient) this.#endRow();
    this.#isPatient = isPatient;
    if (isPatient) this.#askedMs = this.#context.deadlines.nowMs;
    if (this.#smallReads >= DRIBBLE_READS) this.#awaitDribble();
    else this.#context.gate.pass(this.#startRead);
    return AGAIN;
  }

  send(from: Buf): void {
    if (this.#sendFailure !== undefined) throw this.#sendFailure;
    if (from.size === 0) return;
    from.lendData();
    const isIdle = this.#out.isEmpty;
    this.#out.push(from);
    if (isIdle) this.#startWrite(from);
  }

  checkSending(): void {
    if (this.#sendFailure !== undefined) throw this.#sendFailure;
  }

  closeWrite(): void {
    if (this.isSending) this.#closesWriteWhenSent = true;
    else this.#endWriting();
  }

  setReadDeadline(atMs: number): void {
    this.#readDeadlineMs = atMs;
    if (atMs !== NEVER) this.#context.deadlines.notice(atMs);
    if (this.#moment !== undefined) this.#putReadOff(this.#moment.atMs);
  }

  expire(nowMs: number): number {
    const isReadOverdue = this.#into !== undefined && this.#readDeadlineMs <= nowMs;
    if (isReadOverdue || this.#writeDeadlineMs <= nowMs) {
      const doing = isReadOverdue ? "reading" : "sending";
      this.#closeBecause(new Failure(this.side, "timeout", `timed out ${doing}`));
      return NEVER;
    }
    return Math.min(this.#into === undefined ? NEVER : this.#readDeadlineMs, this.#writeDeadlineMs);
  }

  close(): void {
    this.#closeBecause(CLOSED[this.side]);
  }

  toString(): string {
    return `${this.side} connection ${this.remote.hostname}:${this.remote.port}`;
  }

  /** Closes; `failure` is what is thrown to those who ask later. */
  #closeBecause(failure: Failure): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#readFailure ??= failure;
    this.#sendFailure ??= failure;
    this.#readDeadlineMs = this.#writeDeadlineMs = NEVER;
    this.#leaveMoment();
    this.#context.deadlines.remove(this);
    this.#context.counters.open--;
    this.#transport.close();
    if (this.#isHeldBack) this.#endHeldBackRead();
  }

  #noteSize(byteCount: number, roomBytes: number): void {
    const waitedMs = this.#context.deadlines.nowMs - this.#askedMs;
    const seconds = this.#smallReads >= DRIBBLE_READS ? Math.max(1, waitedMs / 1_000) : 1;
    if (byteCount >= SMALL_READ_BYTES * seconds || byteCount === roomBytes) {
      return this.#endRow();
    }
    this.#smallReads += waitedMs < SLOW_READ_MS ? 1 : 2;
    this.#dribbledMs += waitedMs;
  }

  #endRow(): void {
    this.#smallReads = this.#dribbledMs = 0;
  }

  /**
   * For as long again as it has dribbled: what has come by then is one read, which need not wait.
   */
  #awaitDribble(): void {
    const { counters, deadlines: { nowMs }, gate } = this.#context;
    this.#isDribbling = true;
    if (++counters.dribbling <= DRIBBLING_MAX) return gate.pass(this.#startRead);
    this.#putReadOff(nowMs + this.#dribbledMs * this.#spread);
  }

  /** Part of the time that it could be put off for. */
  get #spread(): number {
    return 1 - SPREAD * (this.slot % SPREAD_SLOTS) / SPREAD_SLOTS;
  }

  /** Until `atMs`; but three quarters of the time until its deadline are the read's. */
  #putReadOff(atMs: number): void {
    const { deadlines, gate } = this.#context;
    const { nowMs } = deadlines;
    const startsMs = Math.min(atMs, nowMs + (this.#readDeadlineMs - nowMs) / 4 * this.#spread);
    if (startsMs === this.#moment?.atMs) return;
    this.#leaveMoment();
    this.#moment = deadlines.later.add(startsMs, nowMs, this);
    if (this.#moment === undefined) gate.pass(this.#startRead);
  }

  #leaveMoment(): void {
    if (this.#moment === undefined) return;
    this.#context.deadlines.later.leave(this.#moment);
    this.#moment = undefined;
  }

  onMoment(moment: Moment): void {
    if (moment !== this.#moment) return; // it has closed meanwhile, or begins at another one
    this.#moment = undefined;
    this.#context.gate.pass(this.#startRead);
  }

  #endDribble(): void {
    if (!this.#isDribbling) return;
    this.#isDribbling = false;
    this.#context.counters.dribbling--;
  }

  readonly #startRead = (): void => {
    const into = this.#into;
    if (into === undefined) return; // closed while held back
    this.#isHeldBack = false;
    const read = this.#transport.read(into.lentRoom).then(this.#onRead, this.#onReadFailed);
    this.#reading ??= read;
  };

  readonly #onRead = (byteCount: number | null): void => {
    this.#context.deadlines.stamp();
    const into = this.#into!;
    this.#into = this.#reading = undefined;
    this.#endDribble();
    if (byteCount === null) this.#isAtEnd = true;
    else this.bytesReceived += byteCount;
    this.#received = byteCount ?? 0;
    if (this.#isPatient) this.#noteSize(this.#received, into.room);
    into.settleRead(this.#received);
    this.#wakeReaders();
  };

  readonly #onReadFailed = (error: unknown): void => {
    const into = this.#into!;
    this.#into = this.#reading = undefined;
    this.#endDribble();
    into.settleRead(0);
    this.#readFailure ??= this.#broken(error);
    this.#wakeReaders();
  };

  /** Closed before the gate let the read start: there is nothing that would settle. */
  #endHeldBackRead(): void {
    const into = this.#into!;
    this.#isHeldBack = false;
    this.#into = this.#reading = undefined;
    this.#endDribble();
    into.settleRead(0);
    this.#wakeReaders();
  }

  #wakeReaders(): void {
    const { wakeReader } = this;
    const heldBack = this.#heldBack;
    this.wakeReader = this.#heldBack = undefined;
    if (heldBack !== undefined) heldBack();
    if (wakeReader !== undefined) wakeReader();
  }

  #startWrite(buf: Buf): void {
    this.#writeStartedMs = this.#context.deadlines.nowMs;
    if (this.sendTimeoutMs !== NEVER) {
      this.#writeDeadlineMs = this.#writeStartedMs + this.sendTimeoutMs - this.#behindMs;
      this.#context.deadlines.notice(this.#writeDeadlineMs);
    }
    this.#writing = this.#transport.write(buf.data()).then(this.#onSent, this.#onSendFailed);
  }

  readonly #onSent = (byteCount: number): void => {
    // The write may have stalled for long, and what comes next counts from now.
    this.#context.deadlines.stamp();
    const buf = this.#out.first!;
    this.bytesSent += byteCount;
    buf.pos += byteCount;
    if (this.sendMinRate > 0) this.#noteRate(byteCount);
    this.#writing = undefined;
    this.#writeDeadlineMs = NEVER;
    if (buf.size === 0) {
      this.#out.shift();
      buf.settleWrite();
    }
    const next = this.#out.first;
    if (next !== undefined) {
      if (this.isClosed) this.#dropOut();
      else this.#startWrite(next);
    } else if (this.#closesWriteWhenSent) {
      this.#endWriting();
    }
    const wake = this.wakeWriter;
    if (wake !== undefined) {
      this.wakeWriter = undefined;
      wake();
    }
  };

  /** What it has taken makes up for the time that it took, and for no more: no credit is saved. */
  #noteRate(byteCount: number): void {
    const waitedMs = this.#context.deadlines.nowMs - this.#writeStartedMs;
    const dueMs = byteCount * 1_000 / this.sendMinRate;
    this.#behindMs = Math.max(0, this.#behindMs + waitedMs - dueMs);
  }

  /**
   * Only the sending direction has failed for now: what the other end sent before
   * it broke may still be read, so the reading direction finds out on its own.
   */
  readonly #onSendFailed = (error: unknown): void => {
    this.#writing = undefined;
    this.#writeDeadlineMs = NEVER;
    this.#sendFailure ??= this.#broken(error);
    this.#dropOut();
    const wake = this.wakeWriter;
    this.wakeWriter = undefined;
    wake?.();
  };

  #dropOut(): void {
    for (let buf = this.#out.shift(); buf !== undefined; buf = this.#out.shift()) buf.settleWrite();
  }

  #endWriting(): void {
    if (this.isClosed) return;
    // A refusal means that the connection is gone, which the next read tells.
    this.#transport.closeWrite().catch(() => {});
  }

  #broken(error: unknown): Failure {
    const text = systemErrorText(error);
    const { code } = error as { code?: unknown };
    // The other end may end TLS with an alert long after the handshake.
    return typeof code === "string" && code.startsWith("ERR_SSL_")
      ? new Failure(this.side, "tls", `SSL_read() failed (SSL: ${text})`, error)
      : new Failure(this.side, "reset", text, error);
  }
}

class Readable implements Wait {
  readonly #conn: TcpConn;

  constructor(conn: TcpConn) {
    this.#conn = conn;
  }

  get blocked(): Promise<void> | undefined {
    return this.#conn.reading;
  }

  arm(wake: () => void): void {
    this.#conn.wakeReader = wake;
  }

  disarm(): void {
    this.#conn.wakeReader = undefined;
  }

  abandon(): void {
    this.#conn.close();
  }
}

class Writable implements Wait {
  readonly #conn: TcpConn;

  constructor(conn: TcpConn) {
    this.#conn = conn;
  }

  get blocked(): Promise<void> | undefined {
    return this.#conn.writing;
  }

  arm(wake: () => void): void {
    this.#conn.wakeWriter = wake;
  }

  disarm(): void {
    this.#conn.wakeWriter = undefined;
  }

  abandon(): void {
    this.#conn.close();
  }
}
