/** Directives of groups of peers. @module */
import type { HostAddress, PeerAddress } from "../../peer/conf.ts";
import { formatHost, isIp, parseHostPort } from "../../peer/address.ts";
import { type ArgumentType, directive, type Settings, type Table } from "../directive.ts";
import { parameters } from "../parameters.ts";
import { flag, integer, listOf, scalarType, time } from "../types.ts";
import { balance } from "./balance.ts";
import { sticky } from "./sticky.ts";

/** A peer's address, and how logs call it. */
export interface NamedAddress {
  readonly name: string;
  /** Letter by letter. */
  readonly written: string;
  readonly address: PeerAddress | HostAddress;
}

export const peerAddress: ArgumentType<NamedAddress> = scalarType(
  "host[:port] | unix:path",
  'an address such as "127.0.0.1:9001", "[::1]:80", "localhost:9000" or "unix:/run/app.sock"',
  (text) => parsePeerAddress(text),
);

/** Of `host[:port]` or `unix:/path`; undefined when it is neither. */
export function parsePeerAddress(text: string, defaultPort = 80): NamedAddress | undefined {
  const [, path] = /^unix:(\/[^\0:]+|@[^\0:]+)$/.exec(text) ?? [];
  if (path !== undefined) {
    return { name: text, written: text, address: { transport: "unix", path } };
  }
  const parsed = parseHostPort(text, 1);
  if (parsed === undefined) return undefined;
  const { hostname, port = defaultPort } = parsed;
  return {
    name: `${formatHost(hostname)}:${port}`,
    written: text,
    address: isIp(hostname)
      ? { transport: "tcp", hostname, port }
      : { transport: "name", hostname, port, isFollowed: false, service: undefined },
  };
}

export const peerParameters = {
  address: directive({
    name: "address",
    contexts: ["peer"],
    type: peerAddress,
    doc:
      "Where the peer listens. The port is 80 when none is given. A name becomes as many peers " +
      "as it has addresses when the server starts.",
  }),
  weight: directive({
    name: "weight",
    contexts: ["peer"],
    type: integer({ min: 1, max: 65_535 }),
    default: "1",
    doc: "Its share of the requests, relative to the other peers' weights.",
  }),
  maxConns: directive({
    name: "max_conns",
    contexts: ["peer"],
    type: integer(),
    default: "0",
    doc: "Connections to it at once; 0 for any number.",
  }),
  maxFails: directive({
    name: "max_fails",
    contexts: ["peer"],
    type: integer(),
    default: "1",
    doc: "Failures within `fail_timeout` that take it out; 0 never does.",
  }),
  failTimeoutMs: directive({
    name: "fail_timeout",
    contexts: ["peer"],
    type: time(),
    default: "10s",
    doc: "The window those failures are counted in, and how long the peer is then out.",
  }),
  isBackup: directive({
    name: "backup",
    contexts: ["peer"],
    type: flag,
    default: "off",
    doc: "It gets requests only when no other peer can.",
  }),
  isDown: directive({
    name: "down",
    contexts: ["peer"],
    type: flag,
    default: "off",
    doc: "It gets no requests.",
  }),
  isDraining: directive({
    name: "drain",
    contexts: ["peer"],
    type: flag,
    default: "off",
    doc: "It gets only the requests that `sticky` binds to it.",
  }),
  slowStartMs: directive({
    name: "slow_start",
    contexts: ["peer"],
    type: time(),
    default: "0",
    doc: "How long its weight takes to grow back, from a hundredth, when it works again after it " +
      "was out. Not with `ip_hash`, `hash` and `random`, nor for the only peer of a group.",
  }),
  route: directive({
    name: "route",
    contexts: ["peer"],
    type: scalarType(
      "name",
      'a name such as "a"',
      (text) => /^[\w.-]+$/.test(text) ? text : undefined,
    ),
    doc: "What `sticky` calls the peer; else it is the MD5 hash of its address and port.",
  }),
  isFollowed: directive({
    name: "resolve",
    contexts: ["peer"],
    type: flag,
    default: "off",
    doc: "The name is looked up again by the `resolver` when its lifetime is over, and the peers " +
      "follow it: those whose addresses stay keep their state and connections, those that go " +
      "finish what they have.",
  }),
  service: directive({
    name: "service",
    contexts: ["peer"],
    type: scalarType(
      "name",
      'the name of a service, such as "http" or "_http._tcp"',
      (text) => /^[\w.-]+$/.test(text) ? text : undefined,
    ),
    doc: "The peers are those of the name's SRV records, with their ports and weights; those of " +
      "another than the best priority are backups. `http` stands for `_http._tcp`. It needs " +
      "`resolve` and a `resolver` with servers; a port at the address is not used.",
  }),
} satisfies Table;

export const queueParameters = {
  requests: directive({
    name: "requests",
    contexts: ["upstream"],
    type: integer({ min: 1, max: 1_000_000 }),
    doc: "How many may wait at once.",
  }),
  timeoutMs: directive({
    name: "timeout",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "60s",
    doc: "How long one waits.",
  }),
} satisfies Table;

