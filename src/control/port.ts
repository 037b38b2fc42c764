/**
 * One listening address. It stays open over reloads, and tells its connections which
 * configuration is in force.
 *
 * @module
 */
import { ClientConnection, type ClientShared, serveClient } from "../downstream/mod.ts";
import { Listener, type Roster, type TcpConn } from "../event/mod.ts";
import type { ListenerConf } from "../http/mod.ts";
import type { LogLevel } from "../log/mod.ts";
import type { ConnectionsByAddress } from "./connections_by_address.ts";
import type { Generation } from "./generation.ts";
import type { Thread } from "./thread.ts";
import { CannotListen } from "./running_server.ts";

/** Since the start. */
export interface ClientTally {
  /** Connections. */
  accepted: number;
  /** Requests of connections that have ended. */
  requests: number;
}

/** What the ports of one process share. */
export interface PortOwner {
  /** All connections to clients. */
  readonly clients: Roster<ClientConnection>;
  /** What is known of those that have gone, and of all. */
  readonly tally: ClientTally;
  readonly thread: Thread;
  /** A connection to a client has ended. */
  onClientEnd(): void;
  log(level: LogLevel, message: string): void;
  /** Accepting has to pause, and why. */
  onTrouble(message: string): void;
}

const TOLD_GAP_MS = 1_000;

export class Port {
  readonly #listener: Listener;
  readonly #shared: ClientShared;
  readonly #owner: PortOwner;
  #byAddress: ConnectionsByAddress | undefined;
  /** When a refused connection was last told of, in ms of the clock. */
  #toldAtMs = -Infinity;
  #conf: ListenerConf;
  #isEnding = false;

  /**
   * Listens, and accepts from now on.
   *
   * @throws {CannotListen}
   */
  constructor(conf: ListenerConf, generation: Generation, owner: PortOwner) {
    const { context } = generation.worker;
    this.#conf = conf;
    this.#owner = owner;
    this.#byAddress = generation.byAddressOf(conf);
    this.#shared = { context, settings: generation.settingsOf(conf), spareHeads: [] };
    try {
      this.#listener = new Listener(owner.thread.bindOf(conf), conf.backlog, {
        reusePort: conf.reusePort,
        isShared: owner.thread.role === "worker",
        maxConnections: generation.conf.workerConnections,
        context,
        onConn: (conn) => this.#accept(conn),
        onTrouble: (message) => owner.onTrouble(message),
      });
    } catch (error) {
      throw new CannotListen(conf.name, error);
    }
  }

  /** As it is really bound. */
  get address(): string {
    return this.#listener.address;
  }

  /** Puts another configuration in force. Returns what of it has to wait for the next start. */
  adopt(conf: ListenerConf, generation: Generation): string | undefined {
    const before = this.#conf;
    this.#conf = conf;
    this.#shared.settings = generation.settingsOf(conf);
    this.#byAddress = generation.byAddressOf(conf);
    this.#listener.maxConnections = generation.conf.workerConnections;
    const isSame = conf.backlog === before.backlog && conf.reusePort === before.reusePort;
    return isSame
      ? undefined
      : `backlog and reuseport of ${conf.name} stay as they are until the next start: ` +
        "the socket is open already";
  }

  /**
   * Accepts what waits and then no more, and lets the clients that came through it go.
   * Resolves once it is closed.
   */
  async end(): Promise<void> {
    await this.#listener.finish();
    this.#isEnding = true; // who is accepted while it closes
    for (const client of this.#owner.clients) {
      if (client.shared === this.#shared) client.drain();
    }
  }

  /** Accepts no more. What it has is its owner's to end. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  #accept(conn: TcpConn): void {
    const byAddress = this.#byAddress;
    const { hostname, port } = conn.remote;
    let counted: ClientConnection["counted"];
    if (byAddress !== undefined && port !== 0) {
      const most = this.#shared.settings.conf.maxConnectionsPerAddress;
      counted = byAddress.take(hostname, most);
      if (counted === undefined) {
        this.#tellRefused(hostname, most);
        return conn.close();
      }
    }
    const client = new ClientConnection(conn, this.#owner.thread.nextConnection(), this.#shared);
    client.counted = counted;
    this.#serve(client);
  }

  /** At most once a second: a flood should not flood the log. */
  #tellRefused(address: string, most: number): void {
    const { nowMs } = this.#shared.context.deadlines;
    if (nowMs - this.#toldAtMs < TOLD_GAP_MS) return;
    this.#toldAtMs = nowMs;
    this.#owner.log(
      "error",
      `limiting connections: ${address} has ${most} already (max_connections_per_address)`,
    );
  }

  #serve(client: ClientConnection): void {
    const { clients, tally } = this.#owner;
    clients.add(client);
    tally.accepted++;
    if (this.#isEnding) client.drain();
    serveClient(client, this.#onEnd);
  }

  readonly #onEnd = (client: ClientConnection): void => {
    const { clients, tally } = this.#owner;
    clients.delete(client);
    tally.requests += client.requests;
    client.counted?.release();
    this.#owner.onClientEnd();
  };
}
