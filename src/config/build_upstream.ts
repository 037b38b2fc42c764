/**
 * Groups of peers: those of `upstreams`, and the implicit ones of literal addresses.
 *
 * @module
 */
import type {
  BalanceConf,
  DynamicPeerConf,
  PeerServerConf,
  ResolverConf,
  UpstreamGroupConf,
} from "../peer/conf.ts";
import type { Block } from "./block.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import {
  type NamedAddress,
  type Peer,
  peerParameters,
  upstreamDirectives,
  type UpstreamSettings,
} from "./directives/upstream.ts";
import { healthDirectives, type HealthSettings } from "./directives/health.ts";
import { resolverConf, resolverDirectives } from "./directives/resolver.ts";
import { nearestName } from "./nearest.ts";
import { quote } from "./problem.ts";

/** Ways to balance that know `backup` and `slow_start`: nginx's list. */
const GRADED: ReadonlySet<BalanceConf["kind"]> = new Set([
  "round_robin",
  "least_conn",
  "least_time",
  "ewma",
  "custom",
]);

/** The groups found so far. */
export interface Groups {
  /** A group of `upstreams` by its name, in either case of letters. */
  named(name: string): UpstreamGroupConf | undefined;
  /** The name of a group that is much like this one. */
  nearest(name: string): string | undefined;
  /** The group of one address, the same for all locations that pass to it. */
  implicit(address: NamedAddress): UpstreamGroupConf;
  all(): readonly UpstreamGroupConf[];
}

/** @param resolverOfRoot What the level around the groups says. */
export function buildGroups(
  blocks: readonly Block[],
  building: Building,
  resolverOfRoot: Settings<typeof resolverDirectives>,
): Groups {
  const named = new Map<string, UpstreamGroupConf>();
  const implicit = new Map<string, UpstreamGroupConf>();
  for (const block of blocks) {
    const group = buildGroup(block, building, resolverOfRoot);
    if (named.has(block.name.toLowerCase())) {
      building.problems.add({
        span: block.span,
        cannot: `have a second upstream ${quote(block.name)}`,
        found: quote(block.name),
        expected: "need names that differ in more than the case of letters",
      });
    }
    named.set(block.name.toLowerCase(), group);
  }
  return {
    named: (name) => named.get(name.toLowerCase()),
    nearest: (name) => nearestName(name, [...named.values()].map(({ name }) => name)),
    implicit(address): UpstreamGroupConf {
      const group = implicit.get(address.name) ??
        implicitGroup(address, resolverConf(resolverOfRoot));
      implicit.set(address.name, group);
      return group;
    },
    all: () => [...named.values(), ...implicit.values()],
  };
}

function buildGroup(
  block: Block,
  building: Building,
  resolverOfRoot: Settings<typeof resolverDirectives>,
): UpstreamGroupConf {
  const { problems } = building;
  const { name, span } = block;
  if (!/^[a-z\d_](?:[\w.-]*\w)?$/i.test(name)) {
    problems.add({
      span,
      cannot: `name an upstream ${quote(name)}`,
      found: quote(name),
      expected: "need letters, digits, _, - and .",
    });
  }
  const settings = building.settle(upstreamDirectives, block);
  const { peers = [] } = settings;
  if (!block.settings.has("server")) {
    problems.add({
      span,
      cannot: `use upstream ${quote(name)} without peers`,
      found: "none",
      expected: "need at least one under its servers",
    });
  } else if (peers.length > 0 && peers.every(({ isBackup }) => isBackup)) {
    problems.add({
      span,
      cannot: `use upstream ${quote(name)} with backup peers only`,
      found: "backup peers",
      expected: "need at least one that is not a backup",
    });
  }
  const { balance, sticky } = settings;
  if (peers.some(({ isBackup }) => isBackup) && !GRADED.has(balance.kind)) {
    const word = balance.kind.replace("_two", " two").replace(" two_", " two ");
    problems.add({
      span,
      cannot: `use backup peers in upstream ${quote(name)}`,
      found: `balance ${word}`,
      expected: "need a balance that allows them: round_robin, least_conn, least_time or ewma",
    });
  }
  if (peers.some(({ slowStartMs }) => slowStartMs > 0) && !GRADED.has(balance.kind)) {
    problems.add({
      span,
      cannot: `use slow_start in upstream ${quote(name)}`,
      found: `balance ${balance.kind}`,
      expected: "need a balance that allows it: round_robin, least_conn, least_time or ewma",
    });
  }
  const resolver = resolverConf(building.settle(resolverDirectives, block, resolverOfRoot));
  for (const { address, service, isFollowed } of peers) {
    if (address === undefined || service === undefined) continue;
    if (isFollowed && resolver.servers.length > 0 && address.address.transport === "name") continue;
    problems.add({
      span,
      cannot: `use service ${quote(service)} of ${quote(address.name)}`,
      found: quote(service),
      expected: "need a host's name, resolve, and a resolver with servers",
    });
  }
  const keepalive = keepaliveConf(settings);
  const { healthCheck, outliers, retryBudget, panicThreshold } = building.settle(
    healthDirectives,
    block,
  );
  return {
    name,
    peers: peers.flatMap(peerConf),
    balance,
    sticky,
    queue: queueConf(settings),
    healthCheck: healthCheck &&
      { ...healthCheck, host: healthCheck.host === "" ? name : healthCheck.host },
    outliers,
    retryBudget: retryBudgetConf(retryBudget),
    panicThreshold,
    keepalive,
    resolver,
  };
}

