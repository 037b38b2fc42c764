/**
 * Peers and the choice between them. A {@linkcode Balancer} lives as long as the
 * configuration, a {@linkcode Selection} as long as one request.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { PeerConf } from "./conf.ts";
import { addText, CRC_START, crcOf } from "./crc32.ts";
import type { PeerHealth } from "./health.ts";
import type { PeerRecord } from "./outliers.ts";
import { OwnState, type PeerState } from "./peer_state.ts";

/** By the configuration, or an operator. A bit of {@linkcode Peer.bars}, as are these: */
export const DOWN = 1;
/** It finishes what it has: only requests that are bound to it. */
export const DRAINING = 2;
/** Its `health_check` says so. */
export const UNHEALTHY = 4;
/** `outlier_detection` says so. */
export const EJECTED = 8;

/** A peer that comes back (`slow_start`) begins with this share of its weight. */
const SHARE_MIN = 0.01;

/** One upstream server: its configuration, then its live state. */
export class Peer {
  #conf: PeerConf;
  /** As its server has it: what an operator changed is not in there. */
  #written: PeerConf;
  /** What all workers know of it. */
  readonly #state: PeerState;
  /** Bits that this worker knows of; {@linkcode UNHEALTHY} and {@linkcode EJECTED} are known to all. */
  #ownBars = 0;
  /** Groups of this worker that have it. */
  #holders = 0;
  /** Its address is no longer one of its server's name: it finishes what it has. */
  isGone = false;
  /** Weight after failures; grows back to `weight` by one a choice. */
  effectiveWeight: number;
  currentWeight = 0;
  /** How long its answers take, in ms, and as of when: for balancers that go by it. 0: not known. */
  averageMs = 0;
  averagedAtMs = 0;
  /** What its checks have found (`health_check`); undefined: it has none. */
  health: PeerHealth | undefined;
  /** What `outlier_detection` goes by, where there is such. */
  record: PeerRecord | undefined;
  /** Where attempts at it are counted, once one was, if they are: `PEER_SLOTS`. */
  counts: Float64Array | undefined;
  #id: string | undefined;
  #idNumber: number | undefined;

  constructor(conf: PeerConf, state: PeerState = new OwnState()) {
    this.#conf = this.#written = conf;
    this.#state = state;
    this.effectiveWeight = conf.weight;
    this.bar(DOWN, conf.isDown);
    this.bar(DRAINING, conf.isDraining === true);
  }

  get conf(): PeerConf {
    return this.#conf;
  }

  /** Why it gets no requests: 0, or some of the bits above. */
  get bars(): number {
    return this.#ownBars | this.#state.bars;
  }

  /** Connections in use now, for `max_conns`. */
  get connections(): number {
    return this.#state.connections;
  }

  /** Failures in the current window. */
  get fails(): number {
    return this.#state.fails;
  }

  set fails(fails: number) {
    this.#state.fails = fails;
  }

  /** When the peer last failed, in ms of the clock. */
  get failedAtMs(): number {
    return this.#state.failedAtMs;
  }

  /** When the window began, or the peer was let back in for a trial, in ms of the clock. */
  get checkedAtMs(): number {
    return this.#state.checkedAtMs;
  }

  set checkedAtMs(atMs: number) {
    this.#state.checkedAtMs = atMs;
  }

  /** When it came back from being out (`slow_start`), in ms of the clock. */
  get backAtMs(): number {
    return this.#state.backAtMs;
  }

  set backAtMs(atMs: number) {
    this.#state.backAtMs = atMs;
  }

  /** Counts a connection unless `max_conns` are in use. {@linkcode disconnect} must follow. */
  connect(): boolean {
    return this.#state.connect(this.#conf.maxConns);
  }

  disconnect(): void {
    this.#state.disconnect();
  }

  /** Counts a failure; returns how many there are with it. */
  fail(nowMs: number): number {
    this.#state.failedAtMs = this.#state.checkedAtMs = nowMs;
    return this.#state.fail();
  }

  /** A group has it. */
  hold(): void {
    this.#holders++;
  }

