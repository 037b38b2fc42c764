/**
 * The pool that all buffers come from: cells of a few sizes, carved from slabs.
 *
 * @module
 */
import { Buf, type BufHome } from "./buf.ts";

/** Sizes of cells, in bytes. A request for more is rounded up to the next one. */
export const CELL_SIZES = [1024, 4096, 8192, 16384, 32768, 65536] as const;
const LARGEST_CELL = 65536;

/** Cells of one size are added this many at a time (for large cells: 1 MiB at a time). */
const CELLS_PER_SLAB = 64;
const SLAB_BYTES_MAX = 1 << 20;

const POISON = 0xdd;

export interface SlabPoolOptions {
  /** Bound of all slabs together, in bytes. Past it the pool says "no", which is back-pressure. */
  readonly maxBytes: number;
  /**
   * Fills released cells with a marker byte and remembers where each Buf was
   * acquired, so that a use after release shows and a leak names its holder.
   * @default false
   */
  readonly debug?: boolean;
}

/** A snapshot for status and tests. */
export interface SlabPoolStats {
  readonly slabBytes: number;
  readonly maxBytes: number;
  readonly heldCells: number;
  readonly heldBytes: number;
  /** Times {@linkcode SlabPool.acquire} had to say "no". */
  readonly refusals: number;
}

/** Cells by size class. Grows slab by slab up to `maxBytes` and never beyond. */
export class SlabPool implements BufHome {
  readonly name = "buffer pool";
  readonly maxBytes: number;
  readonly #debug: boolean;
  readonly #free: Buf[][] = CELL_SIZES.map(() => []);
  readonly #held = new Set<Buf>();
  #slabBytes = 0;
  #heldCells = 0;
  #heldBytes = 0;
  #refusals = 0;
  #waiters: (() => void)[] = [];
  /** How many waiters may yet be called for the Buf that came back last. */
  #turnsToPass = 0;

  constructor(options: SlabPoolOptions) {
    this.maxBytes = options.maxBytes;
    this.#debug = options.debug ?? false;
  }

  /**
   * Gives the caller a Buf of at least `sizeBytes` to own, or `undefined`: the
   * memory is used up, so stop reading until {@linkcode onRoom} says otherwise.
   *
   * @param holder A constant that names the caller, for leak reports.
   */
  acquire(sizeBytes: number, holder: string): Buf | undefined {
    const sizeClass = classOf(sizeBytes);
    const buf = sizeClass < CELL_SIZES.length
      ? this.#free[sizeClass]!.pop() ?? this.#grow(sizeClass)
      : this.#single(sizeBytes);
    if (buf === undefined) {
      this.#refusals++;
      if (this.#turnsToPass > 0) this.#passTurn();
      return undefined;
    }
    this.#heldCells++;
    this.#heldBytes += buf.cell.length;
    if (this.#debug) {
      this.#held.add(buf);
      holder += new Error().stack?.split("\n").slice(2, 5).join(" <") ?? "";
    }
    buf.handOut(holder);
    return buf;
  }

  takeBack(buf: Buf): void {
    this.#heldCells--;
    this.#heldBytes -= buf.cell.length;
    if (this.#debug) {
      this.#held.delete(buf);
      buf.cell.fill(POISON);
    }
    const sizeClass = classOf(buf.cell.length);
    if (sizeClass < CELL_SIZES.length) this.#free[sizeClass]!.push(buf);
    else this.#slabBytes -= buf.cell.length; // a cell of its own: the collector's now
    if (this.#waiters.length > 0) {
      this.#turnsToPass = this.#waiters.length;
      this.#passTurn();
    }
  }

  /** Calls the next waiter: the one before it wanted a larger Buf than the one that came back. */
  #passTurn(): void {
    this.#turnsToPass--;
    this.#waiters.shift()?.();
  }

  /** Calls `wake` once when a Buf has come back, in the order of asking. Returns how to take that back. */
  onRoom(wake: () => void): () => void {
    this.#waiters.push(wake);
    return () => {
      this.#waiters = this.#waiters.filter((waiting) => waiting !== wake);
    };
  }

  stats(): SlabPoolStats {
    return {
      slabBytes: this.#slabBytes,
      maxBytes: this.maxBytes,
      heldCells: this.#heldCells,
      heldBytes: this.#heldBytes,
      refusals: this.#refusals,
    };
  }

  /** What is still held, one line each; names of holders in debug mode. Empty: nothing leaked. */
  outstanding(): readonly string[] {
    if (this.#heldCells === 0) return [];
    if (!this.#debug) return [`${this.#heldCells} cells, ${this.#heldBytes} bytes`];
    return Array.from(
      this.#held,
      (buf) => `${buf.cell.length} bytes (${buf.state}) by ${buf.holder}`,
    );
  }

  /** Carves a new slab, or falls back to a larger free cell when the bound is reached. */
  #grow(sizeClass: number): Buf | undefined {
    const cellBytes = CELL_SIZES[sizeClass]!;
    const room = this.maxBytes - this.#slabBytes;
    const cellCount = Math.min(
      CELLS_PER_SLAB,
      Math.floor(SLAB_BYTES_MAX / cellBytes),
      Math.floor(room / cellBytes),
    );
    if (cellCount < 1) {
      for (let larger = sizeClass + 1; larger < CELL_SIZES.length; larger++) {
        const buf = this.#free[larger]!.pop();
        if (buf !== undefined) return buf;
      }
      return undefined;
    }
    const slab = new ArrayBuffer(cellBytes * cellCount);
    this.#slabBytes += slab.byteLength;
    const free = this.#free[sizeClass]!;
    for (let start = slab.byteLength - cellBytes; start >= 0; start -= cellBytes) {
      free.push(new Buf(new Uint8Array(slab, start, cellBytes), this));
    }
    return free.pop();
  }

  /** A cell larger than the largest class lives on its own and is not kept. */
  #single(sizeBytes: number): Buf | undefined {
    if (this.#slabBytes + sizeBytes > this.maxBytes) return undefined;
    this.#slabBytes += sizeBytes;
    return new Buf(new Uint8Array(sizeBytes), this);
  }
}

function classOf(sizeBytes: number): number {
  if (sizeBytes <= 1024) return 0;
  if (sizeBytes > LARGEST_CELL) return CELL_SIZES.length;
  let sizeClass = 1;
  while (CELL_SIZES[sizeClass]! < sizeBytes) sizeClass++;
  return sizeClass;
}
