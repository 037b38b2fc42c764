/**
 * `handler`: a location that a function of the embedding program answers.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { formatHttpDate, reasonOf, SERVER_NAME, SERVER_VERSION } from "../downstream/mod.ts";
import {
  type Deadlines,
  Driver,
  type Expirable,
  Failure,
  type Phase,
  Signal,
  waitForRoom,
} from "../event/mod.ts";
import { BadMessage, CHUNK_HEADROOM, CHUNK_TAILROOM, type HeadWriter } from "../wire/mod.ts";
import { Departure } from "./departure.ts";
import { Context, type HandlerContext } from "./handler_context.ts";
import { refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import type { Handler } from "./worker.ts";

/** A function that answers requests. */
export type CustomHandler = (
  context: HandlerContext,
) => HandlerResponse | Promise<HandlerResponse>;

/** What a handler answers with. A `Response` will do. */
export interface HandlerResponse {
  /** @default 200 */
  readonly status?: number;
  /** Fields about the connection and the body's length are not taken from here. */
  readonly headers?:
    | Headers
    | Readonly<Record<string, string>>
    | readonly (readonly [name: string, value: string])[];
  /** A text is sent as UTF-8; a stream as fast as the client takes it. */
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array> | null;
}

const CLIENT_CLOSED_REQUEST = 499;
const INTERNAL_SERVER_ERROR = 500;
const GATEWAY_TIMEOUT = 504;

/** A body passes through a cell of at most this size. */
const BODY_BUF_BYTES = 65_536;

/** A location that a function answers. */
export class HandlerLocation implements Handler {
  readonly name: string;
  readonly #function: CustomHandler;
  readonly #timeoutMs: number;

  /** @param timeoutMs `handler_timeout`: for the response, and for each next piece of a stream. */
  constructor(name: string, answer: CustomHandler, timeoutMs: number) {
    this.name = name;
    this.#function = answer;
    this.#timeoutMs = timeoutMs;
  }

