/**
 * Where a location passes its requests: what stands behind `proxy_pass`.
 *
 * @module
 */
import type { VariablePass } from "../http/conf.ts";
import { formatHost, isIp, parseHostPort } from "../peer/address.ts";
import type { ResolverConf, UpstreamGroupConf } from "../peer/conf.ts";
import { dynamicPeer, type Groups } from "./build_upstream.ts";
import { proxyDirectives } from "./directives/proxy.ts";
import { parsePeerAddress } from "./directives/upstream.ts";
import { type Problems, quote } from "./problem.ts";
import type { Located } from "./types.ts";

/** A group of peers, or what the variables of each request make of one. */
export interface PassTarget {
  readonly group: UpstreamGroupConf | undefined;
  readonly variable: VariablePass | undefined;
  readonly proxyHost: string;
  readonly proxyPort: string;
  readonly uri: string | undefined;
  readonly isTls: boolean;
}

/**
 * `http://GROUP`, `http://host[:port]`, `http://unix:/path:`, each with a path behind it or
 * none, and the same with `https://`; or anything with variables.
 */
export function readPass(
  pass: Located,
  groups: Groups,
  resolver: ResolverConf,
  problems: Problems,
): PassTarget | undefined {
  const refuse = (expected: string, nearest?: string) =>
    refusePass(pass, expected, problems, nearest);
  const { text } = pass;
  if (text.includes("$")) return passToVariables(text, resolver);
  const [, scheme = "", rest] = /^(https?):\/\/(.+)$/i.exec(text) ?? [];
  if (rest === undefined) return refuse(`need ${proxyDirectives.pass.type.expected}`);
  const isTls = scheme.toLowerCase() === "https";
  return rest.startsWith("unix:")
    ? passToSocket(rest, isTls, groups, refuse)
    : passToHost(rest, isTls, groups, refuse);
}

/** Where requests go is known only when they come. A scheme that is a variable may be either. */
function passToVariables(url: string, resolver: ResolverConf): PassTarget {
  return {
    group: undefined,
    variable: { url, peer: dynamicPeer(resolver) },
    proxyHost: "",
    proxyPort: "",
    uri: undefined,
    isTls: !/^http:/i.test(url),
  };
}

type Refuse = (expected: string, nearest?: string) => undefined;

function passToSocket(
  rest: string,
  isTls: boolean,
  groups: Groups,
  refuse: Refuse,
): PassTarget | undefined {
  const [, name = "", uri] = /^(unix:[^:]+)(?::(.*))?$/.exec(rest) ?? [];
  const address = parsePeerAddress(name);
  if (address === undefined || (uri !== undefined && uri !== "" && !uri.startsWith("/"))) {
    return refuse(
      'need a socket such as "http://unix:/run/app.sock" or "http://unix:/run/app.sock:/path"',
    );
  }
  // `$proxy_host` of a socket is localhost, as in nginx, and `$proxy_port` is empty.
  return {
    group: groups.implicit(address),
    variable: undefined,
    proxyHost: "localhost",
    proxyPort: "",
    uri: uri === "" ? undefined : uri,
    isTls,
  };
}

function passToHost(
  rest: string,
  isTls: boolean,
  groups: Groups,
  refuse: Refuse,
): PassTarget | undefined {
  const [, authority = "", after = ""] = /^([^/?#]*)(.*)$/s.exec(rest) ?? [];
  if (after.includes("#")) return refuse("need a URL without #");
  // A query alone stands at the root.
  const uri = after === "" ? undefined : after.startsWith("?") ? `/${after}` : after;
  const defaultPort = isTls ? 443 : 80;
  const own = groups.named(authority);
  if (own !== undefined) {
    return {
      group: own,
      variable: undefined,
      proxyHost: authority,
      proxyPort: `${defaultPort}`,
      uri,
      isTls,
    };
  }
  const parsed = parseHostPort(authority, 1);
  if (parsed === undefined) {
    return refuse('need a host and port such as "http://127.0.0.1:9001" or "http://[::1]:80"');
  }
  const { hostname, port } = parsed;
  const group = groups.named(hostname);
  if (group !== undefined) {
    return refuse(
      `need no port, since ${quote(group.name)} is an upstream, whose peers have theirs`,
    );
  }
  if (port === undefined && !isAddressLike(hostname)) {
    return refuse(
      "no such upstream (a host of that name needs its port: " +
        `"${isTls ? "https" : "http"}://${hostname}:${defaultPort}")`,
      groups.nearest(hostname),
    );
  }
  const address = parsePeerAddress(authority, defaultPort);
  if (address === undefined) return refuse("need a host and port");
  const host = formatHost(hostname);
  return {
    group: groups.implicit(address),
    variable: undefined,
    proxyHost: port === undefined || port === defaultPort ? host : `${host}:${port}`,
    proxyPort: `${port ?? defaultPort}`,
    uri,
    isTls,
  };
}

/** An address or a name with a dot: not what somebody would call a group and mistype. */
function isAddressLike(hostname: string): boolean {
  return hostname === "localhost" || hostname.includes(".") || isIp(hostname);
}

/** Says that the requests cannot be passed there, and what was expected. */
export function refusePass(
  { text, span }: Located,
  expected: string,
  problems: Problems,
  nearest?: string,
): undefined {
  const found = quote(text);
  return problems.add({ span, cannot: `pass to ${found}`, found, expected, nearest });
}
