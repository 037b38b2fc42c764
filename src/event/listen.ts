/**
 * Accepting connections.
 *
 * @module
 */
import { PROCESS_SLOTS } from "../log/mod.ts";
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
  /**
   * `reuseport`: other processes may listen there too, each with a queue of its own. Not for
   * unix sockets.
   * @default false
   */
  readonly reusePort?: boolean;
  /**
   * Whether other threads of this process listen there too. Without `reusePort` they share one
   * socket and its queue, so that what waits there is lost with none of them. Not for unix
   * sockets, nor for port 0.
   * @default false
   */
  readonly isShared?: boolean;
  /** Told when accepting has to pause, and why. Never more often than once a second. */
  readonly onTrouble: (message: string) => void;
}

/** How long accepting rests when there is no descriptor or no place for a connection. */
const REST_MS = 100;
const TROUBLE_GAP_MS = 1_000;
/** A listener that ends waits for a time this long in which nobody came, but not for ever. */
const FINISH_TURN_MS = 2;
const FINISH_TURNS_MAX = 100;

/** One listening socket and its accept loop. */
export class Listener {
  readonly #raw: Deno.Listener;
  readonly #options: AcceptOptions;
  /** Connections at once, both sides; at the bound accepting pauses (`worker_connections`). */
  maxConnections: number;
  #acceptedCount = 0;
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
    this.#raw = open(address, backlog, options);
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

  /**
   * Accepts what waits in the queue, and then no more: who is in the queue of a socket that
   * closes is reset. Resolves once the loop has ended.
   */
  async finish(): Promise<void> {
    const { clock } = this.#options.context.deadlines;
    for (let turn = 0; turn < FINISH_TURNS_MAX; turn++) {
      const before = this.#acceptedCount;
      await new Promise<void>((resolve) => void clock.arm(clock.nowMs() + FINISH_TURN_MS, resolve));
      if (this.#isClosed || this.#acceptedCount === before) break;
    }
    await this.close();
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
        if (context.counts !== undefined) context.counts.process[PROCESS_SLOTS.refused]! += 1;
        this.#tell(`${maxConnections} worker_connections are not enough: not accepting for now`);
        await this.#rest(context.deadlines);
        continue;
      }
      if (context.reserve?.refill() === false) {
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
        if (isOutOfDescriptors(error)) context.reserve?.release();
        await this.#rest(context.deadlines);
        continue;
      }
      this.#acceptedCount++;
      context.deadlines.stamp();
      if (context.counts !== undefined) context.counts.process[PROCESS_SLOTS.accepted]! += 1;
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

/** Of the process, or of the whole system. */
function isOutOfDescriptors(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false;
  return error.code === "EMFILE" || error.code === "ENFILE";
}

/** Of a unix socket it is its path behind `unix:`, as in nginx. */
function localOf({ localAddr }: Deno.Conn): RemoteAddress {
  if (localAddr.transport === "tcp") return localAddr;
  const { path } = localAddr as Deno.UnixAddr;
  return { hostname: `unix:${path ?? ""}`, port: 0 };
}

/**
 * Keeps the socket open that threads share, and accepts nothing: while none of them listens,
 * who comes waits in its queue.
 *
 * @throws As {@linkcode Listener}.
 */
export function keepOpen(address: BindAddress, backlog: number): Disposable {
  const raw = open(address, backlog, { isShared: true });
  return { [Symbol.dispose]: () => raw.close() };
}

/** Deno has it for servers of its own, and does not document it. */
interface SharedListenOptions extends Deno.TcpListenOptions {
  readonly loadBalanced: boolean;
}

function open(
  address: BindAddress,
  backlog: number,
  { reusePort = false, isShared = false }: Pick<AcceptOptions, "reusePort" | "isShared">,
): Deno.Listener {
  if (address.transport === "unix") return Deno.listen({ transport: "unix", path: address.path });
  const { hostname, port } = address;
  const options = { hostname, port, tcpBacklog: backlog };
  // Deno knows the option with its flag for unstable network functions alone.
  if (reusePort) return Deno.listen({ ...options, reusePort });
  if (!isShared) return Deno.listen(options);
  const shared: SharedListenOptions = { ...options, loadBalanced: true };
  return Deno.listen(shared);
}
