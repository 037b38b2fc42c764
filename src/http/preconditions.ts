/**
 * Conditional requests (RFC 9110, 13): whether the client has what it asks for already.
 *
 * @module
 */
import { parseHttpDate } from "../downstream/mod.ts";
import { bytesOf, fieldId, type FieldLines } from "../wire/mod.ts";
import type { FilesConf } from "./static_conf.ts";

const IF_MATCH = bytesOf("if-match");
const IF_NONE_MATCH = bytesOf("if-none-match");
const IF_MODIFIED_SINCE = bytesOf("if-modified-since");
const IF_UNMODIFIED_SINCE = bytesOf("if-unmodified-since");

/** 304, 412, or 200: nothing keeps the whole from being sent. */
export type Precondition = 200 | 304 | 412;

/**
 * What the conditions of a request say, in nginx's order.
 *
 * @param etag Of the file; empty if it has none.
 * @param modifiedS When it was changed, in seconds since 1970.
 */
export function precondition(
  fields: FieldLines,
  etag: string,
  modifiedS: number,
  ifModifiedSince: FilesConf["ifModifiedSince"],
): Precondition {
  const unmodifiedSince = fields.find(IF_UNMODIFIED_SINCE);
  if (unmodifiedSince >= 0 && !(secondsOf(fields, unmodifiedSince) >= modifiedS)) return 412;
  const match = fields.find(IF_MATCH);
  if (match >= 0 && !matches(fields.value(match), etag, false)) return 412;
  const modifiedSince = fields.find(IF_MODIFIED_SINCE);
  const noneMatch = fields.find(IF_NONE_MATCH);
  if (modifiedSince < 0 && noneMatch < 0) return 200;
  if (modifiedSince >= 0) {
    const seconds = secondsOf(fields, modifiedSince);
    const isSame = seconds === modifiedS || (ifModifiedSince === "before" && seconds > modifiedS);
    if (ifModifiedSince === "off" || !isSame) return 200;
  }
  return noneMatch < 0 || matches(fields.value(noneMatch), etag, true) ? 304 : 200;
}

/** Whether a request has a condition at all. */
export function isConditional(fields: FieldLines): boolean {
  for (let index = 0; index < fields.count; index++) {
    if (fields.id(index) !== fieldId.OTHER) continue;
    const length = fields.nameLength(index);
    const isOne = (length === 8 && fields.nameIs(index, IF_MATCH)) ||
      (length === 13 && fields.nameIs(index, IF_NONE_MATCH)) ||
      (length === 17 && fields.nameIs(index, IF_MODIFIED_SINCE)) ||
      (length === 19 && fields.nameIs(index, IF_UNMODIFIED_SINCE));
    if (isOne) return true;
  }
  return false;
}

function secondsOf(fields: FieldLines, index: number): number {
  return parseHttpDate(fields.value(index)) / 1_000;
}

/** Whether an entity tag is in a list; with `isWeak` a `W/` makes no difference. */
function matches(list: string, etag: string, isWeak: boolean): boolean {
  if (list.trim() === "*") return true;
  if (etag === "") return false;
  for (const [, weak, tag] of list.matchAll(/(W\/)?("[^"]*")/g)) {
    if (tag === etag && (isWeak || weak === undefined)) return true;
  }
  return false;
}
