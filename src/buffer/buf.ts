/**
 * One cell of the pool, with exactly one owner.
 *
 * A {@linkcode Buf} is in one of four states. `pooled`: the pool owns it and nobody
 * may touch it. `owned`: one holder reads and writes it. `lent`: a connection's
 * pending read or write uses its bytes. `leaving`: its holder gave it back while it
 * was lent; it becomes `pooled` only once the pending operation has settled. Deno cannot take a started read back, and a read
 * that settles late still writes: reusing the cell earlier would carry one client's
 * bytes into another client's response.
 *
 * @module
 */

const POOLED = 0;
const OWNED = 1;
const LENT = 2;
const LEAVING = 3;
const STATE_NAMES = ["pooled", "owned", "lent", "leaving"] as const;

/** What a Buf's pool does with it. Implemented by the pool only. */
export interface BufHome {
  /** The last holder is done with it, and no operation uses it any more. */
  takeBack(buf: Buf): void;
}

/** A window `[pos, last)` of unread bytes inside one cell. */
export class Buf {
  /** Offset of the first unread byte, in bytes from the start of the cell. */
  pos = 0;
  /** Offset just past the last byte written. Invariant: `pos <= last <= end`. */
  last = 0;
  /** Offset that reads may fill up to. The cell's length unless its holder keeps room back. */
  end: number;
  /** The Buf behind this one in the {@linkcode Chain} that holds it. The Chain's alone. */
  next: Buf | undefined = undefined;
  /** Who acquired it, for leak reports. */
  holder = "";
  readonly cell: Uint8Array<ArrayBuffer>;
  readonly #home: BufHome;
  #state: 0 | 1 | 2 | 3 = POOLED;

  constructor(cell: Uint8Array<ArrayBuffer>, home: BufHome) {
    this.cell = cell;
    this.end = cell.length;
    this.#home = home;
  }

  /** Bytes written and not yet consumed. */
  get size(): number {
    return this.last - this.pos;
  }

  /** Bytes that still fit behind `last`. */
  get room(): number {
    return this.end - this.last;
  }

  /** Whether a pending operation uses the bytes. */
  get isLent(): boolean {
    return this.#state === LENT;
  }

  /** The state's name, for messages and tests. */
  get state(): typeof STATE_NAMES[number] {
    return STATE_NAMES[this.#state];
  }

  /** The unread bytes. A view, valid until this Buf is released. */
  data(): Uint8Array<ArrayBuffer> {
    return this.cell.subarray(this.pos, this.last);
  }

  /** Empties the Buf, keeping `headroom` bytes free in front and `tailroom` behind. */
  reset(headroom = 0, tailroom = 0): void {
    if (this.#state !== OWNED) this.#refuse("reset");
    this.pos = this.last = headroom;
    this.end = this.cell.length - tailroom;
  }

  /** Lends the room behind `last` to a pending read. {@linkcode settleRead} ends the loan. */
  lendRoom(): void {
    if (this.#state !== OWNED) this.#refuse("lend");
    if (this.last >= this.end) throw new Error("Cannot lend a Buf that has no room");
    this.#state = LENT;
  }

  /**
   * The room of a Buf that {@linkcode lendRoom} has lent: a view, to be made when the read begins.
   * Nobody changes `last` and `end` of a Buf that is lent.
   */
  get lentRoom(): Uint8Array<ArrayBuffer> {
    if (this.#state !== LENT && this.#state !== LEAVING) this.#refuse("read into");
    return this.last === 0 && this.end === this.cell.length
      ? this.cell // no view to make: the common case of an empty Buf
      : this.cell.subarray(this.last, this.end);
  }

  /** Ends a read's loan: `byteCount` bytes are behind `last` (0 when it failed). */
  settleRead(byteCount: number): void {
    if (byteCount > this.end - this.last) throw new Error("Cannot settle more than was lent");
    this.last += byteCount;
    this.#settle();
  }

  /** Lends the unread bytes to a connection that sends them. {@linkcode settleWrite} ends the loan. */
  lendData(): void {
    if (this.#state !== OWNED) this.#refuse("send");
    this.#state = LENT;
  }

  /** Ends a write's loan: all is sent, or the connection broke. */
  settleWrite(): void {
    this.#settle();
  }

  /**
   * Gives the Buf back; the caller must forget it. While it is lent it stays out of
   * the pool until its connection is done with it: what is being sent is still sent.
   */
  release(): void {
    if (this.#state === OWNED) {
      this.#state = POOLED;
      this.#home.takeBack(this);
    } else if (this.#state === LENT) {
      this.#state = LEAVING;
    } else {
      this.#refuse("release");
    }
  }

  /** Hands a pooled Buf to its next holder. Called by the pool only. */
  handOut(holder: string): void {
    if (this.#state !== POOLED) this.#refuse("hand out");
    this.#state = OWNED;
    this.pos = this.last = 0;
    this.end = this.cell.length;
    this.holder = holder;
  }

  #settle(): void {
    if (this.#state === LENT) {
      this.#state = OWNED;
    } else if (this.#state === LEAVING) {
      this.#state = POOLED;
      this.#home.takeBack(this);
    } else {
      this.#refuse("settle");
    }
  }

  #refuse(doing: string): never {
    throw new Error(
      `Cannot ${doing} a ${this.state} Buf (last held by ${this.holder || "nobody"})`,
    );
  }
}
