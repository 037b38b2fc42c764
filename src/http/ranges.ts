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
  const { fields } = request.head;
  const index = fields.find(RANGE);
  if (index < 0 || lengthBytes < 0 || !/^(?:GET|HEAD)$/.test(request.method)) return "whole";
  const maxRanges = request.policy?.maxRanges ?? DEFAULT_MAX_RANGES;
  if (maxRanges === 0 || !isFresh(fields, response.fields)) return "whole";
  const ranges = parseRanges(fields.value(index), lengthBytes, maxRanges);
  if (typeof ranges === "string") return ranges;
  const [first] = ranges;
  if (ranges.length === 1 && first !== undefined) return onePart(first, lengthBytes);
  if (!areAscending(ranges)) return "whole"; // the body passes by once
  return manyParts(request, ranges, lengthBytes, type);
}

/** `If-Range`: whether the client's part belongs to what the origin has now. */
function isFresh(asked: FieldLines, found: FieldLines): boolean {
  const index = asked.find(IF_RANGE);
  if (index < 0) return true;
  const condition = asked.value(index);
  if (condition.endsWith('"')) {
    const etag = found.find(ETAG);
    // RFC 9110, 13.1.5: a weak one never matches. (nginx compares the bytes alone.)
    return etag >= 0 && found.value(etag) === condition && !condition.startsWith("W/");
  }
  const modified = found.find(LAST_MODIFIED);
  return modified >= 0 && Date.parse(condition) === Date.parse(found.value(modified));
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
    isMultipart: true,
    bodyBytes,
    filter: new MultipartFilter(ranges, heads, end, request.worker.context.pool),
  };
}

function contentRange({ start, end }: ByteRange, lengthBytes: number): string {
  return `bytes ${start}-${end - 1}/${lengthBytes}`;
}

/** Twenty digits, like nginx's, but not to be guessed: a body cannot hold it on purpose. */
function newBoundary(): string {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return String(high).padStart(10, "0") + String(low).padStart(10, "0");
}
