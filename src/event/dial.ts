/**
 * Connecting to a peer.
 *
 * @module
 */
import { type Expirable, NEVER } from "./clock.ts";
import { Failure } from "./failure.ts";
import { type ConnContext, TcpConn } from "./tcp_conn.ts";
import { AGAIN, type Wait } from "./wait.ts";

/** Where to connect to: an IP address and port, or a unix socket. */
export type DialAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** Opens what a connection is made on. `Deno.connect`, but for tests. */
export type Connect = (address: DialAddress, signal: AbortSignal) => Promise<Deno.Conn>;

/** One attempt to connect. Ask {@linkcode Dial.conn} until it stops saying AGAIN. */
export class Dial implements Wait, Expirable {
  slot = -1;
  readonly #context: ConnContext;
  readonly #address: DialAddress;
  readonly #deadlineMs: number;
  readonly #abort = new AbortController();
  #blocked: Promise<void> | undefined;
  #conn: TcpConn | undefined;
  #isTaken = false;
  #failure: Failure | undefined;
  #wake: (() => void) | undefined;

  /** @param timeoutMs `connect_timeout`. */
  constructor(
    address: DialAddress,
    timeoutMs: number,
    context: ConnContext,
    connect: Connect = connectByDeno,
  ) {
    this.#context = context;
    this.#address = address;
    this.#deadlineMs = context.deadlines.stamp() + timeoutMs;
    context.deadlines.add(this);
    context.deadlines.notice(this.#deadlineMs);
    this.#blocked = connect(address, this.#abort.signal).then(this.#onOpen, this.#onFailed);
  }

  get blocked(): Promise<void> | undefined {
    return this.#blocked;
  }

  /**
   * The connection, or AGAIN while it is being made.
   *
   * @throws {Failure} `refused`, `unreachable` or `timeout` of the upstream.
   */
  conn(): TcpConn | typeof AGAIN {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#conn === undefined) return AGAIN;
    this.#isTaken = true;
    return this.#conn;
  }

  expire(nowMs: number): number {
    if (nowMs < this.#deadlineMs) return this.#deadlineMs;
    this.#end(new Failure("upstream", "timeout", "timed out connecting"));
    return NEVER;
  }

  arm(wake: () => void): void {
    this.#wake = wake;
  }

  disarm(): void {
    this.#wake = undefined;
  }

  abandon(): void {
    if (!this.#isTaken) this.#conn?.close(); // it opened in this very tick, and nobody will ask
    this.#end(new Failure("upstream", "closed", "connecting was given up"));
  }

  toString(): string {
    return "connecting to " +
      (this.#address.transport === "tcp"
        ? `${this.#address.hostname}:${this.#address.port}`
        : `unix:${this.#address.path}`);
  }

  #end(failure: Failure): void {
    if (this.#failure !== undefined || this.#conn !== undefined) return;
    this.#failure = failure;
    this.#context.deadlines.remove(this);
    this.#abort.abort();
  }

  readonly #onOpen = (raw: Deno.Conn): void => {
    this.#blocked = undefined;
    this.#context.deadlines.stamp();
    if (this.#failure !== undefined) {
      raw.close(); // it came after it had been given up
    } else {
      this.#context.deadlines.remove(this);
      this.#adopt(raw);
    }
    this.#wake?.();
  };

  #adopt(raw: Deno.Conn): void {
    try {
      this.#conn = adopt(raw, "upstream", this.#context);
    } catch (error) {
      raw.close(); // reset before TCP_NODELAY could be set
      const message = error instanceof Error ? error.message : String(error);
      this.#failure = new Failure("upstream", "reset", message, error);
    }
  }

  readonly #onFailed = (error: unknown): void => {
    this.#blocked = undefined;
    this.#context.deadlines.remove(this);
    this.#failure ??= classify(error);
    this.#wake?.();
  };
}

/** Makes a connection of ours out of one of Deno's, without Nagle's delay. */
export function adopt(
  raw: Deno.Conn,
  side: "upstream" | "downstream",
  context: ConnContext,
): TcpConn {
  if (raw.remoteAddr.transport === "tcp") {
    (raw as Deno.TcpConn).setNoDelay(true);
    return new TcpConn(raw, side, raw.remoteAddr, context);
  }
  return new TcpConn(raw, side, { hostname: "unix:", port: 0 }, context);
}

function connectByDeno(address: DialAddress, signal: AbortSignal): Promise<Deno.Conn> {
  return address.transport === "tcp"
    ? Deno.connect({ hostname: address.hostname, port: address.port, signal })
    : Deno.connect({ transport: "unix", path: address.path });
}

const UNREACHABLE = new Set(["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "EADDRNOTAVAIL"]);

function classify(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Deno.errors.ConnectionRefused) {
    return new Failure("upstream", "refused", message, error);
  }
  const code = (error as { code?: unknown }).code;
  const isUnreachable = error instanceof Deno.errors.NotCapable ||
    (typeof code === "string" && UNREACHABLE.has(code));
  return new Failure("upstream", isUnreachable ? "unreachable" : "refused", message, error);
}
