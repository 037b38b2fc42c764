/**
 * One group of peers with all that lives as long as it does.
 *
 * @module
 */
import type { Deadlines } from "../event/mod.ts";
import type { UpstreamGroupConf } from "./conf.ts";
import { type Balancer, Peer } from "./peer.ts";
import { RoundRobin } from "./round_robin.ts";
import { IdleConns } from "./upstream_conn.ts";

/** What `upstreams: NAME` becomes at run time. */
export class PeerGroup {
  readonly name: string;
  readonly balancer: Balancer;
  readonly idle: IdleConns;
  /** Whether connections are closed after each request (`keepalive: 0`). */
  readonly keepsNone: boolean;

  /** @param onDisabled Told when a peer is taken out because it failed too often. */
  constructor(
    conf: UpstreamGroupConf,
    deadlines: Deadlines,
    onDisabled: (group: string, peer: Peer) => void,
  ) {
    this.name = conf.name;
    this.keepsNone = conf.keepalive.connections === 0;
    const peers = conf.peers.map((peer) => new Peer(peer));
    this.balancer = new RoundRobin(peers, (peer) => onDisabled(conf.name, peer));
    this.idle = new IdleConns(conf.keepalive, deadlines);
  }

  /** Closes the idle connections. */
  close(): void {
    this.idle.close();
  }
}
