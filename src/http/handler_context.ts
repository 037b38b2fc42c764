/**
 * What a handler is given: the request, and requests of its own.
 *
 * @module
 */
import type { LogLevel } from "../log/mod.ts";
import type { CustomHandler, HandlerResponse } from "./custom_handler.ts";
import type { Departure } from "./departure.ts";
import type { Request } from "./request.ts";
import { Subrequest } from "./subrequest.ts";
import { builtInVariable } from "./variables.ts";

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
   * Asks another location of the same server, `internal` ones too. The subrequest has the
   * fields of the request but for those about its body, ranges, conditions and encoding;
   * it is retried and logged like any request. Several may run at once. All end when the
   * client leaves.
   *
   * A response that failed is one too: its status is 502 or what the location says.
   *
   * @param target Path and query, such as `/price?id=7`.
   * @throws {BadMessage} The target, the method or a field is none.
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
  /** @default "GET" */
  readonly method?: string;
  /** Fields besides those of the request, or instead of them; an empty value leaves one out. */
  readonly headers?: Headers | Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A whole response. Its body is at most `subrequest_output_buffer_size` long. */
export interface SubrequestResponse {
  readonly status: number;
  readonly headers: Headers;
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

/** A handler's context for one request. */
export class Context implements HandlerContext {
  readonly variables: HandlerVariables;
  readonly #request: Request;
  readonly #departure: Departure;
  readonly #running = new Set<Promise<unknown>>();
  #isOver = false;
  #headers: Headers | undefined;
  #abort: AbortController | undefined;

  constructor(request: Request, departure: Departure) {
    this.#request = request;
    this.#departure = departure;
    this.variables = {
      get: (name) => {
        const request = this.#open();
        return request.variables?.get(name) ?? builtInVariable(name)?.(request);
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

  async subrequest(target: string, init: SubrequestInit = {}): Promise<SubrequestResponse> {
    const { method = "GET", headers, body } = init;
    const subrequest = new Subrequest(this.#open(), {
      method,
      target,
      without: NOT_INHERITED,
      fields: headers === undefined
        ? []
        : headers instanceof Headers
        ? [...headers]
        : Object.entries(headers),
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? new TextEncoder().encode(body) : body }),
      keepsBody: true,
      departure: this.#departure,
    });
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
