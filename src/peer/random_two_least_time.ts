/**
 * `random two least_time`: of two peers by chance, the one that would answer sooner.
 *
 * @module
 */
import type { OnPeerDisabled } from "./base.ts";
import { compareCost, learnTime } from "./least_time.ts";
import type { Peer, PeerVerdict, Selection } from "./peer.ts";
import { RandomPeer } from "./random.ts";

export class RandomTwoLeastTime extends RandomPeer {
  readonly #isToHead: boolean;

  /**
   * @param isToHead Whether what counts is the time to the head; else to the last byte.
   * @param random From 0 to below 1.
   */
  constructor(
    peers: readonly Peer[],
    isToHead: boolean,
    onDisabled?: OnPeerDisabled,
    random?: () => number,
  ) {
    super(peers, true, onDisabled, random);
    this.#isToHead = isToHead;
  }

  protected override compare(one: Peer, other: Peer, nowMs: number): number {
    return compareCost(one, other, nowMs);
  }

  override free(selection: Selection, peer: Peer, verdict: PeerVerdict, nowMs: number): void {
    super.free(selection, peer, verdict, nowMs);
    learnTime(peer, selection, this.#isToHead);
  }
}
