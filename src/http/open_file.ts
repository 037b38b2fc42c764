/**
 * Opening a file that is to be sent, and what may be wrong with it.
 *
 * All of it is synchronous, as in nginx without `aio`: what the kernel has in memory costs
 * some microseconds, less than handing it to another thread does (DENO.md, 7). A disk that
 * has to be asked holds the worker up for as long as it takes.
 *
 * @module
 */
import { systemErrorText } from "../event/mod.ts";

/** What a name leads to. */
export type Found =
  | {
    readonly kind: "file";
    readonly file: Deno.FsFile;
    readonly sizeBytes: number;
    /** Of its last change, in whole seconds since 1970. */
    readonly modifiedS: number;
  }
  | { readonly kind: "folder"; readonly modifiedS: number }
  | NotFound;

/** It is not there, or not for us. */
export interface NotFound {
  readonly kind: "none";
  readonly status: 403 | 404 | 500;
  /** `open() "/x" failed (2: No such file or directory)`: nginx's words. */
  readonly message: string;
  /** Whether it is our trouble, not the request's. */
  readonly isOurs: boolean;
}

const MISSING: ReadonlySet<number> = new Set([2, 20, 36]); // ENOENT, ENOTDIR, ENAMETOOLONG
const FORBIDDEN: ReadonlySet<number> = new Set([13, 40]); // EACCES, ELOOP

/**
 * Opens a file for reading. Only regular files are opened: the opening of a FIFO would
 * wait for a writer. (Who can put one in the place of a file at the very moment between
 * the look and the opening is not kept from it; Deno cannot open without waiting.)
 */
export function openFile(path: string): Found {
  let doing = "stat";
  try {
    const seen = Deno.statSync(path);
    if (seen.isDirectory) return { kind: "folder", modifiedS: secondsOf(seen.mtime) };
    if (!seen.isFile) return notRegular(path);
    doing = "open";
    const file = Deno.openSync(path);
    try {
      const info = file.statSync();
      if (info.isFile) {
        return { kind: "file", file, sizeBytes: info.size, modifiedS: secondsOf(info.mtime) };
      }
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return notRegular(path);
  } catch (error) {
    return whyNot(path, error, doing);
  }
}

/** What is at a name, without opening it. */
export function lookAt(path: string): "file" | "folder" | "other" | NotFound {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    return isFile ? "file" : isDirectory ? "folder" : "other";
  } catch (error) {
    return whyNot(path, error, "stat");
  }
}

function notRegular(path: string): NotFound {
  return { kind: "none", status: 404, message: `"${path}" is not a regular file`, isOurs: true };
}

/** @param doing What failed. nginx opens right away, so a failed look is `open()` to those who read logs. */
export function whyNot(path: string, error: unknown, doing: string): NotFound {
  const text = systemErrorText(error);
  const number = Number(/^(\d+): /.exec(text)?.[1] ?? NaN);
  const status = MISSING.has(number)
    ? 404
    : FORBIDDEN.has(number) || error instanceof Deno.errors.NotCapable
    ? 403
    : 500;
  const call = doing === "stat" ? "open" : doing;
  return {
    kind: "none",
    status,
    message: `${call}() "${path}" failed (${text})`,
    isOurs: status === 500,
  };
}

function secondsOf(time: Date | null): number {
  return time === null ? 0 : Math.floor(time.getTime() / 1_000);
}
