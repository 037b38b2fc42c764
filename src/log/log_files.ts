/**
 * The files and streams that logs go to, each opened once.
 *
 * @module
 */
import type { LogPath } from "./conf.ts";
import { gzipWriter } from "./gzip_writer.ts";
import { openSyslog } from "./syslog.ts";
import { LogSink, type LogSinkConf, type LogTarget, type LogWriter } from "./sink.ts";

/** Readable by the owner and the group only: access logs name people's addresses. */
const FILE_MODE = 0o640;

/** A file that is open, and how each log that goes there wants it. */
interface OpenFile {
  readonly key: string;
  readonly sink: LogSink;
  readonly users: LogSinkConf[];
}

/** A log that is open, whatever it writes to. */
export interface OpenLog {
  /** What it writes to, for messages. */
  readonly name: string;
  /** Lines lost since it was opened. */
  readonly linesLost: number;
  /** Whether the latest line could not be written. */
  readonly isBroken: boolean;
  /** These never reject. */
  reopen(): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** All sinks of a process. Two logs with one path share one. */
export class LogFiles {
  readonly #targetOf: (path: LogPath) => LogTarget;
  readonly #files = new Map<string, OpenFile>();
  /** Those that find their files by themselves. */
  readonly #others = new Set<OpenLog>();

  /** @param targetOf How a path is reached; tests pass their own. @default {@linkcode logTarget} */
  constructor(targetOf: (path: LogPath) => LogTarget = logTarget) {
    this.#targetOf = targetOf;
  }

  /** For a configuration to open its logs with: what nobody else has open closes with it. */
  hold(): LogHold {
    return new LogHold(
      (path, conf) => this.#use(path, conf),
      (file, conf) => this.#leave(file, conf),
      this.#others,
    );
  }

  #use(path: LogPath, conf: LogSinkConf): OpenFile {
    const key = keyOf(path);
    const known = this.#files.get(key);
    if (known !== undefined) {
      known.users.push(conf);
      known.sink.obey(known.users);
      return known;
    }
    const file = { key, sink: new LogSink(this.#targetOf(path), conf), users: [conf] };
    this.#files.set(key, file);
    return file;
  }

  async #leave({ key, sink, users }: OpenFile, conf: LogSinkConf): Promise<void> {
    users.splice(users.indexOf(conf), 1);
    if (users.length > 0) return sink.obey(users);
    this.#files.delete(key);
    await sink.close();
  }

  /** Opens all files anew, after a rotation. Never rejects. */
  async reopen(): Promise<void> {
    await Promise.all(this.logs.map((log) => log.reopen()));
  }

  /** Writes all that is gathered. Never rejects. */
  async flush(): Promise<void> {
    await Promise.all(this.logs.map((log) => log.flush()));
  }

  /** All that are open. */
  get logs(): readonly OpenLog[] {
    return [...[...this.#files.values()].map(({ sink }) => sink), ...this.#others];
  }
}

/** The logs of one configuration. */
export class LogHold {
  readonly #use: (path: LogPath, conf: LogSinkConf) => OpenFile;
  readonly #leave: (file: OpenFile, conf: LogSinkConf) => Promise<void>;
  readonly #others: Set<OpenLog>;
  readonly #used: (readonly [file: OpenFile, conf: LogSinkConf])[] = [];
  readonly #own: OpenLog[] = [];

  /** For {@linkcode LogFiles} alone. */
  constructor(
    use: (path: LogPath, conf: LogSinkConf) => OpenFile,
    leave: (file: OpenFile, conf: LogSinkConf) => Promise<void>,
    others: Set<OpenLog>,
  ) {
    this.#use = use;
    this.#leave = leave;
    this.#others = others;
  }

  /**
   * The sink of a path, opened if it is not. The strictest of all its users'
   * `conf` holds: the smallest buffer, the shortest wait.
   *
   * @throws What opening the file throws, such as `Deno.errors.NotFound` for its folder.
   */
  open(path: LogPath, conf: LogSinkConf): LogSink {
    const file = this.#use(path, conf);
    this.#used.push([file, conf]);
    return file.sink;
  }

  /** Takes a log over that finds its files by itself: it is reopened and closed with the others. */
  own<Log extends OpenLog>(log: Log): Log {
    this.#own.push(log);
    this.#others.add(log);
    return log;
  }

  /** Writes all that is gathered in files that nobody else holds, and closes them. Never rejects. */
  async close(): Promise<void> {
    const own = this.#own.splice(0);
    for (const log of own) this.#others.delete(log);
    await Promise.all([
      ...this.#used.splice(0).map(([file, conf]) => this.#leave(file, conf)),
      ...own.map((log) => log.close()),
    ]);
  }
}

/** Paths of one file have one key, however it is written. */
function keyOf(path: LogPath): string {
  if (typeof path === "string") return path;
  if ("syslog" in path) return `syslog:${JSON.stringify(path.syslog)}`;
  return `file:${path.gzipLevel ?? ""}:${path.file}`;
}

/** How the process itself reaches a path: Deno's streams and files, and an unref'd timer. */
export function logTarget(path: LogPath): LogTarget {
  return {
    name: nameOf(path),
    open: () => open(path),
    report: (message) => console.error(`sluice: ${message}`),
    after(delayMs, fire) {
      const timer = setTimeout(fire, delayMs);
      Deno.unrefTimer(timer);
      return () => clearTimeout(timer);
    },
  };
}

/**
 * The same in one thread of several: a stream gets whole lines, in pieces of a size that a pipe
 * never mixes with another's. Files are appended to, which the system does a write at a time.
 */
export function sharedLogTarget(path: LogPath): LogTarget {
  const target = logTarget(path);
  if (typeof path !== "string") return target;
  return { ...target, open: () => inLines(target.open()) };
}

/** POSIX: a write of this much into a pipe is one (PIPE_BUF). */
const PIPE_BYTES = 4096;
const LF = 0x0a;

function inLines(writer: LogWriter): LogWriter {
  return {
    write(bytes) {
      if (bytes.length <= PIPE_BYTES) return writer.write(bytes);
      const end = bytes.lastIndexOf(LF, PIPE_BYTES - 1);
      // A longer line goes as a whole: most readers are quick enough to take it at once.
      const line = end >= 0 ? end : bytes.indexOf(LF);
      return writer.write(line < 0 ? bytes : bytes.subarray(0, line + 1));
    },
    close: () => writer.close(),
  };
}

function nameOf(path: LogPath): string {
  if (typeof path === "string") return path;
  if ("file" in path) return path.file;
  const { server } = path.syslog;
  return server.transport === "unix"
    ? `syslog:unix:${server.path}`
    : `syslog:${server.hostname}:${server.port}`;
}

function open(path: LogPath): LogWriter {
  if (typeof path !== "string") {
    if ("syslog" in path) return openSyslog(path.syslog);
    const { file, gzipLevel } = path;
    const writer = Deno.openSync(file, { create: true, append: true, mode: FILE_MODE });
    return gzipLevel === undefined ? writer : gzipWriter(writer, gzipLevel);
  }
  const stream = path === "stdout" ? Deno.stdout : Deno.stderr;
  return { write: (bytes) => stream.write(bytes), close: () => {} };
}
