/**
 * One client's connection: what it holds, and what a request of its holds.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import {
  type Conn,
  type ConnContext,
  Driver,
  Failure,
  NEVER,
  type RemoteAddress,
} from "../event/mod.ts";
import { type ProxyHeader, RequestHead } from "../wire/mod.ts";
import type { Client, ClientTunnel } from "./client.ts";
import { ClientBody } from "./client_body.ts";
import { ClientResponse } from "./client_response.ts";
import type { ClientConf, ListenConf } from "./conf.ts";
import type { ClientHandler } from "./serve_client.ts";

/** Request heads that are kept to be used again: what a burst needed beyond is the collector's. */
const SPARE_HEADS_MAX = 1_024;

/** An idle connection that is drained may send one more request for this long, in ms. */
const DRAIN_GRACE_MS = 1_000;

/** What a configuration makes of one listening address. */
export interface ClientSettings {
  readonly conf: ListenConf;
  /** Holds for a connection until its first request has found its location. */
  readonly firstConf: ClientConf;
  /** Asked at the begin of each request: a reload puts another one in its place. */
  readonly handler: ClientHandler;
}

/** What all connections of one listening address share. It lives as long as the address is listened on. */
export interface ClientShared {
  readonly context: ConnContext;
  /** Of the configuration that is in force. */
  settings: ClientSettings;
  /** Request heads that no connection is using: an idle connection has none. */
  readonly spareHeads: RequestHead[];
}

/** A client's connection. Everything about the current request is overwritten by the next. */
export class ClientConnection implements Client {
  /** Where the roster of all clients keeps it. */
  slot = -1;
  readonly conn: Conn;
  remote: RemoteAddress;
  proxied: ProxyHeader["ends"];
  readonly shared: ClientShared;
  readonly driver = new Driver();
  /** Number of the connection, for logs: nginx's `*1`. */
  readonly id: number;
  readonly response: ClientResponse;
  readonly body: ClientBody;
  /** `max_connections_per_address`: its place, to be given back when it ends. */
  counted: { release(): void } | undefined;
  /** Of the location that the current request, or the last one, was for. */
  conf: ClientConf;
  /** That was in force when the current head, or the last one, began: it holds to the head's end. */
  headConf: ListenConf;
  /** Requests so far, the current one included. */
  requests = 0;
  /** When the first byte of the current request came, or of the last one; or the client itself. In ms of the clock. */
  startedAtMs: number;
  readonly connectedAtMs: number;
  isPipelined = false;

  /** Holds the current request's head up to `head.end`; its unread bytes come behind that. */
  buf: Buf | undefined;
  /** What comes after the current request: the watch's pending read, or bytes it brought. */
  nextBuf: Buf | undefined;
  /** Whether the connection is to end after the current request, whatever the client wishes. */
  isDraining = false;
  /** Whether it is drained and may send one more request, which may be on its way already. */
  mayAskOnceMore = false;
  /** Whether the connection is waiting for a request of which nothing has come. */
  isIdle = true;
  /** What answers the current request; undefined between two of them. */
  handler: ClientHandler | undefined;
  #head: RequestHead | undefined;
  /** Length of the last request head, in bytes. */
  #lastHeadBytes = 0;
  #onGone: (() => void) | undefined;

  constructor(conn: Conn, id: number, shared: ClientShared) {
    this.conn = conn;
    this.remote = conn.remote;
    this.id = id;
    this.shared = shared;
    this.conf = shared.settings.firstConf;
    this.headConf = shared.settings.conf;
    this.connectedAtMs = this.startedAtMs = shared.context.deadlines.nowMs;
    this.body = new ClientBody(this);
    this.response = new ClientResponse(this);
  }

  get context(): ConnContext {
    return this.shared.context;
  }

  /** The current request's head. */
  get head(): RequestHead {
    return this.#head ??= this.#takeHead();
  }

  /** Whether some of the current request's head has come, or all of it. */
  get hasHead(): boolean {
    return this.#head !== undefined;
  }

  /** For the operator: idle, on its way to a whole request head, or at work on a response. */
  get doing(): "idle" | "reading" | "writing" {
    if (this.isIdle) return "idle";
    return this.#head === undefined || this.#head.end === 0 ? "reading" : "writing";
  }

  /**
   * A Buf for the next request: of `client_header_buffer_size`, or while there is memory enough
   * one that the head before it would have fitted into. The heads of one client are alike, and
   * one that fits is read at once: a browser's, of 2 KB, costs a fifth less CPU then.
   *
   * @returns undefined: there is no memory.
   */
  acquireHeadBuf(holder: string): Buf | undefined {
    const { pool } = this.context;
    const { clientHeaderBufferSizeBytes: usualBytes, largeClientHeaderBufferSizeBytes: mostBytes } =
      this.shared.settings.conf;
    const likeBytes = this.#lastHeadBytes;
    const isLarge = likeBytes > usualBytes && likeBytes <= mostBytes && pool.isHalfFree;
    if (!isLarge) return pool.acquire(usualBytes, holder);
    const buf = pool.acquire(likeBytes, holder);
    if (buf !== undefined) buf.end = Math.min(buf.end, mostBytes); // no line is longer
    return buf;
  }

