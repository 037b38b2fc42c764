/**
 * `ewma`: as `least_time last_byte`, but the average follows the clock and not the count
 * of requests. It rises to a slow answer at once, and is forgotten by degrees: a peer that
 * stumbles is left alone in time, and asked again without a request that has to fail.
 * (Finagle's peak EWMA.)
 *
 * @module
 */
import { BaseBalancer } from "./base.ts";
import { leastOf } from "./least.ts";
import { costOf, TIME_MIN_MS } from "./least_time.ts";
import type { Peer, PeerVerdict, Selection } from "./peer.ts";

/** After this long a time counts for little more than a third. */
const DECAY_MS = 10_000;

export class PeakEwma extends BaseBalancer {
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
    const { averageMs } = peer;
    // No answer, or a bad one: not to be taken for a quick one.
    const isInVain = headerMs < 0 || verdict === "failed";
    const takenMs = Math.max(TIME_MIN_MS, responseMs, isInVain ? averageMs : 0);
    const kept = keptAt(peer, nowMs);
    peer.averageMs = takenMs >= averageMs * kept
      ? takenMs
      : averageMs * kept + takenMs * (1 - kept);
    peer.averagedAtMs = nowMs;
  }
}

/** The share of an average that is left of it. */
function keptAt({ averagedAtMs }: Peer, nowMs: number): number {
  return Math.exp(Math.min(0, averagedAtMs - nowMs) / DECAY_MS);
}

function compareCost(one: Peer, other: Peer, nowMs: number): number {
  return costOf(one, one.averageMs * keptAt(one, nowMs), nowMs) -
    costOf(other, other.averageMs * keptAt(other, nowMs), nowMs);
}
