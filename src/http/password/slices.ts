/**
 * Calculations that take long, a slice at a time, so that nobody else stands still meanwhile.
 *
 * @module
 */
import type { Clock } from "../../event/mod.ts";

/** A calculation. It yields about every 0.2 ms, to be interrupted there. */
export type Slices<Result> = Generator<void, Result, void>;

/** How long is calculated in one go, in ms. */
const SLICE_MS = 2;

/** A calculation that waits or is under way. */
export interface Job<Result> {
  /** Undefined when it was given up. */
  readonly result: Promise<Result | undefined>;
  /** Nobody wants the result any more. */
  giveUp(): void;
}

interface Queued {
  readonly advance: (untilMs: number) => boolean;
}

/** Does one calculation after the other; between two slices the event loop turns. */
export class SliceQueue {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #queue: Queued[] = [];
  #isTurning = false;

  /** @param capacity Calculations that may wait or be under way; further ones are refused. */
  constructor(clock: Clock, capacity: number) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** Calculations that wait or are under way. */
  get length(): number {
    return this.#queue.length;
  }

  /** Undefined when too many wait already. */
  add<Result>(slices: Slices<Result>): Job<Result> | undefined {
    if (this.#queue.length >= this.#capacity) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<Result | undefined>();
    const queued: Queued = {
      advance: (untilMs) => {
        try {
          do {
            const step = slices.next();
            if (step.done) {
              resolve(step.value);
              return true;
            }
          } while (this.#clock.nowMs() < untilMs);
          return false;
        } catch (error) {
          reject(error);
          return true;
        }
      },
    };
    this.#queue.push(queued);
    this.#turn();
    return {
      result: promise,
      giveUp: () => {
        const at = this.#queue.indexOf(queued);
        if (at >= 0) this.#queue.splice(at, 1);
        resolve(undefined);
      },
    };
  }

  #turn(): void {
    if (this.#isTurning || this.#queue.length === 0) return;
    this.#isTurning = true;
    this.#clock.arm(this.#clock.nowMs(), () => {
      this.#isTurning = false;
      const first = this.#queue[0];
      if (first?.advance(this.#clock.nowMs() + SLICE_MS) === true) {
        const at = this.#queue.indexOf(first);
        if (at >= 0) this.#queue.splice(at, 1);
      }
      this.#turn();
    });
  }
}
