/**
 * The pool that all buffers come from: cells of a few sizes, carved from slabs.
 *
 * @module
 */
import { Buf, type BufHome } from "./buf.ts";

/**
 * The largest cell, in bytes: what `buffer_size 8k` and `buffers 8 8k` allow one response,
 * so that 64 KB with their head can come in one read.
 */
export const LARGEST_CELL_BYTES = 73_728;

/** Sizes of cells, in bytes. A request for more is rounded up to the next one. */
export const CELL_SIZES = [1024, 4096, 8192, 16384, 32768, 65536, LARGEST_CELL_BYTES] as const;

/** Cells of one size are added this many at a time (for large cells: 1 MiB at a time). */
const CELLS_PER_SLAB = 64;
const SLAB_BYTES_MAX = 1 << 20;

/** In a small pool less at a time: a few cells of each size must not take all there is. */
const SLAB_SHARE = 1 / 16;
const SLAB_BYTES_LEAST = 1 << 17;

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
  /** Memory that is taken, in bytes: it is carved into cells, held or free. */
  readonly slabBytes: number;
  /** What it may grow to. */
  readonly maxBytes: number;
  /** Cells that somebody holds. */
  readonly heldCells: number;
  /** Their length in bytes, however full they are. */
  readonly heldBytes: number;
  /** Times {@linkcode SlabPool.acquire} had to say "no". */
  readonly refusals: number;
}

/** Cells of one size: held ones are those that are not free. */
export interface CellStats {
  readonly sizeBytes: number;
  readonly cells: number;
  readonly free: number;
}

/**
 * Cells by size class. Grows slab by slab up to `maxBytes` and never beyond. A slab of
 * which nothing is held is carved anew when another size has run out: what a burst of
 * small cells has taken is not lost to large ones.
 */
export class SlabPool {
  readonly name = "buffer pool";
  /** May be changed at any time; what is held beyond a lower bound comes back by and by. */
  maxBytes: number;
  /** Held bytes from which the pool {@linkcode isScarce}; Infinity: it never is. May be changed, too. */
  scarceFromBytes = Infinity;
  readonly #debug: boolean;
  /** Slabs that have free cells, by the class of their cells; the one used last is last. */
  readonly #open: readonly Slab[][] = CELL_SIZES.map(() => []);
  /** Cells by their class, held or free. */
  readonly #cells: number[] = CELL_SIZES.map(() => 0);
  /** Slabs of which nothing is held. */
  #wholeSlabs = 0;
  readonly #held = new Set<Buf>();
  #slabBytes = 0;
  #heldCells = 0;
  #heldBytes = 0;
  #refusals = 0;
  readonly #waiters = new Set<() => void>();
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
      ? this.#take(sizeClass) ?? this.#grow(sizeClass)
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

  /** A cell of `slab` has come back; of none: it lived on its own. Called by its home only. */
  takeBack(buf: Buf, slab: Slab | undefined): void {
    this.#heldCells--;
    this.#heldBytes -= buf.cell.length;
    if (this.#debug) {
      this.#held.delete(buf);
      buf.cell.fill(POISON);
    }
    if (slab === undefined) {
      this.#slabBytes -= buf.cell.length; // the collector's now
    } else {
      const { free } = slab;
      if (free.push(buf) === 1) this.#open[slab.sizeClass]!.push(slab);
      if (free.length === slab.cellCount) this.#wholeSlabs++;
    }
    if (this.#waiters.size > 0) {
      this.#turnsToPass = this.#waiters.size;
      this.#passTurn();
    }
  }

