/**
 * One group of peers with all that lives as long as it does.
 *
 * @module
 */
import type { Deadlines } from "../event/mod.ts";
import type { LogLevel } from "../log/mod.ts";
import { formatHost } from "./address.ts";
import { balancerOf } from "./balancer_of.ts";
import type { CustomBalancer } from "./custom_balancer.ts";
import type {
  BalanceConf,
  HealthCheckConf,
  PeerConf,
  PeerServerConf,
  StickyConf,
  UpstreamGroupConf,
} from "./conf.ts";
import type { Endpoint } from "./name_source.ts";
import type { OnDemand } from "./on_demand.ts";
import { PanicRule } from "./panic.ts";
import { OutlierDetection } from "./outliers.ts";
import { type Balancer, Peer, type Selection } from "./peer.ts";
import type { PeerStates } from "./peer_state.ts";
import { PeerQueue } from "./queue.ts";
import { RetryBudget } from "./retry_budget.ts";
import type { Unresolved } from "./unresolved.ts";
import { IdleConns } from "./upstream_conn.ts";

/** Where a group says what has changed. */
export type Report = (level: LogLevel, message: string) => void;

/** What an operator may change of a peer while it is used. */
export type PeerChange = Partial<
  Pick<PeerConf, "weight" | "maxConns" | "isDown" | "isDraining">
>;

/** What an operator asks for cannot be done; the message says why. */
export class CannotChange extends Error {
  override readonly name = "CannotChange";
}

/** What `upstreams: NAME` becomes at run time. */
export class PeerGroup {
  readonly name: string;
  /** How requests are bound to peers, if they are. */
  readonly sticky: StickyConf | undefined;
  /** Where requests wait when all peers are full, if they may. */
  readonly queue: PeerQueue | undefined;
  /** Who looks at what peers answer, if somebody does. */
  readonly outliers: OutlierDetection | undefined;
  /** How many requests may be tried again, if that is bounded. */
  readonly retryBudget: RetryBudget | undefined;
  readonly idle: IdleConns;
  /** Whether connections are closed after each request (`keepalive: 0`). */
  readonly keepsNone: boolean;
  /** How its addresses are found, where each request that finds them outdated asks for them. */
  onDemand: OnDemand | undefined;
  /** Why a name of it has no address, if one has none. */
  unresolved: Unresolved | undefined;
  /** One that a request began with may be replaced before its end; the peers stay the same. */
  #balancer: Balancer;
  /** The servers in their order, with the peers of each. */
  readonly #places: Place[] = [];
  readonly #deadlines: Deadlines;
  readonly #states: PeerStates | undefined;
  #hasEnded = false;
  /** Says something in the log. */
  readonly report: Report;
  /** Told when peers have come or gone. */
  onPeersChanged: (() => void) | undefined;
  readonly #healthCheck: HealthCheckConf | undefined;
  readonly #panic: PanicRule | undefined;
  readonly #balance: BalanceConf;
  readonly #balancers: Readonly<Record<string, CustomBalancer>>;

  /**
   * @param balancers Those of the embedding program, by their names.
   * @param states Where workers find what all of them know; not there: nobody else has the peers.
   */
  constructor(
    conf: UpstreamGroupConf,
    deadlines: Deadlines,
    report: Report,
    balancers: Readonly<Record<string, CustomBalancer>> = {},
    states: PeerStates | undefined = undefined,
  ) {
    this.name = conf.name;
    this.#deadlines = deadlines;
    this.#states = states;
    this.keepsNone = conf.keepalive.connections === 0;
    this.idle = new IdleConns(conf.keepalive, deadlines);
    this.report = report;
    this.#healthCheck = conf.healthCheck;
    for (const server of conf.peers) {
      const isName = server.address.transport === "name";
      this.#places.push({ server, isName, peers: this.#peersOf(server) });
    }
    this.#balance = conf.balance ?? { kind: "round_robin" };
    this.#balancers = balancers;
    this.sticky = conf.sticky;
    if (conf.queue !== undefined) this.queue = new PeerQueue(conf.queue, deadlines);
    if (conf.panicThreshold !== undefined) {
      this.#panic = new PanicRule(conf.panicThreshold, conf.name, report);
    }
    this.#balancer = this.#makeBalancer();
    if (conf.retryBudget !== undefined) this.retryBudget = new RetryBudget(conf.retryBudget);
    if (conf.outliers !== undefined) {
      this.outliers = new OutlierDetection(conf.outliers, this, deadlines);
    }
  }

