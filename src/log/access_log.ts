/**
 * The access log: one line a request, in a format of the operator's.
 *
 * @module
 */
import type { AccessLogConf } from "./conf.ts";
import type { LogSink } from "./sink.ts";
import {
  type ByteSpan,
  type Getter,
  getterOf,
  type SpanGetter,
  type SpanLookup,
  type Template,
  templateParts,
  type VariableLookup,
} from "./template.ts";

/** How variables are made safe: nginx's `escape=` of `log_format`. */
export type LogEscape = AccessLogConf["escape"];

/** A format as `log.access.format` may name it. */
export interface LogFormat {
  readonly text: string;
  readonly escape: LogEscape;
}

/** The formats that need no definition. */
export const LOG_FORMATS: Readonly<Record<"combined" | "json", LogFormat>> = {
  /** nginx's, byte for byte. */
  combined: {
    text: '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent ' +
      '"$http_referer" "$http_user_agent"',
    escape: "default",
  },
  /** One object a line, its keys the names of the variables. Numbers where there is always one. */
  json: {
    text: '{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request_method":' +
      '"$request_method","host":"$host","request_uri":"$request_uri","server_protocol":' +
      '"$server_protocol","status":$status,"body_bytes_sent":$body_bytes_sent,"request_time":' +
      '$request_time,"http_referer":"$http_referer","http_user_agent":"$http_user_agent",' +
      '"upstream_addr":"$upstream_addr","upstream_status":"$upstream_status",' +
      '"upstream_response_time":"$upstream_response_time","upstream_failure":"$upstream_failure"}',
    escape: "json",
  },
};

const NO_BYTES = new Uint8Array();
const ENCODER = new TextEncoder();
const STRICT_DECODER = new TextDecoder("utf-8", { fatal: true });

/** What a {@linkcode LineFormat} may have. */
export interface LineFormatOptions<Source> {
  /** What stands before each line; nothing in it needs an escape. */
  readonly head?: (() => string) | undefined;
  /** Of the variables that `lookup` knows, those whose values need not become strings. */
  readonly spans?: SpanLookup<Source>;
}

/** A variable of the format. */
interface Value<Source> {
  readonly text: Getter<Source>;
  readonly span: SpanGetter<Source> | undefined;
  /** Where {@linkcode span} tells where the value of the line that is being written stands. */
  readonly found: ByteSpan;
}

/**
 * Writes requests into sinks as lines of one format.
 *
 * Strings of a source hold one byte a character, as message heads do; a string
 * with a character above U+00FF stands for its UTF-8. The pass that copies the
 * values of a line looks for characters which an escape is for. If some value has
 * one, the line is made again the careful way. The texts are not joined first: that
 * costs more than all the rest. What came in a message's head is copied from there.
 */
export class LineFormat<Source> {
  readonly #escape: LogEscape;
  /** What stands before each value, and behind the last one with the newline: bytes, one a character. */
  readonly #literals: readonly string[];
  readonly #literalBytes: readonly Uint8Array[];
  readonly #literalSize: number;
  readonly #values: readonly Value<Source>[];
  /** Of the line that is being written; undefined: found as bytes. */
  readonly #texts: (string | undefined)[];
  readonly #suspects: Uint8Array;
  readonly #emptyValue: string;
  readonly #head: (() => string) | undefined;

  /**
   * @throws {UnknownVariable} When `lookup` does not know a variable of the format.
   * @throws {MalformedVariable}
   */
  constructor(
    format: string,
    escape: LogEscape,
    lookup: VariableLookup<Source>,
    { head, spans }: LineFormatOptions<Source> = {},
  ) {
    this.#escape = escape;
    this.#head = head;
    const literals = [""];
    const values: Value<Source>[] = [];
    for (const part of templateParts(format)) {
      if (part.kind === "literal") {
        literals[literals.length - 1] = toByteString(part.text, 0x7f);
        continue;
      }
      const found = { bytes: NO_BYTES, start: 0, end: 0 };
      values.push({ text: getterOf(part, lookup), span: spans?.(part.name), found });
      literals.push("");
    }
    literals[literals.length - 1] += "\n";
    this.#literals = literals;
    this.#literalBytes = literals.map(bytesOf);
    this.#literalSize = literals.join("").length;
    this.#values = values;
    this.#texts = values.map(() => "");
    this.#suspects = SUSPECTS[escape];
    this.#emptyValue = escape === "default" ? "-" : "";
  }

