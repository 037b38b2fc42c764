/**
 * Joins one request's client side to the upstream's journey: which fields pass, in
 * both directions, and who is told what.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { RETRY_AFTER } from "../downstream/mod.ts";
import type { Wait } from "../event/mod.ts";
import type { LogLevel } from "../log/mod.ts";
import type {
  Downstream,
  InMemory,
  RateLimit,
  RequestBody,
  ResponseStore,
  Tunnel,
} from "../upstream/mod.ts";
import {
  bytesOf,
  fieldId,
  type FieldLines,
  type HeadWriter,
  type ResponseHead,
} from "../wire/mod.ts";
import { copyResponseFields, HIDE } from "./header_policy.ts";
import { type ResponseView, weakened } from "./compression.ts";
import { responseRate } from "./rate.ts";
import type { PassTarget } from "./pass_target.ts";
import {
  carry,
  copyFields,
  lacksCharset,
  saysClose,
  valueIn,
  withHidden,
  writeMissing,
  writeOwnStatusLine,
} from "./passed_fields.ts";
import type { Proxy } from "./proxy.ts";
import { type PartialContent, rangesOf } from "./ranges.ts";
import { refuse, toUnsafeTarget, writeFailure } from "./redirect.ts";
import type { Request } from "./request.ts";
import { prepareReshaped, type Reshaped, type Reshaper, writeReshaped } from "./reshape.ts";

const SPACE = bytesOf(" ");
const HTTP_10 = bytesOf(" HTTP/1.0\r\n");
const HTTP_11 = bytesOf(" HTTP/1.1\r\n");
const STATUS_LINE = bytesOf("HTTP/1.1 ");
const CONNECTION_CLOSE = bytesOf("Connection: close\r\n");
const CONTENT_LENGTH = bytesOf("Content-Length: ");
const CONNECTION_UPGRADE = bytesOf("Connection: upgrade\r\n");
const TRANSFER_CHUNKED = bytesOf("Transfer-Encoding: chunked\r\n");

const PARTIAL_CONTENT = 206;
/** HTTP/2 as a protocol to be upgraded to, or anything of HTTP. */
const HTTP_2 = /(?:^|[\s,])(?:h2c?|http)(?=$|[\s,\/])/i;
const ACCEPT_RANGES = bytesOf("Accept-Ranges: bytes\r\n");
const WWW_AUTHENTICATE = bytesOf("www-authenticate");
const CONTENT_TYPE = bytesOf("content-type");
/** Fields of a response with `X-Accel-Redirect` that the final one has too. */
const SURVIVE_REDIRECT = [
  "set-cookie",
  "content-disposition",
  "cache-control",
  "expires",
  "accept-ranges",
].map(bytesOf);

/** The client's side of one request. Used again for the next request. */
export class ProxyDownstream implements Downstream {
  readonly #request: Request;
  #proxy!: Proxy;
  #target!: PassTarget;
  #head!: ResponseHead;
  /** What the client is told of the response at hand. */
  #status = 0;
  /** The client's body was read for somebody else: the peer gets none. */
  #hasLostBody = false;
  #bodyBytes = -1;
  /** Whether `Content-Length` is ours to write. */
  #writesLength = false;
  /** `Content-Type` with the charset of `X-Accel-Charset`. */
  #type = "";
  /** The ranges that the request asks for. */
  #parts: PartialContent | undefined;
  #fates: Uint8Array = new Uint8Array();
  /** What the location's filters make of the response. */
  #reshaped: Reshaped | undefined;
  #asksForUpgrade = false;
  #asksToClose = false;
  #tunnel: Tunnel | undefined;

  constructor(request: Request) {
    this.#request = request;
  }

  /** Makes ready for the request that is there now. */
  begin(proxy: Proxy, target: PassTarget): void {
    this.#proxy = proxy;
    this.#target = target;
    this.#asksForUpgrade = false;
    this.#parts = undefined;
    this.#reshaped = undefined;
    this.#tunnel = undefined;
  }

  get memory(): InMemory | undefined {
    return this.#request.memory;
  }

