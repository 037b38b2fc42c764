/**
 * Where a request enters: one listening address, its servers and their locations.
 *
 * @module
 */
import type { Client, ClientConf, ClientConnection, ClientHandler } from "../downstream/mod.ts";
import { Failure, NEVER, OutOfBuffers } from "../event/mod.ts";
import { type AccessLog, countRequest } from "../log/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { Variables } from "./configured_variables.ts";
import type { LocationFiles } from "./location_files.ts";
import { mayFollow, type Redirect, refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import type { ResponsePolicy } from "./response_policy.ts";
import type { Router } from "./router.ts";
import type { Handler, Server, Worker } from "./worker.ts";

/** What a request's location is at run time. */
export interface Location {
  readonly client: ClientConf;
  readonly accessLog: AccessLog<Request> | undefined;
  /** Where its requests are counted, if they are: `SERVER_SLOTS`. */
  readonly counts: Float64Array | undefined;
  /** `log_subrequest`: whether subrequests have a line in it. */
  readonly logsSubrequests: boolean;
  /** `subrequest_output_buffer_size`. */
  readonly subrequestBodyBytes: number;
  /** Undefined where nothing of it is configured. */
  readonly policy: ResponsePolicy | undefined;
  /** Undefined where nothing of it is configured, and nothing asks for it. */
  readonly files: LocationFiles | undefined;
  /** Lets only those in that an internal redirect sends. */
  readonly isInternal: boolean;
  /** None for the place of requests that no location matches. */
  readonly handler: Handler | undefined;
  readonly serverName: string;
}

/** What a listening address needs to know. */
export interface HttpServerOptions {
  readonly worker: Worker;
  readonly variables: Variables;
  readonly port: number;
  readonly router: Router<Location>;
  /** Of the default server, for what ends before a server is known. */
  readonly fallback: Location;
  /** By host: for what ends before a location is known. */
  readonly fallbackOf: (host: string) => Location;
}

/** Handles the requests of one listening address. */
export class HttpServer implements ClientHandler, Server {
  readonly #options: HttpServerOptions;

  readonly variables: Variables;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.variables = options.variables;
  }

  /** Content phase: finds the location, and lets it answer. */
  handle(client: ClientConnection): Promise<void> | void {
    const { worker, port } = this.#options;
    const request = worker.takeRequest();
    request.begin(client, this, port);
    if (worker.kept.sentFields) client.response.keepsHead = true;
    try {
      const location = request.location = this.#route(request);
      this.#apply(client, location);
      const answering = this.#answer(request, location);
      // Not an async function: what it would keep while the peer works costs every request.
      if (answering !== undefined) return answering.then(request.onAnswered, request.onFailed);
    } catch (error) {
      this.#refuse(request, error);
    }
    return this.end(request);
  }

  /** Log phase: the request has been answered, or goes on elsewhere. */
  end(request: Request): Promise<void> | void {
    const location = request.location ?? this.#options.fallback;
    if (request.next === undefined) return this.#log(request, location);
    return this.#follow(request, location).then((last) => this.#log(request, last));
  }

  fail(request: Request, error: unknown): Promise<void> | void {
    this.#refuse(request, error);
    return this.end(request);
  }

  #log(request: Request, location: Location): void {
    request.client.conn.setReadDeadline(NEVER);
    log(request, location);
    if (request.counted !== undefined) request.uncount();
    request.worker.giveBack(request);
  }

  async answerSubrequest(request: Request): Promise<void> {
    try {
      let location = this.#route(request);
      request.client.conf = location.client;
      await this.#answer(request, location);
      if (request.next !== undefined) location = await this.#follow(request, location);
      if (location.logsSubrequests) location.accessLog?.write(request);
    } catch (error) {
      this.#refuse(request, error);
    } finally {
      request.uncount();
    }
  }

  onRefused(client: ClientConnection, refusal: BadMessage): void {
    const { worker, port, fallback } = this.#options;
    const request = worker.takeRequest();
    request.begin(client, this, port);
    request.report("info", `client sent an invalid request: ${refusal.message}`);
    log(request, fallback);
    worker.giveBack(request);
  }

  onBroken(client: ClientConnection, failure: Failure): void {
    if (client.isIdle && failure.kind !== "reset") return; // an idle connection's end is no news
    const { worker, port, fallback } = this.#options;
    const { errorLog } = worker;
    const isHeadCut = !client.isIdle && client.response.status === 0;
    if (errorLog.isOn("info")) {
      errorLog.log("info", wordsOf(failure), {
        connection: client.id,
        client: client.conn.remote.hostname,
        doing: client.isIdle
          ? "keepalive"
          : isHeadCut
          ? "reading client request"
          : "closing request",
      });
    }
    if (!isHeadCut) return;
    // nginx's statuses for a head that never became whole. Nobody was told them.
    client.response.status = failure.kind === "timeout" ? 408 : 400;
    const request = worker.takeRequest();
    request.begin(client, this, port);
    log(request, fallback);
    worker.giveBack(request);
  }

  onBug(client: ClientConnection, error: unknown): void {
    const { errorLog } = this.#options.worker;
    const context = { connection: client.id, client: client.conn.remote.hostname };
    if (error instanceof OutOfBuffers) return errorLog.log("error", error.message, context);
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    errorLog.log("crit", `a bug in this proxy ended a connection: ${text}`, context);
  }

  #route(request: Request): Location {
    const { router, fallbackOf } = this.#options;
    if (request.depth === 0) request.routedBy = router.isSingle ? "" : request.host;
    const host = request.routedBy;
    return router.findLocation(host, request.path) ?? fallbackOf(host);
  }

  #apply(client: Client, location: Location): void {
    client.conf = location.client;
    client.conn.sendTimeoutMs = location.client.sendTimeoutMs;
  }

  #answer(request: Request, location: Location): Promise<void> | void {
    const { head } = request;
    const { clientMaxBodySizeBytes } = location.client;
    request.serverName = location.serverName;
    request.policy = location.policy;
    request.files = location.files;
    if (request.memory !== undefined) request.memory.maxBytes = location.subrequestBodyBytes;
    const isTooLarge = clientMaxBodySizeBytes > 0 && head.contentLength > clientMaxBodySizeBytes;
    if (isTooLarge && !request.isBodyGone) {
      request.report(
        "error",
        `client intended to send too large body: ${head.contentLength} bytes`,
      );
      request.isMarked = request.isBodyGone = true;
      return refuse(request, 413);
    }
    if (location.handler === undefined || (location.isInternal && !request.isInternal)) {
      return refuse(request, 404);
    }
    return location.handler.handle(request);
  }

  /** Internal redirects, one after the other. Returns the location that has answered. */
  async #follow(request: Request, from: Location): Promise<Location> {
    let location = from;
    for (let next = request.next; next !== undefined; next = request.next) {
      request.next = undefined;
      try {
        const found = this.#locate(request, next);
        if (found === undefined) continue;
        location = found;
        this.#apply(request.client, location);
        await this.#answer(request, location);
      } catch (error) {
        this.#refuse(request, error);
      }
    }
    request.dropKeptBody();
    return location;
  }

  /** Where a redirect leads; undefined if it does not: the request is refused then. */
  #locate(request: Request, next: Redirect): Location | undefined {
    const { router, fallbackOf } = this.#options;
    if (next.kind === "refused") return void refuse(request, next.status);
    if (!mayFollow(request, next)) return undefined;
    request.isMarked = request.isInternal = true;
    if (request.client.body.isStarted) request.isBodyGone = true;
    const host = request.routedBy;
    if (next.kind === "path") {
      request.rewrite(next.path, next.args);
      return router.findLocation(host, next.path) ?? fallbackOf(host);
    }
    const named = router.findNamed(host, next.name);
    if (named !== undefined) return named;
    request.report("error", `could not find named location "${next.name}"`);
    return void refuse(request, 500);
  }

  #refuse(request: Request, error: unknown): void {
    const { client } = request;
    if (error instanceof Failure) {
      request.report("info", error.message);
      client.response.cutShort();
      client.response.status = error.kind === "timeout" ? 408 : 499;
      return;
    }
    if (error instanceof BadMessage) {
      request.report("info", `client sent an invalid request: ${error.message}`);
    } else {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      request.report("crit", `a bug in this proxy ended the request: ${text}`);
    }
    if (client.response.status !== 0) return client.response.cutShort();
    try {
      const status = error instanceof BadMessage ? error.status : 500;
      refuse(request, status);
    } catch {
      client.response.cutShort(); // the connection has broken meanwhile
    }
  }
}

/** What is known of a client's request is written down, and counted. */
function log(request: Request, location: Location): void {
  location.accessLog?.write(request);
  if (location.counts === undefined) return;
  const { client, head, worker } = request;
  const { status, sentBytes } = client.response;
  const receivedBytes = head.end + client.body.bytes;
  const durationMs = client.startedAtMs === 0
    ? 0
    : worker.context.deadlines.nowMs - client.startedAtMs;
  countRequest(location.counts, status, receivedBytes, sentBytes, durationMs);
}

/** nginx's words, where it has some. */
function wordsOf({ kind, message }: Failure): string {
  if (kind === "timeout") return "client timed out (110: Connection timed out)";
  return kind === "reset" ? `connection to client broke (${message})` : message;
}