  /** Adds the line of one request. Borrows `source`. */
  write(source: Source, sink: LogSink): void {
    const head = this.#head === undefined ? "" : this.#head();
    const size = head.length + this.#literalSize + this.#findValues(source);
    const at = sink.reserve(size);
    if (at < 0) return; // Lost, and counted.
    const { bytes } = sink;
    for (let i = 0; i < head.length; i++) bytes[at + i] = head.charCodeAt(i);
    if (this.#copyTo(bytes, at + head.length)) sink.commit(size);
    else sink.append(this.#escaped(source));
  }

  /** Returns how many bytes they have together. */
  #findValues(source: Source): number {
    const values = this.#values;
    let size = 0;
    for (let k = 0; k < values.length; k++) {
      const { span, found, text } = values[k]!;
      if (span !== undefined && span(source, found)) {
        const length = found.end - found.start;
        // nginx writes "-" for an absent value only; here an empty one cannot be told from it.
        this.#texts[k] = length > 0 ? undefined : this.#emptyValue;
        size += length > 0 ? length : this.#emptyValue.length;
      } else {
        const value = text(source) || this.#emptyValue;
        this.#texts[k] = value;
        size += value.length;
      }
    }
    return size;
  }

  /** Returns whether nothing in the values needs an escape. */
  #copyTo(bytes: Uint8Array, start: number): boolean {
    const literals = this.#literalBytes;
    const values = this.#values;
    const texts = this.#texts;
    const suspects = this.#suspects;
    let at = start;
    let found = 0;
    for (let k = 0; k < literals.length; k++) {
      const literal = literals[k]!;
      for (let i = 0; i < literal.length; i++) bytes[at++] = literal[i]!;
      if (k === values.length) break;
      const text = texts[k];
      if (text === undefined) {
        const span = values[k]!.found;
        const from = span.bytes;
        for (let i = span.start; i < span.end; i++) {
          const byte = from[i]!;
          found |= suspects[byte]!;
          bytes[at++] = byte;
        }
      } else {
        for (let i = 0; i < text.length; i++) {
          const unit = text.charCodeAt(i);
          // What is no byte needs the careful way too.
          found |= suspects[unit & 0xff]! | (unit >> 8);
          bytes[at++] = unit;
        }
      }
    }
    return found === 0;
  }

  #escaped(source: Source): Uint8Array {
    let line = this.#head === undefined ? "" : this.#head();
    for (const [k, literal] of this.#literals.entries()) {
      line += literal;
      const value = this.#values[k];
      if (value !== undefined) line += escapeValue(value.text(source), this.#escape);
    }
    return bytesOf(line);
  }
}

/** What writes something down about a request. */
export interface RequestLog<Source> {
  write(source: Source): void;
}

/** Writes requests into one sink. */
export class AccessLog<Source> implements RequestLog<Source> {
  readonly #lines: LineFormat<Source>;
  readonly #sink: LogSink;

  constructor(lines: LineFormat<Source>, sink: LogSink) {
    this.#lines = lines;
    this.#sink = sink;
  }

  /** Adds the line of one request. Borrows `source`. */
  write(source: Source): void {
    this.#lines.write(source, this.#sink);
  }
}

/** `if`: writes those requests for which a text is neither empty nor `0`. */
export class ConditionalLog<Source> implements RequestLog<Source> {
  readonly #when: Template<Source>;
  readonly #log: RequestLog<Source>;

