/**
 * `return`: a location that answers by itself.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { ReturnAction } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { refuse, sendOwn } from "./redirect.ts";
import type { MediaTypes } from "./media_types.ts";
import type { Request } from "./request.ts";
import type { Handler } from "./worker.ts";

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** nginx's: the connection ends without an answer. */
const NO_RESPONSE = 444;

export class Return implements Handler {
  readonly #status: number;
  readonly #text: Template<Request>;
  readonly #types: MediaTypes;

  constructor(conf: ReturnAction, types: MediaTypes, variables: Variables) {
    this.#status = conf.status;
    this.#types = types;
    this.#text = variables.compile(conf.text);
  }

  handle(request: Request): void {
    const { client } = request;
    const status = this.#status;
    const text = this.#text.render(request);
    if (status === NO_RESPONSE) {
      client.response.cutShort();
      client.response.status = status;
    } else if (REDIRECTS.has(status)) {
      refuse(request, status, text);
    } else if (text === "" && status >= 400) {
      refuse(request, status);
    } else {
      sendOwn(request, {
        status,
        body: encode(text),
        contentType: request.carriedType || this.#types.of(request, request.path),
      });
    }
  }
}

/** One byte a code unit, as variables are; text of the configuration beyond that is UTF-8. */
function encode(text: string): Uint8Array {
  // deno-lint-ignore no-control-regex -- the first 256 code units stand for bytes
  if (/^[\x00-\xff]*$/.test(text)) return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
  return new TextEncoder().encode(text);
}
