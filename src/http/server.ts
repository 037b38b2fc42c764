/**
 * Where a request enters: one listening address, its servers and their locations.
 *
 * @module
 */
import {
  type ClientConf,
  type ClientConnection,
  type ClientHandler,
  errorPage,
  sendSimple,
} from "../downstream/mod.ts";
import { type Failure, NEVER } from "../event/mod.ts";
import type { AccessLog } from "../log/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { Request } from "./request.ts";
import type { Router } from "./router.ts";
import type { Handler, Worker } from "./worker.ts";

/** What a request's location is at run time. */
export interface Location {
  readonly client: ClientConf;
  readonly accessLog: AccessLog<Request> | undefined;
  /** None for the place of requests that no location matches. */
  readonly handler: Handler | undefined;
  readonly serverName: string;
}

/** What a listening address needs to know. */
export interface HttpServerOptions {
  readonly worker: Worker;
  readonly port: number;
  readonly router: Router<Location>;
  /** Of the default server, for what ends before a server is known. */
  readonly fallback: Location;
  /** By host: for what ends before a location is known. */
  readonly fallbackOf: (host: string) => Location;
}

/** Handles the requests of one listening address. */
export class HttpServer implements ClientHandler {
  readonly #options: HttpServerOptions;

  constructor(options: HttpServerOptions) {
    this.#options = options;
  }

  /** Content phase: finds the location, and lets it answer. */
  async handle(client: ClientConnection): Promise<void> {
    const { worker, port } = this.#options;
    const request = worker.takeRequest();
    request.begin(client, port);
    let location: Location | undefined;
    try {
      location = this.#route(request);
      this.#apply(client, location);
      await this.#answer(request, location);
    } catch (error) {
      this.#refuse(request, error);
    }
    location ??= this.#options.fallback;
    client.conn.setReadDeadline(NEVER);
    location.accessLog?.write(request);
    worker.giveBack(request);
  }

  onRefused(client: ClientConnection, refusal: BadMessage): void {
    const { worker, port, fallback } = this.#options;
    const request = worker.takeRequest();
    request.begin(client, port);
    request.report("info", `client sent an invalid request: ${refusal.message}`);
    fallback.accessLog?.write(request);
    worker.giveBack(request);
  }

  onBroken(client: ClientConnection, failure: Failure): void {
    const { errorLog } = this.#options.worker;
    if (client.isIdle && failure.kind !== "reset") return; // an idle connection's end is no news
    if (!errorLog.isOn("info")) return;
    errorLog.log("info", failure.message, {
      connection: client.id,
      client: client.conn.remote.hostname,
      doing: client.isIdle ? "keepalive" : "reading client request",
    });
  }

  onBug(client: ClientConnection, error: unknown): void {
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    this.#options.worker.errorLog.log("crit", `a bug in this proxy ended a connection: ${text}`, {
      connection: client.id,
      client: client.conn.remote.hostname,
    });
  }

  #route(request: Request): Location {
    const { router, fallbackOf } = this.#options;
    const host = router.isSingle ? "" : request.host;
    return router.findLocation(host, request.path) ?? fallbackOf(host);
  }

  #apply(client: ClientConnection, location: Location): void {
    client.conf = location.client;
    client.conn.sendTimeoutMs = location.client.sendTimeoutMs;
  }

  #answer(request: Request, location: Location): Promise<void> | void {
    const { client, head } = request;
    const { clientMaxBodySizeBytes, serverTokens } = location.client;
    request.serverName = location.serverName;
    if (clientMaxBodySizeBytes > 0 && head.contentLength > clientMaxBodySizeBytes) {
      request.report(
        "error",
        `client intended to send too large body: ${head.contentLength} bytes`,
      );
      return sendSimple(client, errorPage(413, serverTokens));
    }
    if (location.handler === undefined) return sendSimple(client, errorPage(404, serverTokens));
    return location.handler.handle(request);
  }

  #refuse(request: Request, error: unknown): void {
    const { client } = request;
    if (error instanceof BadMessage) {
      request.report("info", `client sent an invalid request: ${error.message}`);
    } else {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      request.report("crit", `a bug in this proxy ended the request: ${text}`);
    }
    if (client.response.status !== 0) return client.response.cutShort();
    try {
      const status = error instanceof BadMessage ? error.status : 500;
      sendSimple(client, errorPage(status, client.conf.serverTokens));
    } catch {
      client.response.cutShort(); // the connection has broken meanwhile
    }
  }
}
