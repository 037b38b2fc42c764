/**
 * What the checks of one peer have found (`health_check`), and when that is a change.
 *
 * @module
 */
import type { HealthCheckConf } from "./conf.ts";
import { type Peer, UNHEALTHY } from "./peer.ts";

/** How many in a row make a change. */
export type Thresholds = Pick<HealthCheckConf, "fails" | "passes">;

/** Of one peer; kept with it over a reload. */
export class PeerHealth {
  readonly #peer: Peer;
  /** Undefined: nothing is known yet. */
  #isWell: boolean | undefined;
  #passesInRow = 0;
  #failsInRow = 0;
  /** Checks so far. */
  passed = 0;
  failed = 0;
  /** When the last one ended, in ms of the clock. */
  lastAtMs = -Infinity;
  /** Why the last one that failed did so; empty: none has. */
  lastFailure = "";

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** Whether it is known to be well, or not to be; undefined before that is known. */
  get isWell(): boolean | undefined {
    return this.#isWell;
  }

  /**
   * Takes a check's result: undefined when it passed, else why it did not. Bars the peer
   * or lets it back. Returns what to say of it when that is news: a level and a text.
   */
  note(
    failure: string | undefined,
    { fails, passes }: Thresholds,
    nowMs: number,
  ): { readonly isWell: boolean; readonly why: string } | undefined {
    this.lastAtMs = nowMs;
    return failure === undefined ? this.#onPass(passes, nowMs) : this.#onFail(failure, fails);
  }

  #onPass(passes: number, nowMs: number): ReturnType<PeerHealth["note"]> {
    const peer = this.#peer;
    this.passed++;
    this.#failsInRow = 0;
    this.#passesInRow++;
    // The first check of all decides alone.
    const isEnough = this.#isWell === undefined || this.#passesInRow >= passes;
    if (this.#isWell === true || !isEnough) return undefined;
    this.#isWell = true;
    if ((peer.bars & UNHEALTHY) === 0) return undefined;
    peer.bar(UNHEALTHY, false);
    peer.comeBack(nowMs);
    return { isWell: true, why: `${this.#passesInRow} passed in a row` };
  }

  #onFail(failure: string, fails: number): ReturnType<PeerHealth["note"]> {
    this.failed++;
    this.lastFailure = failure;
    this.#passesInRow = 0;
    this.#failsInRow++;
    if (this.#isWell === false || this.#failsInRow < fails) return undefined;
    this.#isWell = false;
    this.#peer.bar(UNHEALTHY, true);
    return { isWell: false, why: `${failure} (${this.#failsInRow} of ${fails})` };
  }
}
