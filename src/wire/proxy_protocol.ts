/**
 * The PROXY protocol, versions 1 and 2: what a balancer in front says of a connection, before
 * anything of the client's. Pure: bytes in, addresses out, and back.
 *
 * @module
 */
import { latin1 } from "./chars.ts";
import { parseIp } from "./ip.ts";

/** One end of the connection that the balancer has. */
export interface ProxiedAddress {
  readonly hostname: string;
  readonly port: number;
}

/** What a header says. */
export interface ProxyHeader {
  /** Bytes of it. */
  readonly length: number;
  /** The client and where it has connected to; undefined: it does not tell, as for health checks. */
  readonly ends:
    | { readonly source: ProxiedAddress; readonly destination: ProxiedAddress }
    | undefined;
}

/** Longest header of version 1, its line end included. */
const LINE_BYTES_MAX = 107;
/** Longest header at all: nginx's. */
export const PROXY_HEADER_BYTES_MAX = 4_096;

const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);
const PREFIX = Uint8Array.of(0x50, 0x52, 0x4f, 0x58, 0x59, 0x20); // "PROXY "
const CR = 0x0d;
const LF = 0x0a;

/** Bytes before the addresses of version 2. */
const FIXED_BYTES = 16;
const VERSION_2 = 0x20;
const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
const STREAM = 1;
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 16 };
const PORTS_BYTES = 4;

type Ip = Uint8Array;
const NO_ADDRESS: Ip = new Uint8Array(0);
/** What an IPv4 address has in front as an IPv6 address (RFC 4291, 2.5.5.2). */
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** A header that is none. */
export class BadProxyHeader extends Error {
  override readonly name = "BadProxyHeader";
}

/**
 * Reads the header that `bytes[0, end)` begins with.
 *
 * @returns undefined: it is not all there yet.
 * @throws {BadProxyHeader} It is none, or is longer than any.
 */
export function readProxyHeader(bytes: Uint8Array, end: number): ProxyHeader | undefined {
  if (beginsWith(bytes, end, SIGNATURE)) {
    return end < FIXED_BYTES ? undefined : readBinary(bytes, end);
  }
  if (!beginsWith(bytes, end, PREFIX)) throw new BadProxyHeader("neither version begins like this");
  return readLine(bytes, end);
}

/** Whether the bytes that are there are the beginning of `start`, or begin with all of it. */
function beginsWith(bytes: Uint8Array, end: number, start: Uint8Array): boolean {
  const length = Math.min(end, start.length);
  for (let at = 0; at < length; at++) {
    if (bytes[at] !== start[at]) return false;
  }
  return true;
}

function readLine(bytes: Uint8Array, end: number): ProxyHeader | undefined {
  const limit = Math.min(end, LINE_BYTES_MAX);
  let at = 0;
  while (at < limit && bytes[at] !== LF) at++;
  if (at === limit) {
    if (end >= LINE_BYTES_MAX) throw new BadProxyHeader("the line is too long");
    return undefined;
  }
  if (bytes[at - 1] !== CR) throw new BadProxyHeader("the line ends in a bare line feed");
  const length = at + 1;
  const [, kind, ...words] = latin1(bytes, 0, at - 1).split(" ");
  if (kind === "UNKNOWN") return { length, ends: undefined };
  const [source = "", destination = "", sourcePort = "", destinationPort = "", ...more] = words;
  const ipBytes = kind === "TCP4" ? 4 : kind === "TCP6" ? 16 : 0;
  const isGood = ipBytes > 0 && more.length === 0 && isPort(sourcePort) &&
    isPort(destinationPort) && parseIp(source)?.length === ipBytes &&
    parseIp(destination)?.length === ipBytes && !`${source}${destination}`.includes("%");
  if (!isGood) throw new BadProxyHeader("the line does not name two addresses and two ports");
  return {
    length,
    ends: {
      source: { hostname: source, port: Number(sourcePort) },
      destination: { hostname: destination, port: Number(destinationPort) },
    },
  };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readBinary(bytes: Uint8Array, end: number): ProxyHeader | undefined {
  const versionAndCommand = bytes[12]!;
  if ((versionAndCommand & 0xf0) !== VERSION_2) throw new BadProxyHeader("an unknown version");
  const command = versionAndCommand & 0x0f;
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) {
    throw new BadProxyHeader("an unknown command");
  }
  const bodyBytes = bytes[14]! << 8 | bytes[15]!;
  const length = FIXED_BYTES + bodyBytes;
  if (length > PROXY_HEADER_BYTES_MAX) throw new BadProxyHeader("the header is too long");
  if (end < length) return undefined;
  const familyAndTransport = bytes[13]!;
  const ipBytes = ADDRESS_BYTES[familyAndTransport >> 4];
  const isTold = command === COMMAND_PROXY && ipBytes !== undefined &&
    (familyAndTransport & 0x0f) === STREAM;
  if (!isTold) return { length, ends: undefined };
  if (bodyBytes < 2 * ipBytes + PORTS_BYTES) {
    throw new BadProxyHeader("the addresses are cut short");
  }
  // What comes behind the addresses are TLVs, which nobody here asks for.
  const ports = FIXED_BYTES + 2 * ipBytes;
  const endOf = (at: number, portAt: number): ProxiedAddress => ({
    hostname: ipText(bytes.subarray(at, at + ipBytes)),
    port: bytes[portAt]! << 8 | bytes[portAt + 1]!,
  });
  return {
    length,
    ends: {
      source: endOf(FIXED_BYTES, ports),
      destination: endOf(FIXED_BYTES + ipBytes, ports + 2),
    },
  };
}

