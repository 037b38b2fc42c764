/**
 * A group of peers as the configuration states it.
 *
 * @module
 */

import type { TlsVersion } from "../event/mod.ts";

/** Where a peer listens: an IP address and port, or a unix socket. */
export type PeerAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** One `server` of an `upstreams` group. */
export interface PeerConf {
  /** As written, for logs: `127.0.0.1:9001`, `[::1]:80`, `unix:/run/app.sock`. */
  readonly name: string;
  /** Its server as the configuration has it, letter by letter: what consistent hashing goes by. */
  readonly written?: string;
  readonly address: PeerAddress;
  /** `weight`, 1 or more. */
  readonly weight: number;
  /** `max_fails`: failures within `fail_timeout` that take the peer out; 0 means never. */
  readonly maxFails: number;
  /** `fail_timeout`: the window of failures, and how long the peer is then out. */
  readonly failTimeoutMs: number;
  /** `max_conns`: connections at once; 0 means no bound. */
  readonly maxConns: number;
  /** `backup`: used only when no other peer can be. */
  readonly isBackup: boolean;
  /** `down`: never used. */
  readonly isDown: boolean;
  /** `drain`: used for requests that are bound to it, and no others. */
  readonly isDraining?: boolean;
  /** `slow_start`: how long its weight takes to grow back once it works again; 0: no time. */
  readonly slowStartMs?: number;
  /** `route`: what binds a request to it. Not there: a hash of its name. */
  readonly route?: string | undefined;
}

/** A host that is known by its name, which stands for any number of addresses. */
export interface HostAddress {
  readonly transport: "name";
  readonly hostname: string;
  readonly port: number;
  /** `resolve`: looked up again at run time; else once, when the server starts. */
  readonly isFollowed: boolean;
  /** `service`: the name of an SRV record, such as `_http._tcp.example.org`. */
  readonly service: string | undefined;
}

/** One `server` of a group as it is written: a peer, or the name of any number of them. */
export interface PeerServerConf extends Omit<PeerConf, "address"> {
  readonly address: PeerAddress | HostAddress;
}

/** Where DNS is asked: an IP address and port. */
export interface NameServer {
  readonly hostname: string;
  readonly port: number;
}

