/**
 * The admin listener: a server of its own, for the operator alone.
 *
 * It shares nothing with the listeners of traffic but the process: no location leads here,
 * and it forwards nothing.
 *
 * @module
 */
import { formatHost } from "../peer/address.ts";
import type { AdminConf } from "../http/conf.ts";
import { tokenOf } from "./admin_token.ts";
import { type AdminHandler, adminHandler } from "./admin_routes.ts";
import type { Control } from "./control.ts";
import { CannotListen } from "./running_server.ts";

/** How long a slow asker may hold up the end, in ms. */
const CLOSE_MS = 1_000;
/** How soon one that ended by itself is opened again, in ms. */
const REOPEN_MS = 500;

/** An open admin listener. It outlives configurations that keep its address. */
export class AdminListener {
  #server: Deno.HttpServer;
  readonly #control: Control;
  readonly #name: string;
  readonly #aborter = new AbortController();
  #handler: AdminHandler;
  readonly #conf: AdminConf;
  readonly #onTrouble: (message: string) => void;
  #isClosing = false;
  #reopening: ReturnType<typeof setTimeout> | undefined;

  /**
   * Listens, and answers from now on.
   *
   * @throws {CannotUseFile} The token file cannot be read, or has no token in it.
   * @throws {CannotListen}
   */
  constructor(conf: AdminConf, control: Control, onTrouble: (message: string) => void) {
    this.#conf = conf;
    this.#onTrouble = onTrouble;
    const { address } = conf;
    this.#control = control;
    this.#name = spell(address);
    this.#handler = handlerOf(conf, control);
    try {
      this.#server = this.#serve(address);
    } catch (error) {
      throw new CannotListen(this.#name, error);
    }
  }

  /** A server ends, and nobody asks why, when it cannot accept a connection: EMFILE and its kin. */
  #serve(address: AdminConf["address"]): Deno.HttpServer {
    const options = { onListen() {}, onError: internalError, signal: this.#aborter.signal };
    const handler = (request: Request) => this.#handler(request);
    const server = address.transport === "unix"
      ? Deno.serve({ ...options, path: address.path }, handler)
      : Deno.serve({ ...options, hostname: address.hostname, port: address.port }, handler);
    server.finished.catch((error: unknown) => {
      if (this.#isClosing) return;
      const why = error instanceof Error ? error.message : String(error);
      this.#onTrouble(`admin listener ${this.#name} ended: ${why}; it is opened again`);
      this.#reopenSoon(server.addr);
    });
    return server;
  }

  /** At the port that it had. */
  #reopenSoon(addr: Deno.Addr): void {
    this.#reopening = setTimeout(() => {
      const { address } = this.#conf;
      const isTcp = address.transport === "tcp" && addr.transport === "tcp";
      try {
        this.#server = this.#serve(isTcp ? { ...address, port: addr.port } : address);
      } catch {
        this.#reopenSoon(addr); // still no descriptor for it
      }
    }, REOPEN_MS);
  }

  /** With the real port: `127.0.0.1:9090`, `unix:/run/sluice.sock`. */
  get address(): string {
    return nameOf(this.#server.addr);
  }

  /** Whether `conf` wants this address. */
  isAt({ address }: AdminConf): boolean {
    return spell(address) === this.#name;
  }

  /**
   * Makes ready for other settings, which hold once what is returned is called.
   *
   * @throws {CannotUseFile}
   */
  prepare(conf: AdminConf): () => void {
    const handler = handlerOf(conf, this.#control);
    return () => {
      this.#handler = handler;
    };
  }

  /** Answers what is being asked, for a second at most, and closes. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#reopening);
    const timer = setTimeout(() => this.#aborter.abort(), CLOSE_MS);
    await this.#server.shutdown();
    clearTimeout(timer);
  }
}

function handlerOf(conf: AdminConf, control: Control): AdminHandler {
  const { address } = conf;
  return adminHandler({
    control,
    token: tokenOf(conf),
    isTokenForAll: conf.isTokenForAll,
    isLoopback: address.transport === "tcp" && /^(?:127\.|::1$|localhost$)/.test(address.hostname),
  });
}

/** As the configuration has it: equal addresses have equal texts. */
function spell(address: AdminConf["address"]): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  return `${formatHost(address.hostname)}:${address.port}`;
}

function nameOf(addr: Deno.Addr): string {
  if (addr.transport === "unix") return `unix:${addr.path}`;
  if (addr.transport !== "tcp") throw new Error(`no such admin address: ${addr.transport}`);
  return `${formatHost(addr.hostname)}:${addr.port}`;
}

/** What was thrown is a bug; the asker learns no more than that. */
function internalError(error: unknown): Response {
  console.error("sluice: a bug in the admin listener:", error);
  return new Response('{"error":"a bug of ours; see the standard error"}\n', {
    status: 500,
    headers: { "Content-Type": "application/json" },
  });
}
