/**
 * Access logs whose path has variables: which file a line goes to is known when it is written.
 *
 * With `open_log_file_cache` files stay open for the lines that follow; without, each line
 * opens its file and closes it. Both are bounded: what does not fit is lost, and counted.
 *
 * @module
 */
import type { LineFormat } from "./access_log.ts";
import type { OpenLogFileCacheConf } from "./conf.ts";
import { LogSink, type LogTarget } from "./sink.ts";
import type { Template } from "./template.ts";

/** Files that may be on their way to be closed at once: a disk that stands still loses lines. */
const CLOSING_MAX = 64;

/** Memory of a file that is open, in bytes: its lines are written as they come. */
const PAGE_BYTES = 4_096;

/** What a path may not have in it: it may come from a client. */
// deno-lint-ignore no-control-regex -- control characters are among it
const BAD_PATH = /[\x00-\x1f\x7f]|(?:^|\/)\.\.(?:\/|$)/;

/** How files are reached, and what time it is. */
export interface PathLogsHost {
  targetOf(path: string): LogTarget;
  /** Calls `fire` once, `delayMs` from now. Returns how to take that back. */
  after(delayMs: number, fire: () => void): () => void;
  /** In ms; any moment is 0. */
  nowMs(): number;
  /** Tells a person that logging fails. Not called for every line. */
  report(message: string): void;
}

interface OpenFile {
  readonly sink: LogSink;
  usedAtMs: number;
  /** When it was last known to be the file of its name. */
  validAtMs: number;
  /** Uses since the cache was last looked through. */
  uses: number;
}

/** One such log. */
export class PathLogs<Source> {
  /** The path as it is written, for status and messages. */
  readonly name: string;
  readonly #lines: LineFormat<Source>;
  readonly #path: Template<Source>;
  readonly #cache: OpenLogFileCacheConf | undefined;
  readonly #host: PathLogsHost;
  /** By their paths, the longest unused first. */
  readonly #open = new Map<string, OpenFile>();
  readonly #closing = new Set<Promise<void>>();
  #disarm: (() => void) | undefined;
  #lost = 0;
  /** The last line was lost. */
  isBroken = false;

  constructor(
    name: string,
    lines: LineFormat<Source>,
    path: Template<Source>,
    cache: OpenLogFileCacheConf | undefined,
    host: PathLogsHost,
  ) {
    this.name = name;
    this.#lines = lines;
    this.#path = path;
    this.#cache = cache;
    this.#host = host;
  }

  /** Lines lost so far. */
  get linesLost(): number {
    let lost = this.#lost;
    for (const { sink } of this.#open.values()) lost += sink.linesLost;
    return lost;
  }

  /** Adds the line of one request. Borrows `source`. */
  write(source: Source): void {
    const path = textOf(this.#path.render(source));
    const file = this.#fileOf(path);
    if (file === undefined) return;
    this.isBroken = false;
    this.#lines.write(source, file.sink);
    if (this.#cache === undefined) this.#close(path, file);
  }

  /** The files that are open are closed, and opened again by the lines that come. Never rejects. */
  async reopen(): Promise<void> {
    for (const [path, file] of this.#open) this.#close(path, file);
    await Promise.all(this.#closing);
  }

  /** Never rejects. */
  async flush(): Promise<void> {
    await Promise.all([
      ...this.#closing,
      ...Array.from(this.#open.values(), ({ sink }) => sink.flush()),
    ]);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#disarm?.();
    this.#disarm = undefined;
    await this.reopen();
  }

  /** Undefined: it cannot be had, and the line is lost. */
  #fileOf(path: string): OpenFile | undefined {
    const nowMs = this.#host.nowMs();
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      known.usedAtMs = nowMs;
      known.uses++;
      if (nowMs - known.validAtMs > this.#cache!.validMs) {
        known.validAtMs = nowMs;
        known.sink.reopen();
      }
      return known;
    }
    if (BAD_PATH.test(path) || path === "") return this.#lose(`"${path}" is no path of a log`);
    if (this.#closing.size >= CLOSING_MAX) return this.#lose("too many files wait to be written");
    return this.#openFile(path, nowMs);
  }

  #openFile(path: string, nowMs: number): OpenFile | undefined {
    let sink: LogSink;
    try {
      const conf = { bufferBytes: 0, flushMs: 0, pageBytes: PAGE_BYTES };
      sink = new LogSink(this.#host.targetOf(path), conf);
    } catch (error) {
      return this.#lose(error instanceof Error ? error.message : String(error));
    }
    const file = { sink, usedAtMs: nowMs, validAtMs: nowMs, uses: 1 };
    if (this.#cache === undefined) return file;
    this.#open.set(path, file);
    if (this.#open.size > this.#cache.max) {
      const [longest] = this.#open;
      this.#close(...longest!);
    }
    this.#arm();
    return file;
  }

  #close(path: string, file: OpenFile): void {
    this.#open.delete(path);
    const closing = file.sink.close().then(() => {
      this.#lost += file.sink.linesLost;
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
  }

  #lose(why: string): undefined {
    this.#lost++;
    if (this.isBroken) return;
    this.isBroken = true;
    this.#host.report(`Cannot write the log ${this.name}, its lines are lost: ${why}`);
  }

  #arm(): void {
    if (this.#disarm !== undefined) return;
    this.#disarm = this.#host.after(this.#cache!.inactiveMs, () => {
      this.#disarm = undefined;
      this.#lookThrough();
      if (this.#open.size > 0) this.#arm();
    });
  }

  /** Closes what was not used, or not often enough, since the last time. */
  #lookThrough(): void {
    const { inactiveMs, minUses } = this.#cache!;
    const nowMs = this.#host.nowMs();
    for (const [path, file] of this.#open) {
      const isUnused = nowMs - file.usedAtMs >= inactiveMs || file.uses < minUses;
      file.uses = 0;
      if (isUnused) this.#close(path, file);
    }
  }
}

/** Values of requests hold one byte a character. */
function textOf(path: string): string {
  for (let at = 0; at < path.length; at++) {
    const unit = path.charCodeAt(at);
    if (unit > 0xff) return path;
  }
  return /[\x80-\xff]/.test(path)
    ? new TextDecoder().decode(Uint8Array.from(path, (unit) => unit.charCodeAt(0)))
    : path;
}
