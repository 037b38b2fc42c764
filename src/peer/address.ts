/**
 * Addresses as a configuration writes them.
 *
 * @module
 */

/** A host and a port; an IPv6 address is without its brackets. */
export interface HostPort {
  readonly hostname: string;
  readonly port: number | undefined;
}

/** `host`, `host:port`, `1.2.3.4:80`, `[::1]`, `[::1]:80`; undefined when it is none of them. */
export function parseHostPort(text: string, leastPort: 0 | 1): HostPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text) ??
    [];
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < leastPort || port > 65_535)) return undefined;
  if (bracketed !== undefined) {
    const hostname = canonicalIpv6(bracketed);
    return hostname === undefined ? undefined : { hostname, port };
  }
  return plain !== undefined && isHostname(plain)
    ? { hostname: plain.toLowerCase(), port }
    : undefined;
}

/** A host name or an IPv4 address; what looks like one of those has to be one. */
function isHostname(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return isIpv4(text);
  return text.length <= 253 && /^[a-z\d_](?:[a-z\d_-]*[a-z\d_])?(?:\.[a-z\d_-]+)*\.?$/i.test(text);
}

function isIpv4(text: string): boolean {
  const bytes = text.split(".");
  return bytes.length === 4 &&
    bytes.every((byte) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && Number(byte) <= 255);
}

/** The shortest spelling, so that equal addresses are equal texts. */
function canonicalIpv6(text: string): string | undefined {
  if (!/^[\da-f:.]+$/i.test(text)) return undefined;
  return URL.parse(`http://[${text}]`)?.hostname.slice(1, -1);
}

/** Of a `hostname` that was read here: whether it is an IP address. */
export function isIp(hostname: string): boolean {
  return hostname.includes(":") || isIpv4(hostname);
}

/** As logs and `$proxy_host` write it. */
export function formatHost(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
