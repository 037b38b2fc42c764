/**
 * One request as locations, variables and logs see it.
 *
 * @module
 */
import type { Client, RequestBodyReader } from "../downstream/mod.ts";
import type { ErrorContext, ErrorLog, LogLevel } from "../log/mod.ts";
import { type Attempt, Exchange, type Reason } from "../upstream/mod.ts";
import {
  BadMessage,
  type FieldLines,
  normalizePath,
  type RequestHead,
  type ResponseHead,
} from "../wire/mod.ts";
import { upstreamValue } from "./kept.ts";
import type { CountedRequest } from "./limit_connections.ts";
import type { LimitStatus } from "./limit_requests.ts";
import type { ResponseView } from "./compression.ts";
import type { LocationFiles } from "./location_files.ts";
import type { MemoryResponse } from "./memory_response.ts";
import { ProxyDownstream } from "./proxy_downstream.ts";
import { type Redirect, REDIRECTS_MAX } from "./redirect.ts";
import type { ResponsePolicy } from "./response_policy.ts";
import type { UserIdState } from "./user_id.ts";
import type { Location } from "./server.ts";
import type { Server, Worker } from "./worker.ts";

/** Of the client's request line. */
export interface Asked {
  readonly method: string;
  readonly target: string;
  readonly line: string;
}

/** What is known of a request. Used again for another one when it has been logged. */
export class Request {
  readonly worker: Worker;
  client!: Client;
  /** Answers subrequests. */
  server!: Server;
  /** How many requests it is nested in: 0 for a client's. */
  depth = 0;
  /** Where the response goes that is not forwarded: a subrequest's. */
  memory: MemoryResponse | undefined;
  /** What the client asked for, of which this is a part. Set for subrequests. */
  asked: Asked | undefined;
  /** The host that has led to its server: subrequests stay there, whatever their Host. */
  routedBy = "";
  /** The body, if some of it was taken in before anybody has asked for it. */
  takenBody: RequestBodyReader | undefined;
  /** Values of variables that the configuration defines, by their slots; subrequests share them. */
  values: (string | undefined)[] | undefined;
  /** What the last regex that matched has caught: `$1` is at 1. */
  captures: readonly (string | undefined)[] | undefined;
  /** `$server_name`: the first name of the server that it is for. */
  serverName = "";
  /** Port of the listening address; 0 for a unix socket. */
  serverPort = 0;
  /** `$proxy_host`, where there is one. */
  proxyHost = "";
  /** `$proxy_port`, likewise. */
  proxyPort = "";
  /** Why the request was refused before it was handled, if it was. */
  refusal = "";
  /** `$limit_req_status`: empty if it was at no such limit. */
  limitReqStatus: LimitStatus = "";
  /** `$limit_conn_status`: likewise. */
  limitConnStatus: LimitStatus = "";
  /** Anything of what follows was used, so that the next request has to clear it. */
  isMarked = false;
  /** Of the location that it is at. */
  policy: ResponsePolicy | undefined;
  /** The head of its response, while it is made and not written yet. */
  headToBe: ResponseView | undefined;
  /** Likewise: its files. */
  files: LocationFiles | undefined;
  /** Where it is; undefined if it was led nowhere. */
  location: Location | undefined;
  /** Where it goes on instead of being answered. */
  next: Redirect | undefined;
  /** Counts internal redirects down; the one that gets it to 0 is one too many. */
  redirectsLeft = REDIRECTS_MAX + 1;
  /** `rewrite … break` made a URI of which the location's prefix is no part: `pass` takes it whole. */
  isBeyondPrefix = false;
  /** An internal redirect brought it here: `internal` locations let it in. */
  isInternal = false;
  /** An error page answers it: errors of that one have none, unless `recursive_error_pages`. */
  isOnErrorPage = false;
  /** What the client is told instead of the status of what answers; 0: that one. */
  statusOverride = 0;
  /** Field lines that an answer left behind which was replaced, each with its CRLF. */
  carried: readonly Uint8Array[] = [];
  /** `Content-Type` likewise, where what answers has none. */
  carriedType = "";
  /** Values of variables of a peer's response that is gone, by name. */
  kept: Map<string, string> | undefined;
  /** `$request_body`, if it was in memory and something uses it. */
  bodyText = "";
  /** `$limit_rate`, if it was set. */
  limitRate: string | undefined;
  /** What `userid` knows of the client. */
  userId: UserIdState | undefined;
  /** What counts it, till it has been answered. */
  counted: readonly CountedRequest[] | undefined;
  /** `failure_header`: the response tells what went wrong. */
  tellsFailure = false;
  /** The body was read, and is not there for whoever handles the request now. */
  isBodyGone = false;
  #path: string | undefined;
  #args: string | undefined;
  #isGet = false;
  #exchange: Exchange | undefined;
  #downstream: ProxyDownstream | undefined;
  #usesExchange = false;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  /** Made once, since every request waits with them. */
  readonly onAnswered = (): Promise<void> | void => this.server.end(this);
  readonly onFailed = (error: unknown): Promise<void> | void => this.server.fail(this, error);

