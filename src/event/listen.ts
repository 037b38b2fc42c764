/**
 * Accepting connections.
 *
 * @module
 */
import type { Deadlines } from "./clock.ts";
import type { RemoteAddress } from "./conn.ts";
import { adopt, type Dialled } from "./dial.ts";
import { type ConnContext, TcpConn } from "./tcp_conn.ts";

/** Where to listen. */
export type BindAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

export interface AcceptOptions {
  /** See {@linkcode Listener.maxConnections}. */
  readonly maxConnections: number;
  readonly context: ConnContext;
  /** Takes a connection over. */
  readonly onConn: (conn: TcpConn) => void;
  /** Told when accepting has to pause, and why. Never more often than once a second. */
  readonly onTrouble: (message: string) => void;
}

/** How long accepting rests when there is no descriptor or no place for a connection. */
const REST_MS = 100;
const TROUBLE_GAP_MS = 1_000;

/** One listening socket and its accept loop. */
export class Listener {
  readonly #raw: Deno.Listener;
  readonly #options: AcceptOptions;
  /** Connections at once, both sides; at the bound accepting pauses (`worker_connections`). */
  maxConnections: number;
  #isClosed = false;
  #toldAtMs = -Infinity;
  #endRest: (() => void) | undefined;
  readonly #ended: Promise<void>;

  /**
   * @throws {Deno.errors.AddrInUse | Deno.errors.NotCapable | Deno.errors.AddrNotAvailable} as
   * `Deno.listen` does.
   */
  constructor(address: BindAddress, backlog: number, options: AcceptOptions) {
    this.#options = options;
    this.maxConnections = options.maxConnections;
    this.#raw = address.transport === "tcp"
      ? Deno.listen({ hostname: address.hostname, port: address.port, tcpBacklog: backlog })
      : Deno.listen({ transport: "unix", path: address.path });
    this.#ended = this.#accept();
  }

  /** As it is really bound: with the port the system chose if 0 was asked for. */
  get address(): string {
    const addr = this.#raw.addr;
    if (addr.transport !== "tcp") return `unix:${(addr as Deno.UnixAddr).path}`;
    return addr.hostname.includes(":")
      ? `[${addr.hostname}]:${addr.port}`
      : `${addr.hostname}:${addr.port}`;
  }

  /** Stops accepting; what was accepted stays open. Resolves once the loop has ended. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#raw.close();
      this.#endRest?.();
    }
    await this.#ended;
  }

  async #accept(): Promise<void> {
    const { context, onConn } = this.#options;
    while (!this.#isClosed) {
      const { maxConnections } = this;
      if (context.counters.open >= maxConnections) {
        this.#tell(`${maxConnections} worker_connections are not enough: not accepting for now`);
        await this.#rest(context.deadlines);
        continue;
      }
      let raw: Deno.Conn;
      try {
        raw = await this.#raw.accept();
      } catch (error) {
        if (this.#isClosed) return;
        // ENOTCONN: the client reset the connection before it was accepted.
        if (error instanceof Deno.errors.NotConnected) continue;
        if (error instanceof Deno.errors.ConnectionAborted) continue;
        if (error instanceof Deno.errors.ConnectionReset) continue;
        const message = error instanceof Error ? error.message : String(error);
        this.#tell(`cannot accept a connection: ${message}`); // EMFILE and its kin
        await this.#rest(context.deadlines);
        continue;
      }
      context.deadlines.stamp();
      let accepted: Dialled;
      try {
        accepted = adopt(raw);
      } catch {
        continue; // reset between accept and the setting of TCP_NODELAY
      }
      const { transport, remote } = accepted;
      onConn(new TcpConn(transport, "downstream", remote, context, localOf(raw)));
    }
  }

  #tell(message: string): void {
    const nowMs = this.#options.context.deadlines.stamp();
    if (nowMs - this.#toldAtMs < TROUBLE_GAP_MS) return;
    this.#toldAtMs = nowMs;
    this.#options.onTrouble(message);
  }

  #rest(deadlines: Deadlines): Promise<void> {
    return new Promise((resolve) => {
      const disarm = deadlines.clock.arm(deadlines.clock.nowMs() + REST_MS, resolve);
      this.#endRest = () => {
        disarm();
        resolve();
      };
    });
  }
}

/** Of a unix socket it is its path behind `unix:`, as in nginx. */
function localOf({ localAddr }: Deno.Conn): RemoteAddress {
  if (localAddr.transport === "tcp") return localAddr;
  const { path } = localAddr as Deno.UnixAddr;
  return { hostname: `unix:${path ?? ""}`, port: 0 };
}
