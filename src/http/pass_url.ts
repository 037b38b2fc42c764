/**
 * The URL that a `pass` with variables becomes for a request. Pure.
 *
 * @module
 */
import { formatHost, parseHostPort } from "../peer/mod.ts";

/** Where a request is to go. */
export interface PassUrl {
  readonly isTls: boolean;
  /** Host and port as they are written; of a unix socket, "unix:" and its path. */
  readonly authority: string;
  /** A unix socket, or an IP address or name in lower case. */
  readonly to:
    | { readonly kind: "socket"; readonly path: string }
    | { readonly kind: "host"; readonly hostname: string; readonly port: number };
  /** No port is written: it may be the name of a group. */
  readonly isPlain: boolean;
  /** `$proxy_host`. */
  readonly proxyHost: string;
  /** `$proxy_port`. */
  readonly proxyPort: string;
  /** The request's target from its path on; undefined: the request's own. */
  readonly uri: string | undefined;
}

/**
 * Reads a URL, as nginx does one that is made of variables: its path, if there is one, is
 * the whole target. Returns what is wrong with it, in nginx's words, if it is none.
 */
export function parsePassUrl(url: string): PassUrl | string {
  const [, scheme = "", rest] = /^(https?):\/\/(.+)$/is.exec(url) ?? [];
  if (rest === undefined) return `invalid URL prefix in "${url}"`;
  const isTls = scheme.toLowerCase() === "https";
  return rest.startsWith("unix:") ? parseSocket(rest, isTls) : parseHost(rest, isTls);
}

function parseSocket(rest: string, isTls: boolean): PassUrl | string {
  const [, path, uri = ""] = /^unix:(\/[^\0:]+|@[^\0:]+)(?::(.*))?$/s.exec(rest) ?? [];
  if (path === undefined) return `invalid unix socket in upstream "${rest}"`;
  return {
    isTls,
    authority: `unix:${path}`,
    to: { kind: "socket", path },
    isPlain: false,
    proxyHost: "localhost",
    proxyPort: "",
    uri: targetOf(uri),
  };
}

function parseHost(rest: string, isTls: boolean): PassUrl | string {
  const [, authority = "", after = ""] = /^([^/?#]*)(.*)$/s.exec(rest) ?? [];
  if (authority === "" || authority.startsWith(":")) return `no host in upstream "${rest}"`;
  const parsed = parseHostPort(authority, 1);
  if (parsed === undefined) {
    const [, port] = /^(?:\[[^\]]*\]|[^:]*):(.*)$/s.exec(authority) ?? [];
    const isPortBad = port !== undefined && !/^[1-9]\d{0,4}$/.test(port);
    return `invalid ${isPortBad || Number(port) > 65_535 ? "port" : "host"} in upstream "${rest}"`;
  }
  const { hostname } = parsed;
  const defaultPort = isTls ? 443 : 80;
  const port = parsed.port ?? defaultPort;
  return {
    isTls,
    authority,
    to: { kind: "host", hostname, port },
    isPlain: parsed.port === undefined,
    proxyHost: port === defaultPort ? formatHost(hostname) : `${formatHost(hostname)}:${port}`,
    proxyPort: String(port),
    uri: targetOf(after),
  };
}

/** What would end the request line, or begin another one, is escaped; all else is as it is rendered. */
function targetOf(uri: string): string | undefined {
  if (uri === "") return undefined;
  const withPath = uri.startsWith("/") ? uri : `/${uri}`;
  return withPath.replace(/#.*$/s, "").replace(
    // deno-lint-ignore no-control-regex -- these are what must not be in a target
    /[\x00-\x20\x7f]/g,
    (character) => "%" + character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"),
  );
}
