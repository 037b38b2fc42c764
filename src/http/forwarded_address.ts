/**
 * Whom a chain of proxies says that a request is from.
 *
 * @module
 */
import { type Cidr, cidrHas, parseClientIp } from "../wire/mod.ts";
import type { Request } from "./request.ts";

/**
 * The address that trusted proxies vouch for: of a list in a field, the last one; with
 * `isRecursive` the last that is not a trusted proxy itself, or the first of all.
 *
 * @param lower The field's name, in lower case.
 * @param from Who has sent the request, by his own connection.
 * @returns `from` where that is nobody to trust, or the field says nothing of use.
 */
export function forwardedAddress(
  { head: { fields } }: Request,
  lower: Uint8Array,
  from: string,
  trusted: readonly Cidr[],
  isRecursive: boolean,
): string {
  let address = from;
  if (!isTrusted(address, trusted)) return address;
  // Several fields are one list. The last one was written by the nearest proxy.
  const listed: string[] = [];
  for (let at = fields.find(lower); at >= 0; at = fields.find(lower, at + 1)) {
    listed.push(...fields.value(at).split(/[ ,]+/).filter((text) => text !== ""));
  }
  for (const text of listed.reverse()) {
    const named = hostOf(text);
    if (parseClientIp(named) === undefined) return address;
    address = named;
    if (!isRecursive || !isTrusted(address, trusted)) return address;
  }
  return address;
}

/** Whether an address is in one of the networks. */
export function isTrusted(address: string, trusted: readonly Cidr[]): boolean {
  const ip = parseClientIp(address);
  return ip !== undefined && trusted.some((network) => cidrHas(network, ip));
}

/** Of an address with a port, which is `192.0.2.1:80` or `[2001:db8::1]:80`, the address. */
function hostOf(text: string): string {
  const [, bracketed, ipv4] = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? [];
  return bracketed ?? ipv4 ?? text;
}