  begin(client: Client, server: Server, serverPort: number): void {
    this.client = client;
    this.server = server;
    this.depth = 0;
    this.memory =
      this.asked =
      this.takenBody =
      this.values =
      this.captures =
        undefined;
    this.serverName =
      this.proxyHost =
      this.proxyPort =
      this.refusal =
        "";
    this.limitReqStatus = this.limitConnStatus = "";
    this.serverPort = serverPort;
    this.#path =
      this.#args =
      this.policy =
      this.files =
      this.location =
        undefined;
    this.#usesExchange = false;
    if (this.isMarked) this.#clearMarks();
  }

  /** Begins as a part of another request. */
  beginWithin(parent: Request, client: Client & { readonly response: MemoryResponse }): void {
    this.begin(client, parent.server, parent.serverPort);
    this.depth = parent.depth + 1;
    this.routedBy = parent.routedBy;
    this.memory = client.response;
    this.serverName = parent.serverName;
    this.isMarked = this.isInternal = true;
    this.asked = parent.asked ??
      { method: parent.method, target: parent.target, line: parent.requestLine };
    this.values = parent.values ??= [];
    // What its request has passed it has passed too, as in nginx.
    this.limitReqStatus = parent.limitReqStatus;
    this.limitConnStatus = parent.limitConnStatus;
  }

  get head(): RequestHead {
    return this.client.head;
  }