  /** A group has it no more: when none does it is forgotten, unless other workers have it. */
  drop(): void {
    if (--this.#holders === 0) this.#state.release();
  }

  /** One that comes new to all workers begins so, until a check says that it is well. */
  awaitCheck(): void {
    if (this.#state.isNew) this.bar(UNHEALTHY, true);
  }

  /**
   * Takes another share of the requests, keeping its state. Returns whether its server has
   * another one for it than before; one that an operator gave it stays until then.
   */
  adopt(conf: PeerConf): boolean {
    const { weight, isBackup } = this.#written;
    if (conf.weight === weight && conf.isBackup === isBackup) return false;
    this.#written = conf;
    this.change({ weight: conf.weight, isBackup: conf.isBackup });
    return true;
  }

  /** Goes on under another configuration, with all that is known of it but what an operator changed. */
  reconfigure(conf: PeerConf): void {
    const isSameWeight = conf.weight === this.#conf.weight;
    this.#conf = this.#written = conf;
    this.#id = this.#idNumber = undefined;
    this.bar(DOWN, conf.isDown);
    this.bar(DRAINING, conf.isDraining === true);
    if (isSameWeight) return;
    this.effectiveWeight = conf.weight;
    this.currentWeight = 0;
  }

  /** An operator has it so from now on. */
  change(change: Partial<PeerConf>): void {
    this.#conf = { ...this.#conf, ...change };
    this.effectiveWeight = this.#conf.weight;
    this.currentWeight = 0;
    this.bar(DOWN, this.#conf.isDown);
    this.bar(DRAINING, this.#conf.isDraining === true);
  }

  /**
   * Sets one of the bits of {@linkcode Peer.bars}, or clears it. Returns whether that is a
   * change: of several workers that do it at once, to one of them.
   */
  bar(reason: number, isBarred: boolean): boolean {
    if (reason === UNHEALTHY || reason === EJECTED) return this.#state.bar(reason, isBarred);
    const before = this.#ownBars;
    this.#ownBars = isBarred ? before | reason : before & ~reason;
    return this.#ownBars !== before;
  }

  /** When its ejection ends, or the last one ended, in ms of the clock. */
  get ejectedUntilMs(): number {
    return this.#state.ejectedUntilMs;
  }

  /**
   * Takes it out for a while (`outlier_detection`), longer each time; each `forgiveMs` that it
   * was in since makes that less. Returns for how long, in ms; 0 if it is out already.
   */
  eject(nowMs: number, baseMs: number, maxMs: number, forgiveMs: number): number {
    const state = this.#state;
    const forgiven = Math.max(0, Math.floor((nowMs - state.ejectedUntilMs) / forgiveMs));
    const ejections = Math.max(0, state.ejections - forgiven) + 1;
    const timeMs = Math.min(baseMs * ejections, maxMs);
    // Before the bit: who sees that one looks how long it lasts.
    state.ejectedUntilMs = nowMs + timeMs;
    if (!this.bar(EJECTED, true)) return 0;
    state.ejections = ejections;
    return timeMs;
  }

  /** It is not checked any more: what checks said does not count. */
  forgetHealth(): void {
    this.health = undefined;
    this.bar(UNHEALTHY, false);
  }

  /** It is not watched any more (`outlier_detection`). */
  forgetRecord(): void {
    this.record = undefined;
    this.bar(EJECTED, false);
  }

  /** It is known to be well again: nothing of what it did before counts, and `slow_start` begins. */
  comeBack(nowMs: number): void {
    this.fails = 0;
    this.effectiveWeight = this.conf.weight;
    if ((this.conf.slowStartMs ?? 0) > 0) this.backAtMs = nowMs;
  }

  /** It failed too often of late: `max_fails` within `fail_timeout`. */
  isFailedAt(nowMs: number): boolean {
    const { maxFails, failTimeoutMs } = this.#conf;
    return maxFails > 0 && this.fails >= maxFails && nowMs - this.checkedAtMs <= failTimeoutMs;
  }

  /** Of one that has failed: its `fail_timeout` is over, and a request is finding out how it is. */
  get isOnTrial(): boolean {
    return this.checkedAtMs > this.failedAtMs;
  }

  /** It has all the connections that it may have, and would be used if it had not. */
  get isFull(): boolean {
    const { maxConns } = this.#conf;
    return maxConns > 0 && this.connections >= maxConns && (this.bars & ~DRAINING) === 0;
  }

  /** What binds a request to it. */
  get id(): string {
    return this.#id ??= this.conf.route ?? createHash("md5").update(this.name).digest("hex");
  }

  /** The same as a number, from the 32 bits without 0: for memory that workers share. */
  get idNumber(): number {
    return this.#idNumber ??= (crcOf(addText(CRC_START, this.id)) | 0) || 1;
  }

  /** The share of its weight that it has by now: 1, but for the time of `slow_start`. */
  shareAt(nowMs: number): number {
    const { slowStartMs } = this.#conf;
    if (slowStartMs === undefined || slowStartMs === 0 || this.backAtMs === -Infinity) return 1;
    const share = (nowMs - this.backAtMs) / slowStartMs;
    if (share < 1) return Math.max(SHARE_MIN, share);
    this.backAtMs = -Infinity;
    return 1;
  }

  /** As written in the configuration. */
  get name(): string {
    return this.conf.name;
  }
}

/**
 * How an attempt ended for the peer. `next`: tried in vain, yet no fault of the peer
 * (a 403, 404 or 429 that another peer is asked about).
 */
export type PeerVerdict = "ok" | "next" | "failed";

/** One request's walk over the peers of a group. Used again for the next request. */
export class Selection {
  /** Attempts left, the one in progress included. */
  triesLeft = 0;
  /** Peers that this request has tried. */
  readonly tried: Peer[] = [];
  /** Whether only the backup peers are left. */
  onBackup = false;
  /** What the balancer goes by, where it goes by something: code units are bytes. Kept over a reset. */
  key = "";
  /** The peer that the request is bound to, by its `id`; empty: none. Kept over a reset. */
  boundTo = "";
  /** Health is ignored, since too few peers would be left (`panic_threshold`). */
  isPanicking = false;
  /** There is nobody else: peers that are on trial with another request take this one too. */
  joinsTrials = false;
  /** How long the attempt that ended took, to its head (-1: it had none) and in all, in ms. */
  headerMs = -1;
  responseMs = 0;
  /** State of balancers that hash. */
  hash = 0;
  hashes = 0;
  /** Peers drawn in vain. */
  draws = 0;

  reset(tries: number): void {
    this.triesLeft = tries;
    this.onBackup = this.isPanicking = false;
    while (this.tried.length > 0) this.tried.pop(); // setting the length would drop its memory
    this.hash = this.hashes = this.draws = 0;
  }
}

/** Chooses peers. A new one is one file that implements this. */
export interface Balancer {
  readonly peers: readonly Peer[];
  /** Starts a request's walk. */
  begin(selection: Selection): void;
  /** Returns the next peer to try, or `undefined`: no live upstreams. Never the same one twice. */
  get(selection: Selection, nowMs: number): Peer | undefined;
  /** Must follow every `get` that returned a peer, exactly once. */
  free(selection: Selection, peer: Peer, verdict: PeerVerdict, nowMs: number): void;
}
