/**
 * Byte ranges (RFC 9110, 14): which part of a body a request asks for.
 *
 * @module
 */

/** The bytes `[start, end)` of a body. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** - `whole`: the request is answered as if it had no Range. - `unsatisfiable`: 416. */
export type RangeVerdict = readonly ByteRange[] | "whole" | "unsatisfiable";

/** A number with more digits is larger than any body. */
const DIGITS_MAX = 15;

/**
 * Reads the value of a `Range` field as nginx does: ranges that are empty or lie behind
 * the end are left out; more than `maxRanges`, or more bytes than the body has, are
 * answered with the whole.
 *
 * @param lengthBytes Length of the whole body.
 */
export function parseRanges(text: string, lengthBytes: number, maxRanges: number): RangeVerdict {
  if (text.length < 7 || text.slice(0, 6).toLowerCase() !== "bytes=") return "whole";
  const ranges: ByteRange[] = [];
  let bytes = 0;
  for (const part of text.slice(6).split(",")) {
    const match = RANGE.exec(part);
    if (match === null) return "unsatisfiable";
    const range = rangeOf(match[1]!, match[2]!, lengthBytes);
    if (range === undefined) return "unsatisfiable";
    if (range.start < range.end) {
      if (ranges.length === maxRanges) return "whole";
      ranges.push(range);
      bytes += range.end - range.start;
    } else if (range.start === 0) {
      return "whole";
    }
  }
  if (ranges.length === 0) return "unsatisfiable";
  return bytes > lengthBytes ? "whole" : ranges;
}

const RANGE = /^ *(\d*) *- *(\d*) *$/;

function rangeOf(first: string, last: string, lengthBytes: number): ByteRange | undefined {
  if (first.length > DIGITS_MAX || last.length > DIGITS_MAX) return undefined;
  if (first === "") {
    if (last === "") return undefined;
    return { start: Math.max(0, lengthBytes - Number(last)), end: lengthBytes };
  }
  const end = last === "" ? lengthBytes : Math.min(Number(last) + 1, lengthBytes);
  return { start: Number(first), end };
}

/** Whether each range begins at or behind the end of the one before, so that one pass finds them all. */
export function areAscending(ranges: readonly ByteRange[]): boolean {
  return ranges.every(({ start }, at) => at === 0 || start >= ranges[at - 1]!.end);
}
