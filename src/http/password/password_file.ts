/**
 * Files of `user:hash` lines, as `htpasswd` writes them.
 *
 * @module
 */
import { latin1 } from "../../wire/mod.ts";

/** Files that are kept in memory: a path with variables may name many. */
const FILES_MAX = 64;

interface PasswordFile {
  readonly mtimeMs: number;
  readonly size: number;
  readonly ino: number;
  readonly hashes: ReadonlyMap<string, string>;
}

/** Reads each file once, and again when it has changed. */
export class PasswordFiles {
  /** The ones used last at the end. */
  readonly #files = new Map<string, PasswordFile>();

  /**
   * The hash that a file has for a user; undefined when it has none.
   *
   * @throws {Deno.errors.NotFound} and what else opening a file does.
   */
  hashOf(path: string, user: string): string | undefined {
    const { mtime, size, ino } = Deno.statSync(path);
    const mtimeMs = mtime?.getTime() ?? 0;
    let file = this.#files.get(path);
    const isSame = file !== undefined && file.mtimeMs === mtimeMs && file.size === size &&
      file.ino === (ino ?? 0);
    this.#files.delete(path);
    if (file === undefined || !isSame) {
      const hashes = parsePasswordFile(Deno.readFileSync(path));
      file = { mtimeMs, size, ino: ino ?? 0, hashes };
    }
    this.#files.set(path, file);
    if (this.#files.size > FILES_MAX) {
      for (const oldest of this.#files.keys()) {
        this.#files.delete(oldest);
        break;
      }
    }
    return file.hashes.get(user);
  }
}

/**
 * By user; of several lines for one the first counts. Lines that begin with `#` and what is
 * behind a second colon are comments. One byte a code unit.
 */
export function parsePasswordFile(bytes: Uint8Array): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const line of latin1(bytes, 0, bytes.length).split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0 || line.startsWith("#")) continue;
    const user = line.slice(0, colon);
    const hash = line.slice(colon + 1).split(/[:\r]/, 1)[0]!;
    if (!hashes.has(user)) hashes.set(user, hash);
  }
  return hashes;
}
