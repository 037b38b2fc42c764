/**
 * Servers and locations as the configuration states them: what config hands to
 * http, already checked and merged.
 *
 * @module
 */
import type { ClientConf, ListenConf } from "../downstream/conf.ts";
import type { AccessLogConf, ErrorLogConf, LogLevel } from "../log/conf.ts";
import type { DynamicPeerConf, UpstreamGroupConf } from "../peer/conf.ts";
import type { HeaderPolicyConf, ResponseConf } from "./response_conf.ts";
import type { FilesConf, PlaceConf, TypesConf } from "./static_conf.ts";
import type { DialConf, UpstreamConf } from "../upstream/conf.ts";
import type { Cidr } from "../wire/mod.ts";

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
  /** `reuseport`: another process may listen there too. */
  readonly reusePort: boolean;
  readonly listen: ListenConf;
  readonly servers: readonly ServerConf[];
}

/** One `servers` entry. */
export interface ServerConf {
  /** Exact names, `*.example.org`, `www.example.*`, `~regex`; lower case but for regexes. */
  readonly serverNames: readonly string[];
  readonly realIp: RealIpConf | undefined;
  readonly referers: ReferersConf | undefined;
  /** What is done before a location is looked for. */
  readonly rewrite: RewritePhaseConf | undefined;
  /** `uninitialized_variable_warn`. */
  readonly warnsUnset: boolean;
  /** For what ends before a location is known: a bad request, a path that no location matches. */
  readonly client: ClientConf;
  /** Likewise. */
  readonly accessLogs: readonly AccessLogConf[];
  /** For what its requests have to say. */
  readonly errorLogs: readonly ErrorLogConf[];
  /** `status_zone`: what requests are counted under; undefined: the server's name. */
  readonly statusZone: string | undefined;
  /** Likewise. */
  readonly response: ResponseConf;
  /** Likewise, for logs. */
  readonly files: FilesConf;
  readonly types: TypesConf;
  readonly locations: readonly LocationConf[];
}

/**
 * How a location's pattern is matched, in nginx's spelling: none, `=`, `^~`, `~`, `~*`. The
 * pattern of `@` is a name, which no path matches.
 */
export type LocationModifier = "" | "=" | "^~" | "~" | "~*" | "@";

/** `valid_referers`. */
export interface ReferersConf {
  readonly allowsNone: boolean;
  readonly allowsBlocked: boolean;
  /** `a.example`, `*.example.org/path`, `www.example.*`. */
  readonly names: readonly string[];
  /** `~regex` of the server's names: matched against the host. */
  readonly hostRegexes: readonly string[];
  /** Without `~`: matched against all behind the scheme. */
  readonly regexes: readonly string[];
}

/** nginx's realip module. */
export interface RealIpConf {
  /** `set_real_ip_from`: addresses and networks, `unix:`. Not empty. */
  readonly from: readonly string[];
  /** `real_ip_header`: a field, or `proxy_protocol`. */
  readonly header: string;
  /** `real_ip_recursive`. */
  readonly isRecursive: boolean;
}

export interface LocationConf {
  readonly modifier: LocationModifier;
  readonly pattern: string;
  /** Undefined where there is none. */
  readonly rewrite: RewritePhaseConf | undefined;
  /** `uninitialized_variable_warn`. */
  readonly warnsUnset: boolean;
  /** Undefined where nobody is trusted, or it is as at the server, which has asked already. */
  readonly realIp: RealIpConf | undefined;
  /** Undefined where all are valid. */
  readonly referers: ReferersConf | undefined;
  /** Locations within it. */
  readonly locations: readonly LocationConf[];
  readonly client: ClientConf;
  readonly accessLogs: readonly AccessLogConf[];
  /** For what its requests have to say. */
  readonly errorLogs: readonly ErrorLogConf[];
  /** `status_zone`: what requests are counted under; undefined: the server's name. */
  readonly statusZone: string | undefined;
  readonly response: ResponseConf;
  /** `internal`: for requests that the proxy itself sends there; 404 for others. */
  readonly isInternal: boolean;
  readonly subrequests: SubrequestsConf;
  readonly limitRequests: LimitRequestsConf;
  readonly limitConnections: LimitConnectionsConf;
  /** Undefined where nothing of it is configured. */
  readonly secureLink: SecureLinkConf | undefined;
  readonly access: AccessConf;
  /** `limit_except`: requests with other methods are at another location. */
  readonly limitExcept: LimitExceptConf | undefined;
  readonly files: FilesConf;
  readonly types: TypesConf;
  readonly action: LocationAction;
}