export type Peer = Settings<typeof peerParameters>;

export const upstreamDirectives = {
  peers: directive({
    name: "server",
    yaml: "servers",
    contexts: ["upstream"],
    merge: "own",
    type: listOf(
      parameters(
        peerParameters,
        ["address"],
        'an address such as "127.0.0.1:9001", or {address, …}',
      ),
    ),
    example: {
      yaml: "[127.0.0.1:9001, { address: 127.0.0.1:9002, weight: 2 }]",
      nginx: "server 127.0.0.1:9001; server 127.0.0.1:9002 weight=2;",
    },
    doc: "The peers of the group. Each is an address, or a map with one and its parameters.",
  }),
  balance: directive({
    name: "balance",
    contexts: ["upstream"],
    merge: "own",
    type: balance,
    default: "round_robin",
    example: {
      yaml: "{ hash: $request_uri, consistent: on }",
      nginx: "hash $request_uri consistent;",
    },
    doc: "How the next peer is chosen, all by weight. `round_robin`: in turn. `least_conn`: the " +
      "one with the fewest connections in use. `least_time`: the one that would answer soonest, " +
      "by the average time to its answers' `header` or `last_byte`, times its connections and " +
      "one. `ewma`: likewise, but the average rises to a slow answer at once and is forgotten " +
      "within some 10 s. `random`: any; `random two`: of two such, the " +
      "one with fewer connections, or with `least_time=header` and `least_time=last_byte` the one " +
      "that would answer sooner. `ip_hash`: by the client's address, of IPv4 the first three " +
      "bytes. `hash KEY`: by a text with variables; `consistent`: in such a way that a peer " +
      "that comes or goes moves only its share of the keys (ketama). A client or a key whose " +
      "peer cannot be used gets another, and after 20 draws whose turn it is. Peers are " +
      "exactly those that nginx chooses, but for `least_time` and `ewma`. It has a directive of " +
      "its own for each way: `least_conn`, `ip_hash`, `hash KEY consistent`, `random two " +
      "least_conn`. `NAME`: a balancer of the " +
      "program that starts Sluice with `mod.ts`, which may get a text with variables for each " +
      "request. As there, `ip_hash`, `hash` and `random` " +
      "allow no `backup`.",
  }),
  sticky: directive({
    name: "sticky",
    contexts: ["upstream"],
    merge: "own",
    type: sticky,
    example: {
      yaml: "{ cookie: srv_id, expires: 1h, path: / }",
      nginx: "cookie srv_id expires=1h path=/",
    },
    doc: "A client's requests go to the peer that its first one was given to, as long as it can " +
      "be used. `cookie NAME`: a cookie with the peer's `route` tells; the client gets it with " +
      "the first response, and again when its peer has changed. `expires` is how long the " +
      "client keeps it, renewed by each response; `domain`, `path`, `httponly`, `secure` and " +
      "`samesite` (strict, lax or none) are its attributes. `route $VARIABLE …`: the first of " +
      "the texts that is not empty is the peer's `route`. `learn`: the peers have sessions of " +
      "their own. `create` takes the session out of an answer (`$upstream_cookie_sid`), `lookup` " +
      "out of a request (`$cookie_sid`), of several texts each the first that is not empty; in " +
      "YAML `{learn: {create: …, lookup: …, zone: one:1m, timeout: 10m, header: on}}`. `zone` is " +
      "the memory for sessions, which all workers share: 20 bytes each, and the oldest go first. " +
      "One that is not asked for during `timeout` is forgotten. With `header` it begins with the " +
      "answer's head, else with its end. There is no `sync` between machines.",
  }),
  queue: directive({
    name: "queue",
    contexts: ["upstream"],
    merge: "own",
    type: parameters(
      queueParameters,
      ["requests"],
      'a number such as "100", or {requests, timeout}',
    ),
    example: { yaml: "{ requests: 100, timeout: 5s }", nginx: "100 timeout=5s" },
    doc: "How many requests may wait when the peers that could be used all have their " +
      "`max_conns`; first come, first served. When there are that many already, or the time is " +
      "over, the answer is 502. Without it, it is 502 at once.",
  }),
  keepaliveConnections: directive({
    name: "keepalive",
    contexts: ["upstream"],
    type: integer({ max: 65_535 }),
    default: "32",
    doc: "Idle connections to the peers that are kept; 0 keeps none.",
  }),
  keepaliveRequests: directive({
    name: "keepalive_requests",
    contexts: ["upstream"],
    type: integer({ min: 1 }),
    default: "1000",
    doc: "How many requests a connection to a peer may carry.",
  }),
  keepaliveTimeMs: directive({
    name: "keepalive_time",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "1h",
    doc: "How old a connection to a peer may be and still be kept after a request.",
  }),
  keepaliveTimeoutMs: directive({
    name: "keepalive_timeout",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "60s",
    doc: "How long a kept connection to a peer may be idle.",
  }),
} satisfies Table;

export type UpstreamSettings = Settings<typeof upstreamDirectives>;
