/**
 * The balancer that a configuration names.
 *
 * @module
 */
import type { OnPeerDisabled } from "./base.ts";
import type { BalanceConf } from "./conf.ts";
import { ConsistentHash } from "./consistent_hash.ts";
import { Hash } from "./hash.ts";
import { IpHash } from "./ip_hash.ts";
import { LeastConn } from "./least_conn.ts";
import { LeastTime } from "./least_time.ts";
import { PeakEwma } from "./peak_ewma.ts";
import type { Balancer, Peer } from "./peer.ts";
import { RandomPeer } from "./random.ts";
import { RoundRobin } from "./round_robin.ts";

export function balancerOf(
  conf: BalanceConf,
  peers: readonly Peer[],
  onDisabled?: OnPeerDisabled,
): Balancer {
  switch (conf.kind) {
    case "round_robin":
      return new RoundRobin(peers, onDisabled);
    case "least_conn":
      return new LeastConn(peers, onDisabled);
    case "ip_hash":
      return new IpHash(peers, onDisabled);
    case "hash":
      return conf.isConsistent
        ? new ConsistentHash(peers, onDisabled)
        : new Hash(peers, onDisabled);
    case "least_time":
      return new LeastTime(peers, conf.isToHead, onDisabled);
    case "ewma":
      return new PeakEwma(peers, onDisabled);
    case "random":
    case "random_two":
      return new RandomPeer(peers, conf.kind === "random_two", onDisabled);
  }
}