  constructor(when: Template<Source>, log: RequestLog<Source>) {
    this.#when = when;
    this.#log = log;
  }

  write(source: Source): void {
    const value = this.#when.render(source);
    if (value !== "" && value !== "0") this.#log.write(source);
  }
}

/** Several logs of one level. */
export class SeveralLogs<Source> implements RequestLog<Source> {
  readonly #logs: readonly RequestLog<Source>[];

  constructor(logs: readonly RequestLog<Source>[]) {
    this.#logs = logs;
  }

  write(source: Source): void {
    for (const log of this.#logs) log.write(source);
  }
}

/**
 * Makes one value safe; the result holds one byte a character.
 *
 * - `default`: `"`, `\`, controls and all from 0x7f on as `\xXX`, an empty value as `-`;
 * - `json`: the inside of a JSON string. Unlike nginx, bytes that are not UTF-8
 *   become `\u00XX`, so that the line is always JSON;
 * - `none`: as it is.
 */
export function escapeValue(value: string, escape: LogEscape): string {
  if (value === "") return escape === "default" ? "-" : "";
  const bytes = toByteString(value);
  switch (escape) {
    case "default":
      return mapSuspects(bytes, SUSPECTS.default, hexEscape);
    case "json":
      return mapSuspects(bytes, isUtf8(bytes) ? JSON_ASCII_SUSPECTS : SUSPECTS.json, jsonEscape);
    case "none":
      return bytes;
  }
}

/** A table of 1 for controls, bytes from `from` on, and `others`. */
function suspects(from: number, ...others: readonly number[]): Uint8Array {
  const table = new Uint8Array(256);
  table.fill(1, 0, 0x20);
  table.fill(1, from);
  for (const byte of others) table[byte] = 1;
  return table;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const JSON_ASCII_SUSPECTS = suspects(0x100, QUOTE, BACKSLASH);
const SUSPECTS: Readonly<Record<LogEscape, Uint8Array>> = {
  default: suspects(0x7f, QUOTE, BACKSLASH),
  json: suspects(0x80, QUOTE, BACKSLASH),
  // Nothing is escaped, but bytes from 0x80 on must not be encoded as characters.
  none: new Uint8Array(256).fill(1, 0x80),
};

const JSON_SHORT = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\b", "\\b"],
  ["\f", "\\f"],
]);

function jsonEscape(character: string): string {
  return JSON_SHORT.get(character) ?? `\\u00${hexOf(character)}`;
}

function hexEscape(character: string): string {
  return `\\x${hexOf(character)}`;
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
}

function mapSuspects(
  value: string,
  table: Uint8Array,
  escape: (character: string) => string,
): string {
  let result = "";
  let plainFrom = 0;
  for (let i = 0; i < value.length; i++) {
    if (table[value.charCodeAt(i)] !== 1) continue;
    result += value.slice(plainFrom, i) + escape(value.charAt(i));
    plainFrom = i + 1;
  }
  return plainFrom === 0 ? value : result + value.slice(plainFrom);
}

function hasSuspect(value: string, table: Uint8Array): boolean {
  for (let i = 0; i < value.length; i++) if (table[value.charCodeAt(i)] === 1) return true;
  return false;
}

/** One byte a character: a string with a character above `highest` becomes its UTF-8. */
function toByteString(value: string, highest = 0xff): string {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > highest) return byteString(ENCODER.encode(value));
  }
  return value;
}

function isUtf8(bytes: string): boolean {
  if (!hasSuspect(bytes, SUSPECTS.none)) return true;
  try {
    STRICT_DECODER.decode(bytesOf(bytes));
    return true;
  } catch {
    return false;
  }
}

function byteString(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function bytesOf(byteString: string): Uint8Array {
  const bytes = new Uint8Array(byteString.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = byteString.charCodeAt(i);
  return bytes;
}