/** Who is let in. */
export interface AccessConf {
  readonly satisfy: "all" | "any";
  readonly rules: readonly AccessRuleConf[];
  readonly basic: AuthBasicConf | undefined;
  /** `auth_delay`. */
  readonly authDelayMs: number;
}

/** `secure_link` and what belongs to it; texts may hold `$variables`. */
export interface SecureLinkConf {
  readonly secret: string | undefined;
  readonly link: string | undefined;
  readonly md5: string | undefined;
}

/** `limit_req` of a location, in order. */
export interface LimitRequestsConf {
  readonly limits: readonly {
    readonly zone: LimitReqZoneConf;
    readonly burst: number;
    /** Infinity for `nodelay`. */
    readonly delay: number;
  }[];
  readonly dryRun: boolean;
  readonly status: number;
  readonly logLevel: LogLevel;
}

/** `limit_conn` of a location, in order. */
export interface LimitConnectionsConf {
  readonly limits: readonly {
    readonly zone: LimitConnZoneConf;
    readonly connections: number;
  }[];
  readonly dryRun: boolean;
  readonly status: number;
  readonly logLevel: LogLevel;
}

/** One `limit_conn_zone`. */
export interface LimitConnZoneConf {
  readonly name: string;
  /** May hold `$variables`. */
  readonly key: string;
  readonly sizeBytes: number;
}

/** One `limit_req_zone`. */
export interface LimitReqZoneConf extends LimitConnZoneConf {
  /** Thousandths of a request a second. */
  readonly rate: number;
}

/** One `allow` or `deny`. */
export interface AccessRuleConf {
  readonly isAllowed: boolean;
  readonly from: Cidr | "unix:" | "all";
}

/** `auth_basic` and `auth_basic_user_file`; both may hold `$variables`. */
export interface AuthBasicConf {
  readonly realm: string;
  readonly userFile: string;
}

export interface LimitExceptConf {
  /** Of the requests that stay. */
  readonly methods: ReadonlySet<string>;
  /** Where the others are. */
  readonly otherwise: LocationConf;
}

/** The requests of our own that come with a location's requests, and those that it answers. */
export interface SubrequestsConf {
  /** `auth_request`: path and query. */
  readonly authRequest: string | undefined;
  /** `auth_request_set`: names without the dollar; values with `$variables` of the answer. */
  readonly authRequestSet: readonly (readonly [name: string, value: string])[];
  /** `mirror`: paths and queries. */
  readonly mirrors: readonly string[];
  readonly mirrorRequestBody: boolean;
  /** `mirror_limit`: copies under way at once. */
  readonly mirrorLimit: number;
  readonly logSubrequest: boolean;
  /** `subrequest_output_buffer_size`: bound of an answer's body. */
  readonly outputBufferBytes: number;
}

/** The rewrite module's directives of a server or location, in their order. */
export interface RewritePhaseConf {
  readonly steps: readonly RewriteStepConf[];
  /** `rewrite_log`. */
  readonly isLogged: boolean;
}

/** One of them. Texts may have `$variables` and `$1` to `$9`. */
export type RewriteStepConf =
  | { readonly kind: "set"; readonly name: string; readonly value: string }
  | {
    readonly kind: "rewrite";
    readonly regex: string;
    readonly replacement: string;
    readonly flag: "last" | "break" | "redirect" | "permanent" | undefined;
  }
  | ReturnAction
  | { readonly kind: "break" }
  | {
    readonly kind: "if";
    readonly condition: ConditionConf;
    readonly steps: readonly RewriteStepConf[];
    /** What the location is while the condition holds; undefined where it says no more than `steps`. */
    readonly location: LocationConf | undefined;
  };