  get requestBody(): RequestBody | undefined {
    const request = this.#request;
    if (!request.head.hasBody || request.isBodyGone) return undefined;
    return request.takenBody ?? request.client.body;
  }

  get replacesBody(): boolean {
    return this.#proxy.replacesBody;
  }

  get substituteBody(): Uint8Array | undefined {
    return this.#proxy.substituteBody(this.#request);
  }

  get wantsBody(): boolean {
    return this.#request.worker.kept.requestBody;
  }

  keepBody(bytes: Uint8Array): void {
    const request = this.#request;
    request.isMarked = true;
    request.bodyText = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }

  get needsBodyLength(): boolean {
    return this.#request.head.isChunked && this.#proxy.conf.httpVersion === "1.0";
  }

  get passesTrailers(): boolean {
    return this.#proxy.conf.passTrailers;
  }

  writeRequestHead(into: HeadWriter, bodyBytes: number): void {
    const request = this.#request;
    const proxy = this.#proxy;
    const { head } = request;
    const isHttp10 = proxy.conf.httpVersion === "1.0";
    this.#hasLostBody = proxy.replacesBody || (request.isBodyGone && bodyBytes === 0);
    into.text(request.exchange.method);
    into.constant(SPACE);
    proxy.writeTarget(request, this.#target, into);
    into.constant(isHttp10 ? HTTP_10 : HTTP_11);
    this.#asksForUpgrade = false;
    this.#asksToClose = !proxy.setsConnection && (isHttp10 || this.#target.group.keepsNone);
    for (const { line, prefix, value, isUpgrade, isHost, isConnection } of proxy.setHeaders) {
      if (line !== undefined) {
        into.constant(line);
        continue;
      }
      let text = value.render(request);
      // The client sent no Host, in HTTP/1.0: the peer's own name. (nginx sends none either.)
      if (isHost && text === "" && !isHttp10) text = this.#target.proxyHost;
      if (isConnection) this.#asksToClose = saysClose(text, isHttp10);
      if (text === "") continue; // an empty value drops the field
      if (isUpgrade) {
        if (HTTP_2.test(text)) continue; // requests in it would pass by every location
        this.#asksForUpgrade = true;
      }
      into.constant(prefix);
      into.value(text);
      into.crlf();
    }
    if (this.#asksToClose && !proxy.setsConnection) into.constant(CONNECTION_CLOSE);
    if (bodyBytes < 0) {
      into.constant(TRANSFER_CHUNKED);
    } else if (proxy.replacesBody ? proxy.setsBody || head.hasBody : head.isChunked) {
      into.constant(CONTENT_LENGTH);
      into.decimal(bodyBytes);
      into.crlf();
    }
    if (proxy.conf.passRequestHeaders) {
      copyFields(head.fields, into, this.#isDropped);
    } else if (bodyBytes > 0 && !head.isChunked && !proxy.replacesBody) {
      into.constant(CONTENT_LENGTH);
      into.decimal(bodyBytes);
      into.crlf();
    }
    into.crlf();
  }

  watch(onGone: () => void, seesAbortsOnly: boolean): void {
    this.#request.client.watch(onGone, seesAbortsOnly);
  }

  unwatch(): void {
    this.#request.client.unwatch();
  }

  prepare(bodyBytes: number): boolean {
    return this.#request.client.response.prepare(bodyBytes);
  }

  diverts(response: ResponseHead): boolean {
    const request = this.#request;
    const { headVariables } = request.worker.kept;
    if (headVariables.length > 0) request.keep(headVariables, response.fields);
    const { status } = response;
    if (status >= 300 && this.#proxy.conf.interceptErrors) {
      const isIntercepted = request.policy?.errorPage(status) !== undefined;
      if (isIntercepted) {
        if (status === 401) carry(request, response, WWW_AUTHENTICATE);
        request.next = { kind: "refused", status };
        request.isMarked = true;
        return true;
      }
    }
    const target = response.hasAccel ? request.exchange.accelRedirect : undefined;
    if (target !== undefined) {
      this.#carryFields(response);
      request.isMarked = true;
      request.next = toUnsafeTarget(request, target);
      return true;
    }
    return this.#proxy.conf.forceRanges && this.#isUnsatisfiable(response);
  }

  openStore(response: ResponseHead): ResponseStore | undefined {
    return this.#proxy.store?.open(this.#request, response);
  }

  /** Finds the ranges that the request asks for, if it does. */
  #isUnsatisfiable(response: ResponseHead): boolean {
    const request = this.#request;
    const { contentLength } = response;
    if (
      response.status !== 200 || !(request.statusOverride === 0 || request.statusOverride === 200)
    ) {
      return false;
    }
    // What is compressed has no ranges, as in nginx.
    const view = this.#viewOf(response, 200, contentLength);
    if (request.policy?.reshaper?.recodes(request, view)) return false;
    const given = this.#typeOf(response);
    const type = request.policy?.reshaper?.typed(request, given) ?? given;
    const found = rangesOf(request, response, contentLength, type);
    if (found !== "unsatisfiable") {
      if (found !== "whole") this.#parts = found;
      return false;
    }
    request.isMarked = true;
    request.carried = [...request.carried, bytesOf(`Content-Range: bytes */${contentLength}\r\n`)];
    request.next = { kind: "refused", status: 416 };
    return true;
  }

  get isSatisfied(): boolean {
    return this.#request.client.response.filter?.isSatisfied ?? false;
  }

  get isFiltered(): boolean {
    return this.#request.client.response.filter?.resume !== undefined;
  }

  get isDiverted(): boolean {
    return this.#request.next !== undefined;
  }

  beginResponse(response: ResponseHead, bodyBytes: number): void {
    const request = this.#request;
    const { method } = request.head;
    const parts = this.#parts;
    const status = parts !== undefined
      ? PARTIAL_CONTENT
      : request.statusOverride === 0
      ? response.status
      : request.statusOverride;
    const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
    this.#head = response;
    this.#status = status;
    this.#bodyBytes = parts?.bodyBytes ?? bodyBytes;
    let { fates } = this.#proxy.headers;
    const isTyped = request.exchange.accelCharset !== undefined && lacksCharset(response);
    this.#type = isTyped && parts?.isMultipart !== true ? this.#typeOf(response) : "";
    if (isTyped || parts?.isMultipart === true) fates = withHidden(fates, fieldId.CONTENT_TYPE);
    // A peer that was asked for a head alone tells the length of what it did not send.
    const isOther = request.statusOverride !== 0 || request.exchange.method === "HEAD";
    this.#writesLength = parts !== undefined || (isOther && method !== "HEAD");
    // RFC 9110, 8.6: a 204 has no length; a client that believed one would wait for it.
    const hidesLength = this.#writesLength || status === 204;
    if (hidesLength) fates = withHidden(fates, fieldId.CONTENT_LENGTH);
    if (this.#proxy.conf.forceRanges) {
      fates = withHidden(fates, fieldId.ACCEPT_RANGES);
      request.client.response.filter = parts?.filter;
    }
    if (request.policy !== undefined) {
      fates = request.policy.hideReplaced(status, fates);
      if (request.policy.reshaper !== undefined) {
        fates = this.#reshape(request.policy.reshaper, response, hasBody, fates);
      }
    }
    this.#fates = fates;
    request.client.response.limitRate = responseRate(request);
    request.client.response.writeHead(status, this.#bodyBytes, hasBody, this.#writeFields);
  }

  /** Lets the location's filters have the response. Returns the fates of its fields. */
  #reshape(
    reshaper: Reshaper,
    response: ResponseHead,
    hasBody: boolean,
    given: Uint8Array,
  ): Uint8Array {
    const request = this.#request;
    const view = this.#viewOf(response, this.#status, this.#bodyBytes);
    const reshaped = this.#reshaped = reshaper.reshape(request, view, hasBody);
    if (reshaped === undefined) return given;
    const fates = given.slice();
    const { isRecoded, isChunked, isDecoded, isDated, type } = reshaped;
    if (type !== "" && this.#type === "") {
      fates[fieldId.CONTENT_TYPE] = HIDE;
      this.#type = type;
    }
    if (isRecoded) fates[fieldId.ACCEPT_RANGES] = fates[fieldId.ETAG] = HIDE;
    if (isDecoded) fates[fieldId.CONTENT_ENCODING] = HIDE;
    if (isDated) fates[fieldId.EXPIRES] = fates[fieldId.CACHE_CONTROL] = HIDE;
    if (isRecoded || isChunked) {
      fates[fieldId.CONTENT_LENGTH] = HIDE;
      this.#bodyBytes = -1;
      this.#writesLength = false;
    }
    // A range is cut out of what is not recoded: its filter stays.
    prepareReshaped(request, reshaped);
    if (!isRecoded) request.client.response.filter = this.#parts?.filter;
    return fates;
  }

  #viewOf({ fields }: ResponseHead, status: number, bodyBytes: number): ResponseView {
    const { accelBuffering, conf } = this.#request.exchange;
    return {
      status,
      // A type that is ours to tell has its charset already.
      type: this.#type || (this.#parts?.isMultipart ? "" : valueIn(fields, "content-type")),
      bodyBytes,
      flushesEach: !(accelBuffering ?? conf.buffering),
      field: (name) => valueIn(fields, name),
    };
  }

  sendInterim(response: ResponseHead): void {
    // 100 is ours to say, and HTTP/1.0 clients know no interim responses.
    if (response.status === 100 || this.#request.client.head.minorVersion === 0) return;
    this.#head = response;
    this.#request.client.response.sendInterim(this.#writeInterim);
  }

  get copiesUpTo(): number {
    return this.#request.client.response.copiesUpTo;
  }

  send(from: Buf, isLast: boolean): void {
    this.#request.client.response.send(from, isLast);
  }

  end(trailers?: FieldLines): void {
    const { trailerVariables } = this.#request.worker.kept;
    if (trailers !== undefined && trailerVariables.length > 0) {
      this.#request.keep(trailerVariables, trailers);
    }
    this.#request.client.response.end(this.#proxy.conf.passTrailers ? trailers : undefined);
  }

  get limitRate(): RateLimit | undefined {
    return this.#request.client.response.limitRate;
  }

  get upstreamLimitRate(): RateLimit | undefined {
    return this.#proxy.upstreamLimitRate(this.#request);
  }

  get asksForUpgrade(): boolean {
    return this.#asksForUpgrade;
  }

  /** RFC 9112, 9.6: who has said `close` sends nothing more. nginx heeds the response alone. */
  get asksToClose(): boolean {
    return this.#asksToClose;
  }

  beginTunnel(response: ResponseHead): void {
    const { client } = this.#request;
    this.#head = response;
    client.response.sendSwitch(response.status, this.#writeUpgrade);
    this.#tunnel = client.openTunnel();
  }

  get tunnel(): Tunnel | undefined {
    return this.#tunnel;
  }

  flush(): void {
    this.#request.client.response.flush();
  }

  get isSending(): boolean {
    return this.#request.client.response.isSending;
  }

  get writable(): Wait {
    return this.#request.client.response.writable;
  }

  checkSending(): void {
    this.#request.client.response.checkSending();
  }

  askAgainLater(): void {
    this.#request.carried = [...this.#request.carried, RETRY_AFTER];
  }

  refuse(status: number): void {
    refuse(this.#request, status);
  }

  cutShort(status?: number): void {
    this.#request.client.response.cutShort();
    if (status !== undefined) this.#request.client.response.status = status;
  }

  report(level: LogLevel, message: string): void {
    this.#request.report(level, message);
  }

  readonly #writeFields = (writer: HeadWriter): void => {
    const request = this.#request;
    const { headers } = this.#proxy;
    const { policy } = request;
    const { serverTokens } = request.client.conf;
    if (this.#status === this.#head.status && request.statusOverride === 0) {
      this.#writeStatusLine(writer);
    } else writeOwnStatusLine(writer, this.#status);
    if (headers.passesDate || headers.passesServer) {
      writeMissing(request, headers, this.#head.fields, writer);
    } else {
      writer.constant(request.worker.serverAndDate(serverTokens));
    }
    copyResponseFields(headers, this.#fates, request, this.#head.fields, writer);
    if (this.#writesLength && this.#bodyBytes >= 0) {
      writer.constant(CONTENT_LENGTH);
      writer.decimal(this.#bodyBytes);
      writer.crlf();
    }
    if (this.#type !== "") {
      writer.text(`Content-Type: ${this.#type}`);
      writer.crlf();
    }
    if (this.#proxy.conf.forceRanges) this.#writeRanges(writer);
    if (request.isMarked) {
      this.#writeCarried(writer);
      writeFailure(request, writer);
    }
    if (this.#reshaped !== undefined) this.#writeReshaped(this.#reshaped, writer);
    this.#target.sticky?.onHead(request, writer);
    policy?.writeHeaders(request, this.#status, writer);
  };

  readonly #writeInterim = (writer: HeadWriter): void => {
    const { headers } = this.#proxy;
    this.#writeStatusLine(writer);
    copyResponseFields(headers, headers.fates, this.#request, this.#head.fields, writer);
    writer.crlf();
  };

  readonly #writeUpgrade = (writer: HeadWriter): void => {
    const { headers } = this.#proxy;
    const { fields, upgradeIndex } = this.#head;
    this.#writeStatusLine(writer);
    writer.constant(CONNECTION_UPGRADE);
    if (upgradeIndex >= 0) {
      writer.range(fields.bytes, fields.lineStart(upgradeIndex), fields.lineEnd(upgradeIndex));
    }
    copyResponseFields(headers, headers.fates, this.#request, fields, writer);
    writer.crlf();
  };

  #writeStatusLine(writer: HeadWriter): void {
    const { fields, statusStart, statusEnd } = this.#head;
    writer.constant(STATUS_LINE);
    writer.range(fields.bytes, statusStart, statusEnd);
    if (statusEnd - statusStart === 3) writer.constant(SPACE); // RFC 9112, 4: it is not optional
    writer.crlf();
  }

  /** Keeps what of a response survives `X-Accel-Redirect`: nginx's list. */
  #carryFields(response: ResponseHead): void {
    const request = this.#request;
    const { headers } = this.#proxy;
    for (const name of SURVIVE_REDIRECT) carry(request, response, name, headers);
    const type = response.fields.find(CONTENT_TYPE);
    request.carriedType = type < 0 ? "" : response.fields.value(type);
  }

  #writeReshaped(reshaped: Reshaped, writer: HeadWriter): void {
    writeReshaped(reshaped, writer);
    if (!reshaped.isRecoded || this.#proxy.headers.fates[fieldId.ETAG] === HIDE) return;
    const etag = weakened(valueIn(this.#head.fields, "etag"));
    if (etag === "") return;
    writer.text(`ETag: ${etag}`);
    writer.crlf();
  }

  #writeRanges(writer: HeadWriter): void {
    if (this.#reshaped?.isRecoded) return;
    if (this.#parts !== undefined) {
      for (const line of this.#parts.lines) {
        writer.text(line);
        writer.crlf();
      }
    } else if (this.#status === 200 && this.#head.contentLength >= 0) {
      if (this.#request.policy?.maxRanges !== 0) writer.constant(ACCEPT_RANGES);
    }
  }

  /** `Content-Type` as the client gets to see it. */
  #typeOf(response: ResponseHead): string {
    const index = response.fields.find(CONTENT_TYPE);
    if (index < 0) return "";
    const type = response.fields.value(index);
    const { accelCharset } = this.#request.exchange;
    return accelCharset !== undefined && lacksCharset(response)
      ? `${type}; charset=${accelCharset}`
      : type;
  }

  #writeCarried(writer: HeadWriter): void {
    const { carried, carriedType } = this.#request;
    if (carriedType !== "" && this.#head.fields.find(CONTENT_TYPE) < 0) {
      writer.text(`Content-Type: ${carriedType}`);
      writer.crlf();
    }
    for (const line of carried) writer.constant(line);
  }

  /** Fields of the client that do not reach the peer. */
  readonly #isDropped = (index: number): boolean => {
    const id = this.#request.head.fields.id(index);
    return id < fieldId.FIRST_END_TO_END || id === fieldId.HOST || id === fieldId.EXPECT ||
      (id === fieldId.CONTENT_LENGTH && this.#hasLostBody) ||
      this.#proxy.overrides(this.#request, index);
  };
}
