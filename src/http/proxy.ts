/**
 * `proxy`: a location that passes its requests on to a group of peers.
 *
 * @module
 */
import type { DialOptions, TlsClient } from "../event/mod.ts";
import type { Template } from "../log/mod.ts";
import { journey, type RateLimit } from "../upstream/mod.ts";
import { bytesOf, escapeArgs, escapePath, type HeadWriter } from "../wire/mod.ts";
import type { LocationConf, ProxyAction } from "./conf.ts";
import { compileDial } from "./proxy_dial.ts";
import { compileTarget, type PassGroups, type PassTarget, type TargetOf } from "./pass_target.ts";
import { byteText } from "./field_text.ts";
import { HeaderPolicy } from "./header_policy.ts";
import { rateOf } from "./rate.ts";
import { refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import { Store } from "./store.ts";
import type { Handler } from "./worker.ts";

const INTERNAL_SERVER_ERROR = 500;
const SLASH = bytesOf("/");
const NOTHING = new Uint8Array();
/** A token (RFC 9110, 5.6.2). */
const METHOD = /^[!#$%&'*+.^_`|~\w-]+$/;
/** Fields that are ours to write, since the body is ours to frame. */
const FRAMING: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);

/** One `set_header`. A constant one is ready to be written. */
export interface SetHeader {
  /** `Name: value CRLF`, when the value is constant and not empty. */
  readonly line: Uint8Array | undefined;
  readonly prefix: Uint8Array;
  readonly value: Template<Request>;
  /** Whether it is `Upgrade`: the request asks for another protocol then. */
  readonly isUpgrade: boolean;
  /** Whether it is `Host`, which no request may lack (RFC 9112, 3.2). */
  readonly isHost: boolean;
  /** Whether it is `Connection`, which says whether another request may follow. */
  readonly isConnection: boolean;
}

/** One location's `proxy`, compiled. */
export class Proxy implements Handler {
  readonly conf: ProxyAction;
  readonly setHeaders: readonly SetHeader[];
  readonly headers: HeaderPolicy;
  /** Whether `set_header` says what is in `Connection`. */
  readonly setsConnection: boolean;
  readonly store: Store | undefined;
  readonly #upstreamRate: Template<Request>;
  readonly #method: Template<Request> | undefined;
  readonly #setBody: Template<Request> | undefined;
  /** Names that `set_header` sets, by length: the client's fields of these names are not passed. */
  readonly #overridden: readonly (readonly Uint8Array[] | undefined)[];
  readonly #targetOf: TargetOf;
  readonly #matchedLength: number;
  readonly #dialOf: (request: Request, isTls: boolean) => DialOptions;

  /** @param tls For `https://`. */
  constructor(location: LocationConf, conf: ProxyAction, groups: PassGroups, tls?: TlsClient) {
    const { variables } = groups;
    this.conf = conf;
    this.#dialOf = compileDial(conf, tls, variables);
    this.headers = new HeaderPolicy(conf.headers, variables);
    if (conf.store !== undefined) this.store = new Store(conf.store, variables);
    this.#targetOf = compileTarget(conf, groups);
    const setHeaders = conf.setHeaders.filter(([name]) => !FRAMING.has(name.toLowerCase()));
    this.#matchedLength = /^[~@]/.test(location.modifier) ? 0 : byteText(location.pattern).length;
    if (conf.method !== undefined) this.#method = variables.compile(conf.method);
    if (conf.setBody !== undefined) {
      this.#setBody = variables.compile(byteText(conf.setBody));
    }
    this.setHeaders = setHeaders.map(([name, text]) => {
      const value = variables.compile(text);
      const prefix = bytesOf(`${name}: `);
      const isUpgrade = name.toLowerCase() === "upgrade";
      const isConnection = name.toLowerCase() === "connection";
      const isReady = value.isConstant && text !== "" && !isUpgrade && !isConnection;
      return {
        prefix,
        value,
        isUpgrade,
        isHost: name.toLowerCase() === "host",
        isConnection,
        line: isReady ? bytesOf(`${name}: ${text}\r\n`) : undefined,
      };
    });
    this.setsConnection = this.setHeaders.some(({ isConnection }) => isConnection);
    this.#upstreamRate = variables.compile(conf.limitRate);
    const overridden: Uint8Array[][] = [];
    for (const [name] of setHeaders) {
      (overridden[name.length] ??= []).push(bytesOf(name.toLowerCase()));
    }
    this.#overridden = Array.from(overridden);
  }

  handle(request: Request): Promise<void> {
    const target = this.#targetOf(request);
    if (target === undefined) {
      refuse(request, INTERNAL_SERVER_ERROR);
      return Promise.resolve();
    }
    request.proxyHost = target.proxyHost;
    request.proxyPort = target.proxyPort;
    if (this.conf.failureHeader) request.isMarked = request.tellsFailure = true;
    const method = this.#method === undefined ? request.method : this.#method.render(request);
    if (this.#method !== undefined && !METHOD.test(method)) {
      request.report("error", `cannot use "${method}" as the method of a request`);
      return Promise.resolve(refuse(request, 500));
    }
    const { exchange, downstream } = request; // from here on its attempts are this request's
    downstream.begin(this, target);
    const { balancerKey, sticky } = target;
    if (balancerKey !== undefined) exchange.selection.key = balancerKey.render(request);
    exchange.selection.boundTo = sticky === undefined ? "" : sticky.boundTo(request);
    exchange.begin(
      this.conf.upstream,
      target.group,
      downstream,
      method,
      this.#dialOf(request, target.isTls),
    );
    const answered = journey(exchange);
    return sticky?.onEnd === undefined ? answered : answered.then(() => sticky.onEnd?.(request));
  }

  /** Whether {@linkcode substituteBody} is something. */
  get replacesBody(): boolean {
    return this.setsBody || !this.conf.passRequestBody;
  }

  /** Whether there is a `set_body`. */
  get setsBody(): boolean {
    return this.#setBody !== undefined;
  }

  /** What is sent in the place of the client's body: `set_body`, or nothing. */
  substituteBody(request: Request): Uint8Array | undefined {
    if (this.#setBody === undefined) return this.conf.passRequestBody ? undefined : NOTHING;
    return bytesOf(this.#setBody.render(request));
  }

  /** `limit_rate` of the reading from the peer. */
  upstreamLimitRate(request: Request): RateLimit | undefined {
    return rateOf(this.#upstreamRate.render(request), 0);
  }

  /** Whether `set_header` takes the place of field line `index` of the client's. */
  overrides(request: Request, index: number): boolean {
    const { fields } = request.head;
    const names = this.#overridden[fields.nameLength(index)];
    if (names === undefined) return false;
    for (const name of names) {
      if (fields.nameIs(index, name)) return true;
    }
    return false;
  }

  /** Writes the request target as the peer is to see it. */
  writeTarget(request: Request, { uri, isWholeUri }: PassTarget, into: HeadWriter): void {
    const { head } = request;
    if (isWholeUri && uri !== undefined) return into.text(uri);
    const { bytes } = head.fields;
    if (request.isRewritten) {
      const { path, args, isBeyondPrefix } = request;
      const isWhole = uri === undefined || isBeyondPrefix;
      into.text(isWhole ? escapePath(path) : uri + escapePath(path.slice(this.#matchedLength)));
      if (args !== "") into.text(`?${escapeArgs(args)}`);
      return;
    }
    if (uri === undefined) {
      if (head.pathStart === head.pathEnd) into.constant(SLASH); // an absolute target without a path
      into.range(bytes, head.pathStart, head.targetEnd);
      return;
    }
    into.text(uri + escapePath(request.path.slice(this.#matchedLength)));
    if (head.queryStart >= 0) into.range(bytes, head.queryStart - 1, head.targetEnd);
  }
}
