/**
 * What all balancers have in common: backups, bounds, and the window of failures. One
 * that is a file of its own says only which of the peers it is.
 *
 * @module
 */
import {
  type Balancer,
  DOWN,
  DRAINING,
  EJECTED,
  type Peer,
  type PeerVerdict,
  type Selection,
  UNHEALTHY,
} from "./peer.ts";

/** Told when a peer's failures have reached `max_fails`. */
export type OnPeerDisabled = (peer: Peer) => void;

export abstract class BaseBalancer implements Balancer {
  readonly peers: readonly Peer[];
  protected readonly primary: readonly Peer[];
  readonly #backup: readonly Peer[];
  readonly #tries: number;
  readonly #onDisabled: OnPeerDisabled;

  constructor(peers: readonly Peer[], onDisabled: OnPeerDisabled = () => {}) {
    this.peers = peers;
    this.primary = peers.filter((peer) => !peer.conf.isBackup);
    this.#backup = peers.filter((peer) => peer.conf.isBackup);
    this.#tries = peers.filter((peer) => (peer.bars & DOWN) === 0).length;
    this.#onDisabled = onDisabled;
  }

  /** One of `peers` that {@linkcode mayTry} allows; `undefined` when there is none. */
  protected abstract pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined;

  begin(selection: Selection): void {
    selection.reset(this.#tries);
  }

  get(selection: Selection, nowMs: number): Peer | undefined {
    let peer = this.#choose(selection, nowMs);
    // Another worker may have taken the last of its `max_conns` meanwhile: then it is full.
    for (let turn = 0; peer !== undefined && !peer.connect(); turn++) {
      peer = turn < this.peers.length ? this.#choose(selection, nowMs) : undefined;
    }
    if (peer === undefined) return undefined;
    if (!this.#isSingle && nowMs - peer.checkedAtMs > peer.conf.failTimeoutMs) {
      peer.checkedAtMs = nowMs;
    }
    selection.tried.push(peer);
    return peer;
  }

  #choose(selection: Selection, nowMs: number): Peer | undefined {
    let peer = selection.boundTo === "" ? undefined : this.#bound(selection, nowMs);
    if (peer === undefined && !selection.onBackup) {
      peer = this.#isSingle ? this.#single(selection) : this.pick(this.primary, selection, nowMs);
    }
    if (peer === undefined && this.#backup.length > 0) {
      selection.onBackup = true;
      peer = this.pick(this.#backup, selection, nowMs);
    }
    return peer ?? (this.#isSingle ? undefined : this.#joinTrial(selection, nowMs));
  }

  /**
   * Nobody else is left: better a peer of which nothing bad is known since its time was over than
   * the 502 that nginx has for all but the one request that is its trial.
   */
  #joinTrial(selection: Selection, nowMs: number): Peer | undefined {
    selection.joinsTrials = true;
    const peer = this.pick(this.primary, selection, nowMs) ??
      (this.#backup.length > 0 ? this.pick(this.#backup, selection, nowMs) : undefined);
    selection.joinsTrials = false;
    return peer;
  }

  free(selection: Selection, peer: Peer, verdict: PeerVerdict, nowMs: number): void {
    peer.disconnect();
    if (selection.triesLeft > 0) selection.triesLeft--;
    if (this.#isSingle) return; // nobody else to turn to, so its failures are not counted
    if (verdict === "failed") this.#onFailure(peer, nowMs);
    else if (peer.failedAtMs < peer.checkedAtMs) this.#onRecovery(peer, nowMs);
  }

  /** One peer and no backup: it is used however often it failed, as nginx does. */
  get #isSingle(): boolean {
    return this.peers.length === 1;
  }

  #single(selection: Selection): Peer | undefined {
    const peer = this.peers[0]!;
    return takesMore(peer, peer.bars, selection) ? peer : undefined;
  }

  /** The peer that the request is bound to, if it may be used. */
  #bound(selection: Selection, nowMs: number): Peer | undefined {
    const { boundTo } = selection;
    return this.peers.find((peer) =>
      peer.id === boundTo && takesMore(peer, peer.bars & ~DRAINING, selection) &&
      (selection.isPanicking || !peer.isFailedAt(nowMs))
    );
  }

  /** A trial went well. */
  #onRecovery(peer: Peer, nowMs: number): void {
    const { maxFails, slowStartMs = 0 } = peer.conf;
    if (slowStartMs > 0 && maxFails > 0 && peer.fails >= maxFails) peer.backAtMs = nowMs;
    peer.fails = 0;
  }

  #onFailure(peer: Peer, nowMs: number): void {
    const { maxFails, weight } = peer.conf;
    const fails = peer.fail(nowMs);
    if (maxFails === 0) return;
    peer.effectiveWeight = Math.max(0, peer.effectiveWeight - Math.floor(weight / maxFails));
    if (fails === maxFails) this.#onDisabled(peer);
  }
}

/** Whether a request may be sent to a peer that it is not bound to. */
export function mayTry(peer: Peer, selection: Selection, nowMs: number): boolean {
  return takesMore(peer, peer.bars, selection) &&
    (selection.isPanicking || !peer.isFailedAt(nowMs) ||
      (selection.joinsTrials && peer.isOnTrial && peer.connections < TRIALS_MAX));
}

/** So many wait at most for a peer that turns out not to answer. */
const TRIALS_MAX = 8;

/** The request has not been there, and the peer takes some. */
function takesMore(peer: Peer, bars: number, { tried, isPanicking }: Selection): boolean {
  if (bars !== 0 && !(isPanicking && (bars & ~BY_HEALTH) === 0)) return false;
  if (tried.length > 0 && tried.includes(peer)) return false;
  const { maxConns } = peer.conf;
  return maxConns === 0 || peer.connections < maxConns;
}

/** What a panic ignores. */
const BY_HEALTH = UNHEALTHY | EJECTED;

/** How often those that draw a peer draw again for one that may be tried; then it is in turn. */
export const DRAWS_MAX = 20;
