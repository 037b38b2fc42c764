/**
 * A connection to a peer, and the cache of those that are idle.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import {
  type Conn,
  type Deadlines,
  type DialOptions,
  isSameDial,
  NEVER,
  PLAIN_DIAL,
} from "../event/mod.ts";
import type { KeepaliveConf } from "./conf.ts";
import type { Peer } from "./peer.ts";

/**
 * A connection to a peer with the Buf that its responses begin in. The two stay
 * together while the connection is idle: its pending read, which notices that the
 * peer closes, is the read that will bring the next response.
 */
export class UpstreamConn {
  readonly conn: Conn;
  readonly peer: Peer;
  /** Where the next response head is read. This connection's own until it is closed. */
  buf: Buf;
  /** Left free in front of the next response: for a head of ours in the place of the peer's. */
  headroomBytes = 0;
  /** Requests sent on it so far. */
  requests = 0;
  readonly openedAtMs: number;
  /** How it was made: a request that wants another way does not get it. */
  readonly dial: DialOptions;
  /** Called when something happens while it is idle; the cache's business. */
  onIdleEvent: (() => void) | undefined;

  constructor(conn: Conn, peer: Peer, buf: Buf, openedAtMs: number, dial = PLAIN_DIAL) {
    this.conn = conn;
    this.peer = peer;
    this.buf = buf;
    this.openedAtMs = openedAtMs;
    this.dial = dial;
  }

  /** Whether a request before this one was answered on it: it may be stale. */
  get isReused(): boolean {
    return this.requests > 1;
  }

  /** Closes it and gives its Buf back. */
  close(): void {
    this.conn.close();
    this.buf.release();
  }
}

/** The idle connections of one group (`keepalive`): last in, first out. */
export class IdleConns {
  readonly #conf: KeepaliveConf;
  readonly #deadlines: Deadlines;
  /** Oldest first. */
  readonly #idle: UpstreamConn[] = [];
  #isClosed = false;
  /** Requests that found an idle connection, and those that did not. */
  reused = 0;
  opened = 0;

  constructor(conf: KeepaliveConf, deadlines: Deadlines) {
    this.#conf = conf;
    this.#deadlines = deadlines;
  }

  get count(): number {
    return this.#idle.length;
  }

  /**
   * Hands over the connection to `peer` that became idle last, with its read pending;
   * one that was made in the way that is asked for, with its TLS and from its address.
   */
  take(peer: Peer, dial: DialOptions = PLAIN_DIAL): UpstreamConn | undefined {
    const idle = this.#idle;
    for (let at = idle.length - 1; at >= 0; at--) {
      const upstream = idle[at]!;
      if (upstream.peer !== peer || upstream.conn.isClosed) continue;
      if (!isSameDial(upstream.dial, dial)) continue;
      if (at === idle.length - 1) idle.pop();
      else idle.splice(at, 1);
      upstream.conn.readable.disarm();
      upstream.conn.setReadDeadline(NEVER);
      this.reused++;
      return upstream;
    }
    return undefined;
  }

  /**
   * Takes over a connection whose last response is complete, its Buf empty and
   * nothing being sent. Closes it when it may not be kept.
   */
  give(upstream: UpstreamConn): void {
    const conf = this.#conf;
    const { conn } = upstream;
    const nowMs = this.#deadlines.nowMs;
    if (
      this.#isClosed || upstream.peer.isGone || conf.connections === 0 ||
      upstream.requests >= conf.requests ||
      nowMs - upstream.openedAtMs > conf.timeMs || conn.isClosed
    ) {
      upstream.close();
      return;
    }
    if (this.#idle.length >= conf.connections) this.#evict(this.#idle.shift()!);
    upstream.buf.reset(upstream.headroomBytes);
    if (!this.#watch(upstream)) return;
    conn.setReadDeadline(nowMs + conf.timeoutMs);
    this.#idle.push(upstream);
  }

  /** Closes those to a peer that is gone. */
  closeAllOf(peer: Peer): void {
    for (let at = this.#idle.length - 1; at >= 0; at--) {
      const upstream = this.#idle[at]!;
      if (upstream.peer !== peer) continue;
      this.#idle.splice(at, 1);
      this.#evict(upstream);
    }
  }

  /** Closes all, and keeps none from now on: for shutdown and reload. */
  close(): void {
    this.#isClosed = true;
    for (const upstream of this.#idle.splice(0)) this.#evict(upstream);
  }

  /** Disarmed first: its read is rejected later, which must not close it a second time. */
  #evict(upstream: UpstreamConn): void {
    upstream.conn.readable.disarm();
    upstream.close();
  }

  /** Leaves a read pending that tells when the peer closes, or sends what nobody asked for. */
  #watch(upstream: UpstreamConn): boolean {
    try {
      // Bytes or an end that are there already mean that it cannot be used again.
      if (upstream.conn.recv(upstream.buf) >= 0) {
        upstream.close();
        return false;
      }
    } catch {
      upstream.close(); // it broke since its response was complete
      return false;
    }
    upstream.onIdleEvent ??= () => this.#drop(upstream);
    upstream.conn.readable.arm(upstream.onIdleEvent);
    return true;
  }

  #drop(upstream: UpstreamConn): void {
    const at = this.#idle.indexOf(upstream);
    if (at >= 0) this.#idle.splice(at, 1);
    upstream.close();
  }
}
