/**
 * `store`: responses as files, for those who serve files.
 *
 * A response is written to a temp file as it comes and becomes the file of its path in
 * one step, so that nobody ever sees half of it. The temp file is locked as long as
 * its process lives: one without a lock was left behind by a process that was killed,
 * and {@linkcode removeLeftovers} finds it.
 *
 * @module
 */
import type { ResponseStore } from "../upstream/mod.ts";
import { bytesOf, type ResponseHead } from "../wire/mod.ts";
import type { StoreConf } from "./conf.ts";
import { FilePlace, withoutSlash } from "./file_place.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";

const PREFIX = ".sluice-store-";
const LAST_MODIFIED = bytesOf("last-modified");

/** One location's `store`. */
export class Store {
  readonly #conf: StoreConf;
  /** Bytes as code units; undefined for a path that leads out of where files are. */
  readonly #pathOf: (request: Request) => string | undefined;
  /** What stands in front of the first variable: no file is outside of it. */
  readonly #base: string;

  constructor(conf: StoreConf, variables: Variables) {
    this.#conf = conf;
    this.#base = baseOf(conf.path);
    if (typeof conf.path === "string") {
      const template = variables.compile(byteText(conf.path));
      this.#pathOf = (request) => template.render(request);
    } else {
      const place = new FilePlace(conf.path, variables);
      this.#pathOf = (request) => place.fileOf(request, request.path);
    }
  }

  /** Begins to keep a response, if it can be. */
  open(request: Request, response: ResponseHead): ResponseStore | undefined {
    const text = this.#pathOf(request) ?? request.path;
    const path = pathBelow(this.#base, text);
    if (path === undefined) {
      request.report("error", `cannot store ${JSON.stringify(text)}: not a file below it`);
      return undefined;
    }
    const { fields } = response;
    const index = fields.find(LAST_MODIFIED);
    const modifiedMs = index < 0 ? NaN : Date.parse(fields.value(index));
    try {
      return new StoredFile(path, this.#base, this.#conf, modifiedMs);
    } catch (error) {
      request.report("crit", `cannot store "${path}": ${textOf(error)}`);
      return undefined;
    }
  }
}

/** What a path has in front of its first variable. */
function baseOf(conf: StoreConf["path"]): string {
  const path = typeof conf === "string"
    ? conf
    : conf.kind === "root"
    ? `${withoutSlash(conf.path)}/$uri`
    : `${conf.path}$uri`;
  const end = path.indexOf("$");
  return end < 0 ? path.slice(0, path.lastIndexOf("/") + 1) : path.slice(0, end);
}

/**
 * The file that a text names, if that is below `base`: nothing in a request may lead out.
 *
 * @param text Bytes as code units, as variables are.
 */
export function pathBelow(base: string, text: string): string | undefined {
  const path = decode(text);
  if (path === undefined || path.includes("\0") || !path.startsWith(base)) return undefined;
  const names = path.slice(base.length).split("/");
  const isFile = !["", "."].includes(names.at(-1)!);
  if (!isFile || names.includes("..")) return undefined;
  // A base of "/data/www-" may have been given "..", too.
  const last = base.slice(base.lastIndexOf("/") + 1) + names[0]!;
  if (last === "..") return undefined;
  const rest = names.filter((name, at) => at === 0 || (name !== "" && name !== "."));
  return base + rest.join("/");
}

function decode(text: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(Uint8Array.from(text, (unit) => unit.charCodeAt(0)));
  } catch {
    return undefined; // a name that is not UTF-8 cannot be said to Deno
  }
}

/** A response on its way into its file. */
class StoredFile implements ResponseStore {
  readonly #path: string;
  readonly #base: string;
  readonly #mode: number;
  readonly #modifiedMs: number;
  #temp: LockedFile;

  constructor(path: string, base: string, { mode, tempPath }: StoreConf, modifiedMs: number) {
    this.#path = path;
    this.#base = base;
    this.#mode = mode;
    this.#modifiedMs = modifiedMs;
    this.#temp = new LockedFile(tempPath);
  }

  write(bytes: Uint8Array): void {
    const { file } = this.#temp;
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  }

  keep(): string {
    try {
      try {
        this.#takePlace();
      } catch (error) {
        if (!isAcrossDevices(error)) throw error;
        this.#moveOver();
        this.#takePlace();
      }
    } catch (error) {
      const problem = `cannot store "${this.#path}": ${textOf(error)}`;
      const left = this.discard();
      return left === "" ? problem : `${problem}; ${left}`;
    }
    this.#temp.file.close();
    return "";
  }

  discard(): string {
    try {
      this.#temp.remove();
      return "";
    } catch (error) {
      return `cannot remove "${this.#temp.path}": ${textOf(error)}`;
    }
  }

  /** Gives the file its time, rights and name. */
  #takePlace(): void {
    const { file, path } = this.#temp;
    if (!Number.isNaN(this.#modifiedMs)) {
      file.utimeSync(Date.now() / 1_000, this.#modifiedMs / 1_000);
    }
    Deno.chmodSync(path, this.#mode);
    try {
      Deno.renameSync(path, this.#path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      makeFolder(folderOf(this.#path), this.#mode | (this.#mode & 0o444) >> 2);
      Deno.renameSync(path, this.#path);
    }
  }

  /** The target is on another file system than `temp_path`: goes on with a copy that is on that one. */
  #moveOver(): void {
    const copy = new LockedFile(existingFolder(this.#base));
    try {
      Deno.copyFileSync(this.#temp.path, copy.path);
    } catch (error) {
      copy.remove();
      throw error;
    }
    const old = this.#temp;
    this.#temp = copy;
    old.remove();
  }
}

/** A new file that nobody knows yet. */
class LockedFile {
  readonly path: string;
  readonly file: Deno.FsFile;

  constructor(folder: string) {
    this.path = Deno.makeTempFileSync({ dir: folder, prefix: PREFIX });
    try {
      this.file = Deno.openSync(this.path, { write: true });
    } catch (error) {
      Deno.removeSync(this.path); // out of descriptors: it is there all the same
      throw error;
    }
    this.file.lockSync(true);
  }

  remove(): void {
    this.file.close();
    Deno.removeSync(this.path);
  }
}

/**
 * Removes what processes that were killed have left behind of responses they were storing.
 * Does nothing where it may not, or where there is nothing.
 */
export function removeLeftovers({ path, tempPath }: StoreConf): void {
  for (const folder of new Set([tempPath, existingFolder(baseOf(path))])) {
    try {
      for (const { name, isFile } of Deno.readDirSync(folder)) {
        if (isFile && name.startsWith(PREFIX)) removeIfUnlocked(`${folder}/${name}`);
      }
    } catch {
      // No such folder, or not ours to read: a request that needs it will say so.
    }
  }
}

function removeIfUnlocked(path: string): void {
  using file = Deno.openSync(path, { write: true });
  if (file.tryLockSync(true)) Deno.removeSync(path);
}

/** `base` if it is a folder, else the one it is in. */
function existingFolder(base: string): string {
  try {
    if (Deno.statSync(base).isDirectory) return base;
  } catch {
    // no such file: it is the beginning of a name
  }
  return folderOf(base);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** Makes a folder and those around it. No umask applies, as in nginx. */
function makeFolder(path: string, mode: number): void {
  try {
    Deno.mkdirSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    makeFolder(folderOf(path), mode);
    return makeFolder(path, mode);
  }
  Deno.chmodSync(path, mode);
}

function isAcrossDevices(error: unknown): boolean {
  return (error as { code?: unknown }).code === "EXDEV";
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
