/**
 * Smooth weighted round robin, with nginx's very sequence: a heavy peer's turns are
 * spread evenly among the others', and a peer that failed comes back by degrees.
 *
 * @module
 */
import { BaseBalancer, mayTry } from "./base.ts";
import type { Peer, Selection } from "./peer.ts";

export class RoundRobin extends BaseBalancer {
  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    return inTurn(peers, selection, nowMs);
  }
}

/** The smooth weighted turn among those that may be used: what other balancers fall back on. */
export function inTurn(
  peers: readonly Peer[],
  selection: Selection,
  nowMs: number,
): Peer | undefined {
  let best: Peer | undefined;
  let total = 0;
  for (const peer of peers) {
    if (!mayTry(peer, selection, nowMs)) continue;
    total += takeTurn(peer, nowMs);
    if (best === undefined || peer.currentWeight > best.currentWeight) best = peer;
  }
  if (best !== undefined) best.currentWeight -= total;
  return best;
}

/** A peer takes part in a turn. Returns the weight that it did so with. */
export function takeTurn(peer: Peer, nowMs: number): number {
  const { effectiveWeight } = peer;
  const weight = effectiveWeight * peer.shareAt(nowMs);
  peer.currentWeight += weight;
  if (effectiveWeight < peer.conf.weight) peer.effectiveWeight++;
  return weight;
}