  /** What the balancer goes by: a text with `$variables` for `Selection.key`; undefined: nothing. */
  get keyText(): string | undefined {
    if (this.#balance.kind === "ip_hash") return "$remote_addr";
    if (this.#balance.kind === "custom") return this.#balance.key || undefined;
    return this.#balance.kind === "hash" ? this.#balance.key : undefined;
  }

  get balancer(): Balancer {
    return this.#balancer;
  }

  get peers(): readonly Peer[] {
    return this.#balancer.peers;
  }

  /** Starts a request's walk. */
  begin(selection: Selection, nowMs: number): void {
    this.#balancer.begin(selection);
    this.retryBudget?.deposit(nowMs);
    if (this.#panic !== undefined) selection.isPanicking = this.#panic.holds(this.peers, nowMs);
  }

  /** Why there is no peer at all, where that is because of a name. */
  get whyEmpty(): string | undefined {
    return this.#balancer.peers.length === 0 ? this.unresolved?.message : undefined;
  }

  /**
   * Gives a server that is known by its name the addresses that this stands for now. Peers
   * whose addresses stay keep their state; those that go finish what they have. Returns
   * whether anything changed.
   */
  place(server: PeerServerConf, endpoints: readonly Endpoint[]): boolean {
    const place = this.#places.find((place) => place.server === server);
    if (place === undefined) throw new Error(`no such server in ${this.name}: ${server.name}`);
    const before = new Map(place.peers.map((peer) => [peer.name, peer]));
    const after = new Map<string, Peer>();
    let isSame = true;
    for (const endpoint of endpoints) {
      const conf = confOf(server, endpoint);
      if (after.has(conf.name)) continue;
      const peer = before.get(conf.name) ?? this.#newPeer(conf);
      isSame &&= before.has(conf.name) && !peer.adopt(conf);
      after.set(conf.name, peer);
    }
    if (isSame && after.size === before.size) return false;
    place.peers = [...after.values()];
    for (const [name, peer] of before) {
      if (!after.has(name)) this.#leave(peer);
    }
    this.#onChanged();
    return true;
  }

  /**
   * Adds a peer while the group is used. Till the end of this configuration, as all that an
   * operator changes: the next one says again which peers there are.
   *
   * @throws {CannotChange} It is there already, or is a name.
   */
  add(server: PeerServerConf): Peer {
    const { name, address } = server;
    if (this.peers.some((peer) => peer.name === name)) {
      throw new CannotChange(`Cannot add ${name} to upstream "${this.name}": it has that peer`);
    }
    if (address.transport === "name") {
      const expected = "need an IP address or a unix socket";
      throw new CannotChange(`Cannot add ${name} to upstream "${this.name}": ${expected}`);
    }
    const peer = this.#newPeer({ ...server, address });
    this.#places.push({ server, peers: [peer], isName: false });
    this.#onChanged();
    return peer;
  }

  /**
   * Removes a peer: it finishes what it has, and its idle connections are closed.
   *
   * @throws {CannotChange} There is none, or it is one of a name's addresses.
   */
  remove(name: string): void {
    const peer = this.#find(name, "remove");
    const at = this.#places.findIndex(({ peers }) => peers.includes(peer));
    const { server, isName } = this.#places[at]!;
    if (isName) {
      const expected = `it is an address of ${server.name}: it can be down or drained`;
      throw new CannotChange(`Cannot remove ${name} of upstream "${this.name}": ${expected}`);
    }
    this.#places.splice(at, 1);
    this.#leave(peer);
    this.#onChanged();
  }

  /**
   * Gives a peer another weight or bound, takes it out or drains it, or back.
   *
   * @throws {CannotChange} There is none.
   */
  change(name: string, change: PeerChange): void {
    this.#find(name, "change").change(change);
    this.#onChanged();
  }

  /**
   * Goes on with the peers of a group that this one replaces: those that both have, by their
   * addresses, keep their state. Its requests that are under way count for them as before.
   */
  takeOver(previous: PeerGroup): void {
    const known = previous.#places.flatMap(({ peers }) => peers);
    for (const place of this.#places) {
      if (place.isName && place.peers.length === 0) {
        // The name could not be looked up again in time: what it stood for is better than nobody.
        const before = previous.#places.find(({ server }) => server.name === place.server.name);
        place.peers = before?.peers ?? [];
        for (const peer of place.peers) peer.hold();
        continue;
      }
      place.peers = place.peers.map((fresh) => {
        const at = known.findIndex(({ name }) => name === fresh.name);
        const [peer] = at < 0 ? [] : known.splice(at, 1);
        if (peer === undefined) return fresh;
        peer.hold();
        fresh.drop();
        peer.reconfigure(fresh.conf);
        if (this.#healthCheck === undefined) peer.forgetHealth();
        if (this.outliers === undefined) peer.forgetRecord();
        return peer;
      });
    }
    this.#balancer = this.#makeBalancer();
    this.outliers?.takeOver();
  }

  /** Closes the idle connections, and keeps none from now on. */
  close(): void {
    this.outliers?.close();
    this.idle.close();
  }

  /** Nothing of it is under way: its peers are those of the groups that have taken them over. */
  end(): void {
    this.close();
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const { peers } of this.#places) for (const peer of peers) peer.drop();
  }

  /** The peer that a server is; none yet where it is a name. */
  #peersOf(server: PeerServerConf): Peer[] {
    const { address } = server;
    return address.transport === "name" ? [] : [this.#newPeer({ ...server, address })];
  }

  #newPeer(conf: PeerConf): Peer {
    const { name } = conf;
    const same = this.#places.flatMap(({ peers }) => peers).filter((peer) => peer.name === name);
    const state = this.#states?.open(this.name, name, same.length, this.#deadlines.nowMs);
    const peer = new Peer(conf, state);
    peer.hold();
    if (this.#healthCheck?.isMandatory === true) peer.awaitCheck();
    return peer;
  }

  #find(name: string, doing: string): Peer {
    const peer = this.peers.find((peer) => peer.name === name);
    if (peer !== undefined) return peer;
    const known = this.peers.map(({ name }) => name).join(", ");
    throw new CannotChange(
      `Cannot ${doing} ${name} of upstream "${this.name}": need one of ${known}`,
    );
  }

  #leave(peer: Peer): void {
    peer.isGone = true;
    peer.drop();
    this.idle.closeAllOf(peer);
  }

  #onChanged(): void {
    this.#balancer = this.#makeBalancer();
    this.onPeersChanged?.();
    this.queue?.wake();
  }

  #makeBalancer(): Balancer {
    const peers = this.#places.flatMap(({ peers }) => peers);
    const onDisabled = (peer: Peer) =>
      this.report("warn", `upstream server temporarily disabled: ${peer.name} of ${this.name}`);
    const { report } = this;
    return balancerOf(this.#balance, peers, onDisabled, { balancers: this.#balancers, report });
  }
}

/** A server and the peers that it is. */
interface Place {
  readonly server: PeerServerConf;
  readonly isName: boolean;
  peers: readonly Peer[];
}

function confOf(server: PeerServerConf, { hostname, service }: Endpoint): PeerConf {
  const { address } = server;
  const port = service?.port ?? (address.transport === "name" ? address.port : 0);
  return {
    ...server,
    name: `${formatHost(hostname)}:${port}`,
    address: { transport: "tcp", hostname, port },
    weight: service?.weight ?? server.weight,
    isBackup: server.isBackup || (service?.isBackup ?? false),
  };
}
