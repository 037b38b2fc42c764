/**
 * Connecting to a peer.
 *
 * @module
 */
import { type Expirable, NEVER } from "./clock.ts";
import type { RemoteAddress } from "./conn.ts";
import { Failure, type FailureKind, NoSocket } from "./failure.ts";
import { connectByNode } from "./node_connect.ts";
import { startTls } from "./start_tls.ts";
import { systemErrorText } from "./system_error.ts";
import { type ConnContext, TcpConn, type Transport } from "./tcp_conn.ts";
import type { TlsClient } from "./tls_client.ts";
import { AGAIN, type Wait } from "./wait.ts";

/** Where to connect to: an IP address and port, or a unix socket. */
export type DialAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** How to get there. */
export interface DialOptions {
  /** TLS, with a peer that has to have a certificate for `name`. */
  readonly tls: { readonly client: TlsClient; readonly name: string } | undefined;
  /** `bind`: the IP address to come from. */
  readonly bind: string | undefined;
  /** `socket_keepalive`: SO_KEEPALIVE. */
  readonly socketKeepalive: boolean;
  /** `protocol`: sent before anything else, TLS too; a text of bytes (Latin-1). Empty for nothing. */
  readonly greeting: string;
}

/** As one gets to a peer that nothing was said about. */
export const PLAIN_DIAL: DialOptions = {
  tls: undefined,
  bind: undefined,
  socketKeepalive: false,
  greeting: "",
};

/** Whether a connection that was made in one way serves where the other is asked for. */
export function isSameDial(one: DialOptions, other: DialOptions): boolean {
  return one === other ||
    one.tls?.client === other.tls?.client && one.tls?.name === other.tls?.name &&
      one.bind === other.bind && one.socketKeepalive === other.socketKeepalive &&
      one.greeting === other.greeting;
}

/** What a connection is made on. */
export interface Dialled {
  readonly transport: Transport;
  readonly remote: RemoteAddress;
}

/**
 * Opens what a connection is made on: the system, but for tests. Calls `onHandshake`
 * between the connection and its TLS handshake, if there is one.
 */
export type Connect = (
  address: DialAddress,
  options: DialOptions,
  signal: AbortSignal,
  onHandshake: () => void,
) => Promise<Dialled>;

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
  #failure: Failure | NoSocket | undefined;
  #wake: (() => void) | undefined;
  #isHandshaking = false;

  /** @param timeoutMs `connect_timeout`: bounds the connection and its handshake together. */
  constructor(
    address: DialAddress,
    timeoutMs: number,
    context: ConnContext,
    options: DialOptions = PLAIN_DIAL,
    connect: Connect = context.connect ?? connectBySystem,
  ) {
    this.#context = context;
    this.#address = address;
    this.#deadlineMs = context.deadlines.stamp() + timeoutMs;
    context.deadlines.add(this);
    context.deadlines.notice(this.#deadlineMs);
    this.#blocked = connect(address, options, this.#abort.signal, this.#onHandshake)
      .then(this.#onOpen, this.#onFailed);
  }

  /** Whether the peer has been reached, and TLS is being agreed on. */
  get isHandshaking(): boolean {
    return this.#isHandshaking;
  }

  get blocked(): Promise<void> | undefined {
    return this.#blocked;
  }

  /**
   * The connection, or AGAIN while it is being made.
   *
   * @throws {Failure} `refused`, `unreachable`, `reset`, `tls` or `timeout` of the upstream.
   * @throws {NoSocket}
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

  readonly #onHandshake = (): void => {
    this.#isHandshaking = true;
  };

  readonly #onOpen = ({ transport, remote }: Dialled): void => {
    this.#blocked = undefined;
    this.#context.deadlines.stamp();
    if (this.#failure !== undefined) {
      transport.close(); // it came after it had been given up
    } else {
      this.#context.deadlines.remove(this);
      this.#conn = new TcpConn(transport, "upstream", remote, this.#context);
    }
    this.#wake?.();
  };

  readonly #onFailed = (error: unknown): void => {
    this.#blocked = undefined;
    this.#context.deadlines.remove(this);
    this.#failure ??= classify(error);
    this.#wake?.();
  };
}

/**
 * Makes one of Deno's connections ready: without Nagle's delay.
 *
 * @throws {Error} When it broke meanwhile; it is closed then.
 */
export function adopt(raw: Deno.Conn, socketKeepalive = false): Dialled {
  if (raw.remoteAddr.transport !== "tcp") {
    return { transport: raw, remote: { hostname: "unix:", port: 0 } };
  }
  try {
    (raw as Deno.TcpConn).setNoDelay(true);
    if (socketKeepalive) (raw as Deno.TcpConn).setKeepAlive(true);
  } catch (error) {
    raw.close();
    throw error;
  }
  return { transport: raw, remote: raw.remoteAddr };
}

const connectBySystem: Connect = async (address, options, signal, onHandshake) => {
  const opened = await open(address, options, signal);
  if (options.greeting !== "") await greet(opened.transport, options.greeting);
  if (options.tls === undefined) return opened;
  onHandshake();
  const transport = await startTls(opened.transport, options.tls, signal);
  return { transport, remote: opened.remote };
};

/** A fresh connection takes that much at once: there is nothing to wait for. */
async function greet(transport: Transport, greeting: string): Promise<void> {
  const bytes = Uint8Array.from(greeting, (character) => character.charCodeAt(0));
  try {
    for (let sent = 0; sent < bytes.length;) sent += await transport.write(bytes.subarray(sent));
  } catch (error) {
    transport.close();
    throw error;
  }
}

async function open(
  address: DialAddress,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Dialled> {
  // An address to come from says nothing of a unix socket.
  if (address.transport === "unix") {
    return adopt(await Deno.connect({ transport: "unix", path: address.path }));
  }
  if (options.bind !== undefined) return connectByNode(address, options, signal);
  const { hostname, port } = address;
  return adopt(await Deno.connect({ hostname, port, signal }), options.socketKeepalive);
}

/** What a failed `connect` says, in nginx's words. */
function classify(error: unknown): Failure | NoSocket {
  if (error instanceof Failure) return error;
  const { code, syscall, address } = error as Partial<Record<string, unknown>>;
  if (syscall === "bind") {
    return new NoSocket(`bind(${address}) failed (${systemErrorText(error)})`);
  }
  if (typeof code === "string" && SHORTAGES.has(code)) {
    return new NoSocket(`socket() failed (${systemErrorText(error)})`);
  }
  const kind = typeof code === "string" && code in KINDS
    ? KINDS[code]!
    : error instanceof Deno.errors.NotCapable
    ? "unreachable"
    : error instanceof Deno.errors.NotConnected
    ? "reset"
    : "refused";
  return new Failure("upstream", kind, `connect() failed (${systemErrorText(error)})`, error);
}

/** What this machine has none of. */
const SHORTAGES: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

const KINDS: Readonly<Record<string, FailureKind>> = {
  EADDRNOTAVAIL: "unreachable",
  ECONNRESET: "reset",
  EHOSTDOWN: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  ENETUNREACH: "unreachable",
  ENOTCONN: "reset",
  ETIMEDOUT: "unreachable",
};
