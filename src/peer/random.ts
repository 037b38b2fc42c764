/**
 * `random`: any peer, by weight; `random two`: of two such, the one with fewer connections
 * for its weight. Many proxies in front of the same peers do not run after each other.
 *
 * @module
 */
import { BaseBalancer, DRAWS_MAX, mayTry, type OnPeerDisabled } from "./base.ts";
import { compareLoad } from "./least_conn.ts";
import type { Peer, Selection } from "./peer.ts";
import { inTurn } from "./round_robin.ts";
import { Shares } from "./shares.ts";

export class RandomPeer extends BaseBalancer {
  readonly #isOfTwo: boolean;
  readonly #shares: Shares;
  readonly #random: () => number;

  /** @param random From 0 to below 1. */
  constructor(
    peers: readonly Peer[],
    isOfTwo: boolean,
    onDisabled?: OnPeerDisabled,
    random: () => number = Math.random,
  ) {
    super(peers, onDisabled);
    this.#isOfTwo = isOfTwo;
    this.#shares = new Shares(this.primary);
    this.#random = random;
  }

  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    let first: Peer | undefined;
    const isInTurn = selection.onBackup || this.#shares.total === 0;
    for (; !isInTurn && selection.draws <= DRAWS_MAX; selection.draws++) {
      const peer = this.#shares.peerAt(Math.floor(this.#random() * this.#shares.total));
      if (peer === first || !mayTry(peer, selection, nowMs)) continue;
      if (!this.#isOfTwo) return peer;
      if (first !== undefined) return this.compare(peer, first, nowMs) > 0 ? first : peer;
      first = peer;
    }
    return inTurn(peers, selection, nowMs);
  }

  /** Above 0 where of two peers the other is to be had. */
  protected compare(one: Peer, other: Peer, nowMs: number): number {
    return compareLoad(one, other, nowMs);
  }
}
