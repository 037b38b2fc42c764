/**
 * `geo`: a variable whose value depends on an address.
 *
 * @module
 */
import type { Getter } from "../log/mod.ts";
import { bytesOf, type Cidr, parseCidr, parseClientIp } from "../wire/mod.ts";
import type { GeoConf } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { forwardedAddress, listedIn } from "./forwarded_address.ts";
import type { Request } from "./request.ts";
import { Trusted } from "./trusted.ts";

/** nginx's, where the text is no address. */
const NO_ADDRESS = new Uint8Array([255, 255, 255, 255]);
const FORWARDED_FOR = bytesOf("x-forwarded-for");

/** How the variable's value is found. */
export function compileGeo(conf: GeoConf, variables: Variables): Getter<Request> {
  const source = variables.compile(byteText(conf.source));
  const proxies = new Trusted(conf.proxies);
  const isRecursive = conf.isProxyRecursive;
  const find = conf.isRanges ? rangeFinder(conf) : networkFinder(conf);
  const otherwise = byteText(conf.defaultValue);
  return (request) => {
    const text = source.render(request);
    const named = proxies.isEmpty
      ? undefined
      : forwardedAddress(text, listedIn(request.head.fields, FORWARDED_FOR), proxies, isRecursive);
    return find(parseClientIp(named?.hostname ?? text) ?? NO_ADDRESS) ?? otherwise;
  };
}

type Find = (ip: Uint8Array) => string | undefined;

function toCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`Cannot use the network ${text}`); // config has checked it
  return cidr;
}

/** The longest network that has the address: a look for each length there is. */
function networkFinder({ networks }: GeoConf): Find {
  const families = [new Lengths(4), new Lengths(16)] as const;
  for (const { network, value } of networks) {
    const cidr = toCidr(network);
    families[cidr.bytes.length === 4 ? 0 : 1].add(cidr, byteText(value));
  }
  return (ip) => families[ip.length === 4 ? 0 : 1].find(ip);
}

/** The networks of one family, by their lengths in bits. */
class Lengths {
  readonly #byBits = new Map<number, Map<string, string>>();
  #bits: readonly number[] = [];
  readonly #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** A network that is there already gets the new value, as in nginx. */
  add({ bytes, bits }: Cidr, value: string): void {
    const values = this.#byBits.get(bits) ?? new Map<string, string>();
    values.set(prefixKey(bytes, bits), value);
    this.#byBits.set(bits, values);
    this.#bits = [...this.#byBits.keys()].sort((a, b) => b - a);
  }

  find(ip: Uint8Array): string | undefined {
    if (ip.length !== this.#bytes) return undefined;
    for (const bits of this.#bits) {
      const value = this.#byBits.get(bits)?.get(prefixKey(ip, bits));
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

/** The first bits of an address as a text, one byte a character. */
function prefixKey(bytes: Uint8Array, bits: number): string {
  const whole = bits >> 3;
  let key = "";
  for (let at = 0; at < whole; at++) key += String.fromCharCode(bytes[at]!);
  const rest = bits & 7;
  return rest === 0 ? key : key + String.fromCharCode(bytes[whole]! & 0xff << (8 - rest) & 0xff);
}

/** One range of addresses, both ends included. */
interface Range {
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

/** IPv4 only, as in nginx. */
function rangeFinder({ ranges }: GeoConf): Find {
  const sorted = layRanges(ranges.map((range) => ({ ...range, value: byteText(range.value) })));
  return (ip) => {
    if (ip.length !== 4) return undefined;
    const address = (ip[0]! << 24 | ip[1]! << 16 | ip[2]! << 8 | ip[3]!) >>> 0;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]!.start > address) high = middle;
      else low = middle + 1;
    }
    const range = sorted[low - 1];
    return range !== undefined && range.end >= address ? range.value : undefined;
  };
}

/** Ranges side by side: one within an earlier one takes its place there. */
export function layRanges(ranges: readonly Range[]): readonly Range[] {
  let laid: readonly Range[] = [];
  for (const range of ranges) {
    const { start, end } = range;
    const around = laid.flatMap((old): readonly Range[] => [
      ...(old.start < start ? [{ ...old, end: Math.min(old.end, start - 1) }] : []),
      ...(old.end > end ? [{ ...old, start: Math.max(old.start, end + 1) }] : []),
    ]);
    laid = [...around, range];
  }
  return laid.toSorted((a, b) => a.start - b.start);
}
