/**
 * A request body in a temp file, which can be sent more than once.
 *
 * @module
 */
import {
  type Buf,
  openNamed,
  type OpenSpillFile,
  openUnlinked,
  TempFile,
  type TempSpace,
} from "../buffer/mod.ts";
import { Signal, type Wait } from "../event/mod.ts";
import type { RequestBody } from "./downstream.ts";

/** Never waited for: a file is always ready. */
const READY: Wait = new Signal();

export class FileBody implements RequestBody {
  readonly isStarted = false; // it can always be had again
  readonly bufferBytes = 0;
  readonly tempPath = "";
  readonly readable = READY;
  readonly trailers = undefined;
  readonly inFileOnly: "off" | "on" | "clean";
  readonly #file: TempFile;
  readonly #onTrouble: (message: string) => void;
  #isDone = false;

  /**
   * Opens a file.
   *
   * @param onTrouble Told when it cannot be removed.
   * @param open Opens one without a name, where it need not have one.
   * @throws What the opening of a file throws.
   */
  constructor(
    folder: string,
    inFileOnly: "off" | "on" | "clean",
    space: TempSpace,
    onTrouble: (message: string) => void,
    open: OpenSpillFile = openUnlinked,
  ) {
    this.#onTrouble = onTrouble;
    this.#file = new TempFile(folder, inFileOnly === "off" ? open : openNamed, space);
    this.inFileOnly = inFileOnly;
  }

  get lengthBytes(): number {
    return this.#file.bytesOnDisk;
  }

  /**
   * Writes what is in `buf` behind what is there. Returns whether there was space for it.
   *
   * @throws What the writing throws.
   */
  append(buf: Buf): boolean {
    return this.#file.write(buf);
  }

  /** `$request_body_file`: empty if the file has no name. */
  get path(): string {
    return this.#file.path;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Begins again, for the next attempt. */
  rewind(): void {
    this.#file.rewind();
    this.#isDone = false;
  }

  read(into: Buf): number {
    const read = this.#file.read(into);
    this.#isDone = this.#file.size === 0;
    return read;
  }

  stop(_into: Buf): boolean {
    return false;
  }

  /** Closes the file, and removes it unless it is to stay. */
  close(): void {
    this.#file.close();
    if (this.inFileOnly !== "clean") return;
    try {
      Deno.removeSync(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return; // somebody else has removed it
      const why = error instanceof Error ? error.message : String(error);
      this.#onTrouble(`cannot remove the client request body "${this.path}": ${why}`);
    }
  }
}
