/**
 * Waiting for a moment.
 *
 * @module
 */
import { type Deadlines, type Expirable, NEVER } from "./clock.ts";
import type { Wait } from "./wait.ts";

/** Ends at a moment that its holder sets. Used again and again by its holder. */
export class Pause implements Wait, Expirable {
  slot = -1;
  readonly #deadlines: Deadlines;
  #untilMs = -Infinity;
  #wake: (() => void) | undefined;
  #settle: (() => void) | undefined;
  #blocked: Promise<void> | undefined;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  /** Sets the moment, in ms of the clock. */
  until(atMs: number): void {
    this.#untilMs = atMs;
  }

  get blocked(): Promise<void> | undefined {
    if (this.#deadlines.clock.nowMs() >= this.#untilMs) return undefined;
    this.#register();
    return this.#blocked ??= new Promise((resolve) => this.#settle = resolve);
  }

  arm(wake: () => void): void {
    this.#wake = wake;
    this.#register();
  }

  disarm(): void {
    this.#wake = undefined;
    this.#deadlines.remove(this);
  }

  abandon(): void {
    this.#fire();
  }

  expire(nowMs: number): number {
    if (nowMs < this.#untilMs) return this.#untilMs;
    this.#fire();
    return NEVER;
  }

  toString(): string {
    return "a pause";
  }

  #register(): void {
    if (this.slot < 0) this.#deadlines.add(this);
    this.#deadlines.notice(this.#untilMs);
  }

  #fire(): void {
    const settle = this.#settle;
    const wake = this.#wake;
    this.#settle = this.#blocked = undefined;
    this.disarm();
    settle?.();
    wake?.();
  }
}
