/**
 * What is to be done later, by thousands, and need not be done at an exact moment.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** Moments are this far apart, in ms. */
const STEP_MS = 20;

/** Somebody who waits for a moment. */
export interface Waiter {
  /** The moment has come. Also called for one that does not wait for it any more: it has to look. */
  onMoment(moment: Moment): void;
}

/** Some milliseconds in which all that was put off until then begins. */
export class Moment {
  readonly atMs: number;
  readonly waiters: Waiter[] = [];
  /** How many of them still wait. */
  waiting = 0;
  disarm: (() => void) | undefined;

  constructor(atMs: number) {
    this.atMs = atMs;
  }
}

/**
 * Moments, each with its own timer and all who wait for it. Unlike deadlines, of which most are
 * moved before they are met, these are met: so they are not looked for among all connections.
 */
export class Later {
  readonly #clock: Clock;
  readonly #moments = new Map<number, Moment>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Waits until `atMs`, or up to 20 ms less.
   *
   * @returns undefined: there is nothing to wait for.
   */
  add(atMs: number, nowMs: number, waiter: Waiter): Moment | undefined {
    const momentMs = Math.floor(atMs / STEP_MS) * STEP_MS;
    if (momentMs <= nowMs) return undefined;
    const moment = this.#moments.get(momentMs) ?? this.#begin(momentMs);
    moment.waiters.push(waiter);
    moment.waiting++;
    return moment;
  }

  /** One of its waiters has had enough. */
  leave(moment: Moment): void {
    if (--moment.waiting > 0) return;
    moment.disarm?.();
    this.#moments.delete(moment.atMs);
  }

  #begin(atMs: number): Moment {
    const moment = new Moment(atMs);
    this.#moments.set(atMs, moment);
    moment.disarm = this.#clock.arm(atMs, () => this.#fire(moment));
    return moment;
  }

  #fire(moment: Moment): void {
    this.#moments.delete(moment.atMs);
    for (const waiter of moment.waiters) waiter.onMoment(moment);
  }
}
