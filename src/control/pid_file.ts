/**
 * `pid`: the file that tells who serves. The process that wrote it holds a lock on it, so
 * that a file whose process is gone, however it went, is told from one whose process lives.
 *
 * @module
 */

/** A pid file that cannot be had. */
export class CannotUsePid extends Error {
  override readonly name = "CannotUsePid";

  /** @param why What the system said, or what is in the way. */
  constructor(readonly path: string, why: unknown) {
    super(`Cannot use the pid file ${path}`, { cause: why });
  }
}

/**
 * Looks whether a pid file may be had: to be called before anything listens.
 *
 * @throws {CannotUsePid} The process that wrote it is running.
 */
export function checkPidFile(path: string): void {
  const pid = runningPid(path);
  if (pid !== undefined) throw inUse(path, pid);
}

/**
 * The process that has written a pid file and is running. Undefined: there is no file, or
 * its process is gone.
 *
 * @throws {CannotUsePid} The file cannot be read.
 */
export function runningPid(path: string): string | undefined {
  try {
    using file = Deno.openSync(path, { read: true, write: true });
    return file.tryLockSync(true) ? undefined : pidIn(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new CannotUsePid(path, error);
  }
}

/** The pid file of this process. */
export class PidFile {
  readonly path: string;
  readonly #file: Deno.FsFile;

  /**
   * Writes it: to be called once everything listens. One that a dead process left is replaced.
   *
   * @throws {CannotUsePid}
   */
  constructor(path: string) {
    this.path = path;
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o644 });
    } catch (error) {
      throw new CannotUsePid(path, error);
    }
    try {
      if (!file.tryLockSync(true)) throw inUse(path, pidIn(path));
      file.truncateSync();
      file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
    } catch (error) {
      file.close();
      throw error instanceof CannotUsePid ? error : new CannotUsePid(path, error);
    }
    this.#file = file;
  }

  /** Removes it, unless it is another one by now. */
  remove(): void {
    try {
      if (Deno.statSync(this.path).ino === this.#file.statSync().ino) Deno.removeSync(this.path);
    } catch {
      // Somebody else has removed it, or its folder.
    }
    this.#file.close();
  }
}

function inUse(path: string, pid: string): CannotUsePid {
  return new CannotUsePid(path, `process ${pid} has written it and is running`);
}

function pidIn(path: string): string {
  return Deno.readTextFileSync(path).trim();
}
