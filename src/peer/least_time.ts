/**
 * `least_time`: the peer that would answer soonest, going by how long it took on average
 * and by how many requests it has now.
 *
 * @module
 */
import { BaseBalancer, type OnPeerDisabled } from "./base.ts";
import { leastOf } from "./least.ts";
import type { Peer, PeerVerdict, Selection } from "./peer.ts";

/** The clock ticks in ms: what took less took this. */
export const TIME_MIN_MS = 1;
/** The share of the newest time in the average. */
const NEWEST_SHARE = 1 / 8;

export class LeastTime extends BaseBalancer {
  readonly #isToHead: boolean;

  /** @param isToHead Whether what counts is the time to the head; else to the last byte. */
  constructor(peers: readonly Peer[], isToHead: boolean, onDisabled?: OnPeerDisabled) {
    super(peers, onDisabled);
    this.#isToHead = isToHead;
  }

  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    return leastOf(peers, selection, nowMs, compareCost);
  }

  override free(selection: Selection, peer: Peer, verdict: PeerVerdict, nowMs: number): void {
    super.free(selection, peer, verdict, nowMs);
    const { headerMs, responseMs } = selection;
    if (headerMs < 0) return; // no answer: that is what max_fails is for
    const takenMs = Math.max(TIME_MIN_MS, this.#isToHead ? headerMs : responseMs);
    peer.averageMs = peer.averageMs === 0
      ? takenMs
      : peer.averageMs + (takenMs - peer.averageMs) * NEWEST_SHARE;
  }
}

/** Which of two peers would take longer for one request more. One without a time is thought quick. */
function compareCost(one: Peer, other: Peer, nowMs: number): number {
  return costOf(one, nowMs) - costOf(other, nowMs);
}

function costOf(peer: Peer, nowMs: number): number {
  const timeMs = Math.max(TIME_MIN_MS, peer.averageMs);
  return timeMs * (peer.connections + 1) / (peer.conf.weight * peer.shareAt(nowMs));
}
