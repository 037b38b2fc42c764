/**
 * What variables tell of a request that is gone from memory by the time they are read:
 * copied while it is there, and only where the configuration uses them.
 *
 * @module
 */
import { bytesOf, type FieldLines } from "../wire/mod.ts";
import type { SluiceConf } from "./conf.ts";

/** What the texts of a configuration use. */
export interface Kept {
  /** `$request_body`. */
  readonly requestBody: boolean;
  /** `$sent_http_NAME` or `$sent_trailer_NAME`. */
  readonly sentFields: boolean;
  /** `$upstream_http_NAME`, `$upstream_cookie_NAME`: without the dollar. */
  readonly headVariables: readonly string[];
  /** `$upstream_trailer_NAME`. */
  readonly trailerVariables: readonly string[];
}

export const KEEPS_NOTHING: Kept = {
  requestBody: false,
  sentFields: false,
  headVariables: [],
  trailerVariables: [],
};

const SET_COOKIE = bytesOf("set-cookie");
const COOKIE_PREFIX = "upstream_cookie_";
const HEADER_PREFIX = "upstream_http_";
const TRAILER_PREFIX = "upstream_trailer_";

/** Looks through all texts of a configuration: in any of them there may be variables. */
export function keptOf(conf: SluiceConf): Kept {
  const names = new Set<string>();
  for (const text of textsIn(conf)) {
    for (const { 1: name = "" } of text.matchAll(VARIABLE)) names.add(name);
  }
  const startingWith = (...prefixes: readonly string[]): string[] =>
    [...names].filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  return {
    requestBody: names.has("request_body"),
    sentFields: names.has("sent_"),
    headVariables: startingWith(HEADER_PREFIX, COOKIE_PREFIX),
    trailerVariables: startingWith(TRAILER_PREFIX),
  };
}

const VARIABLE =
  /\$\{?(request_body\b|sent_(?=http_|trailer_)|upstream_(?:http|cookie|trailer)_\w+)/g;

/** What a variable of a peer's head or trailers says. Fields of one name are joined as nginx joins them. */
export function upstreamValue(name: string, fields: FieldLines): string {
  if (name.startsWith(COOKIE_PREFIX)) return cookieValue(name.slice(COOKIE_PREFIX.length), fields);
  const prefix = name.startsWith(HEADER_PREFIX) ? HEADER_PREFIX : TRAILER_PREFIX;
  const lower = bytesOf(name.slice(prefix.length).toLowerCase().replaceAll("_", "-"));
  let text = "";
  for (let at = fields.find(lower); at >= 0; at = fields.find(lower, at + 1)) {
    text += text === "" ? fields.value(at) : `, ${fields.value(at)}`;
  }
  return text;
}

function cookieValue(name: string, fields: FieldLines): string {
  for (let at = fields.find(SET_COOKIE); at >= 0; at = fields.find(SET_COOKIE, at + 1)) {
    const [pair = ""] = fields.value(at).split(";", 1);
    const equals = pair.indexOf("=");
    if (equals >= 0 && pair.slice(0, equals).trim().toLowerCase() === name.toLowerCase()) {
      return pair.slice(equals + 1).trim();
    }
  }
  return "";
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value !== "object" || value === null) return;
  else if (Symbol.iterator in value) {
    for (const part of value as Iterable<unknown>) yield* textsIn(part);
  } else for (const part of Object.values(value)) yield* textsIn(part);
}
