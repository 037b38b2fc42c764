/**
 * `queue`: requests that wait because the peers have all the connections that they may have.
 *
 * @module
 */
import { type Deadlines, type Expirable, NEVER, Signal, type Wait } from "../event/mod.ts";
import type { QueueConf } from "./conf.ts";

/** Nothing tells that a peer's `fail_timeout` is over: the first in the queue looks this often. */
const LOOK_EVERY_MS = 250;

/** One request's place in a queue: a Wait that ends when it is worth looking for a peer. */
export class Place implements Wait {
  readonly deadlineMs: number;
  readonly #signal = new Signal();

  /** For the {@linkcode PeerQueue} alone. */
  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  get isAwake(): boolean {
    return this.#signal.isSet;
  }

  /** To be called before looking for a peer. */
  sleep(): void {
    this.#signal.reset();
  }

  get blocked(): Promise<void> | undefined {
    return this.#signal.blocked;
  }

  arm(wake: () => void): void {
    this.#signal.arm(wake);
  }

  disarm(): void {
    this.#signal.disarm();
  }

  /** Ends the wait: the phase looks again, or ends. */
  abandon(): void {
    this.#signal.ring();
  }
}

/** A group's requests that wait for a peer: first come, first served. */
export class PeerQueue implements Expirable {
  slot = -1;
  readonly #conf: QueueConf;
  readonly #deadlines: Deadlines;
  /** In the order of their coming, which is that of their deadlines. */
  readonly #places = new Set<Place>();

  constructor(conf: QueueConf, deadlines: Deadlines) {
    this.#conf = conf;
    this.#deadlines = deadlines;
  }

  /** Requests that wait: who comes later waits behind them. */
  get count(): number {
    return this.#places.size;
  }

  /** Takes a place at the end; returns undefined if there is none left. */
  enter(): Place | undefined {
    if (this.#places.size >= this.#conf.requests) return undefined;
    const nowMs = this.#deadlines.nowMs;
    const place = new Place(nowMs + this.#conf.timeoutMs);
    this.#places.add(place);
    if (this.slot < 0) this.#deadlines.add(this);
    this.#deadlines.notice(Math.min(place.deadlineMs, nowMs + LOOK_EVERY_MS));
    return place;
  }

  /** Gives a place back, whatever became of it. */
  leave(place: Place): void {
    this.#places.delete(place);
    if (this.#places.size === 0) this.#deadlines.remove(this);
  }

  /** A peer may have room: the first who is not looking already looks. */
  wake(): void {
    for (const place of this.#places) {
      if (place.isAwake) continue;
      place.abandon();
      return;
    }
  }

  /** Nothing was found for the one at `place`: who is behind it may be less particular. */
  wakeBehind(place: Place): void {
    let isBehind = false;
    for (const other of this.#places) {
      if (isBehind && !other.isAwake) {
        other.abandon();
        return;
      }
      isBehind ||= other === place;
    }
  }

  expire(nowMs: number): number {
    let nextMs = NEVER;
    for (const place of this.#places) {
      if (nowMs < place.deadlineMs) {
        nextMs = Math.min(place.deadlineMs, nowMs + LOOK_EVERY_MS);
        break;
      }
      place.abandon();
    }
    this.wake();
    return nextMs;
  }

  toString(): string {
    return `${this.#places.size} requests that wait for a peer`;
  }
}
