/**
 * The balancer that a configuration names.
 *
 * @module
 */
import type { LogLevel } from "../log/mod.ts";
import type { OnPeerDisabled } from "./base.ts";
import type { BalanceConf } from "./conf.ts";
import { ConsistentHash } from "./consistent_hash.ts";
import { Custom, type CustomBalancer } from "./custom_balancer.ts";
import { Hash } from "./hash.ts";
import { IpHash } from "./ip_hash.ts";
import { LeastConn } from "./least_conn.ts";
import { LeastTime } from "./least_time.ts";
import { PeakEwma } from "./peak_ewma.ts";
import type { Balancer, Peer } from "./peer.ts";
import { RandomPeer } from "./random.ts";
import { RandomTwoLeastTime } from "./random_two_least_time.ts";
import { RoundRobin } from "./round_robin.ts";

/** What balancers of the embedding program need. */
export interface CustomParts {
  /** By the names that groups know them by. */
  readonly balancers: Readonly<Record<string, CustomBalancer>>;
  readonly report: (level: LogLevel, message: string) => void;
}

const NO_PARTS: CustomParts = { balancers: {}, report: () => {} };

export function balancerOf(
  conf: BalanceConf,
  peers: readonly Peer[],
  onDisabled?: OnPeerDisabled,
  { balancers, report }: CustomParts = NO_PARTS,
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
    case "random_two_least_time":
      return new RandomTwoLeastTime(peers, conf.isToHead, onDisabled);
    case "custom": {
      const make = Object.hasOwn(balancers, conf.name) ? balancers[conf.name] : undefined;
      if (make === undefined) throw new Error(`Cannot find the balancer ${conf.name}`);
      return new Custom(peers, conf.name, make, report, onDisabled);
    }
  }
}
