/**
 * Where logs go, as the configuration states it.
 *
 * @module
 */

/** From most to least severe, nginx's names. */
export const LOG_LEVELS = [
  "emerg",
  "alert",
  "crit",
  "error",
  "warn",
  "notice",
  "info",
  "debug",
] as const satisfies readonly LogLevel[];

/** Levels of the error log, the most severe first: nginx's. */
export type LogLevel =
  | "emerg"
  | "alert"
  | "crit"
  | "error"
  | "warn"
  | "notice"
  | "info"
  | "debug";

/** A file by path, or one of the process's own streams. */
export type LogPath = "stdout" | "stderr" | { readonly file: string };

/** `log.access`. */
export interface AccessLogConf {
  readonly path: LogPath;
  /** A format's text with `$variables`, already looked up by its name. */
  readonly format: string;
  /** `default` as nginx escapes, `json` for JSON strings, `none` for bytes as they are. */
  readonly escape: "default" | "json" | "none";
  /** Bytes gathered before a write. */
  readonly bufferBytes: number;
  /** Longest time a line waits in the buffer. */
  readonly flushMs: number;
}

/** `log.error`. */
export interface ErrorLogConf {
  readonly path: LogPath;
  readonly level: LogLevel;
}
