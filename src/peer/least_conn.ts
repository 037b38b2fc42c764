/**
 * `least_conn`: the peer with the fewest connections in use for its weight; those with
 * equally few take turns.
 *
 * @module
 */
import { BaseBalancer } from "./base.ts";
import { leastOf } from "./least.ts";
import type { Peer, Selection } from "./peer.ts";

export class LeastConn extends BaseBalancer {
  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    return leastOf(peers, selection, nowMs, compareLoad);
  }
}

/** Below 0 where `one` has fewer connections for its weight. */
export function compareLoad(one: Peer, other: Peer, nowMs: number): number {
  return one.connections * other.conf.weight * other.shareAt(nowMs) -
    other.connections * one.conf.weight * one.shareAt(nowMs);
}
