/**
 * A file in memory, of which any operation can be made to fail: disk full, I/O error,
 * writes that take only a part.
 *
 * @module
 */
import type { SpillFile } from "../../src/buffer/mod.ts";

export class MemoryFile implements SpillFile {
  isClosed = false;
  /** The largest it ever was, in bytes. */
  largestBytes = 0;
  readonly #roomBytes: number;
  readonly #pieceBytes: number;
  #bytes = new Uint8Array(0);
  #at = 0;

  /** @param roomBytes Of the disk. @param pieceBytes What one write takes at most. */
  constructor(roomBytes = Infinity, pieceBytes = Infinity) {
    this.#roomBytes = roomBytes;
    this.#pieceBytes = pieceBytes;
  }

  writeSync(from: Uint8Array): number {
    const room = Math.min(this.#roomBytes - this.#at, this.#pieceBytes);
    if (room <= 0) throw new Error("No space left on device (os error 28)");
    const written = from.subarray(0, room);
    const end = this.#at + written.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(end);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(written, this.#at);
    this.#at = end;
    this.largestBytes = Math.max(this.largestBytes, this.#bytes.length);
    return written.length;
  }

  readSync(into: Uint8Array): number | null {
    const read = this.#bytes.subarray(this.#at, this.#at + Math.min(into.length, this.#pieceBytes));
    if (read.length === 0) return null;
    into.set(read);
    this.#at += read.length;
    return read.length;
  }

  seekSync(offset: number, whence: Deno.SeekMode): number {
    return this.#at = whence === 2 ? this.#bytes.length + offset : offset;
  }

  truncateSync(length = 0): void {
    this.#bytes = this.#bytes.slice(0, length);
  }

  close(): void {
    if (this.isClosed) throw new Deno.errors.BadResource("Bad resource ID");
    this.isClosed = true;
  }
}
