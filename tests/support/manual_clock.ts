/**
 * Time that stands still until a test moves it.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../src/event/mod.ts";

/** 2026-01-01T00:00:00Z, so that dates in tests are whole. */
const WALL_START_MS = 1_767_225_600_000;

interface Armed {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Starts at `startMs` and fires timers only from {@linkcode ManualClock.advance}. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  readonly #armed = new Set<Armed>();
  /** Times that anything was armed: what a test of "no timer a request" looks at. */
  armings = 0;

  readonly #settle: () => Promise<void>;

  /** @param settle What lets run that a timer has woken. @default {settled} */
  constructor(startMs = 1_000, settle: () => Promise<void> = settled) {
    this.#nowMs = this.#startMs = startMs;
    this.#settle = settle;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return WALL_START_MS + this.#nowMs - this.#startMs;
  }

  /** Timers that would still fire. */
  get armedCount(): number {
    return this.#armed.size;
  }

  /** When the next timer fires, in ms of this clock; Infinity for none. */
  get nextAtMs(): number {
    return Math.min(Infinity, ...Array.from(this.#armed, ({ atMs }) => atMs));
  }

  arm(atMs: number, fire: () => void): () => void {
    const armed = { atMs, fire };
    this.#armed.add(armed);
    this.armings++;
    return () => void this.#armed.delete(armed);
  }

  /**
   * Moves time on, firing each timer at its own moment (or now, if that has passed), then lets
   * everything that was woken run.
   */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    for (let turns = 0; this.nextAtMs <= endMs; turns++) {
      if (turns === 100_000) throw new Error("Cannot advance the clock: timers re-arm for ever");
      const [next] = [...this.#armed].sort((a, b) => a.atMs - b.atMs);
      this.#armed.delete(next!);
      this.#nowMs = Math.max(this.#nowMs, next!.atMs);
      next!.fire();
      await this.#settle();
    }
    this.#nowMs = endMs;
    await this.#settle();
  }

  /** Moves time without firing what is due: the process was busy meanwhile. */
  skip(byMs: number): void {
    this.#nowMs += byMs;
  }
}

/** Lets every promise that can settle without the outside world do so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
