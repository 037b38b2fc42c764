/**
 * Waiting for what is not a connection: a promise of somebody else's, for so long.
 *
 * @module
 */
import { type Deadlines, type Driver, type Expirable, type Phase, Signal } from "../event/mod.ts";

/** Thrown into a phase whose wait has taken too long. */
export class TimedOut extends Error {}

/** Ends a driver's wait when something takes too long. */
export class TimeLimit implements Expirable {
  slot = -1;
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  readonly #driver: Driver;
  #deadlineMs = Infinity;

  constructor(deadlines: Deadlines, timeoutMs: number, driver: Driver) {
    this.#deadlines = deadlines;
    this.#timeoutMs = timeoutMs;
    this.#driver = driver;
  }

  /** Begins to count, from now. */
  begin(): void {
    if (this.slot < 0) this.#deadlines.add(this);
    this.#deadlineMs = this.#deadlines.stamp() + this.#timeoutMs;
    this.#deadlines.notice(this.#deadlineMs);
  }

  /** Does not count for now: somebody else is waited for. */
  pause(): void {
    this.#deadlineMs = Infinity;
  }

  end(): void {
    this.#deadlines.remove(this);
  }

  expire(nowMs: number): number {
    if (this.#deadlineMs > nowMs) return this.#deadlineMs;
    this.#deadlineMs = Infinity;
    this.#driver.interrupt(new TimedOut());
    return Infinity;
  }

  toString(): string {
    return "handler_timeout";
  }
}

/** Waits for a promise, or for the interruption of who waits. */
export async function* settled<T>(promise: Promise<T>): Phase<T> {
  const signal = new Signal();
  let result: { readonly value: T } | { readonly error: unknown } | undefined;
  promise.then((value) => result = { value }, (error: unknown) => result = { error })
    .then(() => signal.ring());
  while (result === undefined) yield signal;
  if ("error" in result) throw result.error;
  return result.value;
}
