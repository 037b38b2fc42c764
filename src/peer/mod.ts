/**
 * Groups of peers: the choice between them, and the cache of idle connections.
 *
 * @module
 */
export { formatHost, type HostPort, isIp, parseHostPort } from "./address.ts";
export { balancerOf } from "./balancer_of.ts";
export type {
  BalancerPeer,
  BalancerRequest,
  BalancerResult,
  CustomBalancer,
  PeerChooser,
} from "./custom_balancer.ts";
export type {
  BalanceConf,
  BodyMatch,
  DynamicPeerConf,
  HealthCheckConf,
  OutlierConf,
  PeerServerConf,
  ResolverConf,
  RetryBudgetConf,
  StickyConf,
  StickyCookieConf,
  StickyLearnConf,
  UpstreamGroupConf,
} from "./conf.ts";
export { DynamicGroups } from "./dynamic_groups.ts";
export { PeerHealth } from "./health.ts";
export { FollowedNames } from "./followed_names.ts";
export { CannotChange, type PeerChange, PeerGroup, type Report } from "./group.ts";
export type { OnDemand } from "./on_demand.ts";
export {
  type Balancer,
  DOWN,
  DRAINING,
  EJECTED,
  Peer,
  type PeerVerdict,
  Selection,
  UNHEALTHY,
} from "./peer.ts";
export { PeerStates } from "./peer_state.ts";
export { PeerQueue } from "./queue.ts";
export { type Answer, Resolution, Resolver } from "./resolver.ts";
export { RoundRobin } from "./round_robin.ts";
export { Unresolved } from "./unresolved.ts";
export { IdleConns, UpstreamConn } from "./upstream_conn.ts";
