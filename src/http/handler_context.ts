/**
 * What a handler is given: the request, and requests of its own.
 *
 * @module
 */
import { Driver } from "../event/mod.ts";
import type { LogLevel } from "../log/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { CustomHandler } from "./custom_handler.ts";
import type { Departure } from "./departure.ts";
import type { Request } from "./request.ts";
import type { HandlerResponse } from "./handler_response.ts";
import { Subrequest } from "./subrequest.ts";
import { takeBody } from "./taken_body.ts";

/** One request, as a handler sees it. It ends with the handler's response. */
export interface HandlerContext {
  /** `GET`, `POST`, … */
  readonly method: string;
  /** The path, decoded and normalised. */
  readonly path: string;
  /** What follows the `?`, as it came; empty if there is nothing. */
  readonly query: string;
  /** The request's fields. Made at the first use. */
  readonly headers: Headers;
  /** The proxy's variables, such as `remote_addr`, by their names without the dollar. */
  readonly variables: HandlerVariables;
  /** Aborted when the client leaves. Made at the first use. */
  readonly signal: AbortSignal;
  /**
   * Reads the request's body. Once: what was read is kept.
   *
   * @param maxBytes A larger body is refused: with 413, if the handler does not catch it.
   * @default {1048576}
   * @throws {BadMessage} It is too large or malformed.
   * @throws {Failure} The client left, or was too slow.
   */
  body(maxBytes?: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Asks another location of the same server, `internal` ones too. The subrequest has the
   * fields of the request but for those about its body, ranges, conditions and encoding;
   * it is retried and logged like any request. Several may run at once. All end when the
   * client leaves.
   *
   * A response that failed is one too: its status is 502 or what the location says.
   *
   * @param target Path and query, such as `/price?id=7`.
   * @throws {TypeError} The target, the method or a field is none.
   */
  subrequest(target: string, options?: SubrequestInit): Promise<SubrequestResponse>;
  /** Writes to the error log, with all that is known of the request. */
  log(level: LogLevel, message: string): void;
}

/** Reads variables. */
export interface HandlerVariables {
  /** The value of a variable, empty where there is none; undefined when nobody knows the name. */
  get(name: string): string | undefined;
}

/** How a subrequest differs from a GET without a body. */
export interface SubrequestInit {
  /**
   * The method: a token, in upper case as a rule.
   * @default "GET"
   */
  readonly method?: string;
  /** Fields besides those of the request, or instead of them; an empty value leaves one out. */
  readonly headers?: Headers | Readonly<Record<string, string>>;
  /** The body; a text is sent as UTF-8. */
  readonly body?: string | Uint8Array;
}

/** A whole response. Its body is at most `subrequest_output_buffer_size` long. */
export interface SubrequestResponse {
  /** Also of a response of the proxy's own, such as 502. */
  readonly status: number;
  /** Its fields, as the location sends them. */
  readonly headers: Headers;
  /** A copy: it stays after the request. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The body as UTF-8. */
  text(): string;
}

/** Fields that would make the answer another one than the handler expects. */
const NOT_INHERITED: readonly string[] = [
  "accept-encoding",
  "content-type",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "range",
];

/** What a handler reads of a body if it does not say otherwise. */
const BODY_BYTES_MAX = 1_048_576;

class RequestOver extends Error {
  override readonly message = "the request is over";
}

/** A handler's context for one request. */
export class Context implements HandlerContext {
  readonly variables: HandlerVariables;
  readonly #request: Request;
  readonly #departure: Departure;
  readonly #running = new Set<Promise<unknown>>();
  #isOver = false;
  #headers: Headers | undefined;
  #abort: AbortController | undefined;
  #body: Promise<Uint8Array<ArrayBuffer>> | undefined;

  constructor(request: Request, departure: Departure) {
    this.#request = request;
    this.#departure = departure;
    this.variables = {
      get: (name) => {
        const request = this.#open();
        return request.server.variables.lookup(name)?.(request);
      },
    };
  }

  /** Calls the handler; what it throws rejects the promise. */
  async answer(handler: CustomHandler): Promise<HandlerResponse> {
    return await handler(this);
  }

  get method(): string {
    return this.#open().method;
  }

  get path(): string {
    return fromBytes(this.#open().path);
  }

  get query(): string {
    return this.#open().args;
  }

  get headers(): Headers {
    if (this.#headers !== undefined) return this.#headers;
    const { fields } = this.#open().head;
    const headers = this.#headers = new Headers();
    for (let at = 0; at < fields.count; at++) headers.append(fields.name(at), fields.value(at));
    return headers;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = this.#abort = new AbortController();
      this.#departure.add(() => abort.abort());
    }
    return this.#abort.signal;
  }

  body(maxBytes = BODY_BYTES_MAX): Promise<Uint8Array<ArrayBuffer>> {
    return this.#body ??= this.#readBody(this.#open(), maxBytes);
  }

  async #readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!request.head.hasBody || request.isBodyGone) return new Uint8Array();
    const driver = new Driver();
    const stop = () => driver.interrupt(new RequestOver());
    this.#departure.add(stop);
    const reading = takeBody(request, maxBytes, driver);
    const running = reading.catch(() => {});
    this.#running.add(running);
    try {
      const body = await reading;
      if (body === undefined) throw new BadMessage(413, "too large a body");
      // From now on the client's leaving can be noticed.
      if (!this.#isOver) this.#departure.watch(request.client);
      return body;
    } finally {
      this.#departure.delete(stop);
      this.#running.delete(running);
    }
  }

  async subrequest(target: string, init: SubrequestInit = {}): Promise<SubrequestResponse> {
    const subrequest = this.#begin(target, init);
    const running = subrequest.run();
    this.#running.add(running);
    try {
      await running;
      return responseOf(subrequest);
    } finally {
      this.#running.delete(running);
      subrequest.release();
    }
  }

  #begin(target: string, { method = "GET", headers = {}, body = "" }: SubrequestInit): Subrequest {
    try {
      return new Subrequest(this.#open(), {
        method,
        target,
        without: NOT_INHERITED,
        fields: headers instanceof Headers ? [...headers] : Object.entries(headers),
        body: typeof body === "string" ? new TextEncoder().encode(body) : body,
        keepsBody: true,
        departure: this.#departure,
      });
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      throw new TypeError(`Cannot ask for ${method} ${target}: ${error.message}`);
    }
  }

  log(level: LogLevel, message: string): void {
    this.#open().report(level, message);
  }

  /** The request is over: ends what still runs for it, and waits until that has let go. */
  async close(): Promise<void> {
    this.#isOver = true;
    if (this.#running.size === 0) return;
    this.#departure.leave();
    await Promise.all(this.#running);
  }

  /** @throws {Error} The Request has begun to be another one. */
  #open(): Request {
    if (this.#isOver) throw new Error("Cannot use the context of a request that is over");
    return this.#request;
  }
}

function responseOf({ response }: Subrequest): SubrequestResponse {
  const headers = new Headers();
  const { head } = response;
  if (head !== undefined && !response.isCut) {
    const { fields } = head;
    for (let at = 0; at < fields.count; at++) headers.append(fields.name(at), fields.value(at));
  }
  const body = response.body();
  return {
    status: response.status,
    headers,
    body,
    text: () => new TextDecoder().decode(body),
  };
}

/** A text of one byte a code unit, as UTF-8. */
function fromBytes(text: string): string {
  return new TextDecoder().decode(Uint8Array.from(text, (unit) => unit.charCodeAt(0)));
}
