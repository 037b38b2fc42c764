/**
 * The response to a subrequest: kept in memory, for whoever asked.
 *
 * @module
 */
import { type Buf, Chain } from "../buffer/mod.ts";
import type { Client, ResponseWriter } from "../downstream/mod.ts";
import { Failure, Signal, type Wait } from "../event/mod.ts";
import type { InMemory } from "../upstream/mod.ts";
import { HeadWriter, ResponseHead } from "../wire/mod.ts";

const FIELDS_MAX = 1_000;
const HEAD_BYTES = 1024;
const LARGEST_HEAD_BYTES = 65_536;
/** `HTTP/1.1 `, in front of the status. */
const VERSION_LENGTH = 9;
/** A body that is written here piece by piece is kept in cells of at least this size. */
const CELL_BYTES = 4096;

/** Never waited for: memory takes what it is given at once. */
const READY: Wait = new Signal();

/**
 * Takes a response from a location that writes it ({@linkcode ResponseWriter}) or from a
 * journey that has gathered it ({@linkcode InMemory}). The body is held in cells of the
 * pool until {@linkcode drop}.
 */
export class MemoryResponse implements ResponseWriter, InMemory {
  status = 0;
  bodyBytes = 0;
  sentBytes = 0;
  readonly keepsBody: boolean;
  /** `subrequest_output_buffer_size` of the location that answers. */
  maxBytes = 0;
  /** Whether it is broken: it has no body, or not all of it. */
  isCut = false;
  readonly copiesUpTo = Number.MAX_SAFE_INTEGER;
  readonly isSending = false;
  limitRate = undefined;
  readonly writable = READY;

  readonly #client: Client;
  readonly #head = new ResponseHead(FIELDS_MAX);
  readonly #body = new Chain();
  #hasHead = false;
  #hasBody = false;

  /** @param keepsBody Whether anybody will look at the body. */
  constructor(client: Client, keepsBody: boolean) {
    this.#client = client;
    this.keepsBody = keepsBody;
  }

  /** The head, once there is one. */
  get head(): ResponseHead | undefined {
    return this.#hasHead ? this.#head : undefined;
  }

  headBytes(): Uint8Array | undefined {
    return this.head?.fields.bytes;
  }

  /** A copy of the body. */
  body(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#body.sizeBytes);
    let at = 0;
    for (let buf = this.#body.first; buf !== undefined; buf = buf.next) {
      bytes.set(buf.data(), at);
      at += buf.size;
    }
    return bytes;
  }

  keep(response: ResponseHead, body: Chain): void {
    const start = response.statusStart - VERSION_LENGTH;
    this.#takeHead(response.fields.bytes.slice(start, response.end));
    this.status = response.status;
    this.bodyBytes = body.sizeBytes;
    this.sentBytes = this.bodyBytes + response.end - start;
    this.#body.append(body);
  }

  prepare(): boolean {
    return true;
  }

  writeHead(
    status: number,
    _bodyBytes: number,
    hasBody: boolean,
    writeFields: (writer: HeadWriter) => void,
  ): void {
    this.drop();
    this.status = status;
    this.bodyBytes = 0;
    this.#hasBody = hasBody;
    const writer = new HeadWriter();
    for (let sizeBytes = HEAD_BYTES; sizeBytes <= LARGEST_HEAD_BYTES; sizeBytes *= 4) {
      const bytes = new Uint8Array(sizeBytes);
      writer.begin(bytes, 0, sizeBytes);
      writeFields(writer);
      writer.crlf();
      if (writer.hasOverflowed) continue;
      this.sentBytes = writer.at;
      return this.#takeHead(bytes.subarray(0, writer.at));
    }
    this.cutShort();
  }

  sendInterim(): void {}

  sendSwitch(): void {
    this.cutShort(); // a subrequest's connection is nobody's to switch
  }

  send(from: Buf): void {
    const { size } = from;
    if (this.#hasBody && this.keepsBody && !this.isCut) this.#add(from);
    this.bodyBytes += size;
    this.sentBytes += size;
    from.pos = from.last;
  }

  end(): void {}

  flush(): void {}

  /** Who writes without end has to stop once it is no use. @throws {Failure} */
  checkSending(): void {
    if (!this.isCut && this.bodyBytes <= this.maxBytes) return;
    throw new Failure("downstream", "closed", "the response to a subrequest is cut");
  }

  /** Where nobody looks at the body, a response that has its head is whole. */
  cutShort(): void {
    if (this.keepsBody || !this.#hasHead) this.isCut = true;
    this.drop();
  }

  /** Gives the cells of the body back. */
  drop(): void {
    this.#body.releaseAll();
  }

  #takeHead(bytes: Uint8Array): void {
    this.#head.begin(bytes, 0);
    this.#hasHead = this.#head.parse(bytes.length);
  }

  /** Copies what is written; over the bound the whole response is broken, not its end missing. */
  #add(from: Buf): void {
    if (this.bodyBytes + from.size > this.maxBytes) return this.cutShort();
    const bytes = from.data();
    const last = this.#body.last;
    const inLast = last === undefined ? 0 : Math.min(last.room, bytes.length);
    if (last !== undefined) put(last, bytes.subarray(0, inLast));
    if (inLast === bytes.length) return;
    const rest = bytes.subarray(inLast);
    const { pool } = this.#client.context;
    const buf = pool.acquire(Math.max(CELL_BYTES, rest.length), "subrequest response");
    if (buf === undefined) return this.cutShort();
    put(buf, rest);
    this.#body.push(buf);
  }
}

function put(buf: Buf, bytes: Uint8Array): void {
  buf.cell.set(bytes, buf.last);
  buf.last += bytes.length;
}
