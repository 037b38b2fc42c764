/**
 * `least_conn`: the peer with the fewest connections in use for its weight; those with
 * equally few take turns.
 *
 * @module
 */
import { BaseBalancer, mayTry } from "./base.ts";
import type { Peer, Selection } from "./peer.ts";
import { takeTurn } from "./round_robin.ts";

export class LeastConn extends BaseBalancer {
  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    let best: Peer | undefined;
    let isTied = false;
    for (const peer of peers) {
      if (!mayTry(peer, selection, nowMs)) continue;
      const order = best === undefined ? -1 : compareLoad(peer, best, nowMs);
      if (order < 0) {
        best = peer;
        isTied = false;
      } else if (order === 0) isTied = true;
    }
    return best === undefined || !isTied ? best : turnAmongTied(peers, best, selection, nowMs);
  }
}

/** Below 0 where `one` has fewer connections for its weight. */
export function compareLoad(one: Peer, other: Peer, nowMs: number): number {
  return one.connections * other.conf.weight * other.shareAt(nowMs) -
    other.connections * one.conf.weight * one.shareAt(nowMs);
}

/** @param first The first of those that are tied. */
function turnAmongTied(
  peers: readonly Peer[],
  first: Peer,
  selection: Selection,
  nowMs: number,
): Peer {
  let best = first;
  let total = 0;
  for (const peer of peers) {
    if (compareLoad(peer, first, nowMs) !== 0 || !mayTry(peer, selection, nowMs)) continue;
    total += takeTurn(peer, nowMs);
    if (peer.currentWeight > best.currentWeight) best = peer;
  }
  best.currentWeight -= total;
  return best;
}
