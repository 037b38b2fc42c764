/**
 * Time as the core sees it, and the one structure that holds all deadlines.
 *
 * @module
 */

import { Later } from "./later.ts";

/** A clock that never goes back. Tests pass one that they move by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary fixed moment. */
  nowMs(): number;
  /** Milliseconds since 1970, for dates that people read. */
  wallMs(): number;
  /** Calls `fire` once at `atMs` or soon after, never synchronously. Returns how to take that back. */
  arm(atMs: number, fire: () => void): () => void;
}

/** How far this thread's clock is behind the one that {@linkcode setClock} was given. */
let aheadMs = 0;

/**
 * Sets this thread's clock to that of another one: times that threads share (windows of
 * failures, limits) have to be of one clock, and each begins to count at its own start.
 * For a worker, before it does anything else.
 */
export function setClock(nowMs: number): void {
  aheadMs = nowMs - performance.now();
}

/** The process's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now() + aheadMs,
  wallMs: () => Date.now(),
  arm(atMs, fire) {
    // A longer one would fire at once; what fires too early is armed again.
    const delayMs = Math.min(TIMER_MAX_MS, Math.ceil(atMs - aheadMs - performance.now()));
    const timer = setTimeout(fire, Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};

/** The longest that the runtime's timers can wait. */
const TIMER_MAX_MS = 2_147_483_647;

/** No deadline. */
export const NEVER = Infinity;

/** Something that has deadlines of its own. */
export interface Expirable {
  /** Where {@linkcode Deadlines} keeps it. Set by Deadlines only; -1 when it is not kept. */
  slot: number;
  /** Ends what is overdue at `nowMs`. Returns the next deadline, or NEVER. */
  expire(nowMs: number): number;
}

/** Sweeps are at least this far apart, so a deadline is met this much late; in ms. */
const SWEEP_GAP_MS = 10;
/** But they take no more than this share of the time, as long as that is no more than so late. */
const SWEEP_SHARE_MAX = 0.05;
const SWEEP_GAP_MOST_MS = 100;
/**
 * After so many have ended a sweep lets others have their turn, and goes on: what comes of each
 * takes time, and thousands of connections that came together time out together.
 */
const ENDED_PER_TURN_MAX = 64;

/**
 * All deadlines of one worker on one timer. Holders register once in their life
 * and then only change a number of their own; a sweep over all of them runs when
 * the earliest known deadline may have passed. That costs a request nothing but
 * the writing of the number, and 10,000 holders 1.5 ms a sweep while they are at work (40 µs if
 * nothing else has used the processor's caches).
 */
export class Deadlines {
  readonly name = "deadlines";
  readonly clock: Clock;
  /** What is put off, and always done. */
  readonly later: Later;
  readonly #entries: Expirable[] = [];
  #wakeAtMs = NEVER;
  /** Where a sweep that gave way goes on; -1: none did. */
  #goesOnAt = -1;
  #disarm: (() => void) | undefined;
  #nowMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.later = new Later(clock);
    this.#nowMs = clock.nowMs();
  }

  /**
   * The time of the latest event, in ms of the clock: nginx's `ngx_current_msec`.
   * Asking the clock costs more than the rest of a deadline, so it is asked once
   * for each thing that happens and not by each that wants to know.
   */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Something happened: brings {@linkcode nowMs} up to date. */
  stamp(): number {
    return this.#nowMs = this.clock.nowMs();
  }

  add(entry: Expirable): void {
    entry.slot = this.#entries.length;
    this.#entries.push(entry);
  }

  remove(entry: Expirable): void {
    if (entry.slot < 0) return;
    const last = this.#entries.pop()!;
    if (last !== entry) {
      this.#entries[entry.slot] = last;
      last.slot = entry.slot;
    }
    entry.slot = -1;
    if (this.#entries.length === 0) this.#rest();
  }

  /** To be called when a holder has set a deadline: makes sure that a sweep will come by then. */
  notice(deadlineMs: number): void {
    // Nobody left: a holder that was removed set it, or was swept together with the last one.
    if (deadlineMs < this.#wakeAtMs && this.#entries.length > 0) this.#armAt(deadlineMs);
  }

  /** What is still registered, for leak checks. */
  outstanding(): readonly string[] {
    return this.#entries.map((entry) => String(entry));
  }

  #armAt(atMs: number): void {
    this.#disarm?.();
    this.#wakeAtMs = atMs;
    this.#disarm = this.clock.arm(atMs, this.#sweep);
  }

  #rest(): void {
    this.#disarm?.();
    this.#disarm = undefined;
    this.#wakeAtMs = NEVER;
  }

  readonly #sweep = (): void => {
    this.#disarm = undefined;
    this.#wakeAtMs = NEVER;
    const nowMs = this.stamp();
    const isRest = this.#goesOnAt >= 0;
    const leastLeft = this.#entries.length - ENDED_PER_TURN_MAX;
    let earliestMs = NEVER;
    // Backwards: expiring may remove the entry, which moves the last one into its place.
    let slot = isRest ? this.#goesOnAt : this.#entries.length - 1;
    for (; slot >= 0 && this.#entries.length > leastLeft; slot--) {
      const entry = this.#entries[slot];
      if (entry === undefined) continue;
      const nextMs = entry.expire(nowMs);
      if (nextMs < earliestMs) earliestMs = nextMs;
    }
    this.#goesOnAt = slot;
    // Behind the rest of one comes a whole one, which knows the earliest of all.
    if (isRest || slot >= 0) this.notice(nowMs);
    else if (earliestMs !== NEVER) {
      const restMs = (this.stamp() - nowMs) / SWEEP_SHARE_MAX;
      const gapMs = Math.min(Math.max(SWEEP_GAP_MS, restMs), SWEEP_GAP_MOST_MS);
      this.notice(Math.max(earliestMs, nowMs + gapMs));
    }
  };
}