/** `resolver`: how names are looked up at run time. */
export interface ResolverConf {
  /** None: the system is asked (getaddrinfo). */
  readonly servers: readonly NameServer[];
  /** `valid`: how long an answer is used, whatever it says itself. */
  readonly validMs: number | undefined;
  /** `timeout`: the longest wait for an answer. */
  readonly timeoutMs: number;
  /** Whether IPv4 addresses are looked for, and IPv6 ones. One of them at least. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** `keepalive` and its companions: the cache of idle connections of a group. */
export interface KeepaliveConf {
  /** `keepalive`: idle connections kept; 0 turns the cache off. */
  readonly connections: number;
  /** `keepalive_requests`: requests one connection may carry. */
  readonly requests: number;
  /** `keepalive_time`: the age at which a connection is no longer kept. */
  readonly timeMs: number;
  /** `keepalive_timeout`: how long a connection may be idle. */
  readonly timeoutMs: number;
}

/** `balance`: how the next peer is chosen. */
export type BalanceConf =
  | { readonly kind: "round_robin" | "least_conn" | "ip_hash" | "random" | "random_two" | "ewma" }
  | {
    readonly kind: "least_time" | "random_two_least_time";
    /** To the head of the answer; else to its last byte. */
    readonly isToHead: boolean;
  }
  | {
    readonly kind: "hash";
    /** A text with `$variables`. */
    readonly key: string;
    readonly isConsistent: boolean;
  }
  | {
    /** A balancer of the embedding program. */
    readonly kind: "custom";
    readonly name: string;
    /** A text with `$variables`, which it gets for each request; may be empty. */
    readonly key: string;
  };

/** `sticky`: requests go where those before them went. */
export type StickyConf = StickyCookieConf | StickyLearnConf | {
  readonly kind: "route";
  /** Texts with `$variables`: the first that is not empty names the peer. */
  readonly texts: readonly string[];
};

/** The peers' answers tell which session a request is of. */
export interface StickyLearnConf {
  readonly kind: "learn";
  /** Texts with `$variables` of an answer: the first that is not empty is a session. */
  readonly create: readonly string[];
  /** Likewise of a request. */
  readonly lookup: readonly string[];
  readonly zone: { readonly name: string; readonly sizeBytes: number };
  /** A session that is not asked for so long is forgotten. */
  readonly timeoutMs: number;
  /** `header`: it begins with the head of the answer, else with its end. */
  readonly isAtHeader: boolean;
}

/** A cookie of ours names the peer. */
export interface StickyCookieConf {
  readonly kind: "cookie";
  readonly name: string;
  /** How long the client keeps it; undefined: till its end. */
  readonly expiresMs: number | undefined;
  readonly domain: string | undefined;
  readonly path: string | undefined;
  readonly isHttpOnly: boolean;
  readonly isSecure: boolean;
  readonly sameSite: "strict" | "lax" | "none" | undefined;
}

/** `queue`: requests that wait for a peer when all have their `max_conns`. */
export interface QueueConf {
  /** How many at once. */
  readonly requests: number;
  /** How long each. */
  readonly timeoutMs: number;
}

/** TLS towards peers. Files are named here, and read when the proxy starts. */
export interface TlsConf {
  /** `ssl_server_name`: whether the name is sent. */
  readonly sendsServerName: boolean;
  /** `ssl_name`: may hold `$variables`. */
  readonly name: string;
  /** `ssl_verify`. */
  readonly verify: boolean;
  /** `ssl_verify_depth`. */
  readonly verifyDepth: number;
  /** `ssl_trusted_certificate`: there is one if `verify` is on. */
  readonly trustedCertificatePath: string | undefined;
  /** `ssl_certificate`, and `ssl_certificate_key`: both or none. */
  readonly certificatePath: string | undefined;
  readonly certificateKeyPath: string | undefined;
  /** `ssl_protocols`. */
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
}

/** What a body has to hold, or may not. */
export interface BodyMatch {
  readonly text: string;
  readonly isNegated: boolean;
  /** What the text is, where it is one; else the text itself is looked for. */
  readonly regex: RegExp | undefined;
}

/** `health_check`: requests of our own that tell whether a peer is well. */
export interface HealthCheckConf {
  /** `tcp`: it is well if it can be connected to. */
  readonly type: "http" | "tcp";
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** `Host`, and the name for TLS. */
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What the status may be: from and to, both included. */
  readonly statuses: readonly (readonly [from: number, to: number])[];
  readonly body: BodyMatch | undefined;
  readonly intervalMs: number;
  /** A check may be this much later, by chance. */
  readonly jitterMs: number;
  /** For all of a check, from the connection on. */
  readonly timeoutMs: number;
  /** Checks in a row that have to fail, or to pass, for the peer's health to change. */
  readonly fails: number;
  readonly passes: number;
  /** Another than the peer's own. */
  readonly port: number | undefined;
  /** Its name is no template here. */
  readonly tls: TlsConf | undefined;
  /** `mandatory`: a peer is not used before a check has passed. */
  readonly isMandatory: boolean;
  /** How long a connection is used for checks; 0: each has one of its own. */
  readonly keepaliveTimeMs: number;
}

/** `outlier_detection`: when a peer is ejected for what it answers. */
export interface OutlierConf {
  /** Failures in a row; 0: any number. An error is one of each. */
  readonly consecutive5xx: number;
  /** 502, 503 and 504. */
  readonly consecutiveGatewayFailures: number;
  /** No usable answer: `error`, `timeout` and `invalid_header` of `next_upstream`. */
  readonly consecutiveErrors: number;
  /** What is compared is counted in. */
  readonly intervalMs: number;
  /** Peers that have to have had as many requests for a comparison. */
  readonly successRateMinimumHosts: number;
  readonly successRateRequestVolume: number;
  /** So many standard deviations below the mean is too bad; 0: nothing is. */
  readonly successRateStdevFactor: number;
  /** Times the number of ejections. */
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** From 0 to 1. */
  readonly maxEjectedShare: number;
}

/** `retry_budget`. */
export interface RetryBudgetConf {
  /** Of the requests: from 0 to 1. */
  readonly share: number;
  /** Retries that are always allowed. */
  readonly minPerSecond: number;
}

/** One named group of `upstreams`, or the implicit group of a literal address. */
export interface UpstreamGroupConf {
  readonly name: string;
  readonly peers: readonly PeerServerConf[];
  /** Not there: round robin. */
  readonly balance?: BalanceConf;
  readonly sticky?: StickyConf | undefined;
  readonly queue?: QueueConf | undefined;
  readonly healthCheck?: HealthCheckConf | undefined;
  readonly outliers?: OutlierConf | undefined;
  readonly retryBudget?: RetryBudgetConf | undefined;
  /** `panic_threshold`: the share of healthy peers, below which health is ignored. From 0 to 1. */
  readonly panicThreshold?: number | undefined;
  readonly keepalive: KeepaliveConf;
  /** For the servers that are looked up at run time. */
  readonly resolver: ResolverConf;
}

/** The peers of groups that are made of requests' variables: all but where they are. */
export interface DynamicPeerConf extends Omit<PeerServerConf, "name" | "address"> {
  readonly keepalive: KeepaliveConf;
  readonly resolver: ResolverConf;
}