  async handle(request: Request): Promise<void> {
    const { client } = request;
    const driver = new Driver();
    const departure = new Departure(request.worker);
    const limit = new TimeLimit(client.context.deadlines, this.#timeoutMs, driver);
    const context = new Context(request, departure);
    departure.add(() => driver.interrupt(clientGone()));
    departure.watch(client);
    let isStarted = false;
    try {
      limit.begin();
      const given = await driver.run(settled(context.answer(this.#function)));
      const response = understand(given);
      if (!client.response.prepare()) await driver.run(roomForHead(request));
      writeHead(request, response);
      isStarted = true;
      await driver.run(sendBody(request, response, limit));
    } catch (error) {
      this.#fail(request, driver.interruption ?? error, isStarted);
    } finally {
      limit.end();
      await context.close();
      departure.end();
    }
  }

  #fail(request: Request, error: unknown, isStarted: boolean): void {
    const { response } = request.client;
    const isClientGone = error instanceof Failure && error.side === "downstream";
    if (isClientGone) {
      request.report("info", error.message);
    } else if (error instanceof TimedOut) {
      request.report("error", `handler "${this.name}" timed out (110: Connection timed out)`);
    } else if (error instanceof BadMessage) {
      request.report("info", `client sent an invalid request: ${error.message}`);
    } else {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      request.report("error", `handler "${this.name}" failed: ${text}`);
    }
    if (isClientGone) {
      response.cutShort();
      if (!isStarted) response.status = CLIENT_CLOSED_REQUEST;
    } else if (isStarted) {
      response.cutShort();
    } else if (error instanceof BadMessage) {
      refuse(request, error.status);
    } else {
      refuse(request, error instanceof TimedOut ? GATEWAY_TIMEOUT : INTERNAL_SERVER_ERROR);
    }
  }
}

function clientGone(): Failure {
  return new Failure("downstream", "closed", "client prematurely closed connection");
}

class TimedOut extends Error {}

/** Ends a driver's wait when something takes too long. */
class TimeLimit implements Expirable {
  slot = -1;
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  readonly #driver: Driver;
  #deadlineMs = Infinity;

  constructor(deadlines: Deadlines, timeoutMs: number, driver: Driver) {
    this.#deadlines = deadlines;
    this.#timeoutMs = timeoutMs;
    this.#driver = driver;
  }

  /** Begins to count, from now. */
  begin(): void {
    if (this.slot < 0) this.#deadlines.add(this);
    this.#deadlineMs = this.#deadlines.nowMs + this.#timeoutMs;
    this.#deadlines.notice(this.#deadlineMs);
  }

  /** Does not count for now: somebody else is waited for. */
  pause(): void {
    this.#deadlineMs = Infinity;
  }

  end(): void {
    this.#deadlines.remove(this);
  }

  expire(nowMs: number): number {
    if (this.#deadlineMs > nowMs) return this.#deadlineMs;
    this.#deadlineMs = Infinity;
    this.#driver.interrupt(new TimedOut());
    return Infinity;
  }

  toString(): string {
    return "handler_timeout";
  }
}

/** Waits for a promise, or for the interruption of who waits. */
async function* settled<T>(promise: Promise<T>): Phase<T> {
  const signal = new Signal();
  let result: { readonly value: T } | { readonly error: unknown } | undefined;
  promise.then((value) => result = { value }, (error: unknown) => result = { error })
    .then(() => signal.ring());
  while (result === undefined) yield signal;
  if ("error" in result) throw result.error;
  return result.value;
}

/** A response with its defaults in place. */
interface Understood {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly hasType: boolean;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
}

/** Handlers may be plain JavaScript: what they give is looked at. */
function understand(given: unknown): Understood {
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`Cannot answer with ${String(given)}: need {status, headers, body}`);
  }
  const { status = 200, headers, body = null } = given as HandlerResponse;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(`Cannot answer with status ${String(status)}: need one from 200 to 599`);
  }
  const fields = fieldsOf(headers).filter(([name]) => !OWN_FIELDS.has(name.toLowerCase()));
  const hasType = fields.some(([name]) => name.toLowerCase() === "content-type");
  return { status, fields, hasType, body: bodyOf(body) };
}

function bodyOf(body: HandlerResponse["body"]): Understood["body"] {
  if (body === null || body === undefined) return new Uint8Array();
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (body instanceof Uint8Array || body instanceof ReadableStream) return body;
  throw new TypeError("Cannot send this body: need a string, a Uint8Array or a ReadableStream");
}

function fieldsOf(
  headers: HandlerResponse["headers"],
): readonly (readonly [name: string, value: string])[] {
  if (headers === undefined || headers === null) return [];
  if (headers instanceof Headers) return [...headers];
  return Array.isArray(headers) ? headers : Object.entries(headers);
}

/** Fields that the proxy writes itself, or that are about one connection. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "proxy-connection",
  "server",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;
// deno-lint-ignore no-control-regex -- these are what a field's value may not have
const NO_FIELD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;

/** @throws {TypeError} A field is none. */
function writeHead(request: Request, { status, fields, hasType, body }: Understood): void {
  const { client, policy, carried } = request;
  const lines = fields.map(([name, value]) => {
    if (!FIELD_NAME.test(name)) throw new TypeError(`Cannot send a field named "${name}"`);
    if (NO_FIELD_VALUE.test(value)) throw new TypeError(`Cannot send this value of ${name}`);
    return `${name}: ${byteText(value)}`;
  });
  const told = request.statusOverride === 0 ? status : request.statusOverride;
  const hasNone = told === 204 || told === 304;
  const hasBody = client.head.method !== "HEAD" && !hasNone;
  const bodyBytes = body instanceof Uint8Array ? body.length : -1;
  const { serverTokens } = client.conf;
  const write = (line: string, into: HeadWriter): void => {
    into.text(line);
    into.crlf();
  };
  client.response.writeHead(told, bodyBytes, hasBody, (into) => {
    write(`HTTP/1.1 ${told} ${reasonOf(told)}`, into);
    write(`Server: ${serverTokens ? `${SERVER_NAME}/${SERVER_VERSION}` : SERVER_NAME}`, into);
    write(`Date: ${formatHttpDate(client.context.deadlines.clock.wallMs())}`, into);
    if (!hasType && !hasNone && bodyBytes !== 0) write("Content-Type: text/plain", into);
    if (bodyBytes >= 0 && !hasNone) write(`Content-Length: ${bodyBytes}`, into);
    for (const line of lines) write(line, into);
    for (const line of carried) into.constant(line);
    policy?.writeHeaders(request, told, into);
  });
}

/** One byte a code unit: a character beyond U+00FF makes the text UTF-8. */
function byteText(text: string): string {
  // deno-lint-ignore no-control-regex -- the first 256 code units stand for bytes
  if (/^[\x00-\xff]*$/.test(text)) return text;
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

async function* roomForHead({ client }: Request): Phase<void> {
  while (!client.response.prepare()) yield* waitForRoom(client.context);
}

/**
 * Sends the body through one cell, which is filled again when the client has taken it.
 *
 * @throws Whatever the stream fails with, or the Failure of the client.
 */
async function* sendBody(request: Request, { body }: Understood, limit: TimeLimit): Phase<void> {
  const { client } = request;
  limit.pause();
  if (client.head.method === "HEAD" || body instanceof Uint8Array) {
    if (body instanceof ReadableStream) body.cancel().catch(() => {}); // nobody waits for it
    if (body instanceof Uint8Array && body.length > 0 && client.head.method !== "HEAD") {
      yield* sendPieces(request, body, true);
    } else {
      client.response.end();
    }
    return;
  }
  const reader = body.getReader();
  let isDone = false;
  try {
    client.response.flush();
    while (true) {
      limit.begin();
      const { value, done } = yield* settled(reader.read());
      limit.pause();
      if (done) break;
      if (!(value instanceof Uint8Array)) {
        throw new TypeError("Cannot send a piece of this stream: need Uint8Arrays");
      }
      if (value.length > 0) yield* sendPieces(request, value, false);
    }
    isDone = true;
    client.response.end();
  } finally {
    // The client or the time is gone: the stream's source should know, and nobody waits for it.
    if (!isDone) reader.cancel().catch(() => {});
  }
}

async function* sendPieces(request: Request, bytes: Uint8Array, hasEnd: boolean): Phase<void> {
  const { response, context } = request.client;
  const framingBytes = CHUNK_HEADROOM + CHUNK_TAILROOM;
  const wanted = Math.min(bytes.length + framingBytes, BODY_BUF_BYTES);
  let buf: Buf | undefined = context.pool.acquire(wanted, "handler response");
  while (buf === undefined) {
    yield* waitForRoom(context);
    buf = context.pool.acquire(wanted, "handler response");
  }
  try {
    for (let at = 0; at < bytes.length;) {
      buf.reset(CHUNK_HEADROOM, CHUNK_TAILROOM);
      const piece = bytes.subarray(at, at + buf.room);
      buf.cell.set(piece, buf.last);
      buf.last += piece.length;
      at += piece.length;
      response.send(buf, hasEnd && at === bytes.length);
      while (response.isSending) yield response.writable;
      response.checkSending();
    }
  } finally {
    buf.release();
  }
}
