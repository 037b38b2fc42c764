/**
 * Which fields of a peer's response reach the client, and how: one table of the known
 * names, made when the configuration is read. A name that is not known costs a look
 * only where the location hides or passes such names.
 *
 * @module
 */
import { bytesOf, fieldId, type FieldLines, type HeadWriter, identify } from "../wire/mod.ts";
import { absoluteUrl } from "./absolute_url.ts";
import type { HeaderPolicyConf } from "./response_conf.ts";
import type { Variables } from "./configured_variables.ts";
import { CookieRewriter } from "./cookie.ts";
import type { Request } from "./request.ts";
import { Rewrites } from "./rewrite_value.ts";

/** What becomes of a field. */
export const PASS = 0;
export const HIDE = 1;
/** Its value may have to be rewritten. */
export const REWRITE = 2;
/** Its name has to be looked up among those that the location hides. */
export const LOOK_UP = 3;

/** nginx's: the proxy writes its own, or they are for the proxy alone. */
const HIDDEN_BY_DEFAULT = [
  fieldId.DATE,
  fieldId.SERVER,
  fieldId.X_PAD,
  fieldId.X_ACCEL_REDIRECT,
  fieldId.X_ACCEL_EXPIRES,
  fieldId.X_ACCEL_LIMIT_RATE,
  fieldId.X_ACCEL_BUFFERING,
  fieldId.X_ACCEL_CHARSET,
];

export class HeaderPolicy {
  /** PASS, HIDE, REWRITE or LOOK_UP by the field's id. */
  readonly fates: Uint8Array;
  /** Whether a `Date` or `Server` of the peer takes the place of ours. */
  readonly passesDate: boolean;
  readonly passesServer: boolean;
  /** Names that are hidden and have no id of their own, by length. */
  readonly #hiddenNames: readonly (readonly Uint8Array[])[];
  readonly #redirects: Rewrites;
  readonly #cookies: CookieRewriter;

  constructor(conf: HeaderPolicyConf, variables: Variables) {
    const { hide, pass, redirects, cookies } = conf;
    const fates = this.fates = new Uint8Array(fieldId.ID_COUNT);
    for (let id = 0; id < fieldId.FIRST_END_TO_END; id++) fates[id] = HIDE;
    for (const id of HIDDEN_BY_DEFAULT) fates[id] = HIDE;
    if (redirects.length > 0) fates[fieldId.LOCATION] = fates[fieldId.REFRESH] = REWRITE;
    const { domains, paths, flags } = cookies;
    if (domains.length + paths.length + flags.length > 0) fates[fieldId.SET_COOKIE] = REWRITE;

    const hiddenNames: Uint8Array[][] = [];
    const passed = new Set(pass.map((name) => name.toLowerCase()));
    for (const name of hide) {
      if (passed.has(name.toLowerCase())) continue;
      const lower = bytesOf(name.toLowerCase());
      const id = identify(lower, 0, lower.length);
      if (id !== fieldId.OTHER) {
        fates[id] = HIDE;
      } else {
        fates[id] = LOOK_UP;
        (hiddenNames[lower.length] ??= []).push(lower);
      }
    }
    for (const name of passed) {
      const lower = bytesOf(name);
      const id = identify(lower, 0, lower.length);
      // What is about this one connection is never passed, by nginx neither.
      if (HIDDEN_BY_DEFAULT.includes(id)) fates[id] = PASS;
    }
    this.passesDate = fates[fieldId.DATE] === PASS;
    this.passesServer = fates[fieldId.SERVER] === PASS;
    this.#hiddenNames = Array.from(hiddenNames, (names) => names ?? []);
    this.#redirects = new Rewrites(redirects, "prefix", variables);
    this.#cookies = new CookieRewriter(cookies, variables);
  }

  /** Whether line `index`, whose fate is LOOK_UP, is hidden. */
  hides(fields: FieldLines, index: number): boolean {
    const names = this.#hiddenNames[fields.nameLength(index)];
    if (names === undefined) return false;
    for (const name of names) {
      if (fields.nameIs(index, name)) return true;
    }
    return false;
  }

  /** The value of line `index`, whose fate is REWRITE, if it changes. */
  rewritten(request: Request, fields: FieldLines, index: number): string | undefined {
    const value = fields.value(index);
    const id = fields.id(index);
    if (id === fieldId.SET_COOKIE) return this.#cookies.rewrite(request, value);
    const start = id === fieldId.REFRESH ? urlStart(value) : 0;
    if (start < 0) return undefined;
    const url = this.#redirects.apply(request, value.slice(start));
    if (url === undefined) return undefined;
    if (id === fieldId.REFRESH) return value.slice(0, start) + url;
    return url.startsWith("/") ? absoluteUrl(request, url) : url;
  }
}

/** Where the URL of `Refresh: 5; url=…` begins, or -1. */
function urlStart(refresh: string): number {
  const at = refresh.toLowerCase().indexOf("url=");
  return at < 0 ? -1 : at + 4;
}

/**
 * Copies the lines that reach the client, neighbours in one piece.
 *
 * @param fates Of the policy, or made from them.
 */
export function copyResponseFields(
  policy: HeaderPolicy,
  fates: Uint8Array,
  request: Request,
  fields: FieldLines,
  into: HeadWriter,
): void {
  const { bytes, count } = fields;
  let start = -1;
  for (let index = 0; index < count; index++) {
    const fate = fates[fields.id(index)];
    if (fate === PASS || (fate === LOOK_UP && !policy.hides(fields, index))) {
      if (start < 0) start = fields.lineStart(index);
      continue;
    }
    const value = fate === REWRITE ? policy.rewritten(request, fields, index) : undefined;
    if (fate === REWRITE && value === undefined) {
      if (start < 0) start = fields.lineStart(index);
      continue;
    }
    if (start >= 0) into.range(bytes, start, fields.lineStart(index));
    start = -1;
    if (value === undefined) continue;
    into.range(bytes, fields.lineStart(index), fields.valueStart(index));
    into.text(value);
    into.crlf();
  }
  if (start >= 0) into.range(bytes, start, fields.end);
}
