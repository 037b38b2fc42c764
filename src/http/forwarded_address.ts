/**
 * Whom a chain of proxies says that a request is from.
 *
 * @module
 */
import type { RemoteAddress } from "../event/mod.ts";
import { type FieldLines, parseClientIp } from "../wire/mod.ts";
import type { Trusted } from "./trusted.ts";

/**
 * The address that trusted proxies vouch for: of a list the last one; with `isRecursive` the
 * last that is not a trusted proxy itself, or the first of all.
 *
 * @param from Who has sent the request, by his own connection.
 * @param listed What the proxies say, the nearest last.
 * @returns undefined where `from` is nobody to trust, or the list says nothing of use.
 */
export function forwardedAddress(
  from: string,
  listed: readonly string[],
  trusted: Trusted,
  isRecursive: boolean,
): RemoteAddress | undefined {
  if (!trusted.has(from)) return undefined;
  let found: RemoteAddress | undefined;
  for (let at = listed.length - 1; at >= 0; at--) {
    const named = addressOf(listed[at]!);
    if (named === undefined) return found;
    found = named;
    if (!isRecursive || !trusted.has(named.hostname)) return found;
  }
  return found;
}

/** The members of a field's lists; several fields are one list. `lower` is in lower case. */
export function listedIn(fields: FieldLines, lower: Uint8Array): readonly string[] {
  const listed: string[] = [];
  for (let at = fields.find(lower); at >= 0; at = fields.find(lower, at + 1)) {
    listed.push(...fields.value(at).split(/[ ,]+/).filter((text) => text !== ""));
  }
  return listed;
}

/** `192.0.2.1`, `2001:db8::1`, or one with a port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function addressOf(text: string): RemoteAddress | undefined {
  const { host, port = "0" } = /^(?:\[(?<host>[^\]]+)\]|(?<host>[\d.]+))(?::(?<port>\d{1,5}))?$/
    .exec(text)?.groups ?? {};
  const hostname = host ?? text;
  const isGood = parseClientIp(hostname) !== undefined && Number(port) <= 65_535;
  return isGood ? { hostname, port: Number(port) } : undefined;
}
