/**
 * What starting a server gives, and what it needs: the border between the command
 * line and the server itself.
 *
 * @module
 */
import type { SluiceConf } from "../http/conf.ts";

/** A server that accepts connections. */
export interface RunningServer {
  /** What it listens on, in the order of the configuration, with real ports: `127.0.0.1:8080`. */
  readonly addresses: readonly string[];
  /** Accepts nothing new, finishes what runs, then closes everything: nginx's SIGQUIT. */
  shutdown(): Promise<void>;
  /** Closes everything at once, also while it shuts down: nginx's SIGTERM. */
  stop(): Promise<void>;
}

/** What a server is told besides its configuration. */
export interface StartServerOptions {
  /** Sluice's own, for `Server: sluice/0.1.0`. */
  readonly version: string;
}

/**
 * Opens logs and listeners, and begins to accept.
 *
 * @throws {CannotListen} When one of the addresses cannot be had; nothing stays open then.
 */
export type StartServer = (
  conf: SluiceConf,
  options: StartServerOptions,
) => Promise<RunningServer>;

/** An address that cannot be listened on. `cause` is what the system said. */
export class CannotListen extends Error {
  override readonly name = "CannotListen";

  /** @param address As the configuration writes it. */
  constructor(readonly address: string, cause: unknown) {
    super(`Cannot listen on ${address}`, { cause });
  }
}
