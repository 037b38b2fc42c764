/**
 * Variables whose values are bytes of the request's head: who writes them on as bytes, as logs
 * do, needs no string of them.
 *
 * @module
 */
import type { ByteSpan, SpanGetter } from "../log/mod.ts";
import { bytesOf, fieldId } from "../wire/mod.ts";
import type { Request } from "./request.ts";

type Span = SpanGetter<Request>;

const HTTP = "http_";
const SLASH = 0x2f;
/** ` HTTP/1.1`, which follows the target. */
const VERSION_BYTES = 9;

const SPANS: ReadonlyMap<string, Span> = new Map<string, Span>([
  ["request", requestLine],
  ["request_uri", requestUri],
]);

/** How to read the bytes of a variable that is built in; `undefined` where it has none. */
export function builtInSpan(name: string): Span | undefined {
  const known = SPANS.get(name);
  if (known !== undefined) return known;
  return name.startsWith(HTTP) && name.length > HTTP.length
    ? httpField(name.slice(HTTP.length))
    : undefined;
}

/** A subrequest's is the client's, of which there is a string; a bad one is told in our words. */
function requestLine({ asked, head }: Request, into: ByteSpan): boolean {
  if (asked !== undefined || !head.isFirstLineDone) return false;
  const start = head.targetStart - head.method.length - 1;
  return tell(into, head.fields.bytes, start, head.targetEnd + VERSION_BYTES);
}

/** Of an absolute target it is only a part. */
function requestUri({ asked, head }: Request, into: ByteSpan): boolean {
  const { fields: { bytes }, targetStart, targetEnd } = head;
  if (asked !== undefined || targetEnd === 0 || bytes[targetStart] !== SLASH) return false;
  return tell(into, bytes, targetStart, targetEnd);
}

/** Where there is one field of the name, or none. */
function httpField(name: string): Span {
  const lower = bytesOf(name.toLowerCase().replaceAll("_", "-"));
  const hasUnderscore = name.includes("_");
  return ({ head: { fields } }, into) => {
    const index = fields.find(lower);
    if (index < 0) {
      const isAbsent = !hasUnderscore || (fields.dropped & fieldId.HAS_UNDERSCORE) !== 0;
      return isAbsent && tell(into, fields.bytes, 0, 0);
    }
    if (fields.find(lower, index + 1) >= 0) return false;
    return tell(into, fields.bytes, fields.valueStart(index), fields.valueEnd(index));
  };
}

function tell(into: ByteSpan, bytes: Uint8Array, start: number, end: number): true {
  into.bytes = bytes;
  into.start = start;
  into.end = end;
  return true;
}
