/**
 * Descriptors that are held back: when the process has no others left, traffic waits, and
 * who looks after the process (the admin listener, logs that are opened again) does not.
 *
 * @module
 */

/** What holds one. */
export interface Held {
  close(): void;
}

/** As many as `count`, or none where there is nothing that may be opened. */
export class DescriptorReserve {
  readonly #count: number;
  readonly #open: () => Held;
  readonly #held: Held[] = [];
  #isAvailable = true;

  /** @param open Opens something that nobody needs. */
  constructor(count: number, open: () => Held = openNothing) {
    this.#count = count;
    this.#open = open;
    this.refill();
  }

  /** Whether there is nothing to be waited for before traffic may take descriptors again. */
  get isFull(): boolean {
    return !this.#isAvailable || this.#held.length === this.#count;
  }

  /** Lets others have them. */
  release(): void {
    for (const held of this.#held.splice(0)) held.close();
  }

  /**
   * Takes them back, if there are as many again for traffic: else it would go back and forth,
   * and those that they are for would find none every other time. Returns whether it did.
   */
  refill(): boolean {
    if (this.isFull) return true;
    try {
      while (this.#held.length < 2 * this.#count) this.#held.push(this.#open());
      for (const held of this.#held.splice(this.#count)) held.close();
    } catch (error) {
      this.release();
      // Not even opening it is allowed, or it is not there: there is no reserve then.
      if (error instanceof Deno.errors.NotCapable) this.#isAvailable = false;
      if (error instanceof Deno.errors.NotFound) this.#isAvailable = false;
    }
    return this.isFull;
  }
}

function openNothing(): Held {
  return Deno.openSync("/dev/null");
}
