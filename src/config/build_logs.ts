/**
 * The logs of a level.
 *
 * @module
 */
import type { LogFormat } from "../log/access_log.ts";
import type { AccessLogConf, ErrorLogConf } from "../log/conf.ts";
import type { Block } from "./block.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import { type AccessLog, logDirectives } from "./directives/log.ts";
import { nearestName } from "./nearest.ts";
import { quote, type Span } from "./problem.ts";

/** What a level has settled. */
export type LogSettings = Settings<typeof logDirectives>;

/** The logs of a server or location. */
export interface LogsConf {
  readonly accessLogs: readonly AccessLogConf[];
  /** The whole process's, where nothing else is said. */
  readonly errorLogs: readonly ErrorLogConf[];
  /** `status_zone`: what requests are counted under; undefined: the server's name. */
  readonly statusZone: string | undefined;
}

/** Makes records of what levels have settled: one record for all levels that inherit it. */
export class LogsBuilder {
  readonly #building: Building;
  readonly #formats: ReadonlyMap<string, LogFormat>;
  readonly #accessLogs = new Map<unknown, Map<unknown, readonly AccessLogConf[]>>();
  readonly #errorLogs = new Map<LogSettings["error"], readonly ErrorLogConf[]>();
  /** Of each file, how it is compressed. */
  readonly #gzipOf = new Map<string, number>();

  constructor(building: Building, formats: ReadonlyMap<string, LogFormat>) {
    this.#building = building;
    this.#formats = formats;
  }

  settle(block: Block, outer?: LogSettings): LogSettings {
    return this.#building.settle(logDirectives, block, outer);
  }

  build({ access, error, openFileCache, statusZone }: LogSettings): LogsConf {
    const byCache = this.#accessLogs.get(access) ?? new Map();
    this.#accessLogs.set(access, byCache);
    let accessLogs = byCache.get(openFileCache);
    if (accessLogs === undefined) {
      accessLogs = access === "off"
        ? []
        : access.flatMap(({ value, span }) => this.#accessLog(value, span, openFileCache));
      byCache.set(openFileCache, accessLogs);
    }
    const errorLogs = this.#errorLogs.get(error) ??
      error.map(({ path, level }): ErrorLogConf => ({ path: path ?? "stderr", level }));
    this.#errorLogs.set(error, errorLogs);
    return { accessLogs, errorLogs, statusZone: statusZone === "off" ? undefined : statusZone };
  }

  #accessLog(
    access: AccessLog,
    span: Span,
    cache: LogSettings["openFileCache"],
  ): readonly AccessLogConf[] {
    const { bufferBytes, flushMs, gzipLevel, when } = access;
    const format = this.#format(access);
    const path = this.#path(access, span);
    if (format === undefined || path === undefined) return [];
    const { text, escape } = format;
    const isTemplate = typeof path !== "string" && "template" in path;
    const openFiles = isTemplate && cache !== "off" && cache.max !== undefined
      ? { ...cache, max: cache.max }
      : undefined;
    const isBuffered = gzipLevel > 0 || !(typeof path !== "string" && "syslog" in path);
    return [{
      path,
      format: text,
      escape,
      bufferBytes: isBuffered ? bufferBytes : 0,
      flushMs: isBuffered ? flushMs : 0,
      when,
      openFiles,
    }];
  }

  #format({ format: { text, span } }: AccessLog): LogFormat | undefined {
    const format = this.#formats.get(text);
    if (format !== undefined) return format;
    return this.#building.problems.add({
      span,
      cannot: `set format to ${quote(text)}`,
      found: quote(text),
      expected: "no such format",
      nearest: nearestName(text, this.#formats.keys()),
    });
  }

  #path({ path, gzipLevel }: AccessLog, span: Span): AccessLogConf["path"] | undefined {
    if (path === undefined) return undefined;
    const complain = (cannot: string, found: string, expected: string): undefined =>
      this.#building.problems.add({ span, cannot, found, expected });
    if (typeof path === "string" || !("file" in path)) {
      if (gzipLevel === 0) return path;
      const what = typeof path === "string" ? path : "template" in path ? "variables" : "a syslog";
      return complain(`use gzip in access_log to ${what}`, "gzip", "need the path of a file");
    }
    const { file } = path;
    const known = this.#gzipOf.get(file) ?? gzipLevel;
    if (known !== gzipLevel) {
      return complain(
        `have two access logs in ${quote(file)}`,
        "gzip",
        "need the same gzip for one file",
      );
    }
    this.#gzipOf.set(file, gzipLevel);
    return gzipLevel === 0 ? path : { file, gzipLevel };
  }
}