  /** A request was read whole. */
  beginRequest(): void {
    this.requests++;
    this.#lastHeadBytes = this.head.end;
    this.body.begin();
  }

  /** The request has been answered: makes ready for the next one, of which there is no answer yet. */
  endRequest(): void {
    this.response.begin();
    this.remote = this.conn.remote;
    if (this.buf !== undefined && this.buf.size === 0) {
      this.buf.release();
      this.buf = this.nextBuf;
      this.nextBuf = undefined;
    }
    this.#giveHeadBack();
  }

  /**
   * Calls `onGone` when the client leaves. What it sends meanwhile is kept for the
   * next request. Pipelined bytes hide the end of the stream, as they do in nginx.
   */
  watch(onGone: () => void, seesAbortsOnly = false): void {
    const { conn } = this;
    if (conn.hasEnded && !seesAbortsOnly) return onGone();
    this.#onGone = onGone;
    if (seesAbortsOnly) return;
    if (!this.body.isDone) return; // who reads the body will notice; an abort is told all the same
    if (this.nextBuf !== undefined && conn.pendingRead === this.nextBuf) {
      return conn.readable.arm(this.#onWatchedEvent); // watched before, for something else
    }
    if (this.buf!.size > 0 || this.nextBuf !== undefined) return;
    const buf = this.acquireHeadBuf("client watch");
    if (buf === undefined) return; // memory is short: the next write will notice
    this.nextBuf = buf;
    conn.setReadDeadline(NEVER);
    conn.recv(buf); // AGAIN: nothing was pending
    conn.readable.arm(this.#onWatchedEvent);
  }

  unwatch(): void {
    this.#onGone = undefined;
    this.conn.readable.disarm();
  }

  openTunnel(): ClientTunnel {
    // Who has the tunnel reads, and sees the client leave; an end of ours it has to be told of.
    this.conn.readable.disarm();
    return {
      conn: this.conn,
      takeFirst: () => this.#takeFirst(),
      onSent: (byteCount) => {
        this.response.bodyBytes += byteCount;
        this.response.sentBytes += byteCount;
      },
    };
  }

  /** What the client sent behind its request head, or the Buf of the watch's pending read. */
  #takeFirst(): Buf | undefined {
    const { nextBuf } = this;
    this.nextBuf = undefined;
    const early = this.buf!;
    if (nextBuf !== undefined || early.size === 0) return nextBuf;
    const first = this.context.pool.acquire(early.size, "upgraded connection");
    if (first === undefined) throw new Failure("downstream", "closed", "no buffer memory");
    first.cell.set(early.data());
    first.last = early.size;
    early.pos = early.last;
    return first;
  }

  /** Closes the connection and gives back what it holds. */
  close(): void {
    this.conn.close();
    this.response.drop();
    this.body.drop();
    this.buf?.release();
    this.nextBuf?.release();
    this.buf = this.nextBuf = undefined;
    this.#giveHeadBack();
  }

  /** Ends the connection at once, and what its request waits for. */
  abort(): void {
    this.conn.close();
    this.#onGone?.();
  }

  /**
   * Lets the current request finish and ends the connection then. An idle one ends at once,
   * unless it was at work a moment ago: its next request may be on its way, and would be lost.
   */
  drain(): void {
    this.isDraining = this.mayAskOnceMore = true;
    if (!this.isIdle) return;
    const endMs = this.startedAtMs + DRAIN_GRACE_MS;
    if (endMs <= this.context.deadlines.stamp()) this.conn.close();
    else this.conn.setReadDeadline(endMs);
  }

  /** How long the next request may take to come, in ms: the first one has its header time. */
  get idleMs(): number {
    if (this.isDraining) return DRAIN_GRACE_MS;
    return this.requests === 0
      ? this.shared.settings.conf.clientHeaderTimeoutMs
      : this.conf.keepaliveTimeout.idleMs;
  }

  #takeHead(): RequestHead {
    const { settings: { conf }, spareHeads } = this.shared;
    const spare = spareHeads.pop();
    if (spare === undefined) return new RequestHead(conf.maxHeaders, conf.droppedNames);
    spare.fields.dropped = conf.droppedNames;
    spare.fields.maxCount = conf.maxHeaders; // it may be from before a reload
    return spare;
  }

  readonly #onWatchedEvent = (): void => {
    if (this.conn.hasEnded) this.#onGone?.();
  };

  #giveHeadBack(): void {
    if (this.#head === undefined) return;
    const { spareHeads } = this.shared;
    this.#head.end = 0; // nobody is to take it for a head that is whole
    const isWorthKeeping = spareHeads.length < SPARE_HEADS_MAX && !this.#head.fields.isLarge;
    if (isWorthKeeping) spareHeads.push(this.#head);
    this.#head = undefined;
  }
}
