/**
 * `retry_budget`: retries are at most a share of the requests, so that a group which fails
 * as a whole is not asked several times as much on top.
 *
 * @module
 */
import type { RetryBudgetConf } from "./conf.ts";

/** The window: so many slots of a second. */
const SLOTS = 10;
const SLOT_MS = 1_000;

/** The budget of one group. */
export class RetryBudget {
  readonly #conf: RetryBudgetConf;
  readonly #requests = new Float64Array(SLOTS);
  readonly #retries = new Float64Array(SLOTS);
  /** The newest slot, counted from the clock's beginning. */
  #slot = 0;
  #requestSum = 0;
  #retrySum = 0;

  constructor(conf: RetryBudgetConf) {
    this.#conf = conf;
  }

  /** A request has begun. */
  deposit(nowMs: number): void {
    this.#advance(nowMs);
    this.#requests[this.#slot % SLOTS]! += 1;
    this.#requestSum++;
  }

  /** A request is tried again. */
  withdraw(nowMs: number): void {
    this.#advance(nowMs);
    this.#retries[this.#slot % SLOTS]! += 1;
    this.#retrySum++;
  }

  /** Whether a retry more would be one too many. */
  isSpent(nowMs: number): boolean {
    this.#advance(nowMs);
    const { share, minPerSecond } = this.#conf;
    const most = share * this.#requestSum + minPerSecond * SLOTS * SLOT_MS / 1_000;
    return this.#retrySum + 1 > most;
  }

  /** Slots that have become too old are empty, to be used again. */
  #advance(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    if (slot <= this.#slot) return;
    const steps = Math.min(SLOTS, slot - this.#slot);
    for (let step = 1; step <= steps; step++) {
      const at = (this.#slot + step) % SLOTS;
      this.#requestSum -= this.#requests[at]!;
      this.#retrySum -= this.#retries[at]!;
      this.#requests[at] = this.#retries[at] = 0;
    }
    this.#slot = slot;
  }
}
