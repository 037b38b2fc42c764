/**
 * Joins one request's client side to the upstream's journey: which fields pass, in
 * both directions, and who is told what.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { errorPage, sendSimple } from "../downstream/mod.ts";
import type { Wait } from "../event/mod.ts";
import type { LogLevel } from "../log/mod.ts";
import type { Downstream, InMemory, RequestBody } from "../upstream/mod.ts";
import {
  bytesOf,
  fieldId,
  type FieldLines,
  type HeadWriter,
  type ResponseHead,
} from "../wire/mod.ts";
import type { Proxy } from "./proxy.ts";
import type { Request } from "./request.ts";

const SPACE = bytesOf(" ");
const HTTP_10 = bytesOf(" HTTP/1.0\r\n");
const HTTP_11 = bytesOf(" HTTP/1.1\r\n");
const STATUS_LINE = bytesOf("HTTP/1.1 ");
const CONNECTION_CLOSE = bytesOf("Connection: close\r\n");
const CONTENT_LENGTH = bytesOf("Content-Length: ");
const TRANSFER_CHUNKED = bytesOf("Transfer-Encoding: chunked\r\n");

/** The client's side of one request. Used again for the next request. */
export class ProxyDownstream implements Downstream {
  readonly #request: Request;
  #proxy!: Proxy;
  #head!: ResponseHead;

  constructor(request: Request) {
    this.#request = request;
  }

  /** Makes ready for the request that is there now. */
  begin(proxy: Proxy): void {
    this.#proxy = proxy;
  }

  get memory(): InMemory | undefined {
    return this.#request.memory;
  }

  get requestBody(): RequestBody | undefined {
    return this.#request.client.head.hasBody ? this.#request.client.body : undefined;
  }

  get needsBodyLength(): boolean {
    return this.#request.head.isChunked && this.#proxy.conf.httpVersion === "1.0";
  }

  writeRequestHead(into: HeadWriter, bodyBytes: number): void {
    const request = this.#request;
    const proxy = this.#proxy;
    const { head } = request;
    const isHttp10 = proxy.conf.httpVersion === "1.0";
    into.text(head.method);
    into.constant(SPACE);
    proxy.writeTarget(request, into);
    into.constant(isHttp10 ? HTTP_10 : HTTP_11);
    for (const { line, prefix, value } of proxy.setHeaders) {
      if (line !== undefined) {
        into.constant(line);
        continue;
      }
      const text = value.render(request);
      if (text === "") continue; // an empty value drops the field
      into.constant(prefix);
      into.text(text);
      into.crlf();
    }
    if (isHttp10 || proxy.group.keepsNone) into.constant(CONNECTION_CLOSE);
    if (bodyBytes < 0) {
      into.constant(TRANSFER_CHUNKED);
    } else if (head.isChunked) {
      into.constant(CONTENT_LENGTH);
      into.decimal(bodyBytes);
      into.crlf();
    }
    copyFields(head.fields, into, this.#isDropped);
    into.crlf();
  }

  watch(onGone: () => void): void {
    this.#request.client.watch(onGone);
  }

  unwatch(): void {
    this.#request.client.unwatch();
  }

  prepare(): boolean {
    return this.#request.client.response.prepare();
  }

  beginResponse(response: ResponseHead, bodyBytes: number): void {
    const { method } = this.#request.client.head;
    const { status } = response;
    const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
    this.#head = response;
    this.#request.client.response.writeHead(status, bodyBytes, hasBody, this.#writeFields);
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

  end(): void {
    this.#request.client.response.end();
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

  refuse(status: number): void {
    sendSimple(this.#request.client, errorPage(status, this.#request.client.conf.serverTokens));
  }

  cutShort(status?: number): void {
    this.#request.client.response.cutShort();
    if (status !== undefined) this.#request.client.response.status = status;
  }

  report(level: LogLevel, message: string): void {
    this.#request.report(level, message);
  }

  readonly #writeFields = (writer: HeadWriter): void => {
    const { fields } = this.#head;
    this.#writeStatusLine(writer);
    writer.constant(this.#request.worker.serverAndDate(this.#request.client.conf.serverTokens));
    copyFields(fields, writer, this.#isHidden);
  };

  readonly #writeInterim = (writer: HeadWriter): void => {
    this.#writeStatusLine(writer);
    copyFields(this.#head.fields, writer, this.#isHidden);
    writer.crlf();
  };

  #writeStatusLine(writer: HeadWriter): void {
    const { fields, statusStart, statusEnd } = this.#head;
    writer.constant(STATUS_LINE);
    writer.range(fields.bytes, statusStart, statusEnd);
    if (statusEnd - statusStart === 3) writer.constant(SPACE); // RFC 9112, 4: it is not optional
    writer.crlf();
  }

  /** Fields of the client that do not reach the peer. */
  readonly #isDropped = (index: number): boolean => {
    const id = this.#request.head.fields.id(index);
    return id < fieldId.FIRST_END_TO_END || id === fieldId.HOST || id === fieldId.EXPECT ||
      this.#proxy.overrides(this.#request, index);
  };

  /** Fields of the peer that do not reach the client: hop-by-hop, and nginx's hidden ones. */
  readonly #isHidden = (index: number): boolean => {
    const id = this.#head.fields.id(index);
    return id < fieldId.FIRST_END_TO_END || id === fieldId.DATE || id === fieldId.SERVER ||
      id === fieldId.X_PAD || id === fieldId.X_ACCEL;
  };
}

/** Copies the field lines that are not dropped, neighbours in one piece. */
function copyFields(
  fields: FieldLines,
  into: HeadWriter,
  isDropped: (index: number) => boolean,
): void {
  const { bytes, count } = fields;
  let start = -1;
  for (let index = 0; index < count; index++) {
    if (!isDropped(index)) {
      if (start < 0) start = fields.lineStart(index);
    } else if (start >= 0) {
      into.range(bytes, start, fields.lineStart(index));
      start = -1;
    }
  }
  if (start >= 0) into.range(bytes, start, fields.end);
}
