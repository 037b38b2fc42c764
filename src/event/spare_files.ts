/**
 * Temp files that the next request body is written into: nothing is created for it, and the
 * pages of the one before it are there already. Of the 1.1 ms that 1 MB takes through a new
 * file (ext4, in the page cache) this saves half, and of the CPU of such an upload 15 to 20 %.
 *
 * What was in a file stays in it until it is overwritten; its next holder reads only what it
 * wrote itself (`TempFile`).
 *
 * @module
 */
import { type OpenSpillFile, openUnlinked, type SpillFile, type TempSpace } from "../buffer/mod.ts";
import { type Deadlines, type Expirable, NEVER } from "./clock.ts";

/** How long after its opening a file is used again, in ms: before the system writes it to the disk. */
const USED_FOR_MS = 1_000;
/** Files that wait, of one thread. */
const FILES_MAX = 16;
/** A larger file is not kept. */
const FILE_BYTES_MAX = 2 << 20;
/** Of `temp_disk`: above that none is kept. */
const SHARE_OF_SPACE = 1 / 8;

/** What a thread has of them; they are closed when they are a second old. */
export class SpareFiles implements Expirable {
  slot = -1;
  readonly #deadlines: Deadlines;
  readonly #space: TempSpace;
  readonly #openNew: OpenSpillFile;
  /** The one used last is last. */
  readonly #waiting: LentFile[] = [];
  #isClosed = false;

  /**
   * @param space Knows what a file has on disk from when it first waits to when it is closed:
   * also while somebody has it, who takes for what is written over that once more.
   * @param openNew Opens one where none waits.
   */
  constructor(deadlines: Deadlines, space: TempSpace, openNew: OpenSpillFile = openUnlinked) {
    this.#deadlines = deadlines;
    this.#space = space;
    this.#openNew = openNew;
    space.reclaim = () => this.drop();
  }

  /** One without a name, to be closed as any other. */
  readonly open: OpenSpillFile = (folder) => {
    const at = this.#waiting.findLastIndex((file) => file.folder === folder);
    const [waiting] = at < 0 ? [] : this.#waiting.splice(at, 1);
    this.#restIfEmpty();
    return { file: waiting ?? this.#lendNew(folder), path: "" };
  };

  /** A holder is done with its file. For the file only. */
  takeBack(file: LentFile): void {
    const isWorthKeeping = !this.#isClosed && !file.isBroken &&
      this.#waiting.length < FILES_MAX && file.lastUseMs > this.#deadlines.nowMs && file.keep();
    if (!isWorthKeeping) return file.end();
    this.#waiting.push(file);
    if (this.slot < 0) this.#deadlines.add(this);
    this.#deadlines.notice(file.lastUseMs);
  }

  /** Closes those that wait. Returns whether there were any. */
  drop(): boolean {
    const files = this.#waiting.splice(0);
    for (const file of files) file.end();
    this.#restIfEmpty();
    return files.length > 0;
  }

  /** Closes those that wait; others when they come back. */
  close(): void {
    this.#isClosed = true;
    this.drop();
  }

  expire(nowMs: number): number {
    for (const file of this.#waiting.splice(0)) {
      if (file.lastUseMs > nowMs) this.#waiting.push(file);
      else file.end();
    }
    this.#restIfEmpty();
    return this.#waiting.reduce((least, { lastUseMs }) => Math.min(least, lastUseMs), NEVER);
  }

  toString(): string {
    return `${this.#waiting.length} spare temp files`;
  }

  #lendNew(folder: string): LentFile {
    const { file } = this.#openNew(folder);
    return new LentFile(file, folder, this.#deadlines.nowMs + USED_FOR_MS, this, this.#space);
  }

  #restIfEmpty(): void {
    if (this.#waiting.length === 0) this.#deadlines.remove(this);
  }
}

/** A file that goes back when it is closed. */
class LentFile implements SpillFile {
  readonly folder: string;
  readonly lastUseMs: number;
  /** A write has failed: it would fail the next holder too. */
  isBroken = false;
  readonly #file: SpillFile;
  readonly #home: SpareFiles;
  readonly #space: TempSpace;
  /** What it has taken of the space. */
  #takenBytes = 0;

  constructor(
    file: SpillFile,
    folder: string,
    lastUseMs: number,
    home: SpareFiles,
    space: TempSpace,
  ) {
    this.#file = file;
    this.folder = folder;
    this.lastUseMs = lastUseMs;
    this.#home = home;
    this.#space = space;
  }

  /** On a disk that is full those that wait have to make room. */
  writeSync(from: Uint8Array): number {
    try {
      return this.#file.writeSync(from);
    } catch (error) {
      this.isBroken = true;
      if (!this.#home.drop()) throw error;
      return this.#file.writeSync(from);
    }
  }

  readSync(into: Uint8Array): number | null {
    return this.#file.readSync(into);
  }

  seekSync(offset: number, whence: Deno.SeekMode): number {
    return this.#file.seekSync(offset, whence);
  }

  truncateSync(length?: number): void {
    this.#file.truncateSync(length);
  }

  close(): void {
    this.#home.takeBack(this);
  }

  /** Goes to the start, where the next holder expects it to be. Returns whether it is to wait for one. */
  keep(): boolean {
    const bytes = this.#file.seekSync(0, 2 satisfies Deno.SeekMode.End);
    this.#file.seekSync(0, 0 satisfies Deno.SeekMode.Start);
    const moreBytes = bytes - this.#takenBytes;
    if (bytes > FILE_BYTES_MAX || !this.#space.take(moreBytes, SHARE_OF_SPACE)) return false;
    this.#takenBytes = bytes;
    return true;
  }

  end(): void {
    this.#file.close();
    this.#space.give(this.#takenBytes);
  }
}
