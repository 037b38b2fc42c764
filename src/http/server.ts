/**
 * Where a request enters: one listening address, its servers and their locations.
 *
 * @module
 */
import type { ClientConf, ClientConnection, ClientHandler } from "../downstream/mod.ts";
import { Failure, NEVER, OutOfBuffers } from "../event/mod.ts";
import { countRequest, type ErrorLog, type RequestLog } from "../log/mod.ts";
import { BadMessage, type BadProxyHeader } from "../wire/mod.ts";
import type { Variables } from "./configured_variables.ts";
import type { LocationFiles } from "./location_files.ts";
import { mayFollow, type Redirect, refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import type { ResponsePolicy } from "./response_policy.ts";
import type { RealIp } from "./real_ip.ts";
import type { CapturingRegex } from "./regex.ts";
import type { Rewriter } from "./rewrite.ts";
import type { Router } from "./router.ts";
import type { SecureLink } from "./secure_link.ts";
import type { ValidReferers } from "./valid_referers.ts";
import type { Handler, Server, Worker } from "./worker.ts";

/** What a request's location is at run time. */
export interface Location {
  readonly client: ClientConf;
  readonly accessLog: RequestLog<Request> | undefined;
  /** Where its requests' troubles are told. */
  readonly errorLog: ErrorLog;
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
  /** Undefined where nothing of it is configured. */
  readonly secureLink: SecureLink | undefined;
  /** Lets only those in that an internal redirect sends. */
  readonly isInternal: boolean;
  /** None for the place of requests that no location matches. */
  readonly handler: Handler | undefined;
  readonly serverName: string;
  /** Undefined where there is nothing to rewrite. */
  readonly rewriter: Rewriter | undefined;
  /** `limit_except`: other methods' requests are at a place without rewriting. */
  readonly methods: ReadonlySet<string> | undefined;
  /** Regexes that have led here, the outermost first; undefined: none. */
  readonly regexes: readonly CapturingRegex[] | undefined;
  /** Undefined where all are valid. */
  readonly referers: ValidReferers | undefined;
  /** `uninitialized_variable_warn`. */
  readonly warnsUnset: boolean;
}

/** By host: what is done with a request at its server before a location is looked for. */
export interface EnterServer {
  /** Its `$1` and named captures, if a regex has led there. */
  catch(request: Request): void;
  /** Says whom a request is from, where somebody is trusted to know. */
  realIpOf(host: string): RealIp | undefined;
  rewriterOf(host: string): Rewriter | undefined;
}

/** What a listening address needs to know. */
export interface HttpServerOptions {
  readonly worker: Worker;
  readonly variables: Variables;
  /** @default {true} */
  readonly mergesSlashes?: boolean;
  readonly port: number;
  readonly router: Router<Location>;
  /** Of the default server, for what ends before a server is known. */
  readonly fallback: Location;
  /** By host: for what ends before a location is known. */
  readonly fallbackOf: (host: string) => Location;
  /** What a server does before a location is looked for; undefined where none does anything. */
  readonly enterServer?: EnterServer | undefined;
}

/** Handles the requests of one listening address. */
export class HttpServer implements ClientHandler, Server {
  readonly #options: HttpServerOptions;

  readonly variables: Variables;
  readonly mergesSlashes: boolean;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.variables = options.variables;
    this.mergesSlashes = options.mergesSlashes ?? true;
  }

  /** Content phase: finds the location, and lets it answer. */
  handle(client: ClientConnection): Promise<void> | void {
    const { worker, port } = this.#options;
    const request = worker.takeRequest();
    request.begin(client, this, port);
    if (worker.kept.sentFields) client.response.keepsHead = true;
    try {
      const isScarce = worker.context.pool.isScarce;
      const location = isScarce ? this.#turnAway(request) : this.#route(request);
      const answering = location && this.#answer(request, location);
      // Not an async function: what it would keep while the peer works costs every request.
      if (answering !== undefined) return answering.then(request.onAnswered, request.onFailed);
    } catch (error) {
      this.#refuse(request, error);
    }
    return this.end(request);
  }

  /** Log phase: the request has been answered, or goes on elsewhere. */
  end(request: Request): Promise<void> | void {
    if (request.next === undefined) return this.#log(request);
    return this.#follow(request).then(() => this.#log(request));
  }

  fail(request: Request, error: unknown): Promise<void> | void {
    this.#refuse(request, error);
    return this.end(request);
  }

  #log(request: Request): void {
    const location = request.location ?? this.#options.fallback;
    request.client.conn.setReadDeadline(NEVER);
    log(request, location);
    if (request.counted !== undefined) request.uncount();
    request.worker.giveBack(request);
  }

  async answerSubrequest(request: Request): Promise<void> {
    try {
      const location = this.#route(request);
      if (location !== undefined) await this.#answer(request, location);
      if (request.next !== undefined) await this.#follow(request);
      if (request.location?.logsSubrequests) request.location.accessLog?.write(request);
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
    const { status, message } = refusal;
    if (status === 503) request.report("error", message); // no fault of the client's
    else request.report("info", `client sent an invalid request: ${message}`);
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

  onBadProxyHeader(client: ClientConnection, { message }: BadProxyHeader): void {
    const { errorLog } = this.#options.worker;
    errorLog.log("error", `broken header: ${message} while reading PROXY protocol`, {
      connection: client.id,
      client: client.conn.remote.hostname,
    });
  }

  onBug(client: ClientConnection, error: unknown): void {
    const { errorLog } = this.#options.worker;
    const context = { connection: client.id, client: client.conn.remote.hostname };
    if (error instanceof OutOfBuffers) return errorLog.log("error", error.message, context);
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    errorLog.log("crit", `a bug in this proxy ended a connection: ${text}`, context);
  }

  /** Answers in the name of the request's server, without a location: there is nothing more to do. */
  #turnAway(request: Request): undefined {
    const { router, fallbackOf, worker } = this.#options;
    request.routedBy = router.isSingle ? "" : request.host;
    this.#moveTo(request, fallbackOf(request.routedBy));
    worker.shedder.turnAway(request);
  }

  /** Finds the server and the location; undefined if the server has answered by itself. */
  #route(request: Request): Location | undefined {
    const { router, enterServer } = this.#options;
    if (request.depth === 0) request.routedBy = router.isSingle ? "" : request.host;
    if (enterServer === undefined) return this.#locationOf(request);
    request.readPath();
    if (request.depth === 0) {
      enterServer.catch(request);
      enterServer.realIpOf(request.routedBy)?.run(request);
    }
    return this.#rewriteAtServer(request, enterServer) ? this.#locationOf(request) : undefined;
  }

  #locationOf(request: Request): Location {
    const { router, fallbackOf } = this.#options;
    const host = request.routedBy;
    return router.findLocation(host, request.readPath()) ?? fallbackOf(host);
  }

  /** Server rewrite phase. Returns whether the request goes on. */
  #rewriteAtServer(request: Request, enterServer: EnterServer): boolean {
    const { fallbackOf } = this.#options;
    const rewriter = enterServer.rewriterOf(request.routedBy);
    if (rewriter === undefined) return true;
    this.#moveTo(request, fallbackOf(request.routedBy));
    return rewriter.run(request) !== "ended";
  }

  /** The request is at a location, and all that it says holds from now on. */
  #moveTo(request: Request, location: Location): void {
    const { client } = request;
    request.location = location;
    client.conf = location.client;
    if (request.depth === 0) {
      client.conn.sendTimeoutMs = location.client.sendTimeoutMs;
      client.conn.sendMinRate = location.client.sendMinRate;
    }
    request.serverName = location.serverName;
    request.policy = location.policy;
    request.files = location.files;
    if (request.memory !== undefined) request.memory.maxBytes = location.subrequestBodyBytes;
  }

  #answer(request: Request, location: Location): Promise<void> | void {
    const { head } = request;
    const { clientMaxBodySizeBytes } = location.client;
    this.#moveTo(request, location);
    if (location.isInternal && !request.isInternal) return refuse(request, 404);
    const isTooLarge = clientMaxBodySizeBytes > 0 && head.contentLength > clientMaxBodySizeBytes;
    if (isTooLarge && !request.isBodyGone) {
      request.report(
        "error",
        `client intended to send too large body: ${head.contentLength} bytes`,
      );
      request.isMarked = request.isBodyGone = true;
      return refuse(request, 413);
    }
    if (location.regexes !== undefined) {
      for (const regex of location.regexes) regex.catch(request, request.path);
    }
    if (location.rewriter !== undefined && mayRewrite(location, request)) {
      return this.#rewrite(request, location.rewriter);
    }
    if (location.handler === undefined) return refuse(request, 404);
    return location.handler.handle(request);
  }

  /** Rewrite phase: the request may be answered, led elsewhere, or be at an `if` of the location. */
  #rewrite(request: Request, rewriter: Rewriter): Promise<void> | void {
    request.isMarked = true;
    const before = request.location;
    const result = rewriter.run(request);
    if (result === "ended") return;
    if (result === "moved") {
      if (--request.redirectsLeft > 0) return this.#answer(request, this.#locationOf(request));
      const { path } = request;
      request.report("error", `rewrite or internal redirection cycle while processing "${path}"`);
      return refuse(request, 500);
    }
    const location = request.location!;
    if (location !== before) this.#moveTo(request, location);
    if (location.handler === undefined) return refuse(request, 404);
    return location.handler.handle(request);
  }

  /** Internal redirects, one after the other. */
  async #follow(request: Request): Promise<void> {
    for (let next = request.next; next !== undefined; next = request.next) {
      request.next = undefined;
      try {
        const location = this.#locate(request, next);
        if (location !== undefined) await this.#answer(request, location);
      } catch (error) {
        this.#refuse(request, error);
      }
    }
    request.dropKeptBody();
  }

  /** Where a redirect leads; undefined if it does not: the request is answered then. */
  #locate(request: Request, next: Redirect): Location | undefined {
    const { router, enterServer } = this.#options;
    if (next.kind === "refused") return void refuse(request, next.status);
    if (!mayFollow(request, next)) return undefined;
    request.isMarked = request.isInternal = true;
    if (request.client.body.isStarted) request.isBodyGone = true;
    if (next.kind === "path") {
      request.rewrite(next.path, next.args);
      request.isBeyondPrefix = false;
      const goesOn = enterServer === undefined || this.#rewriteAtServer(request, enterServer);
      return goesOn ? this.#locationOf(request) : undefined;
    }
    const named = router.findNamed(request.routedBy, next.name);
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
    } else if (error instanceof OutOfBuffers) {
      request.report("alert", error.message);
    } else {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      request.report("crit", `a bug in this proxy ended the request: ${text}`);
    }
    if (client.response.status !== 0) return client.response.cutShort();
    try {
      const status = error instanceof BadMessage
        ? error.status
        : error instanceof OutOfBuffers
        ? 503
        : 500;
      refuse(request, status);
    } catch {
      client.response.cutShort(); // the connection has broken meanwhile
    }
  }
}

/** What is known of a client's request is written down, and counted. */
function mayRewrite({ methods }: Location, request: Request): boolean {
  return methods === undefined || methods.has(request.method);
}

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
