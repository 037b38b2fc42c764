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

/** An open admin listener. It outlives configurations that keep its address. */
export class AdminListener {
  readonly #server: Deno.HttpServer;
  readonly #control: Control;
  readonly #name: string;
  readonly #aborter = new AbortController();
  #handler: AdminHandler;

  /**
   * Listens, and answers from now on.
   *
   * @throws {CannotUseFile} The token file cannot be read, or has no token in it.
   * @throws {CannotListen}
   */
  constructor(conf: AdminConf, control: Control) {
    const { address } = conf;
    this.#control = control;
    this.#name = spell(address);
    this.#handler = handlerOf(conf, control);
    const options = { onListen() {}, onError: internalError, signal: this.#aborter.signal };
    const handler = (request: Request) => this.#handler(request);
    try {
      this.#server = address.transport === "unix"
        ? Deno.serve({ ...options, path: address.path }, handler)
        : Deno.serve({ ...options, hostname: address.hostname, port: address.port }, handler);
    } catch (error) {
      throw new CannotListen(this.#name, error);
    }
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
