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

/** Where lines go that are not told apart by request: a file, a stream of the process, a syslog. */
export type LogPath =
  | "stdout"
  | "stderr"
  | {
    readonly file: string;
    /** `gzip`: compressed at this level, 1 to 9; not there: as they are. */
    readonly gzipLevel?: number;
  }
  | { readonly syslog: SyslogConf };

/** `syslog:server=…`. */
export interface SyslogConf {
  readonly server:
    | { readonly transport: "udp"; readonly hostname: string; readonly port: number }
    | { readonly transport: "unix"; readonly path: string };
  /** 0 to 23. */
  readonly facility: number;
  /** 0 to 7, of access logs; an error log's lines have their own. */
  readonly severity: number;
  readonly tag: string;
  /** Not with `nohostname`. */
  readonly hasHostname: boolean;
}

/** `open_log_file_cache`: files of paths with variables that are kept open. */
export interface OpenLogFileCacheConf {
  /** How many at once; the longest unused is closed first. */
  readonly max: number;
  /** How long one may be unused. */
  readonly inactiveMs: number;
  /** Uses within that time which keep it open. */
  readonly minUses: number;
  /** How long it is believed to be the file of its name. */
  readonly validMs: number;
}

/** One `access_log`. */
export interface AccessLogConf {
  /** The path of a file may have `$variables`. */
  readonly path: LogPath | { readonly template: string };
  /** A format's text with `$variables`, already looked up by its name. */
  readonly format: string;
  /** `default` as nginx escapes, `json` for JSON strings, `none` for bytes as they are. */
  readonly escape: "default" | "json" | "none";
  /** Bytes gathered before a write. */
  readonly bufferBytes: number;
  /** Longest time a line waits in the buffer. */
  readonly flushMs: number;
  /** `if`: a text with `$variables`; requests for which it is empty or `0` have no line. */
  readonly when?: string | undefined;
  /** For a path with variables; undefined: each line opens its file. */
  readonly openFiles?: OpenLogFileCacheConf | undefined;
}

/** One `error_log`. */
export interface ErrorLogConf {
  readonly path: LogPath;
  readonly level: LogLevel;
}