/** nginx's implicit upstream: one peer, all else as by default. */
function implicitGroup(named: NamedAddress, resolver: ResolverConf): UpstreamGroupConf {
  const { keepalive, ...peer } = dynamicPeer(resolver);
  const { name, address } = named;
  const { resolver: _resolver, ...parameters } = peer;
  return { name, peers: [{ name, address, ...parameters }], keepalive, resolver };
}

/** The one peer of a group that nothing was said about. */
export function dynamicPeer(resolver: ResolverConf): DynamicPeerConf {
  return {
    weight: peerParameters.weight.initial,
    maxConns: peerParameters.maxConns.initial,
    maxFails: peerParameters.maxFails.initial,
    failTimeoutMs: peerParameters.failTimeoutMs.initial,
    isBackup: false,
    isDown: false,
    keepalive: keepaliveConf({
      keepaliveConnections: upstreamDirectives.keepaliveConnections.initial,
      keepaliveRequests: upstreamDirectives.keepaliveRequests.initial,
      keepaliveTimeMs: upstreamDirectives.keepaliveTimeMs.initial,
      keepaliveTimeoutMs: upstreamDirectives.keepaliveTimeoutMs.initial,
    }),
    resolver,
  };
}

/** The peer, or none where its address was refused. */
function peerConf(
  { address: named, service, isFollowed, ...parameters }: Peer,
): readonly PeerServerConf[] {
  if (named === undefined) return [];
  const { name, written, address } = named;
  if (address.transport !== "name") return [{ name, written, address, ...parameters }];
  const record = service === undefined ? undefined : serviceName(service, address.hostname);
  const followed = { ...address, isFollowed, service: record };
  return [{ name, written, address: followed, ...parameters }];
}

/** nginx's: a name without a dot is short for one over TCP. */
function serviceName(service: string, hostname: string): string {
  return service.includes(".") ? `${service}.${hostname}` : `_${service}._tcp.${hostname}`;
}

function queueConf({ queue }: UpstreamSettings): UpstreamGroupConf["queue"] {
  if (queue?.requests === undefined) return undefined;
  return { requests: queue.requests, timeoutMs: queue.timeoutMs };
}

function retryBudgetConf(
  settings: HealthSettings["retryBudget"],
): UpstreamGroupConf["retryBudget"] {
  if (settings?.share === undefined) return undefined;
  return { share: settings.share, minPerSecond: settings.minPerSecond };
}

function keepaliveConf(
  settings: Pick<
    UpstreamSettings,
    "keepaliveConnections" | "keepaliveRequests" | "keepaliveTimeMs" | "keepaliveTimeoutMs"
  >,
): UpstreamGroupConf["keepalive"] {
  return {
    connections: settings.keepaliveConnections,
    requests: settings.keepaliveRequests,
    timeMs: settings.keepaliveTimeMs,
    timeoutMs: settings.keepaliveTimeoutMs,
  };
}
