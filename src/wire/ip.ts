/**
 * IP addresses and networks as bytes.
 *
 * @module
 */

const IPV6_GROUPS = 8;
/** The first 12 bytes of an IPv4 address within IPv6 (RFC 4291, 2.5.5.2). */
const MAPPED_ZEROS = 10;
const MAPPED_START = 12;

/** A network: the addresses whose first `bits` bits are those of `bytes`. */
export interface Cidr {
  /** 4 or 16 bytes; zero behind the first `bits` bits. */
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/**
 * The 4 bytes of an IPv4 address or the 16 of an IPv6 one, whose zone (`%eth0`) is left out;
 * undefined when it is neither: `unix:`, a name.
 */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** The same, and of an IPv4 address within IPv6 (`::ffff:192.0.2.1`) the IPv4 one: who a client is. */
export function parseClientIp(text: string): Uint8Array | undefined {
  const bytes = parseIp(text);
  return bytes !== undefined && isMapped(bytes) ? bytes.subarray(MAPPED_START) : bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return false;
  for (let at = 0; at < MAPPED_ZEROS; at++) {
    if (bytes[at] !== 0) return false;
  }
  return true;
}

/** `192.0.2.0/24`, `2001:db8::/32`, or an address alone, which is a network of one. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const bytes = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined || text.includes("%")) return undefined;
  const most = bytes.length * 8;
  const digits = slash < 0 ? `${most}` : text.slice(slash + 1);
  const bits = /^\d{1,3}$/.test(digits) ? Number(digits) : NaN;
  if (!(bits <= most)) return undefined;
  for (let at = 0; at < bytes.length; at++) bytes[at]! &= maskAt(at, bits);
  return { bytes, bits };
}

/** Whether an address, from {@linkcode parseIp}, is in a network of its own family. */
export function cidrHas({ bytes, bits }: Cidr, ip: Uint8Array): boolean {
  if (ip.length !== bytes.length) return false;
  const whole = bits >> 3;
  for (let at = 0; at < whole; at++) {
    if (ip[at] !== bytes[at]) return false;
  }
  return whole === ip.length || (ip[whole]! & maskAt(whole, bits)) === bytes[whole];
}

/** The bits of byte `at` that belong to a network of `bits` bits. */
function maskAt(at: number, bits: number): number {
  const inByte = Math.min(8, Math.max(0, bits - at * 8));
  return 0xff << (8 - inByte) & 0xff;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let at = 0;
  let value = -1;
  for (let index = 0; index <= text.length; index++) {
    const code = index < text.length ? text.charCodeAt(index) : 0x2e;
    if (code === 0x2e) {
      if (value < 0 || at === 4) return undefined;
      bytes[at++] = value;
      value = -1;
    } else if (code >= 0x30 && code <= 0x39 && value !== 0) {
      value = (value < 0 ? 0 : value * 10) + code - 0x30;
      if (value > 255) return undefined;
    } else {
      return undefined; // no digit, or one behind a leading zero, which some read as octal
    }
  }
  return at === 4 ? bytes : undefined;
}

/** RFC 4291, 2.2. */
function parseIpv6(text: string): Uint8Array | undefined {
  const zone = text.indexOf("%");
  const halves = (zone < 0 ? text : text.slice(0, zone)).split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0]!, halves.length === 1);
  const tail = halves.length === 1 ? [] : groupsOf(halves[1]!, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_GROUPS - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const bytes = new Uint8Array(16);
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  for (let at = 0; at < IPV6_GROUPS; at++) {
    bytes[2 * at] = groups[at]! >> 8;
    bytes[2 * at + 1] = groups[at]! & 0xff;
  }
  return bytes;
}

/** @param isLast Whether an IPv4 address may stand at the end. */
function groupsOf(text: string, isLast: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (isLast && index === parts.length - 1 && part.includes(".")) {
      const ipv4 = parseIpv4(part);
      if (ipv4 === undefined) return undefined;
      groups.push(ipv4[0]! << 8 | ipv4[1]!, ipv4[2]! << 8 | ipv4[3]!);
    } else if (/^[\da-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}
