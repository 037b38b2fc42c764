/**
 * Bytes that have no room in memory, in a file without a name.
 *
 * The file is unlinked as soon as it is open: whatever ends the process, nothing is
 * left behind. Reads and writes are synchronous, as nginx's are: they go to the page
 * cache in some tens of microseconds, less than handing them to another thread costs.
 *
 * @module
 */
import type { Buf } from "./buf.ts";
import { TempSpace } from "./temp_space.ts";

/** What a TempFile needs of a file. `Deno.FsFile`, but for tests. */
export interface SpillFile {
  writeSync(from: Uint8Array): number;
  readSync(into: Uint8Array): number | null;
  seekSync(offset: number, whence: Deno.SeekMode): number;
  truncateSync(length?: number): void;
  close(): void;
}

/** Opens a file in a folder. `path` is empty when it has no name any more. */
export type OpenSpillFile = (folder: string) => {
  readonly file: SpillFile;
  readonly path: string;
};

/** What was written to a temp file cannot be had again: the disk is broken. */
export class CannotReadBack extends Error {
  override readonly name = "CannotReadBack";

  constructor(why: string, cause?: unknown) {
    super(`Cannot read back a temp file: ${why}`, { cause });
  }
}

/** A queue of bytes on disk: written at its end, read from its front. */
export class TempFile {
  /** Where it is, if it has a name. */
  readonly path: string;
  readonly #file: SpillFile;
  readonly #space: TempSpace;
  /** How much of the space there is, together with all others, it may take. */
  readonly #share: number;
  /** Bytes from the start of the file to the first one that is not read yet. */
  #readAt = 0;
  /** Bytes from the start of the file to its end. */
  #end = 0;
  #position = 0;

  /**
   * @param folder `temp_path`.
   * @param space What it takes its bytes from. @default {without bound}
   * @param share Up to which part of that, whoever has taken the others.
   * @throws What the opening of a file throws: no such folder, no permission, no descriptor.
   */
  constructor(
    folder: string,
    open: OpenSpillFile = openUnlinked,
    space = new TempSpace(),
    share = 1,
  ) {
    const { file, path } = open(folder);
    this.#file = file;
    this.path = path;
    this.#space = space;
    this.#share = share;
    space.files++;
  }

  /** Bytes written and not yet read. */
  get size(): number {
    return this.#end - this.#readAt;
  }

  /** Bytes that the file takes on disk. */
  get bytesOnDisk(): number {
    return this.#end;
  }

  /**
   * Writes the unread bytes of `from` behind all others, consuming them: all or none, so
   * that a holder of a Buf too few is not left with a file that it has no Buf to read into.
   *
   * @returns Whether it did: not where temp files have as much as they may (`temp_disk`).
   * @throws What the writing throws, such as "no space left on device".
   */
  write(from: Buf): boolean {
    const { size } = from;
    if (!this.#space.take(size, this.#share)) return false;
    let { pos } = from;
    let end = this.#end;
    try {
      while (pos < from.last) {
        this.#seek(end);
        const written = this.#file.writeSync(from.cell.subarray(pos, from.last));
        pos += written;
        end += written;
        this.#position += written;
      }
    } catch (error) {
      this.#space.give(size);
      throw error;
    }
    from.pos = pos;
    this.#end = end;
    return true;
  }

  /**
   * Reads behind `into.last` as much as there is and fits. Returns the bytes read.
   *
   * @throws {CannotReadBack}
   */
  read(into: Buf): number {
    const wanted = Math.min(into.room, this.size);
    let done = 0;
    while (done < wanted) {
      const read = this.#readInto(into.cell.subarray(into.last, into.last + wanted - done));
      into.last += read;
      this.#readAt += read;
      this.#position += read;
      done += read;
    }
    return done;
  }

  /** Reads from the first byte again: a request body for another attempt. */
  rewind(): void {
    this.#readAt = 0;
  }

  /** Gives the disk space back when all has been read (`cyclic_temp_file`). */
  reuse(): void {
    if (this.size > 0 || this.#end === 0) return;
    this.#file.truncateSync(0);
    this.#space.give(this.#end);
    this.#readAt = this.#end = 0;
  }

  /** Closes the file, which frees its space. */
  close(): void {
    this.#file.close();
    this.#space.files--;
    this.#space.give(this.#end);
    this.#end = this.#readAt = 0;
  }

  #readInto(room: Uint8Array): number {
    let read: number | null;
    try {
      this.#seek(this.#readAt);
      read = this.#file.readSync(room);
    } catch (error) {
      throw new CannotReadBack(error instanceof Error ? error.message : String(error), error);
    }
    if (read === null) throw new CannotReadBack("it is shorter than what was written");
    return read;
  }

  #seek(offset: number): void {
    if (this.#position === offset) return;
    this.#file.seekSync(offset, 0 satisfies Deno.SeekMode.Start);
    this.#position = offset;
  }
}

/** A new file of mode 0600, which has lost its name already. */
export function openUnlinked(folder: string): ReturnType<OpenSpillFile> {
  const { file, path } = openNamed(folder);
  try {
    Deno.removeSync(path);
  } catch (error) {
    file.close();
    throw error;
  }
  return { file, path: "" };
}

/** A new file of mode 0600 that keeps its name: for `client_body_in_file_only`. */
export function openNamed(folder: string): ReturnType<OpenSpillFile> {
  const path = Deno.makeTempFileSync({ dir: folder, prefix: "sluice-" });
  try {
    return { file: Deno.openSync(path, { read: true, write: true }), path };
  } catch (error) {
    Deno.removeSync(path); // out of descriptors: it is there all the same
    throw error;
  }
}
