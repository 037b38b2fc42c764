/**
 * @module
 */
import { type Buf, SlabPool } from "../../src/buffer/mod.ts";

const MARKER = 0xdd;

/**
 * A pool that fills what comes back with a marker, so that a use after release shows, and knows
 * who holds what: as the pool's own debug mode does, without its stack traces, which take longer
 * than all the rest.
 */
export class MarkingPool extends SlabPool {
  readonly #held = new Set<Buf>();

  override acquire(sizeBytes: number, holder: string): Buf | undefined {
    const buf = super.acquire(sizeBytes, holder);
    if (buf !== undefined) this.#held.add(buf);
    return buf;
  }

  override takeBack(...[buf, slab]: Parameters<SlabPool["takeBack"]>): void {
    this.#held.delete(buf);
    buf.cell.fill(MARKER);
    super.takeBack(buf, slab);
  }

  override outstanding(): readonly string[] {
    return Array.from(
      this.#held,
      ({ cell, state, holder }) => `${cell.length} (${state}) ${holder}`,
    );
  }
}
