/**
 * A request body in a temp file, which can be sent more than once.
 *
 * @module
 */
import type { Buf, TempFile } from "../buffer/mod.ts";
import { Signal, type Wait } from "../event/mod.ts";
import type { RequestBody } from "./downstream.ts";

/** Never waited for: a file is always ready. */
const READY: Wait = new Signal();

export class FileBody implements RequestBody {
  readonly lengthBytes: number;
  readonly isStarted = false; // it can always be had again
  readonly bufferBytes = 0;
  readonly tempPath = "";
  readonly readable = READY;
  readonly trailers = undefined;
  readonly inFileOnly: "off" | "on" | "clean";
  readonly #file: TempFile;
  #isDone = false;

  /** Takes `file` over. */
  constructor(file: TempFile, inFileOnly: "off" | "on" | "clean") {
    this.#file = file;
    this.lengthBytes = file.size;
    this.inFileOnly = inFileOnly;
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
    if (this.inFileOnly === "clean") Deno.removeSync(this.#file.path);
  }
}
