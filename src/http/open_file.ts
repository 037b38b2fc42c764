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
export function openFile(path: string, rule?: LinkRule): Found {
  let doing = "stat";
  try {
    const refused = rule && linkIn(path, rule);
    if (refused !== undefined) return refused;
    const seen = Deno.statSync(path);
    if (seen.isDirectory) return { kind: "folder", modifiedS: secondsOf(seen.mtime) };
    if (!seen.isFile) return notRegular(path);
    doing = "open";
    const file = Deno.openSync(path);
    try {
      const info = file.statSync();
      const exchanged = rule && (linkIn(path, rule) ?? otherThan(info, path));
      if (exchanged !== undefined) {
        file.close();
        return exchanged;
      }
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
export function lookAt(path: string, rule?: LinkRule): "file" | "folder" | "other" | NotFound {
  try {
    const refused = rule && linkIn(path, rule);
    if (refused !== undefined) return refused;
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

/** `disable_symlinks`. */
export interface LinkRule {
  readonly refuses: "all" | "other_owner";
  /** How much of the path is not looked at. */
  readonly fromLength: number;
}

/** What is wrong with a path that has a link in it. @throws What the looking throws. */
function linkIn(path: string, { refuses, fromLength }: LinkRule): NotFound | undefined {
  let end = path.indexOf("/", fromLength + 1);
  while (true) {
    const part = end === -1 ? path : path.slice(0, end);
    const seen = Deno.lstatSync(part);
    if (seen.isSymlink) {
      const isRefused = refuses === "all" || Deno.statSync(part).uid !== seen.uid;
      if (isRefused) return refuses === "all" && end !== -1 ? noFolder(path) : linkRefused(path);
    }
    if (end === -1 || end === path.length - 1) return undefined;
    end = path.indexOf("/", end + 1);
  }
}

/** Somebody has exchanged the file since it was looked at. */
function otherThan(opened: Deno.FileInfo, path: string): NotFound | undefined {
  const now = Deno.statSync(path);
  return now.ino === opened.ino && now.dev === opened.dev ? undefined : linkRefused(path);
}

/** nginx's answer where it opens a folder that must not be a link. */
function noFolder(path: string): NotFound {
  const message = `openat() "${path}" failed (20: Not a directory)`;
  return { kind: "none", status: 404, message, isOurs: false };
}

function linkRefused(path: string): NotFound {
  const message = `openat() "${path}" failed (40: Too many levels of symbolic links)`;
  return { kind: "none", status: 403, message, isOurs: false };
}

function secondsOf(time: Date | null): number {
  return time === null ? 0 : Math.floor(time.getTime() / 1_000);
}
