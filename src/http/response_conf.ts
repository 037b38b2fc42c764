/**
 * What the configuration makes of responses: fields, pages, codings, redirects.
 *
 * @module
 */

/** What holds for a location's responses, whoever makes them. */
export interface ResponseConf {
  readonly errorPages: readonly ErrorPageConf[];
  readonly recursiveErrorPages: boolean;
  readonly addHeaders: readonly AddHeaderConf[];
  /** `absolute_redirect`, `port_in_redirect`, `server_name_in_redirect`. */
  readonly redirects: RedirectsConf;
  /** `add_trailer`. */
  readonly trailers: readonly AddHeaderConf[];
  readonly expires: ExpiresConf | undefined;
  readonly compression: CompressionConf;
  readonly charset: CharsetConf | undefined;
  /** Undefined for `userid off`. */
  readonly userId: UserIdConf | undefined;
  /** `max_ranges`: ranges that one request may ask for; more are answered with the whole. */
  readonly maxRanges: number;
}

/** `userid` and what belongs to it. */
export interface UserIdConf {
  /** Of what clients are given; undefined for `log`. */
  readonly version: 1 | 2 | undefined;
  readonly name: string;
  /** Empty for none. */
  readonly domain: string;
  readonly path: string;
  /** Infinity for `max`; undefined for a session. */
  readonly expiresMs: number | undefined;
  readonly flags: readonly string[];
  /** One character; empty for none. */
  readonly mark: string;
  readonly service: number | undefined;
  /** Empty for none. */
  readonly p3p: string;
}

/** How redirects of our own to a path are written out. */
export interface RedirectsConf {
  /** With scheme and host. */
  readonly isAbsolute: boolean;
  /** With the port of the listening address, where it is not the scheme's own. */
  readonly hasPort: boolean;
  /** With the server's first name instead of the host that was asked for. */
  readonly hasServerName: boolean;
}

/** `expires`. */
export interface ExpiresConf {
  /** `30d`, `-1`, `@15h30m`, `epoch`, `max`, `off`; may hold `$variables`. */
  readonly text: string;
  /** `modified`: it counts from `Last-Modified` on. */
  readonly fromModified: boolean;
}

/** `charset`. */
export interface CharsetConf {
  /** May hold `$variables`. */
  readonly charset: string;
  /** Media types that it is told with, in lower case; `*` for all. */
  readonly types: ReadonlySet<string>;
}

/** Of one coding. */
export interface CodingConf {
  readonly isOn: boolean;
  /** Media types that it is for, in lower case; `*` for all. */
  readonly types: ReadonlySet<string>;
  /** Shorter bodies stay as they are. */
  readonly minLengthBytes: number;
  readonly level: number;
}

export type ProxiedCondition =
  | "expired"
  | "no-cache"
  | "no-store"
  | "private"
  | "no_last_modified"
  | "no_etag"
  | "auth"
  | "any";

/** `gzip`, `brotli`, `zstd`, `gunzip`. */
export interface CompressionConf {
  readonly gzip: CodingConf;
  readonly brotli: CodingConf;
  readonly zstd: CodingConf;
  readonly gunzip: boolean;
  /** `gzip_vary`. */
  readonly varies: boolean;
  /** `gzip_proxied`: what is compressed for proxies; empty for nothing. */
  readonly proxied: ReadonlySet<ProxiedCondition>;
  /** `gzip_http_version`: of the request, at least. */
  readonly minorVersion: 0 | 1;
  /** `gzip_disable`: regexes of `User-Agent`s. */
  readonly disable: readonly string[];
}

/** One `error_page`. */
export interface ErrorPageConf {
  readonly statuses: readonly number[];
  /** `=code`; 0 for `=` alone, undefined for none of them. */
  readonly status: number | undefined;
  /** `/path?args`, `@name` or a URL; may hold `$variables`. */
  readonly target: string;
}

/** One `add_header`; the value may hold `$variables`. */
export interface AddHeaderConf {
  readonly name: string;
  readonly value: string;
  readonly always: boolean;
}

/** Something in a field's value that is to be replaced; both may hold `$variables`. */
export interface RewriteConf {
  /** What is replaced; a regex behind `~` or `~*`. */
  readonly from: string;
  /** May hold `$1` and `$name` of the regex. */
  readonly to: string;
}

export type CookieFlag =
  | "secure"
  | "nosecure"
  | "httponly"
  | "nohttponly"
  | "samesite=strict"
  | "samesite=lax"
  | "samesite=none"
  | "nosamesite";

/** One `cookie_flags`. */
export interface CookieFlagsConf {
  /** The cookie's name; a regex behind `~`. May hold `$variables`. */
  readonly cookie: string;
  readonly flags: readonly CookieFlag[];
}

/** Which fields of a peer's response reach the client, and how. */
export interface HeaderPolicyConf {
  readonly hide: readonly string[];
  readonly pass: readonly string[];
  /** `redirect`, its default in place. */
  readonly redirects: readonly RewriteConf[];
  readonly cookies: {
    readonly domains: readonly RewriteConf[];
    readonly paths: readonly RewriteConf[];
    readonly flags: readonly CookieFlagsConf[];
  };
}