/** What an `if` asks. `variable` is a text with one `$variable` and no more. */
export type ConditionConf =
  | { readonly kind: "truth"; readonly variable: string }
  | {
    readonly kind: "equals";
    readonly variable: string;
    readonly value: string;
    readonly isNegated: boolean;
  }
  | {
    readonly kind: "matches";
    readonly variable: string;
    readonly regex: string;
    readonly ignoresCase: boolean;
    readonly isNegated: boolean;
  }
  | {
    readonly kind: "file";
    /** As in the shell; `x`: somebody may execute it. */
    readonly test: "f" | "d" | "e" | "x";
    readonly path: string;
    readonly isNegated: boolean;
  };

/** What a location does with a request. */
export type LocationAction =
  | ProxyAction
  | ReturnAction
  | PageAction
  | StaticAction
  | HandlerAction;

/** Nothing else is configured: files are served. */
export interface StaticAction {
  readonly kind: "static";
}

/** `empty_gif`, `stub_status`. */
export interface PageAction {
  readonly kind: "empty_gif" | "stub_status";
}

/** `handler: NAME`: a function of the embedding program answers. */
export interface HandlerAction {
  readonly kind: "handler";
  readonly name: string;
  /** `handler_timeout`. */
  readonly timeoutMs: number;
}

/** `proxy: { pass: … }`. */
export interface ProxyAction {
  readonly kind: "proxy";
  /** The `upstreams` group, or the implicit group of a literal address; undefined: see `variable`. */
  readonly group: UpstreamGroupConf | undefined;
  /** Set where `pass` has variables: the group and what follows are made for each request. */
  readonly variable: VariablePass | undefined;
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
  /** `method`: may hold `$variables`; undefined for the client's. */
  readonly method: string | undefined;
  /** `pass_request_headers`: whether the client's fields reach the peer. */
  readonly passRequestHeaders: boolean;
  /** `pass_request_body`: whether the client's body does. */
  readonly passRequestBody: boolean;
  /** `set_body`: sent in its place; may hold `$variables`. */
  readonly setBody: string | undefined;
  /** `failure_header`: whether responses tell what went wrong. */
  readonly failureHeader: boolean;
  readonly headers: HeaderPolicyConf;
  /** `intercept_errors`: responses with a status that `error_page` names are replaced. */
  readonly interceptErrors: boolean;
  /** `force_ranges`: ranges are served here though the peer sends the whole. */
  readonly forceRanges: boolean;
  /** `limit_rate` of the reading from the peer; may hold `$variables`. `0` for none. */
  readonly limitRate: string;
  /** `pass_trailers`. */
  readonly passTrailers: boolean;
  readonly store: StoreConf | undefined;
  /** `http_version` towards the peer. */
  readonly httpVersion: "1.0" | "1.1";
}

/** A `pass` with variables. */
export interface VariablePass {
  /** `http://$arg_b/x`. */
  readonly url: string;
  /** Of groups that are not in the configuration. */
  readonly peer: DynamicPeerConf;
}

/** `store`: the file that a response is kept in. */
export interface StoreConf {
  /** Absolute; may hold `$variables`, but not in its first folder. Or the place of the location's files (`on`). */
  readonly path: string | PlaceConf;
  /** `store_access`: permission bits. */
  readonly mode: number;
  /** Folder of what is not complete yet. */
  readonly tempPath: string;
}

/** `return: CODE [TEXT | URL]`. */
export interface ReturnAction {
  readonly kind: "return";
  readonly status: number;
  /** Body text, or the `Location` of a redirect; may hold `$variables`. */
  readonly text: string;
}

