/**
 * Whether a response is answered with parts of it (RFC 9110, 14; nginx's range filter).
 *
 * @module
 */
import { type BodyFilter, MultipartFilter, RangeFilter } from "../downstream/mod.ts";
import {
  areAscending,
  type ByteRange,
  bytesOf,
  type FieldLines,
  parseRanges,
  type RangeVerdict,
  type ResponseHead,
} from "../wire/mod.ts";
import type { Request } from "./request.ts";
import { DEFAULT_MAX_RANGES } from "./response_policy.ts";

const RANGE = bytesOf("range");
const IF_RANGE = bytesOf("if-range");
const ETAG = bytesOf("etag");
const LAST_MODIFIED = bytesOf("last-modified");

/** What a 206 says and sends. */
export interface PartialContent {
  /** Field lines, without CRLF. */
  readonly lines: readonly string[];
  /** Whether one of them is a `Content-Type`. */
  readonly isMultipart: boolean;
  readonly bodyBytes: number;
  readonly filter: BodyFilter;
}

/**
 * The ranges of a whole 200 response that the request asks for.
 *
 * @param lengthBytes Length of the body.
 * @param type Its `Content-Type`, or the empty string.
 */
export function rangesOf(
  request: Request,
  response: ResponseHead,
  lengthBytes: number,
  type: string,
): PartialContent | "whole" | "unsatisfiable" {
  if (lengthBytes < 0) return "whole";
  const ranges = askedRanges(request, lengthBytes, () => validatorsIn(response.fields));
  if (typeof ranges === "string") return ranges;
  const [first] = ranges;
  if (ranges.length === 1 && first !== undefined) return onePart(first, lengthBytes);
  if (!areAscending(ranges)) return "whole"; // the body passes by once
  return manyParts(request, ranges, lengthBytes, type);
}

/** What a part is checked against. Empty where there is none. */
export interface Validators {
  readonly etag: string;
  readonly lastModified: string;
}

/** The ranges that a request asks for, in its order, of a body that is `lengthBytes` long. */
export function askedRanges(
  request: Request,
  lengthBytes: number,
  validators: () => Validators,
): RangeVerdict {
  const { fields } = request.head;
  const index = fields.find(RANGE);
  if (index < 0 || !/^(?:GET|HEAD)$/.test(request.method)) return "whole";
  const maxRanges = request.policy?.maxRanges ?? DEFAULT_MAX_RANGES;
  if (maxRanges === 0 || !isFresh(fields, validators)) return "whole";
  return parseRanges(fields.value(index), lengthBytes, maxRanges);
}

function validatorsIn(found: FieldLines): Validators {
  const etag = found.find(ETAG);
  const modified = found.find(LAST_MODIFIED);
  return {
    etag: etag < 0 ? "" : found.value(etag),
    lastModified: modified < 0 ? "" : found.value(modified),
  };
}

/** `If-Range`: whether the client's part belongs to what there is now. */
function isFresh(asked: FieldLines, validators: () => Validators): boolean {
  const index = asked.find(IF_RANGE);
  if (index < 0) return true;
  const condition = asked.value(index);
  const { etag, lastModified } = validators();
  // RFC 9110, 13.1.5: a weak one never matches. (nginx compares the bytes alone.)
  if (condition.endsWith('"')) return etag === condition && !condition.startsWith("W/");
  return lastModified !== "" && Date.parse(condition) === Date.parse(lastModified);
}

function onePart(range: ByteRange, lengthBytes: number): PartialContent {
  return {
    lines: [`Content-Range: ${contentRange(range, lengthBytes)}`],
    isMultipart: false,
    bodyBytes: range.end - range.start,
    filter: new RangeFilter(range),
  };
}

function manyParts(
  request: Request,
  ranges: readonly ByteRange[],
  lengthBytes: number,
  type: string,
): PartialContent {
  const { heads, end, bodyBytes, lines } = multipart(ranges, lengthBytes, type);
  return {
    lines,
    isMultipart: true,
    bodyBytes,
    filter: new MultipartFilter(ranges, heads, end, request.worker.context.pool),
  };
}

/** The framing of several ranges. */
export interface Multipart {
  /** The field line that says so, without CRLF. */
  readonly lines: readonly [string];
  /** What stands in front of each range. */
  readonly heads: readonly Uint8Array<ArrayBuffer>[];
  /** What stands behind the last one. */
  readonly end: Uint8Array<ArrayBuffer>;
  /** Of all of it, ranges included. */
  readonly bodyBytes: number;
}

/** @param type `Content-Type` of the whole, or the empty string. */
export function multipart(
  ranges: readonly ByteRange[],
  lengthBytes: number,
  type: string,
): Multipart {
  const boundary = newBoundary();
  const typeLine = type === "" ? "" : `Content-Type: ${type}\r\n`;
  const heads = ranges.map((range) =>
    Uint8Array.from(
      `\r\n--${boundary}\r\n${typeLine}Content-Range: ${contentRange(range, lengthBytes)}\r\n\r\n`,
      (unit) => unit.charCodeAt(0),
    )
  );
  const end = bytesOf(`\r\n--${boundary}--\r\n`);
  let bodyBytes = end.length;
  for (const { length } of heads) bodyBytes += length;
  for (const { start, end } of ranges) bodyBytes += end - start;
  return {
    lines: [`Content-Type: multipart/byteranges; boundary=${boundary}`],
    heads,
    end,
    bodyBytes,
  };
}

/** The value of `Content-Range`. */
export function contentRange({ start, end }: ByteRange, lengthBytes: number): string {
  return `bytes ${start}-${end - 1}/${lengthBytes}`;
}

/** Twenty digits, like nginx's, but not to be guessed: a body cannot hold it on purpose. */
function newBoundary(): string {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return String(high).padStart(10, "0") + String(low).padStart(10, "0");
}
