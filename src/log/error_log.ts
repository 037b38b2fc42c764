/**
 * The error log: what went wrong, and what was being done, in nginx's form.
 *
 * Lines go to a sink that writes as soon as it can: a line is on its way before
 * `log` returns while the sink is idle, and a flood of them becomes a few large
 * writes, bounded in memory, that never hold a request up. A line does not wait
 * for company, and the proxy does not wait for a terminal.
 *
 * @module
 */
import { escapeValue } from "./access_log.ts";
import type { LogLevel, SyslogConf } from "./conf.ts";
import type { LogSink, LogSinkConf } from "./sink.ts";
import { syslogHead } from "./syslog.ts";
import { errorTime } from "./time_text.ts";

/** How an error log wants its sink: no line waits for more of them. */
export const ERROR_LOG_SINK: LogSinkConf = { bufferBytes: 0, flushMs: 0 };

/** What a message was about, as far as it is known. All of it may come from outside. */
export interface ErrorContext {
  /** The client connection's number. */
  readonly connection?: number;
  /** nginx's `log->action`: "connecting to upstream". */
  readonly doing?: string;
  /** The client's address. */
  readonly client?: string;
  /** The server's name. */
  readonly server?: string;
  /** The request line. */
  readonly request?: string;
  /** What a request of our own within it asks for. */
  readonly subrequest?: string;
  /** The URL asked of the peer. */
  readonly upstream?: string;
  /** The request's `Host`. */
  readonly host?: string;
}

/** What an error log needs of the world. */
export interface ErrorLogHost {
  /** Names the process and the thread in it: `4711#0`. */
  readonly process: string;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

const ENCODER = new TextEncoder();

/** One place that messages go to. */
export interface ErrorDestination {
  /** The least severe level that goes there. */
  readonly level: LogLevel;
  readonly sink: Pick<LogSink, "append">;
  /** Of a syslog: what stands before a line. */
  readonly syslog?: SyslogConf;
}

/** Writes messages at or above the levels of some places. */
export class ErrorLog {
  readonly #highestOn: number;
  readonly #destinations: readonly ErrorDestination[];
  readonly #host: ErrorLogHost;

  constructor(destinations: readonly ErrorDestination[], host: ErrorLogHost) {
    this.#highestOn = Math.max(-1, ...destinations.map(({ level }) => SEVERITY[level]));
    this.#destinations = destinations;
    this.#host = host;
  }

  /** Whether messages of this level are written; ask before making one that costs. */
  isOn(level: LogLevel): boolean {
    return SEVERITY[level] <= this.#highestOn;
  }

  /** Writes one line, or nothing when the level is off. Borrows `context`. */
  log(level: LogLevel, message: string, context?: ErrorContext): void {
    if (!this.isOn(level)) return;
    const severity = SEVERITY[level];
    const line = errorLine(level, message, context, this.#host);
    for (const { level, sink, syslog } of this.#destinations) {
      if (severity > SEVERITY[level]) continue;
      const head = syslog === undefined ? "" : syslogHead(syslog, severity, this.#host.wallMs());
      sink.append(ENCODER.encode(head + line + "\n"));
    }
  }
}

/** One line, without its end. */
export function errorLine(
  level: LogLevel,
  message: string,
  context: ErrorContext | undefined,
  { process, wallMs }: ErrorLogHost,
): string {
  const { connection, doing, client, server, request, subrequest, upstream, host } = context ?? {};
  let line = `${errorTime(wallMs())} [${level}] ${process}: `;
  if (connection !== undefined) line += `*${connection} `;
  line += printable(message);
  if (doing !== undefined) line += ` while ${printable(doing)}`;
  if (client !== undefined) line += `, client: ${foreign(client)}`;
  if (server !== undefined) line += `, server: ${foreign(server)}`;
  if (request !== undefined) line += `, request: "${foreign(request)}"`;
  if (subrequest !== undefined) line += `, subrequest: "${foreign(subrequest)}"`;
  if (upstream !== undefined) line += `, upstream: "${foreign(upstream)}"`;
  if (host !== undefined) line += `, host: "${foreign(host)}"`;
  return line;
}

/** Lower is more severe. */
const SEVERITY: Readonly<Record<LogLevel, number>> = {
  emerg: 0,
  alert: 1,
  crit: 2,
  error: 3,
  warn: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

/** A value from outside, as in the access log: nothing in it can end a quotation or a line. */
function foreign(value: string): string {
  return value === "" ? "" : escapeValue(value, "default");
}

/**
 * A message of ours may quote what came from outside, and names in any script:
 * controls are escaped, the C1 ones too, which some terminals obey.
 */
function printable(text: string): string {
  return text.replace(CONTROL, (character) => escapeValue(character, "default"));
}

const CONTROL = /\p{Cc}/gu;
