/**
 * The files and streams that logs go to, each opened once.
 *
 * @module
 */
import type { LogPath } from "./conf.ts";
import { LogSink, type LogSinkConf, type LogTarget, type LogWriter } from "./sink.ts";

/** Readable by the owner and the group only: access logs name people's addresses. */
const FILE_MODE = 0o640;

/** All sinks of a process. Two logs with one path share one. */
export class LogFiles {
  readonly #targetOf: (path: LogPath) => LogTarget;
  readonly #sinks = new Map<string, LogSink>();

  /** @param targetOf How a path is reached; tests pass their own. @default {@linkcode logTarget} */
  constructor(targetOf: (path: LogPath) => LogTarget = logTarget) {
    this.#targetOf = targetOf;
  }

  /**
   * The sink of a path, opened if it is not. The stricter of all its users'
   * `conf` holds: the smaller buffer, the shorter wait.
   *
   * @throws What opening the file throws, such as `Deno.errors.NotFound` for its folder.
   */
  open(path: LogPath, conf: LogSinkConf): LogSink {
    const key = typeof path === "string" ? path : `file:${path.file}`;
    const known = this.#sinks.get(key);
    if (known !== undefined) {
      known.tighten(conf);
      return known;
    }
    const sink = new LogSink(this.#targetOf(path), conf);
    this.#sinks.set(key, sink);
    return sink;
  }

  /** Opens all files anew, after a rotation. Never rejects. */
  async reopen(): Promise<void> {
    await Promise.all([...this.#sinks.values()].map((sink) => sink.reopen()));
  }

  /** Writes all that is gathered. Never rejects. */
  async flush(): Promise<void> {
    await Promise.all([...this.#sinks.values()].map((sink) => sink.flush()));
  }

  /** Writes all that is gathered and closes. Never rejects. */
  async close(): Promise<void> {
    const sinks = [...this.#sinks.values()];
    this.#sinks.clear();
    await Promise.all(sinks.map((sink) => sink.close()));
  }
}

/** How the process itself reaches a path: Deno's streams and files, and an unref'd timer. */
export function logTarget(path: LogPath): LogTarget {
  return {
    name: typeof path === "string" ? path : path.file,
    open: () => open(path),
    report: (message) => console.error(`sluice: ${message}`),
    after(delayMs, fire) {
      const timer = setTimeout(fire, delayMs);
      Deno.unrefTimer(timer);
      return () => clearTimeout(timer);
    },
  };
}

function open(path: LogPath): LogWriter {
  if (typeof path !== "string") {
    return Deno.openSync(path.file, { create: true, append: true, mode: FILE_MODE });
  }
  const stream = path === "stdout" ? Deno.stdout : Deno.stderr;
  return { write: (bytes) => stream.write(bytes), close: () => {} };
}
