/**
 * The would-block vocabulary that every phase is written in.
 *
 * @module
 */

/** "Nothing can be done right now, come back": nginx's `NGX_AGAIN`. */
export const AGAIN = -1;

/**
 * One thing a blocked phase waits for. A phase asks (`recv`, `send` …); when it is
 * told to come back it yields the Wait, and asks again when it is resumed. Being
 * resumed is a hint, not a promise: the answer may be AGAIN once more.
 *
 * A missed deadline closes the connection that was waited for, which ends the
 * wait; the phase learns of it as the {@linkcode Failure} that its next question
 * throws, so its own `finally` gives back what it holds.
 */
export interface Wait {
  /** Settles once asking again gets further; `undefined` when it already does. Never rejects. */
  readonly blocked: Promise<void> | undefined;
  /** Calls `wake` once when asking again gets further. One slot: a second call replaces the first. */
  arm(wake: () => void): void;
  /** Takes the `wake` of {@linkcode arm} back. */
  disarm(): void;
  /** Ends the wait from outside because the phase is to end: settles {@linkcode blocked}. */
  abandon(): void;
}

/** A step of a request's way. Returns its result or throws a Failure. */
export type Phase<Result> = AsyncGenerator<Wait, Result, void>;

/** Waits for the first of several. Made once and used again for each wait of its holder. */
export class FirstOf implements Wait {
  readonly #waits: readonly Wait[];
  #wake: (() => void) | undefined;

  constructor(...waits: readonly Wait[]) {
    this.#waits = waits;
  }

  get blocked(): Promise<void> | undefined {
    for (const wait of this.#waits) {
      if (wait.blocked === undefined) return undefined;
    }
    return new Promise(this.#begin);
  }

  arm(wake: () => void): void {
    this.#wake = wake;
    for (const wait of this.#waits) wait.arm(this.#onFirst);
  }

  disarm(): void {
    this.#wake = undefined;
    for (const wait of this.#waits) wait.disarm();
  }

  abandon(): void {
    this.#onFirst();
  }

  readonly #begin = (resolve: () => void): void => this.arm(resolve);

  readonly #onFirst = (): void => {
    const wake = this.#wake;
    this.disarm();
    wake?.();
  };
}

/** A Wait that is ended by calling {@linkcode Signal.ring}: for all that is not a connection. */
export class Signal implements Wait {
  #isSet = false;
  #wake: (() => void) | undefined;
  #settle: (() => void) | undefined;
  #blocked: Promise<void> | undefined;

  get isSet(): boolean {
    return this.#isSet;
  }

  get blocked(): Promise<void> | undefined {
    if (this.#isSet) return undefined;
    return this.#blocked ??= new Promise((resolve) => this.#settle = resolve);
  }

  /** Ends the wait. Stays set until {@linkcode reset}. */
  ring(): void {
    if (this.#isSet) return;
    this.#isSet = true;
    this.#blocked = undefined;
    const settle = this.#settle;
    const wake = this.#wake;
    this.#settle = this.#wake = undefined;
    settle?.();
    wake?.();
  }

  reset(): void {
    this.#isSet = false;
  }

  arm(wake: () => void): void {
    this.#wake = wake;
  }

  disarm(): void {
    this.#wake = undefined;
  }

  abandon(): void {
    this.ring();
  }
}

/**
 * Waits until `getsOn` returns true, however many wake-ups that takes, and throws what it throws.
 * It is asked at once, and then at each wake-up of `wait`, outside of the phase: who dribbles
 * costs the reads alone, where a phase that is resumed for each byte leaves as many promises
 * again to the collector. `wait` is nobody else's meanwhile.
 */
export async function* until(wait: Wait, getsOn: () => boolean): Phase<void> {
  if (getsOn()) return;
  const repeated = new Repeated(wait, getsOn);
  yield repeated;
  repeated.check();
}

/**
 * What {@linkcode until} waits for. It is waited for without a phase where thousands wait: a phase,
 * and each that it was called by, keep 300 to 500 bytes. To be made when `getsOn` has just said no:
 * it is armed from then on, so that no wake-up is missed.
 */
export class Repeated extends Signal {
  readonly #wait: Wait;
  readonly #getsOn: () => boolean;
  #isAbandoned = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(wait: Wait, getsOn: () => boolean) {
    super();
    this.#wait = wait;
    this.#getsOn = getsOn;
    wait.arm(this.#onWake);
  }

  /** Ends with the wake-up that this leads to: a pending read has given its Buf back then. */
  override abandon(): void {
    this.#isAbandoned = true;
    this.#wait.abandon();
  }

  /** To be called when the wait is over. @throws What `getsOn` has thrown. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  readonly #onWake = (): void => {
    try {
      const waits = !this.#isAbandoned && !this.#getsOn();
      if (waits && !this.#isAbandoned) return this.#wait.arm(this.#onWake);
    } catch (error) {
      this.#failure = { error };
    }
    this.ring();
  };
}
