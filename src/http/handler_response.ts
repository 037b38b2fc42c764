/**
 * What a handler answers with: looked at, and its head written.
 *
 * @module
 */
import { formatHttpDate, reasonOf, SERVER_NAME, SERVER_VERSION } from "../downstream/mod.ts";
import type { HeadWriter } from "../wire/mod.ts";
import { weakened } from "./compression.ts";
import type { Request } from "./request.ts";
import { prepareReshaped, type Reshaped, writeCarried, writeReshaped } from "./reshape.ts";

/** What a handler answers with. A `Response` will do. */
export interface HandlerResponse {
  /**
   * 200 to 599.
   * @default 200
   */
  readonly status?: number;
  /** Fields about the connection and the body's length are not taken from here. */
  readonly headers?:
    | Headers
    | Readonly<Record<string, string>>
    | readonly (readonly [name: string, value: string])[];
  /** A text is sent as UTF-8; a stream as fast as the client takes it. */
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array> | null;
}

/** A response with its defaults in place. */
export interface Understood {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly hasType: boolean;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
}

/** Handlers may be plain JavaScript: what they give is looked at. */
export function understand(given: unknown): Understood {
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

/**
 * @param wholeBytes Length of the body; -1 when only its end will tell.
 * @throws {TypeError} A field is none.
 */
export function writeHead(
  request: Request,
  { status, fields, hasType }: Pick<Understood, "status" | "fields" | "hasType">,
  wholeBytes: number,
): void {
  const { client, policy } = request;
  const told = request.statusOverride === 0 ? status : request.statusOverride;
  const hasNone = told === 204 || told === 304;
  const hasBody = client.head.method !== "HEAD" && !hasNone;
  const hasOwnType = !hasType && !hasNone && wholeBytes !== 0;
  const reshaped = policy?.reshaper?.reshape(request, {
    status: told,
    type: hasOwnType ? "text/plain" : valueOf(fields, "content-type"),
    bodyBytes: wholeBytes,
    flushesEach: true,
    field: (name) => valueOf(fields, name),
  }, hasBody);
  const isOther = reshaped !== undefined && (reshaped.isRecoded || reshaped.isChunked);
  const bodyBytes = isOther ? -1 : wholeBytes;
  if (reshaped !== undefined) prepareReshaped(request, reshaped);
  const lines = reshapedFields(fields, reshaped).map(([name, value]) => {
    if (!FIELD_NAME.test(name)) throw new TypeError(`Cannot send a field named "${name}"`);
    if (NO_FIELD_VALUE.test(value)) throw new TypeError(`Cannot send this value of ${name}`);
    return `${name}: ${byteText(value)}`;
  });
  const { serverTokens } = client.conf;
  const write = (line: string, into: HeadWriter): void => {
    into.text(line);
    into.crlf();
  };
  client.response.writeHead(told, bodyBytes, hasBody, (into) => {
    write(`HTTP/1.1 ${told} ${reasonOf(told)}`, into);
    write(`Server: ${serverTokens ? `${SERVER_NAME}/${SERVER_VERSION}` : SERVER_NAME}`, into);
    write(`Date: ${formatHttpDate(client.context.deadlines.clock.wallMs())}`, into);
    if (hasOwnType) write(`Content-Type: ${reshaped?.type || "text/plain"}`, into);
    if (bodyBytes >= 0 && !hasNone) write(`Content-Length: ${bodyBytes}`, into);
    for (const line of lines) write(line, into);
    writeCarried(request, reshaped, into);
    if (reshaped !== undefined) writeReshaped(reshaped, into);
    policy?.writeHeaders(request, told, into);
  });
}

/** The fields that still hold when the location's filters have had the response. */
function reshapedFields(
  fields: Understood["fields"],
  reshaped: Reshaped | undefined,
): Understood["fields"] {
  if (reshaped === undefined) return fields;
  return fields.flatMap(([name, value]) => {
    switch (name.toLowerCase()) {
      case "content-type":
        return [[name, reshaped.type || value] as const];
      case "etag":
        return [[name, reshaped.isRecoded ? weakened(value) : value] as const];
      case "accept-ranges":
        return reshaped.isRecoded ? [] : [[name, value] as const];
      case "content-encoding":
        return reshaped.isDecoded ? [] : [[name, value] as const];
      case "expires":
      case "cache-control":
        return reshaped.isDated ? [] : [[name, value] as const];
      default:
        return [[name, value] as const];
    }
  });
}

function valueOf(fields: Understood["fields"], lower: string): string {
  return fields.find(([name]) => name.toLowerCase() === lower)?.[1] ?? "";
}

/** One byte a code unit: a character beyond U+00FF makes the text UTF-8. */
function byteText(text: string): string {
  // deno-lint-ignore no-control-regex -- the first 256 code units stand for bytes
  if (/^[\x00-\xff]*$/.test(text)) return text;
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
