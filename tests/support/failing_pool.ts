/**
 * A pool of which one cell cannot be had.
 *
 * @module
 */
import { type Buf, SlabPool } from "../../src/buffer/mod.ts";

/** - `once`: soon after it can be had. - `for good`: who waits for it never hears of one. */
export type Shortage = "once" | "for good";

const MAX_BYTES = 2 << 20;

export class FailingPool extends SlabPool {
  readonly #meet: () => Shortage | undefined;
  #isForGood = false;

  /** @param meet Asked at each acquire what it meets; undefined: a cell. */
  constructor(meet: () => Shortage | undefined) {
    super({ maxBytes: MAX_BYTES, debug: true });
    this.#meet = meet;
  }

  override acquire(sizeBytes: number, holder: string): Buf | undefined {
    const shortage = this.#meet();
    if (shortage === undefined) return super.acquire(sizeBytes, holder);
    this.#isForGood = shortage === "for good";
    return undefined;
  }

  override onRoom(wake: () => void): () => void {
    if (this.#isForGood) return () => {};
    const takeBack = super.onRoom(wake);
    let isWanted = true;
    queueMicrotask(() => {
      takeBack();
      if (isWanted) wake();
    });
    return () => {
      isWanted = false;
      takeBack();
    };
  }
}
