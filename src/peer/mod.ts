/**
 * Groups of peers: the choice between them, and the cache of idle connections.
 *
 * @module
 */
export { PeerGroup } from "./group.ts";
export { type Balancer, Peer, type PeerVerdict, Selection } from "./peer.ts";
export { RoundRobin } from "./round_robin.ts";
export { IdleConns, UpstreamConn } from "./upstream_conn.ts";
