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
/** What a first answer may take, as long as it is waited for. */
const UNKNOWN_MS = 60_000;
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
    learnTime(peer, selection, this.#isToHead);
  }
}

/** Takes the time that an attempt took into its peer's average. */
export function learnTime(peer: Peer, selection: Selection, isToHead: boolean): void {
  const { headerMs, responseMs } = selection;
  if (headerMs < 0) return; // no answer: that is what max_fails is for
  const takenMs = Math.max(TIME_MIN_MS, isToHead ? headerMs : responseMs);
  peer.averageMs = peer.averageMs === 0
    ? takenMs
    : peer.averageMs + (takenMs - peer.averageMs) * NEWEST_SHARE;
}

/** Which of two peers would take longer for one request more. */
export function compareCost(one: Peer, other: Peer, nowMs: number): number {
  return costOf(one, one.averageMs, nowMs) - costOf(other, other.averageMs, nowMs);
}

/** How long a peer would take for one request more, if one alone takes it `timeMs`; 0: not known. */
export function costOf(peer: Peer, timeMs: number, nowMs: number): number {
  const { connections, averageMs, conf } = peer;
  // Thought quick, till it has a request that it has not answered yet.
  const isWaitedFor = averageMs === 0 && connections > 0;
  const eachMs = isWaitedFor ? UNKNOWN_MS : Math.max(TIME_MIN_MS, timeMs);
  return eachMs * (connections + 1) / (conf.weight * peer.shareAt(nowMs));
}
