/**
 * One group of peers with all that lives as long as it does.
 *
 * @module
 */
import type { Deadlines } from "../event/mod.ts";
import { formatHost } from "./address.ts";
import { balancerOf } from "./balancer_of.ts";
import type {
  BalanceConf,
  PeerConf,
  PeerServerConf,
  StickyConf,
  UpstreamGroupConf,
} from "./conf.ts";
import type { Endpoint } from "./name_source.ts";
import type { OnDemand } from "./on_demand.ts";
import { type Balancer, Peer } from "./peer.ts";
import { PeerQueue } from "./queue.ts";
import type { Unresolved } from "./unresolved.ts";
import { IdleConns } from "./upstream_conn.ts";

/** Told when a peer is taken out because it failed too often. */
export type OnDisabled = (group: string, peer: Peer) => void;

/** What `upstreams: NAME` becomes at run time. */
export class PeerGroup {
  readonly name: string;
  /** How requests are bound to peers, if they are. */
  readonly sticky: StickyConf | undefined;
  /** Where requests wait when all peers are full, if they may. */
  readonly queue: PeerQueue | undefined;
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
  readonly #places: { readonly server: PeerServerConf; peers: readonly Peer[] }[];
  readonly #onDisabled: OnDisabled;
  readonly #balance: BalanceConf;

  constructor(conf: UpstreamGroupConf, deadlines: Deadlines, onDisabled: OnDisabled) {
    this.name = conf.name;
    this.keepsNone = conf.keepalive.connections === 0;
    this.idle = new IdleConns(conf.keepalive, deadlines);
    this.#onDisabled = onDisabled;
    this.#places = conf.peers.map((server) => ({ server, peers: peersOf(server) }));
    this.#balance = conf.balance ?? { kind: "round_robin" };
    this.sticky = conf.sticky;
    if (conf.queue !== undefined) this.queue = new PeerQueue(conf.queue, deadlines);
    this.#balancer = this.#makeBalancer();
  }

  /** What the balancer goes by: a text with `$variables` for `Selection.key`; undefined: nothing. */
  get keyText(): string | undefined {
    if (this.#balance.kind === "ip_hash") return "$remote_addr";
    return this.#balance.kind === "hash" ? this.#balance.key : undefined;
  }

  get balancer(): Balancer {
    return this.#balancer;
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
      const peer = before.get(conf.name) ?? new Peer(conf);
      isSame &&= before.has(conf.name) && !peer.adopt(conf);
      after.set(conf.name, peer);
    }
    if (isSame && after.size === before.size) return false;
    place.peers = [...after.values()];
    for (const [name, peer] of before) {
      if (after.has(name)) continue;
      peer.isGone = true;
      this.idle.closeAllOf(peer);
    }
    this.#balancer = this.#makeBalancer();
    this.queue?.wake();
    return true;
  }

  /** Closes the idle connections, and keeps none from now on. */
  close(): void {
    this.idle.close();
  }

  #makeBalancer(): Balancer {
    const peers = this.#places.flatMap(({ peers }) => peers);
    return balancerOf(this.#balance, peers, (peer) => this.#onDisabled(this.name, peer));
  }
}

/** The peer that a server is; none yet where it is a name. */
function peersOf(server: PeerServerConf): Peer[] {
  const { address } = server;
  return address.transport === "name" ? [] : [new Peer({ ...server, address })];
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
