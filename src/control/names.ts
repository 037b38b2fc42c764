/**
 * Everything about a server that is looked up by name: resolvers, groups that follow
 * names, and groups that requests make.
 *
 * @module
 */
import type { Deadlines } from "../event/mod.ts";
import type { ErrorLog } from "../log/mod.ts";
import {
  DynamicGroups,
  type DynamicPeerConf,
  FollowedNames,
  type PeerGroup,
  type PeerStates,
  type Report,
  Resolver,
  type ResolverConf,
  type UpstreamGroupConf,
} from "../peer/mod.ts";

/** How names are looked up that are looked up once, when the server starts: as nginx does. */
const AT_START: ResolverConf = {
  servers: [],
  validMs: undefined,
  timeoutMs: 30_000,
  ipv4: true,
  ipv6: true,
};

/** The names of one server. */
export class Names {
  readonly #deadlines: Deadlines;
  readonly #errorLog: ErrorLog;
  readonly #states: PeerStates;
  /** By what is configured: levels with equal settings share one. */
  readonly #resolvers = new Map<string, Resolver>();
  readonly #dynamic = new Map<string, DynamicGroups>();
  readonly #followed: FollowedNames[] = [];

  constructor(deadlines: Deadlines, errorLog: ErrorLog, states: PeerStates) {
    this.#states = states;
    this.#deadlines = deadlines;
    this.#errorLog = errorLog;
  }

  /** Keeps a group's peers at what its names stand for, from {@linkcode Names.start} on. */
  follow(conf: UpstreamGroupConf, group: PeerGroup): void {
    if (conf.peers.every(({ address }) => address.transport !== "name")) return;
    this.#followed.push(
      new FollowedNames(
        conf,
        group,
        this.#deadlines,
        ({ isFollowed }) => this.#resolver(isFollowed ? conf.resolver : AT_START),
        this.report,
      ),
    );
  }

  /** Groups that requests make; the same ones for equal settings. */
  dynamic(conf: DynamicPeerConf): DynamicGroups {
    const key = JSON.stringify(conf);
    const groups = this.#dynamic.get(key) ??
      new DynamicGroups(
        conf,
        this.#resolver(conf.resolver),
        this.#deadlines,
        this.report,
        this.#states,
      );
    this.#dynamic.set(key, groups);
    return groups;
  }

  /** Resolves when all names of groups were looked up, or that took too long. */
  async start(): Promise<void> {
    await Promise.all(this.#followed.map((names) => names.start()));
  }

  /** Idle connections of the groups that requests made. */
  get idleCount(): number {
    let count = 0;
    for (const groups of this.#dynamic.values()) count += groups.idleCount;
    return count;
  }

  /** Names are not followed any more, and no connection is kept; requests that run may ask still. */
  retire(): void {
    for (const names of this.#followed) names.close();
    for (const groups of this.#dynamic.values()) groups.close();
  }

  close(): void {
    this.retire();
    for (const resolver of this.#resolvers.values()) resolver.close();
  }

  #resolver(conf: ResolverConf): Resolver {
    const key = JSON.stringify(conf);
    const resolver = this.#resolvers.get(key) ??
      new Resolver(conf, this.#deadlines, this.report);
    this.#resolvers.set(key, resolver);
    return resolver;
  }

  /** What groups and names have to say, in the error log. */
  readonly report: Report = (level, message) => this.#errorLog.log(level, message);
}
