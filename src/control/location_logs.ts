/**
 * The logs of servers and locations, opened: those with equal settings share one.
 *
 * @module
 */
import { systemClock } from "../event/mod.ts";
import type { Request, Variables } from "../http/mod.ts";
import {
  AccessLog,
  type AccessLogConf,
  ConditionalLog,
  ERROR_LOG_SINK,
  ErrorLog,
  type ErrorLogConf,
  LineFormat,
  type LogHold,
  type LogPath,
  logTarget,
  PathLogs,
  type RequestLog,
  SeveralLogs,
  type SyslogConf,
  syslogHead,
} from "../log/mod.ts";

/**
 * An error log that writes to all of `confs`.
 *
 * @param thread Its number stands in each line behind the process's.
 * @throws What the opening of a log throws.
 */
export function openErrorLog(
  confs: readonly ErrorLogConf[],
  files: LogHold,
  thread: number,
): ErrorLog {
  const destinations = confs.map(({ path, level }) => {
    const syslog = syslogOf(path);
    const sink = files.open(path, { ...ERROR_LOG_SINK, ...lostLineOf(syslog) });
    return { level, sink, ...(syslog === undefined ? {} : { syslog }) };
  });
  return new ErrorLog(destinations, {
    process: `${Deno.pid}#${thread}`,
    wallMs: systemClock.wallMs,
  });
}

/** A process's own error log. */
export interface ProcessLog {
  readonly conf: readonly ErrorLogConf[];
  readonly log: ErrorLog;
  /** The thread that writes there. */
  readonly thread: number;
}

/** Opens logs as locations ask for them. */
export class LocationLogs {
  readonly #files: LogHold;
  readonly #variables: Variables;
  readonly #accessLogs = new Map<string, RequestLog<Request>>();
  readonly #errorLogs = new Map<string, ErrorLog>();
  readonly #ofProcess: ProcessLog;

  /** @param ofProcess The process's own error log: of all locations that say nothing else. */
  constructor(
    files: LogHold,
    variables: Variables,
    ofProcess: ProcessLog,
  ) {
    this.#files = files;
    this.#variables = variables;
    this.#ofProcess = ofProcess;
    this.#errorLogs.set(JSON.stringify(ofProcess.conf), ofProcess.log);
  }

  /** Undefined: requests have no line. @throws What the opening of a log throws. */
  accessLog(confs: readonly AccessLogConf[]): RequestLog<Request> | undefined {
    const [first, ...others] = confs;
    if (first === undefined) return undefined;
    if (others.length === 0) return this.#one(first);
    return new SeveralLogs(confs.map((conf) => this.#one(conf)));
  }

  /** @throws What the opening of a log throws. */
  errorLog(confs: readonly ErrorLogConf[]): ErrorLog {
    const key = JSON.stringify(confs);
    const log = this.#errorLogs.get(key) ??
      openErrorLog(confs, this.#files, this.#ofProcess.thread);
    this.#errorLogs.set(key, log);
    return log;
  }

  #one(conf: AccessLogConf): RequestLog<Request> {
    const key = JSON.stringify(conf);
    const log = this.#accessLogs.get(key) ?? this.#open(conf);
    this.#accessLogs.set(key, log);
    return log;
  }

  #open(conf: AccessLogConf): RequestLog<Request> {
    const { path, format, escape, when } = conf;
    const { lookup, spans } = this.#variables;
    const syslog = syslogOf(path);
    const head = syslog && (() => syslogHead(syslog, syslog.severity, systemClock.wallMs()));
    const lines = new LineFormat(format, escape, lookup, { head, spans });
    const log = typeof path !== "string" && "template" in path
      ? this.#openByPath(path.template, lines, conf)
      : new AccessLog(lines, this.#files.open(path, { ...conf, ...lostLineOf(syslog) }));
    return when === undefined ? log : new ConditionalLog(this.#variables.compile(when), log);
  }

  #openByPath(
    path: string,
    lines: LineFormat<Request>,
    { openFiles }: AccessLogConf,
  ): RequestLog<Request> {
    return this.#files.own(
      new PathLogs(path, lines, this.#variables.compile(path), openFiles, {
        targetOf: (file) => logTarget({ file }),
        after: logTarget({ file: path }).after,
        nowMs: () => systemClock.nowMs(),
        report: (message) => this.#ofProcess.log.log("crit", message),
      }),
    );
  }
}

function syslogOf(path: AccessLogConf["path"] | LogPath): SyslogConf | undefined {
  return typeof path !== "string" && "syslog" in path ? path.syslog : undefined;
}

/** A syslog's line about lost ones has a head too. */
function lostLineOf(
  syslog: SyslogConf | undefined,
): { readonly lostLine?: (count: number) => string } {
  if (syslog === undefined) return {};
  return {
    lostLine: (count) =>
      syslogHead(syslog, syslog.severity, systemClock.wallMs()) + `${count} lines lost`,
  };
}
