/**
 * One request as locations, variables and logs see it.
 *
 * @module
 */
import type { Client } from "../downstream/mod.ts";
import type { ErrorContext, LogLevel } from "../log/mod.ts";
import { type Attempt, Exchange, type InMemory } from "../upstream/mod.ts";
import { normalizePath, type RequestHead } from "../wire/mod.ts";
import { ProxyDownstream } from "./proxy_downstream.ts";
import type { Worker } from "./worker.ts";

/** What is known of a request. Used again for another one when it has been logged. */
export class Request {
  readonly worker: Worker;
  client!: Client;
  /** The client's request that this one is a part of; a client's request is its own. */
  main: Request = this;
  /** How many requests it is nested in: 0 for a client's. */
  depth = 0;
  /** Where the response goes that is not forwarded: a subrequest's. */
  memory: InMemory | undefined;
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
  #path: string | undefined;
  #exchange: Exchange | undefined;
  #downstream: ProxyDownstream | undefined;
  #usesExchange = false;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  begin(client: Client, serverPort: number): void {
    this.client = client;
    this.main = this;
    this.depth = 0;
    this.memory = undefined;
    this.serverName = this.proxyHost = this.proxyPort = this.refusal = "";
    this.serverPort = serverPort;
    this.#path = undefined;
    this.#usesExchange = false;
  }

  get head(): RequestHead {
    return this.client.head;
  }

  /**
   * `$uri`: the normalised path. `*` for `OPTIONS *`.
   *
   * @throws {BadMessage} The path cannot be normalised.
   */
  get path(): string {
    if (this.#path !== undefined) return this.#path;
    const { head } = this;
    const raw = head.path();
    return this.#path = head.isPathPlain || raw === "*"
      ? raw
      : normalizePath(raw === "" ? "/" : raw);
  }

  /** `$host`: of the target or the Host field, in lower case; else the server's name. */
  get host(): string {
    const { head } = this;
    return head.hostEnd > head.hostStart ? head.host().toLowerCase() : this.serverName;
  }

  /** The request line as it came. Empty when there was none. */
  get requestLine(): string {
    const { head } = this;
    if (head.targetEnd === 0) return "";
    return `${head.method} ${head.target()} HTTP/1.${head.minorVersion}`;
  }

  /** What the upstream's journey is run on: made at the first use, and kept. */
  get exchange(): Exchange {
    this.#usesExchange = true;
    return this.#exchange ??= new Exchange(this.worker.context);
  }

  /** What the upstream's journey answers to: likewise. */
  get downstream(): ProxyDownstream {
    return this.#downstream ??= new ProxyDownstream(this);
  }

  /** The attempts at peers so far, in order. */
  *attempts(): Generator<Attempt> {
    if (!this.#usesExchange) return;
    const { attempts, attemptCount } = this.#exchange!;
    for (let at = 0; at < attemptCount; at++) yield attempts[at]!;
  }

  /** Writes to the error log what happened, with all that is known. */
  report(level: LogLevel, message: string): void {
    const { errorLog } = this.worker;
    if (errorLog.isOn(level)) errorLog.log(level, message, this.#context());
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
      client: client.conn.remote.hostname,
      server: this.serverName,
      ...(doing === "" ? {} : { doing }),
      ...(requestLine === "" ? {} : { request: requestLine }),
      ...(attempt === undefined ? {} : { upstream: this.#urlAt(attempt) }),
      ...(head.hostEnd > head.hostStart ? { host: head.host() } : {}),
    };
  }
}
