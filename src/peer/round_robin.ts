/**
 * Smooth weighted round robin, with nginx's very sequence: a heavy peer's turns are
 * spread evenly among the others', and a peer that failed comes back by degrees.
 *
 * @module
 */
import type { Balancer, Peer, PeerVerdict, Selection } from "./peer.ts";

export class RoundRobin implements Balancer {
  readonly peers: readonly Peer[];
  readonly #primary: readonly Peer[];
  readonly #backup: readonly Peer[];
  readonly #tries: number;
  readonly #onDisabled: (peer: Peer) => void;

  /** @param onDisabled Told when a peer's failures have reached `max_fails`. */
  constructor(peers: readonly Peer[], onDisabled: (peer: Peer) => void = () => {}) {
    this.peers = peers;
    this.#primary = peers.filter((peer) => !peer.conf.isBackup);
    this.#backup = peers.filter((peer) => peer.conf.isBackup);
    this.#tries = peers.filter((peer) => !peer.conf.isDown).length;
    this.#onDisabled = onDisabled;
  }

  begin(selection: Selection): void {
    selection.reset(this.#tries);
  }

  get(selection: Selection, nowMs: number): Peer | undefined {
    let peer: Peer | undefined;
    if (!selection.onBackup) {
      peer = this.#isSingle ? this.#single(selection) : choose(this.#primary, selection, nowMs);
    }
    if (peer === undefined && this.#backup.length > 0) {
      selection.onBackup = true;
      peer = choose(this.#backup, selection, nowMs);
    }
    if (peer === undefined) return undefined;
    peer.connections++;
    selection.tried.push(peer);
    return peer;
  }

  free(selection: Selection, peer: Peer, verdict: PeerVerdict, nowMs: number): void {
    peer.connections--;
    if (selection.triesLeft > 0) selection.triesLeft--;
    if (this.#isSingle) return; // nobody else to turn to, so its failures are not counted
    if (verdict === "failed") this.#onFailure(peer, nowMs);
    else if (peer.failedAtMs < peer.checkedAtMs) peer.fails = 0; // the trial went well
  }

  /** One peer and no backup: it is used however often it failed, as nginx does. */
  get #isSingle(): boolean {
    return this.peers.length === 1;
  }

  #single(selection: Selection): Peer | undefined {
    const peer = this.peers[0]!;
    const { isDown, maxConns } = peer.conf;
    const isUnusable = isDown || selection.tried.includes(peer) ||
      (maxConns > 0 && peer.connections >= maxConns);
    return isUnusable ? undefined : peer;
  }

  #onFailure(peer: Peer, nowMs: number): void {
    const { maxFails, weight } = peer.conf;
    peer.fails++;
    peer.failedAtMs = peer.checkedAtMs = nowMs;
    if (maxFails === 0) return;
    peer.effectiveWeight = Math.max(0, peer.effectiveWeight - Math.floor(weight / maxFails));
    if (peer.fails === maxFails) this.#onDisabled(peer);
  }
}

/** The smooth weighted turn among those that may be used. */
function choose(peers: readonly Peer[], selection: Selection, nowMs: number): Peer | undefined {
  let best: Peer | undefined;
  let totalWeight = 0;
  for (const peer of peers) {
    if (selection.tried.length > 0 && selection.tried.includes(peer)) continue;
    if (!isUsable(peer, nowMs)) continue;
    peer.currentWeight += peer.effectiveWeight;
    totalWeight += peer.effectiveWeight;
    if (peer.effectiveWeight < peer.conf.weight) peer.effectiveWeight++;
    if (best === undefined || peer.currentWeight > best.currentWeight) best = peer;
  }
  if (best === undefined) return undefined;
  best.currentWeight -= totalWeight;
  if (nowMs - best.checkedAtMs > best.conf.failTimeoutMs) best.checkedAtMs = nowMs;
  return best;
}

function isUsable(peer: Peer, nowMs: number): boolean {
  const { isDown, maxConns, maxFails, failTimeoutMs } = peer.conf;
  if (isDown) return false;
  if (maxConns > 0 && peer.connections >= maxConns) return false;
  return !(maxFails > 0 && peer.fails >= maxFails && nowMs - peer.checkedAtMs <= failTimeoutMs);
}
