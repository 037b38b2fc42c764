/**
 * `return`: a location that answers by itself.
 *
 * @module
 */
import { errorPage, sendSimple } from "../downstream/mod.ts";
import { compileTemplate, type Template } from "../log/mod.ts";
import type { ReturnAction } from "./conf.ts";
import type { Request } from "./request.ts";
import { variable } from "./variables.ts";
import type { Handler } from "./worker.ts";

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** nginx's: the connection ends without an answer. */
const NO_RESPONSE = 444;

export class Return implements Handler {
  readonly #status: number;
  readonly #text: Template<Request>;

  constructor(conf: ReturnAction) {
    this.#status = conf.status;
    this.#text = compileTemplate(conf.text, variable);
  }

  handle(request: Request): Promise<void> {
    const { client } = request;
    const status = this.#status;
    const text = this.#text.render(request);
    if (status === NO_RESPONSE) {
      client.response.cutShort();
      client.response.status = status;
    } else if (REDIRECTS.has(status)) {
      const location = lineSafe(text);
      sendSimple(client, {
        ...errorPage(status, client.conf.serverTokens),
        extraFields: `Location: ${
          location.startsWith("/") ? absolute(request, location) : location
        }\r\n`,
      });
    } else if (text === "") {
      sendSimple(client, errorPage(status, client.conf.serverTokens));
    } else {
      sendSimple(client, { status, body: encode(text), contentType: "text/plain" });
    }
    return Promise.resolve();
  }
}

/** nginx's `absolute_redirect`: a path becomes a URL of the server that was asked. */
function absolute(request: Request, path: string): string {
  const { head } = request;
  const port = request.serverPort === 80 || request.serverPort === 0
    ? ""
    : `:${request.serverPort}`;
  return head.hostEnd === head.hostStart && request.serverName === ""
    ? path
    : `http://${request.host}${port}${path}`;
}

/** Variables hold what clients send: a line end in one must not begin another field. */
function lineSafe(text: string): string {
  // deno-lint-ignore no-control-regex -- controls are what must not get through
  return text.replace(/[\x00-\x1f\x7f]/g, (unit) => encodeURIComponent(unit));
}

/** One byte a code unit, as variables are; text of the configuration beyond that is UTF-8. */
function encode(text: string): Uint8Array {
  // deno-lint-ignore no-control-regex -- the first 256 code units stand for bytes
  if (/^[\x00-\xff]*$/.test(text)) return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
  return new TextEncoder().encode(text);
}
