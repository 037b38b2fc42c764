/**
 * What a location's filters make of a response, whoever it is from: another coding of its
 * body, how long it may be kept, trailers.
 *
 * @module
 */
import type { BodyFilter } from "../downstream/mod.ts";
import type { Template } from "../log/mod.ts";
import { bytesOf, type HeadWriter } from "../wire/mod.ts";
import { Compression, mediaOf, type ResponseView } from "./compression.ts";
import type { AddHeaderConf, CharsetConf, CompressionConf, ExpiresConf } from "./response_conf.ts";
import type { Variables } from "./configured_variables.ts";
import { Expires } from "./expires.ts";
import { byteText, fieldSafe } from "./field_text.ts";
import type { Request } from "./request.ts";

/** Statuses that `add_header`, `add_trailer` and `expires` apply to: nginx's. */
export const SAFE_STATUSES: ReadonlySet<number> = new Set([
  200,
  201,
  204,
  206,
  301,
  302,
  303,
  304,
  307,
  308,
]);

/** What caches are told of a response that some clients get in another coding. */
export const VARIES = "Vary: Accept-Encoding";

/** What is configured. */
export interface ReshapeConf {
  readonly compression: CompressionConf;
  readonly expires: ExpiresConf | undefined;
  readonly trailers: readonly AddHeaderConf[];
  readonly charset: CharsetConf | undefined;
}

/** What becomes of one response. */
export interface Reshaped {
  /** To be set on the response before its head is written. */
  readonly filter: BodyFilter | undefined;
  /** The body is another: no length, no ranges, a weak `ETag`. */
  readonly isRecoded: boolean;
  /** Its length is not told, so that trailers can follow. */
  readonly isChunked: boolean;
  /** `Content-Encoding` of the response does not hold any more. */
  readonly isDecoded: boolean;
  /** `Expires` and `Cache-Control` of the response do not hold any more. */
  readonly isDated: boolean;
  /** `Content-Type` with the charset that it had not; empty where it stays as it is. */
  readonly type: string;
  /** Field lines to be added, without CRLF. */
  readonly lines: readonly string[];
  /** Writes the lines of the trailers, when the body has been sent. */
  readonly writeTrailers: ((into: HeadWriter) => void) | undefined;
}

interface Trailer {
  readonly prefix: Uint8Array;
  readonly value: Template<Request>;
  readonly always: boolean;
}

/** The filters of one location. Not made where there are none. */
export class Reshaper {
  readonly #compression: Compression | undefined;
  readonly #expires: Expires | undefined;
  readonly #trailers: readonly Trailer[];
  readonly #charset: Template<Request> | undefined;
  readonly #charsetTypes: ReadonlySet<string>;

