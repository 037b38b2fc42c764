/**
 * The least of the peers by some measure; those that are equally little take turns.
 *
 * @module
 */
import { mayTry } from "./base.ts";
import type { Peer, Selection } from "./peer.ts";
import { takeTurn } from "./round_robin.ts";

/** Below 0 where `one` comes before `other`. */
export type Compare = (one: Peer, other: Peer, nowMs: number) => number;

export function leastOf(
  peers: readonly Peer[],
  selection: Selection,
  nowMs: number,
  compare: Compare,
): Peer | undefined {
  let best: Peer | undefined;
  let isTied = false;
  for (const peer of peers) {
    if (!mayTry(peer, selection, nowMs)) continue;
    const order = best === undefined ? -1 : compare(peer, best, nowMs);
    if (order < 0) {
      best = peer;
      isTied = false;
    } else if (order === 0) isTied = true;
  }
  if (best === undefined || !isTied) return best;
  const first = best;
  let total = 0;
  for (const peer of peers) {
    if (compare(peer, first, nowMs) !== 0 || !mayTry(peer, selection, nowMs)) continue;
    total += takeTurn(peer, nowMs);
    if (peer.currentWeight > best.currentWeight) best = peer;
  }
  best.currentWeight -= total;
  return best;
}
