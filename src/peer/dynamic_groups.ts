/**
 * Groups that are not in the configuration: each of one address, or one name, that
 * requests have asked for.
 *
 * @module
 */
import type { Deadlines } from "../event/mod.ts";
import { formatHost, isIp } from "./address.ts";
import type { DynamicPeerConf, HostAddress, PeerAddress, PeerServerConf } from "./conf.ts";
import { PeerGroup, type Report } from "./group.ts";
import { OnDemand } from "./on_demand.ts";
import type { PeerStates } from "./peer_state.ts";
import type { Resolver } from "./resolver.ts";

/** Groups that are remembered, so that connections are kept; the longest unused goes first. */
export const DYNAMIC_GROUPS_MAX = 1_000;

export class DynamicGroups {
  readonly #conf: DynamicPeerConf;
  readonly #resolver: Resolver;
  readonly #deadlines: Deadlines;
  readonly #report: Report;
  readonly #states: PeerStates | undefined;
  /** The longest unused first. */
  readonly #groups = new Map<string, PeerGroup>();

  constructor(
    conf: DynamicPeerConf,
    resolver: Resolver,
    deadlines: Deadlines,
    report: Report,
    states?: PeerStates,
  ) {
    this.#states = states;
    this.#conf = conf;
    this.#resolver = resolver;
    this.#deadlines = deadlines;
    this.#report = report;
  }

  /** Groups that are remembered. */
  get count(): number {
    return this.#groups.size;
  }

  /** Their idle connections. */
  get idleCount(): number {
    let count = 0;
    for (const { idle } of this.#groups.values()) count += idle.count;
    return count;
  }

  /** The group of a host and a port. */
  ofHost(hostname: string, port: number): PeerGroup {
    const name = `${formatHost(hostname)}:${port}`;
    if (isIp(hostname)) return this.#of(name, { transport: "tcp", hostname, port });
    const isFollowed = true;
    return this.#of(name, { transport: "name", hostname, port, isFollowed, service: undefined });
  }

  /** The group of a unix socket. */
  ofSocket(path: string): PeerGroup {
    return this.#of(`unix:${path}`, { transport: "unix", path });
  }

  /** Closes the idle connections. */
  close(): void {
    for (const group of this.#groups.values()) group.end();
    this.#groups.clear();
  }

  #of(name: string, address: PeerAddress | HostAddress): PeerGroup {
    const known = this.#groups.get(name);
    if (known !== undefined) this.#groups.delete(name);
    const group = known ?? this.#make(name, address);
    this.#groups.set(name, group);
    if (this.#groups.size > DYNAMIC_GROUPS_MAX) this.#forgetOne();
    return group;
  }

  #make(name: string, address: PeerAddress | HostAddress): PeerGroup {
    const { keepalive, resolver, ...peer } = this.#conf;
    const server: PeerServerConf = { ...peer, name, address };
    const conf = { name, peers: [server], keepalive, resolver };
    const group = new PeerGroup(conf, this.#deadlines, this.#report, {}, this.#states);
    if (address.transport === "name") {
      group.onDemand = new OnDemand(group, server, address.hostname, this.#resolver);
    }
    return group;
  }

  /** Requests that are with its peers finish there; their connections are not kept. */
  #forgetOne(): void {
    for (const [name, group] of this.#groups) {
      this.#groups.delete(name);
      group.end();
      return;
    }
  }
}
