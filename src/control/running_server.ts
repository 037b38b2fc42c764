/**
 * What starting a server gives, and what it needs: the border between the command
 * line and the server itself.
 *
 * @module
 */
import type { SlabPoolStats } from "../buffer/mod.ts";
import type { SluiceConf } from "../http/conf.ts";
import type { CustomBalancer } from "../peer/mod.ts";
import type { CustomHandler } from "../http/custom_handler.ts";
import type { LogLevel } from "../log/mod.ts";
import type { ProcessControl } from "./process_control.ts";

/** A server that accepts connections. */
export interface RunningServer {
  /** What it listens on, in the order of the configuration, with real ports: `127.0.0.1:8080`. */
  readonly addresses: readonly string[];
  /** Where the admin listener is, if there is one. */
  readonly adminAddress: string | undefined;
  /** What an operator sees and does. */
  readonly control: ProcessControl;
  /** What the error log calls those who serve: the process itself, or the numbers of workers. */
  readonly workerNames: readonly string[];
  /**
   * Puts another configuration in force for all requests that begin from then on, if all of it
   * can be opened; if not, nothing has changed. Addresses that both configurations listen on
   * stay open throughout. What runs keeps the configuration that it began with, for
   * `worker_shutdown_timeout` at most.
   *
   * @throws {CannotUseFile} When a certificate or key is missing or no good.
   * @throws {CannotListen} When one of the new addresses cannot be had.
   */
  reload(conf: SluiceConf): Promise<void>;
  /** Opens the log files anew, after a rotation: nginx's SIGUSR1. Never rejects. */
  reopenLogs(): Promise<void>;
  /** Writes to the error log of the configuration that is in force. */
  log(level: LogLevel, message: string): void;
  /** What is held right now: for status, and for tests that nothing leaks. */
  stats(): ServerStats;
  /** Accepts nothing new, finishes what runs, then closes everything: nginx's SIGQUIT. */
  shutdown(): Promise<void>;
  /** Closes everything at once, also while it shuts down: nginx's SIGTERM. */
  stop(): Promise<void>;
}

/** A snapshot of what one server holds. */
export interface ServerStats {
  /** The memory of all buffers. */
  readonly pool: SlabPoolStats;
  /** Clients that are connected. */
  readonly clients: number;
  /** Connections that are open, to clients and to peers. */
  readonly connections: number;
  /** Connections to peers that are idle. */
  readonly idle: number;
  /** Cells of the pool, temp files, and deadlines, that are in use: one line each. */
  readonly outstanding: readonly string[];
}

/** What a server is told besides its configuration. */
export interface StartServerOptions {
  /**
   * Whether buffers remember who holds them, and are filled with a marker when they
   * are given back: slow, and finds leaks and uses after release.
   * @default false
   */
  readonly debugBuffers?: boolean;
  /** Functions that locations name as their `handler`. */
  readonly handlers?: Readonly<Record<string, CustomHandler>>;
  /** Functions that groups name as their `balance`. */
  readonly balancers?: Readonly<Record<string, CustomBalancer>>;
}

/**
 * Opens logs and listeners, and begins to accept.
 *
 * @throws {CannotListen} When one of the addresses cannot be had; nothing stays open then.
 */
export type StartServer = (
  conf: SluiceConf,
  options?: StartServerOptions,
) => Promise<RunningServer>;

/** An address that cannot be listened on. `cause` is what the system said. */
export class CannotListen extends Error {
  /** Tells the class in messages. */
  override readonly name = "CannotListen";

  /** `address` is as the configuration writes it, `cause` what the system said. */
  constructor(readonly address: string, cause: unknown) {
    super(`Cannot listen on ${address}`, { cause });
  }
}

/** A reload that comes too late. */
export class ShuttingDown extends Error {
  override readonly name = "ShuttingDown";

  constructor() {
    super("Cannot reload: the server is shutting down");
  }
}