/**
 * The header that tells of a client, as a text of bytes (Latin-1).
 *
 * @param source The client. One without an IP address (`unix:`) is not told of: the header says so.
 * @param destination Where it has connected to.
 */
export function writeProxyHeader(
  version: "v1" | "v2",
  source: ProxiedAddress,
  destination: ProxiedAddress,
): string {
  const [from, to] = ofOneFamily(parseIp(source.hostname), parseIp(destination.hostname));
  return version === "v1"
    ? writeLine(from, to, source.port, destination.port)
    : writeBinary(from, to, source.port, destination.port);
}

/** Both as IPv6 where only one of them is; none where one of them is no IP address. */
function ofOneFamily(one: Ip | undefined, other: Ip | undefined): readonly [Ip, Ip] {
  if (one === undefined || other === undefined) return [NO_ADDRESS, NO_ADDRESS];
  if (one.length === other.length) return [one, other];
  return [mapped(one), mapped(other)];
}

function mapped(ip: Ip): Ip {
  return ip.length === 16 ? ip : Uint8Array.of(...MAPPED_PREFIX, ...ip);
}

function writeLine(from: Ip, to: Ip, fromPort: number, toPort: number): string {
  if (from.length === 0) return "PROXY UNKNOWN\r\n";
  const family = from.length === 4 ? "TCP4" : "TCP6";
  return `PROXY ${family} ${ipText(from)} ${ipText(to)} ${fromPort} ${toPort}\r\n`;
}

function writeBinary(from: Ip, to: Ip, fromPort: number, toPort: number): string {
  const isKnown = from.length > 0;
  const family = isKnown ? (from.length === 4 ? 1 : 2) << 4 | STREAM : 0;
  const body = isKnown
    ? [...from, ...to, fromPort >> 8, fromPort & 0xff, toPort >> 8, toPort & 0xff]
    : [];
  const fixed = [VERSION_2 | (isKnown ? COMMAND_PROXY : COMMAND_LOCAL), family, 0, body.length];
  return String.fromCharCode(...SIGNATURE, ...fixed, ...body);
}

/** An address as text; of IPv6 in the form of RFC 5952. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, at) => (bytes[2 * at]! << 8 | bytes[2 * at + 1]!).toString(16),
  );
  const [longest] = [...groups.map((group) => group === "0" ? "0" : "x").join("").matchAll(/00+/g)]
    .sort((a, b) => b[0].length - a[0].length);
  if (longest === undefined) return groups.join(":");
  const start = longest.index;
  return `${groups.slice(0, start).join(":")}::${
    groups.slice(start + longest[0].length).join(":")
  }`;
}
