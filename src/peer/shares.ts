/**
 * Peers by their shares of a range of numbers, for balancers that draw one.
 *
 * @module
 */
import type { Peer } from "./peer.ts";

/**
 * A peer covers as many numbers as it had weight when the balancer was made. A reload may give it
 * another while requests of the configuration before it still choose: their balancer's range
 * stays covered.
 */
export class Shares {
  readonly #peers: readonly Peer[];
  readonly #weights: readonly number[];
  /** The sum of the weights, those of peers that are down too. */
  readonly total: number;

  constructor(peers: readonly Peer[]) {
    this.#peers = peers;
    this.#weights = peers.map(({ conf }) => conf.weight);
    this.total = this.#weights.reduce((sum, weight) => sum + weight, 0);
  }

  /** The peer that covers `at`, which is from 0 to below {@linkcode total}. */
  peerAt(at: number): Peer {
    let left = at;
    for (let index = 0; index < this.#peers.length; index++) {
      left -= this.#weights[index]!;
      if (left < 0) return this.#peers[index]!;
    }
    throw new Error(`no peer covers ${at}`);
  }
}
