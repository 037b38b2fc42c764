/**
 * Waiting in tests: gates that a test opens by hand, and a bound on every wait
 * so that a broken expectation is a message instead of a hanging run. Neither
 * is a sleep: nothing here lets time pass in order to let something happen.
 *
 * @module
 */

/** Longest wait for something that should happen at once, in ms. */
export const PATIENCE_MS = 10_000;

/** Thrown when what a test waits for did not come. */
export class WaitedTooLong extends Error {
  override readonly name = "WaitedTooLong";
}

/**
 * Waits for `promise`, at most `patienceMs`.
 *
 * @param what Completes "Waited 10000 ms for …"; a function is asked at the
 * moment of failure, so that it can tell how far things got.
 * @throws {WaitedTooLong} When the time is over first.
 */
export function within<T>(
  promise: Promise<T>,
  what: string | (() => string),
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  const { promise: bounded, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => {
    const text = typeof what === "string" ? what : what();
    reject(new WaitedTooLong(`Waited ${patienceMs} ms for ${text}`));
  }, patienceMs);
  promise.then(resolve, reject).finally(() => clearTimeout(timer));
  return bounded;
}

/** Something that a test opens once and that others wait for. */
export interface Gate {
  readonly opened: Promise<void>;
  readonly isOpen: boolean;
  open(): void;
}

/** A closed {@linkcode Gate}. */
export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isOpen = false;
  return {
    opened: promise,
    get isOpen() {
      return isOpen;
    },
    open() {
      isOpen = true;
      resolve();
    },
  };
}

/**
 * A number that only grows, with promises for the moments when it reaches a
 * value: "the third connection", "the second request".
 */
export class Tally<T> {
  readonly #name: string;
  readonly #seen: T[] = [];
  readonly #waiters: { readonly count: number; readonly wake: () => void }[] = [];

  /** @param name One of what is counted, for messages: "request". */
  constructor(name: string) {
    this.#name = name;
  }

  get all(): readonly T[] {
    return this.#seen;
  }

  add(item: T): void {
    this.#seen.push(item);
    for (const waiter of this.#waiters) {
      if (waiter.count <= this.#seen.length) waiter.wake();
    }
  }

  /**
   * The k-th item, counted from 1, as soon as it is there.
   *
   * @throws {WaitedTooLong}
   */
  async nth(k: number): Promise<T> {
    if (this.#seen.length < k) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push({ count: k, wake: resolve });
      await within(promise, () => `${this.#name} ${k}: there were ${this.#seen.length}`);
    }
    const item = this.#seen[k - 1];
    if (item === undefined) {
      throw new RangeError(`Cannot wait for ${this.#name} ${k}: count from 1`);
    }
    return item;
  }
}