  constructor(
    { compression, expires, trailers, charset }: ReshapeConf,
    variables: Variables,
  ) {
    if (charset !== undefined) this.#charset = variables.compile(byteText(charset.charset));
    this.#charsetTypes = charset?.types ?? NO_TYPES;
    if (compressesAny(compression)) this.#compression = new Compression(compression);
    if (expires !== undefined) {
      this.#expires = new Expires(expires.text, expires.fromModified, variables);
    }
    this.#trailers = trailers.map(({ name, value, always }) => ({
      prefix: bytesOf(`${name}: `),
      value: variables.compile(byteText(value)),
      always,
    }));
  }

  /** Whether another client might get a response in another coding, which `Vary` tells. */
  varies(request: Request, view: ResponseView): boolean {
    return this.#compression?.choose(request, view)?.varies === true;
  }

  /** Whether a response will be in another coding. */
  recodes(request: Request, view: ResponseView): boolean {
    return this.#compression?.choose(request, view)?.kind !== undefined;
  }

  /** A `Content-Type` as the client is told it. */
  typed(request: Request, type: string): string {
    return this.#withCharset(request, type) || type;
  }

  /** With the charset that it has not; empty where it stays as it is. */
  #withCharset(request: Request, type: string): string {
    const template = this.#charset;
    if (template === undefined || type === "" || /;\s*charset=/i.test(type)) return "";
    const media = mediaOf(type);
    if (!this.#charsetTypes.has(media) && !this.#charsetTypes.has("*")) return "";
    const charset = fieldSafe(template.render(request));
    return charset === "" || charset === "off" ? "" : `${type}; charset=${charset}`;
  }

  /** Undefined where nothing becomes of it. */
  reshape(request: Request, view: ResponseView, hasBody: boolean): Reshaped | undefined {
    request.headToBe = view; // for `$sent_http_…` of what is compiled here
    try {
      return this.#reshape(request, view, hasBody);
    } finally {
      request.headToBe = undefined;
    }
  }

  #reshape(request: Request, view: ResponseView, hasBody: boolean): Reshaped | undefined {
    const { status } = view;
    const isSafe = SAFE_STATUSES.has(status);
    const dated = isSafe ? this.#expires?.of(request, view.field("last-modified")) : undefined;
    const seen = dated === undefined ? view : {
      ...view,
      field: (name: string) =>
        name === "expires"
          ? dated.expires
          : name === "cache-control"
          ? dated.cacheControl
          : view.field(name),
    };
    const recoding = this.#compression?.choose(request, seen);
    const trailers = this.#trailers.filter(({ always }) => always || isSafe);
    const isChunked = hasBody && trailers.length > 0 && request.depth === 0 &&
      request.head.minorVersion === 1;
    const isPlain = view.isOwn === true && status >= 300 && status < 400;
    const type = isPlain ? "" : this.#withCharset(request, view.type);
    const isOther = dated !== undefined || recoding !== undefined || isChunked || type !== "";
    if (!isOther) return undefined;

    const kind = recoding?.kind;
    const lines: string[] = [];
    if (kind !== undefined && kind !== "gunzip") lines.push(`Content-Encoding: ${kind}`);
    if (recoding?.varies) lines.push(VARIES);
    if (dated !== undefined) {
      lines.push(`Expires: ${dated.expires}`, `Cache-Control: ${dated.cacheControl}`);
    }
    return {
      // The head of an answer to HEAD is that of the same answer to GET.
      filter: kind === undefined || !hasBody
        ? undefined
        : this.#compression!.filterOf(request, kind, view),
      isRecoded: kind !== undefined,
      isChunked,
      isDecoded: kind === "gunzip",
      isDated: dated !== undefined,
      type,
      lines,
      writeTrailers: isChunked ? (into) => writeTrailers(request, trailers, into) : undefined,
    };
  }
}

const NO_TYPES: ReadonlySet<string> = new Set();

/** Whether there is anything that would recode a response. */
export function compressesAny({ gzip, brotli, zstd, gunzip }: CompressionConf): boolean {
  return gzip.isOn || brotli.isOn || zstd.isOn || gunzip;
}

/** Makes the response ready for what becomes of it. Its head is written next. */
export function prepareReshaped({ client }: Request, { filter, writeTrailers }: Reshaped): void {
  client.response.filter = filter;
  client.response.writeTrailers = writeTrailers;
}

/** Writes the lines that are added. */
export function writeReshaped({ lines }: Reshaped, into: HeadWriter): void {
  for (const line of lines) {
    into.text(line);
    into.crlf();
  }
}

/** What was carried here from an answer that is replaced, but for what is told anew. */
export function writeCarried(
  { carried }: Request,
  reshaped: Reshaped | undefined,
  into: HeadWriter,
): void {
  for (const line of carried) {
    if (reshaped?.isDated && isOneOf(line, DATING)) continue;
    into.constant(line);
  }
}

/** Whether one of the lines that were carried here says what may be asked for in parts. */
export function carriesRanges({ carried }: Request): boolean {
  return carried.some((line) => isOneOf(line, ACCEPT_RANGES));
}

const ACCEPT_RANGES: readonly Uint8Array[] = [bytesOf("accept-ranges:")];
const DATING: readonly Uint8Array[] = ["expires:", "cache-control:"].map(bytesOf);

/** Whether a line begins with one of some names in lower case. */
function isOneOf(line: Uint8Array, names: readonly Uint8Array[]): boolean {
  return names.some((name) => name.every((unit, at) => (line[at]! | 0x20) === (unit | 0x20)));
}

function writeTrailers(request: Request, trailers: readonly Trailer[], into: HeadWriter): void {
  for (const { prefix, value } of trailers) {
    const text = fieldSafe(value.render(request));
    if (text === "") continue;
    into.constant(prefix);
    into.text(text);
    into.crlf();
  }
}