  /** Calls the next waiter: the one before it wanted a larger Buf than the one that came back. */
  #passTurn(): void {
    this.#turnsToPass--;
    for (const wake of this.#waiters) {
      this.#waiters.delete(wake);
      return wake();
    }
  }

  /** Calls `wake` once when a Buf has come back, in the order of asking. Returns how to take that back. */
  onRoom(wake: () => void): () => void {
    const waiting = (): void => wake(); // who asks twice waits twice
    this.#waiters.add(waiting);
    return () => void this.#waiters.delete(waiting);
  }

  /** Whether no more than half of what the pool may take is held: enough for comfort. */
  get isHalfFree(): boolean {
    return this.#heldBytes * 2 <= this.maxBytes;
  }

  /** Whether no more than three quarters are held: beyond, who can do with less should. */
  get isAmple(): boolean {
    return this.#heldBytes * 4 <= this.maxBytes * 3;
  }

  /** Whether what has begun needs the rest, so that nothing more should begin. */
  get isScarce(): boolean {
    return this.#heldBytes >= this.scarceFromBytes ||
      (this.#waiters.size > 0 && this.scarceFromBytes !== Infinity);
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

  /** Cells by their size. Larger ones live on their own, and are not among them. */
  cellStats(): CellStats[] {
    return CELL_SIZES.map((sizeBytes, sizeClass) => ({
      sizeBytes,
      cells: this.#cells[sizeClass]!,
      free: this.#open[sizeClass]!.reduce((sum, { free }) => sum + free.length, 0),
    }));
  }

  /** Who waits for a cell to come back. */
  get waiting(): number {
    return this.#waiters.size;
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

  /** A free cell of the class: of the slab used last, the one that came back last. */
  #take(sizeClass: number): Buf | undefined {
    const open = this.#open[sizeClass]!;
    const slab = open[open.length - 1];
    if (slab === undefined) return undefined;
    const { free } = slab;
    if (free.length === slab.cellCount) this.#wholeSlabs--;
    const buf = free.pop();
    if (free.length === 0) open.pop();
    return buf;
  }

  /** Carves a new slab; at the bound one of another class that is free, or takes a larger cell. */
  #grow(sizeClass: number): Buf | undefined {
    const cellBytes = CELL_SIZES[sizeClass]!;
    const room = this.maxBytes - this.#slabBytes;
    const cellCount = Math.min(
      CELLS_PER_SLAB,
      Math.floor(this.#slabBytesMax() / cellBytes),
      Math.floor(room / cellBytes),
    );
    if (cellCount >= 1) {
      const bytes = new ArrayBuffer(cellBytes * cellCount);
      this.#slabBytes += bytes.byteLength;
      this.#carve(bytes, sizeClass);
      return this.#take(sizeClass);
    }
    const whole = this.#removeWhole(cellBytes);
    if (whole !== undefined) {
      this.#carve(whole.bytes, sizeClass);
      return this.#take(sizeClass);
    }
    for (let larger = sizeClass + 1; larger < CELL_SIZES.length; larger++) {
      const buf = this.#take(larger);
      if (buf !== undefined) return buf;
    }
    return undefined;
  }

  #slabBytesMax(): number {
    const share = Math.floor(this.maxBytes * SLAB_SHARE);
    return Math.min(SLAB_BYTES_MAX, Math.max(SLAB_BYTES_LEAST, share));
  }

  #carve(bytes: ArrayBuffer, sizeClass: number): void {
    const slab = new Slab(bytes, sizeClass, this);
    this.#open[sizeClass]!.push(slab);
    this.#cells[sizeClass]! += slab.cellCount;
    this.#wholeSlabs++;
  }

  /** Takes a slab out of the pool of which nothing is held, and that has that many bytes. */
  #removeWhole(bytes: number): Slab | undefined {
    if (this.#wholeSlabs === 0) return undefined;
    for (const open of this.#open) {
      const at = open.findIndex(({ free, cellCount, bytes: { byteLength } }) =>
        free.length === cellCount && byteLength >= bytes
      );
      if (at < 0) continue;
      this.#wholeSlabs--;
      const [slab] = open.splice(at, 1);
      this.#cells[slab!.sizeClass]! -= slab!.cellCount;
      return slab;
    }
    return undefined;
  }

  /** A cell larger than the largest class lives on its own and is not kept. */
  #single(sizeBytes: number): Buf | undefined {
    while (this.#slabBytes + sizeBytes > this.maxBytes) {
      const whole = this.#removeWhole(0);
      if (whole === undefined) return undefined;
      this.#slabBytes -= whole.bytes.byteLength; // the collector's now
    }
    this.#slabBytes += sizeBytes;
    const home: BufHome = { takeBack: (buf) => this.takeBack(buf, undefined) };
    return new Buf(new Uint8Array(sizeBytes), home);
  }
}

/** One piece of memory, carved into cells of one class. */
class Slab implements BufHome {
  readonly bytes: ArrayBuffer;
  readonly sizeClass: number;
  readonly cellCount: number;
  readonly free: Buf[] = [];
  readonly #pool: SlabPool;

  constructor(bytes: ArrayBuffer, sizeClass: number, pool: SlabPool) {
    const cellBytes = CELL_SIZES[sizeClass]!;
    this.bytes = bytes;
    this.sizeClass = sizeClass;
    this.cellCount = Math.floor(bytes.byteLength / cellBytes);
    this.#pool = pool;
    for (let index = this.cellCount - 1; index >= 0; index--) {
      this.free.push(new Buf(new Uint8Array(bytes, index * cellBytes, cellBytes), this));
    }
  }

  takeBack(buf: Buf): void {
    this.#pool.takeBack(buf, this);
  }
}

function classOf(sizeBytes: number): number {
  if (sizeBytes <= 1024) return 0;
  if (sizeBytes > LARGEST_CELL_BYTES) return CELL_SIZES.length;
  let sizeClass = 1;
  while (CELL_SIZES[sizeClass]! < sizeBytes) sizeClass++;
  return sizeClass;
}