  /**
   * `$uri`: the normalised path. `*` for `OPTIONS *`.
   *
   * @throws {BadMessage} The path cannot be normalised.
   */
  readPath(): string {
    if (this.#path !== undefined) return this.#path;
    const { head } = this;
    const raw = head.path();
    return this.#path = head.isPathPlain || raw === "*"
      ? raw
      : normalizePath(raw === "" ? "/" : raw, this.server.mergesSlashes);
  }

  /** The same; empty where the path cannot be normalised, which its request was told. */
  get path(): string {
    if (this.#path !== undefined) return this.#path;
    try {
      return this.readPath();
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      return "";
    }
  }

  /** `$args`: the query. */
  get args(): string {
    return this.#args ?? this.head.query();
  }

  /** Whether path and query are others than the client's. */
  get isRewritten(): boolean {
    return this.#args !== undefined;
  }

  /** The method that it is handled with. */
  get method(): string {
    return this.#isGet ? "GET" : this.head.method;
  }

  /** Takes another path and query. The path is decoded, the query is not. */
  rewrite(path: string, args: string): void {
    this.isMarked = true;
    this.#path = path;
    this.#args = args;
  }

  /** What an internal redirect to a path makes of the method. */
  becomeGet(): void {
    this.isMarked = true;
    this.#isGet = this.head.method !== "HEAD";
  }

  /** `$remote_addr`: whom limits and rules take the client for; `unix:` at a unix socket. */
  get remoteAddress(): string {
    return this.client.remote.hostname;
  }

  /** `$host`: of the target or the Host field, in lower case; else the server's name. */
  get host(): string {
    const { head } = this;
    return head.hostEnd > head.hostStart ? head.host().toLowerCase() : this.serverName;
  }

  /** `$request_uri`: of the client's request line, in subrequests too, as in nginx. */
  get target(): string {
    return this.asked?.target ?? this.head.target();
  }

  /** `$request`: likewise, the request line as it came. */
  get requestLine(): string {
    if (this.asked !== undefined) return this.asked.line;
    const { head } = this;
    if (head.targetEnd === 0) return "";
    return `${head.method} ${head.target()} HTTP/1.${head.minorVersion}`;
  }

  /** What the upstream's journey is run on: made at the first use, and kept. */
  get exchange(): Exchange {
    const exchange = this.#exchange ??= new Exchange(this.worker.context);
    if (!this.#usesExchange) exchange.forget();
    this.#usesExchange = true;
    return exchange;
  }

  /** What the upstream's journey answers to: likewise. */
  get downstream(): ProxyDownstream {
    return this.#downstream ??= new ProxyDownstream(this);
  }

  /** Why the upstream's journey went wrong, if it was on one. */
  get reason(): Reason | undefined {
    return this.#usesExchange ? this.#exchange!.reason : undefined;
  }

  /** How many attempts at peers there were so far. */
  get attemptCount(): number {
    return this.#usesExchange ? this.#exchange!.attemptCount : 0;
  }

  /** One of them, counted from 0. */
  attempt(at: number): Attempt {
    return this.#exchange!.attempts[at]!;
  }

  /**
   * The head of a peer's response, as the peer sent it: a subrequest keeps it; of others
   * it is there until the client has been given its own.
   */
  get upstreamHead(): ResponseHead | undefined {
    if (this.memory !== undefined) return this.memory.head;
    if (!this.#usesExchange) return undefined;
    const { head, isHeaderSent, upstream } = this.#exchange!;
    return isHeaderSent || upstream === undefined || head.status === 0 ? undefined : head;
  }

  /** `X-Accel-Limit-Rate` of the peer that it was at last, if it was at one. */
  get accelLimitRate(): number | undefined {
    return this.#usesExchange ? this.#exchange!.accelLimitRate : undefined;
  }

  /** It has been answered: at most so many at once no longer count it. */
  uncount(): void {
    for (const counted of this.counted ?? []) counted.release();
    this.counted = undefined;
  }

  /** Gives back what an internal redirect kept of the request's body. */
  dropKeptBody(): void {
    if (this.#usesExchange) this.#exchange!.dropKeptBody();
  }

  /** Copies the values of variables that will be asked for when `fields` are gone. */
  keep(names: readonly string[], fields: FieldLines): void {
    this.isMarked = true;
    const kept = this.kept ??= new Map<string, string>();
    for (const name of names) kept.set(name, upstreamValue(name, fields));
  }

  /** `$request_body_file`. */
  get bodyPath(): string {
    return this.#usesExchange ? this.#exchange!.requestBodyPath : "";
  }

  /** Of the location that it is at; the process's before it is at one. */
  get errorLog(): ErrorLog {
    return this.location?.errorLog ?? this.worker.errorLog;
  }

  /** Writes to the error log what happened, with all that is known. */
  report(level: LogLevel, message: string): void {
    const { errorLog } = this;
    if (errorLog.isOn(level)) errorLog.log(level, message, this.#context());
  }

  /** A variable is read that was never set: worth a word, once a request. */
  reportUnset(name: string): void {
    if (this.location?.warnsUnset !== false) {
      this.report("warn", `using uninitialized "${name}" variable`);
    }
  }

  #clearMarks(): void {
    this.isMarked =
      this.isInternal =
      this.isOnErrorPage =
      this.isBeyondPrefix =
      this.isBodyGone =
      this.#isGet =
        false;
    this.tellsFailure = false;
    this.next = this.kept = this.limitRate = undefined;
    this.userId = undefined;
    this.carriedType = this.bodyText = "";
    this.redirectsLeft = REDIRECTS_MAX + 1;
    this.statusOverride = 0;
    this.carried = [];
  }

  /** What was asked of a peer. */
  #urlAt({ peerName }: Attempt): string {
    const scheme = this.#exchange!.dial.tls === undefined ? "http" : "https";
    return `${scheme}://${peerName}${this.head.target()}`;
  }

  #context(): ErrorContext {
    const { client } = this;
    const attempt = this.#usesExchange ? this.#exchange!.attempt : undefined;
    const doing = this.#usesExchange ? this.#exchange!.doing : "";
    const { requestLine, head } = this;
    return {
      connection: client.id,
      client: client.remote.hostname,
      server: this.serverName,
      ...(doing === "" ? {} : { doing }),
      ...(requestLine === "" ? {} : { request: requestLine }),
      ...(this.asked === undefined ? {} : { subrequest: head.target() }),
      ...(attempt === undefined ? {} : { upstream: this.#urlAt(attempt) }),
      ...(head.hostEnd > head.hostStart ? { host: head.host() } : {}),
    };
  }
}
