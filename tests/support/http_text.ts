/**
 * A second opinion on HTTP/1: heads and chunked bodies read the plain way, with
 * strings, by code that shares nothing with `src/wire/`. Strict: what a correct
 * sender does not send is an error here, because Sluice has to be one.
 *
 * @module
 */
import { concat, type Inbox, latin1 } from "./inbox.ts";

/** Thrown when bytes are not HTTP/1 as RFC 9112 writes it. */
export class NotHttp extends Error {
  override readonly name = "NotHttp";
}

/** Field lines in the order in which they came. */
export class Fields {
  readonly list: readonly (readonly [name: string, value: string])[];

  constructor(list: readonly (readonly [name: string, value: string])[]) {
    this.list = list;
  }

  /** The values of all lines with this name, joined by ", "; `undefined` when there is none. */
  get(name: string): string | undefined {
    const values = this.all(name);
    return values.length === 0 ? undefined : values.join(", ");
  }

  /** The value of each line with this name. */
  all(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.list.filter(([given]) => given.toLowerCase() === wanted).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.all(name).length > 0;
  }
}

/** A request's head. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: Fields;
  /** As it came, with the empty line. */
  readonly text: string;
}

/** A response's head. */
export interface ResponseHead {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  /** As it came, with the empty line. */
  readonly text: string;
}

/** A chunked body, taken apart. */
export interface ChunkedBody {
  readonly body: Uint8Array;
  readonly chunkSizes: readonly number[];
  readonly trailers: Fields;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** @throws {NotHttp} */
export function parseRequestHead(text: string): RequestHead {
  const { startLine, fields } = parseHead(text);
  const match = /^(\S+) (\S+) (HTTP\/\d\.\d)$/.exec(startLine);
  if (match === null) throw new NotHttp(`Cannot read request line "${startLine}"`);
  const [, method = "", target = "", version = ""] = match;
  return { method, target, version, fields, text };
}

/** @throws {NotHttp} */
export function parseResponseHead(text: string): ResponseHead {
  const { startLine, fields } = parseHead(text);
  const match = /^(HTTP\/\d\.\d) (\d{3}) ([^\r\n]*)$/.exec(startLine);
  if (match === null) throw new NotHttp(`Cannot read status line "${startLine}"`);
  const [, version = "", status = "", reason = ""] = match;
  return { version, status: Number(status), reason, fields, text };
}

/** Reads up to the empty line. @throws {EndedEarly} @throws {NotHttp} */
export async function readRequestHead(inbox: Inbox): Promise<RequestHead> {
  return parseRequestHead(latin1(await inbox.through("\r\n\r\n", "a request head")));
}

/** Reads up to the empty line. @throws {EndedEarly} @throws {NotHttp} */
export async function readResponseHead(inbox: Inbox): Promise<ResponseHead> {
  return parseResponseHead(latin1(await inbox.through("\r\n\r\n", "a response head")));
}

/**
 * Reads a chunked body with its trailers.
 *
 * @param onData Sees the data of each chunk, also of a body that ends early.
 * @throws {EndedEarly} @throws {NotHttp}
 */
export async function readChunked(
  inbox: Inbox,
  onData: (data: Uint8Array) => void = () => {},
): Promise<ChunkedBody> {
  const parts: Uint8Array[] = [];
  const chunkSizes: number[] = [];
  for (;;) {
    const line = latin1(await inbox.through("\r\n", "a chunk's size")).slice(0, -2);
    const match = /^([0-9a-fA-F]{1,13})(;[^\r\n]*)?$/.exec(line);
    if (match === null) throw new NotHttp(`Cannot read chunk size "${line}"`);
    const size = Number.parseInt(match[1] ?? "", 16);
    if (size === 0) break;
    for (let left = size; left > 0;) {
      const part = await inbox.some(left);
      if (part.length === 0) await inbox.exactly(left, "a chunk");
      parts.push(part);
      onData(part);
      left -= part.length;
    }
    chunkSizes.push(size);
    const end = latin1(await inbox.exactly(2, "the end of a chunk"));
    if (end !== "\r\n") {
      throw new NotHttp(`Cannot read the end of a chunk: found ${JSON.stringify(end)}`);
    }
  }
  const trailerLines: string[] = [];
  for (;;) {
    const line = latin1(await inbox.through("\r\n", "a trailer")).slice(0, -2);
    if (line === "") break;
    trailerLines.push(line);
  }
  return { body: concat(parts), chunkSizes, trailers: new Fields(trailerLines.map(parseField)) };
}

function parseHead(text: string): { startLine: string; fields: Fields } {
  if (!text.endsWith("\r\n\r\n")) {
    throw new NotHttp("Cannot read a head: expected an empty line at its end");
  }
  const lines = text.slice(0, -4).split("\r\n");
  const [startLine = "", ...fieldLines] = lines;
  for (const line of lines) {
    if (/[\r\n\0]/.test(line)) {
      throw new NotHttp(`Cannot read line ${JSON.stringify(line)}: bare CR, LF or NUL`);
    }
  }
  return { startLine, fields: new Fields(fieldLines.map(parseField)) };
}

function parseField(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon));
  if (!TOKEN.test(name)) throw new NotHttp(`Cannot read field line ${JSON.stringify(line)}`);
  return [name, line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")];
}
