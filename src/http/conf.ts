/**
 * Servers and locations as the configuration states them: what config hands to
 * http, already checked and merged.
 *
 * @module
 */
import type { ClientConf, ListenConf } from "../downstream/conf.ts";
import type { AccessLogConf, ErrorLogConf } from "../log/conf.ts";
import type { UpstreamGroupConf } from "../peer/conf.ts";
import type { DialConf, UpstreamConf } from "../upstream/conf.ts";

/** Where a server accepts connections. */
export type ListenAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** One listening address and the servers behind it. The first is the default server. */
export interface ListenerConf {
  /** As written, for logs. */
  readonly name: string;
  readonly address: ListenAddress;
  readonly backlog: number;
  readonly listen: ListenConf;
  readonly servers: readonly ServerConf[];
}

/** One `servers` entry. */
export interface ServerConf {
  /** Exact names, `*.example.org`, `www.example.*`, `~regex`; lower case but for regexes. */
  readonly serverNames: readonly string[];
  /** For what ends before a location is known: a bad request, a path that no location matches. */
  readonly client: ClientConf;
  /** Likewise. */
  readonly accessLog: AccessLogConf | "off";
  readonly locations: readonly LocationConf[];
}

/** How a location's pattern is matched, in nginx's spelling: none, `=`, `^~`, `~`, `~*`. */
export type LocationModifier = "" | "=" | "^~" | "~" | "~*";

export interface LocationConf {
  readonly modifier: LocationModifier;
  readonly pattern: string;
  readonly client: ClientConf;
  readonly accessLog: AccessLogConf | "off";
  readonly action: LocationAction;
}

/** What a location does with a request. */
export type LocationAction =
  | ProxyAction
  | ReturnAction;

/** `proxy: { pass: … }`. */
export interface ProxyAction {
  readonly kind: "proxy";
  /** The `upstreams` group, or the implicit group of a literal address. */
  readonly group: UpstreamGroupConf;
  /** `$proxy_host`: the authority as written in `pass`, default port left out. */
  readonly proxyHost: string;
  /** `$proxy_port`: likewise, default port filled in; empty for a unix socket. */
  readonly proxyPort: string;
  readonly dial: DialConf;
  /** The URI part of `pass`, which replaces the matched prefix; undefined passes the URI as it came. */
  readonly uri: string | undefined;
  readonly upstream: UpstreamConf;
  /** `set_header`, in order, values with `$variables`; an empty value drops the field. */
  readonly setHeaders: readonly (readonly [name: string, value: string])[];
  /** `http_version` towards the peer. */
  readonly httpVersion: "1.0" | "1.1";
}

/** `return: CODE [TEXT | URL]`. */
export interface ReturnAction {
  readonly kind: "return";
  readonly status: number;
  /** Body text, or the `Location` of a redirect; may hold `$variables`. */
  readonly text: string;
}

/** The whole configuration. */
export interface SluiceConf {
  readonly errorLog: ErrorLogConf;
  /** `worker_connections`: connections at once, clients and peers together. */
  readonly workerConnections: number;
  /** `buffer_memory`: bytes the buffer pool of one worker may take. */
  readonly bufferMemoryBytes: number;
  readonly groups: readonly UpstreamGroupConf[];
  readonly listeners: readonly ListenerConf[];
}