/** The variables that a configuration defines, by their names without the dollar. */
export interface VariablesConf {
  /** Those that get values while a request is under way: `set`, `auth_request_set`, captures. */
  readonly settable: readonly SettableConf[];
  /** The last of several of one name counts, as of all that follow. */
  readonly maps: readonly MapConf[];
  readonly geos: readonly GeoConf[];
  readonly splits: readonly SplitConf[];
}

/** A variable that gets its value while a request is under way. */
export interface SettableConf {
  readonly name: string;
  /** Whether its being read without a value is worth a warning: of `set` alone, as in nginx. */
  readonly warnsUnset: boolean;
}

/** One `map`. */
export interface MapConf {
  /** Without the dollar. */
  readonly name: string;
  /** What is looked up; has `$variables`. */
  readonly source: string;
  /** `hostnames`: keys may be `*.example.org`, `.example.org`, `www.example.*`. */
  readonly isHostnames: boolean;
  /** `volatile`: looked up anew whenever it is asked for. */
  readonly isVolatile: boolean;
  readonly defaultValue: string;
  readonly entries: readonly MapEntryConf[];
}

export interface MapEntryConf {
  /** `~*`: a regex for both cases. */
  readonly kind: "text" | "~" | "~*";
  readonly key: string;
  /** May have `$variables`. */
  readonly value: string;
}

/** One `geo`. */
export interface GeoConf {
  readonly name: string;
  /** The address; has `$variables`. */
  readonly source: string;
  readonly defaultValue: string;
  /** Networks of which the longest counts; of equal ones the last. */
  readonly networks: readonly { readonly network: string; readonly value: string }[];
  /** `ranges`: instead of networks. */
  readonly isRanges: boolean;
  /** IPv4 addresses as numbers, both ends included; later ones lie within earlier ones, or beside. */
  readonly ranges: readonly {
    readonly start: number;
    readonly end: number;
    readonly value: string;
  }[];
  /** `proxy`: networks whose `X-Forwarded-For` is believed. */
  readonly proxies: readonly string[];
  readonly isProxyRecursive: boolean;
}

/** One `split_clients`. */
export interface SplitConf {
  readonly name: string;
  readonly source: string;
  readonly parts: readonly {
    /** Hundredths of a percent; undefined for all that is left. */
    readonly share: number | undefined;
    readonly value: string;
  }[];
}

/** `admin`: where the operator asks, on a listener of its own. */
export interface AdminConf {
  readonly address: ListenAddress;
  /** What actions need, and with `isTokenForAll` everything: one of the two, or neither. */
  readonly token: string | undefined;
  readonly tokenPath: string | undefined;
  readonly isTokenForAll: boolean;
}

/** The whole configuration. */
export interface SluiceConf {
  /** Undefined: nothing is counted, and nobody can ask. */
  readonly admin: AdminConf | undefined;
  readonly errorLogs: readonly ErrorLogConf[];
  /** `workers`: threads that serve; 1: the main thread does it itself, 0: one a processor. */
  readonly workers: number;
  /** `worker_connections`: connections at once, clients and peers together. */
  readonly workerConnections: number;
  /** `user`: who the process should be, and its group. */
  readonly user: string | undefined;
  /** `worker_rlimit_nofile`: how many files it has to be able to open. */
  readonly openFiles: number | undefined;
  /** `pid`: the file that tells who serves. */
  readonly pid: string | undefined;
  /** `worker_shutdown_timeout`: how long what runs may go on after a reload or a graceful stop. */
  readonly workerShutdownTimeoutMs: number | undefined;
  /** `buffer_memory`: bytes the buffer pool of one worker may take. */
  readonly bufferMemoryBytes: number;
  /** `temp_disk`: bytes that the temp files of all workers may take; 0 for no bound. */
  readonly tempDiskBytes: number;
  /** `shed_load`: the share of a budget from which nothing more is begun; 1: off. */
  readonly shedLoadFrom: number;
  readonly variables: VariablesConf;
  readonly groups: readonly UpstreamGroupConf[];
  readonly listeners: readonly ListenerConf[];
}
