/**
 * The field lines of a head, found in place: four offsets a line and no strings.
 *
 * @module
 */
import { BadMessage } from "./bad_message.ts";
import {
  bytesOf,
  COLON,
  CR,
  equalsIgnoringCase,
  HTAB,
  IS_FIELD_VALUE,
  IS_TOKEN,
  latin1,
  LF,
  LOWER,
  SP,
} from "./chars.ts";

/**
 * Names that the proxy itself acts on. All else is {@linkcode OTHER}.
 * The ids below {@linkcode FIRST_END_TO_END} are hop-by-hop (RFC 9110, 7.6.1): never forwarded.
 */
export const CONNECTION = 1;
export const KEEP_ALIVE = 2;
export const PROXY_CONNECTION = 3;
export const TE = 4;
export const TRAILER = 5;
export const TRANSFER_ENCODING = 6;
export const UPGRADE = 7;
export const HTTP2_SETTINGS = 8;
/** A field named by `Connection`, so meant for us alone. */
export const NOMINATED = 9;
/** A name of a kind that is dropped: with an underscore, which CGI cannot tell from a hyphen, or worse. */
export const UNDERSCORED = 10;
export const FIRST_END_TO_END = 11;
export const OTHER = 11;
export const HOST = 12;
export const CONTENT_LENGTH = 13;
export const EXPECT = 14;
export const CONTENT_TYPE = 15;
export const DATE = 16;
export const SERVER = 17;
export const LOCATION = 18;
export const X_PAD = 19;
export const SET_COOKIE = 20;
export const REFRESH = 21;
export const ACCEPT_RANGES = 22;
export const ETAG = 23;
export const LAST_MODIFIED = 24;
export const CONTENT_ENCODING = 25;
export const EXPIRES = 26;
export const CACHE_CONTROL = 27;
/** From here on the fields that an origin steers the proxy with. */
export const FIRST_X_ACCEL = 28;
export const X_ACCEL_REDIRECT = 28;
export const X_ACCEL_EXPIRES = 29;
export const X_ACCEL_LIMIT_RATE = 30;
export const X_ACCEL_BUFFERING = 31;
export const X_ACCEL_CHARSET = 32;
/** How many ids there are: the length of a table with an entry for each. */
export const ID_COUNT = 33;

interface KnownName {
  readonly first: number;
  readonly lower: Uint8Array;
  readonly id: number;
}

/** Known names by their length, so that most names are told apart without comparing a byte. */
const KNOWN_BY_LENGTH: readonly (readonly KnownName[])[] = byLength({
  "connection": CONNECTION,
  "keep-alive": KEEP_ALIVE,
  "proxy-connection": PROXY_CONNECTION,
  "te": TE,
  "trailer": TRAILER,
  "transfer-encoding": TRANSFER_ENCODING,
  "upgrade": UPGRADE,
  "http2-settings": HTTP2_SETTINGS,
  "host": HOST,
  "content-length": CONTENT_LENGTH,
  "expect": EXPECT,
  "content-type": CONTENT_TYPE,
  "date": DATE,
  "server": SERVER,
  "location": LOCATION,
  "x-pad": X_PAD,
  "set-cookie": SET_COOKIE,
  "refresh": REFRESH,
  "accept-ranges": ACCEPT_RANGES,
  "etag": ETAG,
  "last-modified": LAST_MODIFIED,
  "content-encoding": CONTENT_ENCODING,
  "expires": EXPIRES,
  "cache-control": CACHE_CONTROL,
  "x-accel-redirect": X_ACCEL_REDIRECT,
  "x-accel-expires": X_ACCEL_EXPIRES,
  "x-accel-limit-rate": X_ACCEL_LIMIT_RATE,
  "x-accel-buffering": X_ACCEL_BUFFERING,
  "x-accel-charset": X_ACCEL_CHARSET,
});

/** Numbers kept for each line. */
const NAME_START = 0;
const NAME_END = 1;
const VALUE_START = 2;
const VALUE_END = 3;
const STRIDE = 4;
const FIRST_CAPACITY = 32;
const USUAL_CAPACITY = 128;

/** Bits of what a name has: an underscore, or something else that is no letter, digit or hyphen. */
export const HAS_UNDERSCORE = 2;
export const HAS_OTHER = 4;
const PLAIN = 1;
/** For each byte one of these bits; 0: no name has it. */
const NAME_KIND = IS_TOKEN.map((isToken, byte) => {
  const character = String.fromCharCode(byte);
  if (isToken === 0) return 0;
  return character === "_" ? HAS_UNDERSCORE : /[A-Za-z0-9-]/.test(character) ? PLAIN : HAS_OTHER;
});

/** The lines of one head. Used again for the next head of its connection. */
export class FieldLines {
  /** The bytes that all offsets are in. Its holder keeps them as long as the offsets are used. */
  bytes: Uint8Array;
  /** How many lines there are. */
  count = 0;
  /** Offset just past the last line (the start of the empty line that ends the head). */
  end = 0;
  #offsets = new Int32Array(FIRST_CAPACITY * STRIDE);
  #ids = new Uint8Array(FIRST_CAPACITY);

  /** Bound of the number of lines (`max_headers`). */
  maxCount: number;
  /** Bits of what a name may not have: such lines are not passed on. */
  dropped: number;

  constructor(bytes: Uint8Array, maxCount: number, dropped: number) {
    this.bytes = bytes;
    this.maxCount = maxCount;
    this.dropped = dropped;
  }

  clear(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.count = 0;
    this.end = 0;
  }

  /** Whether it has grown beyond what a usual head needs: not worth being kept for others. */
  get isLarge(): boolean {
    return this.#ids.length > USUAL_CAPACITY;
  }

  /** What the name of line `index` is to us. */
  id(index: number): number {
    return this.#ids[index]!;
  }

  setId(index: number, id: number): void {
    this.#ids[index] = id;
  }

  /** Offset of the line's first byte. */
  lineStart(index: number): number {
    return this.#offsets[index * STRIDE + NAME_START]!;
  }

  nameEnd(index: number): number {
    return this.#offsets[index * STRIDE + NAME_END]!;
  }

  /** Offset just past the line's CRLF: `[lineStart, lineEnd)` is a well-formed field line. */
  lineEnd(index: number): number {
    return index + 1 < this.count ? this.#offsets[(index + 1) * STRIDE + NAME_START]! : this.end;
  }

  valueStart(index: number): number {
    return this.#offsets[index * STRIDE + VALUE_START]!;
  }

  valueEnd(index: number): number {
    return this.#offsets[index * STRIDE + VALUE_END]!;
  }

  /**
   * Whether there is a tab in the space around the value. It is space (RFC 9110, 5.6.3),
   * but nginx takes it for a part of the value, and nobody sends it in earnest.
   */
  hasTabAround(index: number): boolean {
    const { bytes } = this;
    for (let at = this.valueStart(index) - 1; bytes[at] !== COLON; at--) {
      if (bytes[at] === HTAB) return true;
    }
    for (let at = this.valueEnd(index); bytes[at] !== CR; at++) {
      if (bytes[at] === HTAB) return true;
    }
    return false;
  }

  name(index: number): string {
    const at = index * STRIDE;
    return latin1(this.bytes, this.#offsets[at + NAME_START]!, this.#offsets[at + NAME_END]!);
  }

  value(index: number): string {
    return latin1(this.bytes, this.valueStart(index), this.valueEnd(index));
  }

  nameLength(index: number): number {
    const at = index * STRIDE;
    return this.#offsets[at + NAME_END]! - this.#offsets[at + NAME_START]!;
  }

  nameIs(index: number, lower: Uint8Array): boolean {
    const at = index * STRIDE;
    return equalsIgnoringCase(
      this.bytes,
      this.#offsets[at + NAME_START]!,
      this.#offsets[at + NAME_END]!,
      lower,
    );
  }

  /** Index of the first line so named at or after `from`, or -1. `lower` is in lower case. */
  find(lower: Uint8Array, from = 0): number {
    for (let index = from; index < this.count; index++) {
      if (this.nameIs(index, lower)) return index;
    }
    return -1;
  }

  /**
   * Parses the line that starts at `start` and keeps it (RFC 9112, 5).
   *
   * @param end Offset just past the bytes that are there.
   * @returns Offset just past the line, or -1: the line is not all there yet.
   * @throws {BadMessage} No colon, an empty name, space around the name, a bare CR or
   * LF, a control, a folded line, one line too many.
   */
  add(start: number, end: number): number {
    const bytes = this.bytes;
    let at = start;
    let kinds = 0;
    let kind = 0;
    while (at < end && (kind = NAME_KIND[bytes[at]!]!) !== 0) {
      kinds |= kind;
      at++;
    }
    if (at === end) return -1;
    const nameEnd = at;
    if (bytes[at] !== COLON || nameEnd === start) throw badName(bytes, start, at);
    at++;
    while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;

    const valueStart = at;
    while (at < end && IS_FIELD_VALUE[bytes[at]!] === 1) at++;
    if (at === end) return -1;
    if (bytes[at] !== CR) throw new BadMessage(400, badByte(bytes[at]!));
    if (at + 1 === end) return -1;
    if (bytes[at + 1] !== LF) throw new BadMessage(400, "a bare CR in a field");
    const next = at + 2;
    while (at > valueStart && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--;

    const index = this.count;
    if (index >= this.maxCount) throw new BadMessage(431, "too many field lines");
    if (index === this.#ids.length) this.#grow();
    const offset = index * STRIDE;
    this.#offsets[offset + NAME_START] = start;
    this.#offsets[offset + NAME_END] = nameEnd;
    this.#offsets[offset + VALUE_START] = valueStart;
    this.#offsets[offset + VALUE_END] = at;
    this.#ids[index] = (kinds & this.dropped) !== 0 ? UNDERSCORED : identify(bytes, start, nameEnd);
    this.count = index + 1;
    this.end = next;
    return next;
  }

  #grow(): void {
    const offsets = new Int32Array(this.#offsets.length * 2);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
    const ids = new Uint8Array(this.#ids.length * 2);
    ids.set(this.#ids);
    this.#ids = ids;
  }
}

/** What the name in `bytes[start, end)` is to us: one of the ids above. */
export function identify(bytes: Uint8Array, start: number, end: number): number {
  const known = KNOWN_BY_LENGTH[end - start];
  if (known === undefined) return OTHER;
  const first = LOWER[bytes[start]!];
  for (let at = 0; at < known.length; at++) {
    const name = known[at]!;
    if (name.first === first && equalsIgnoringCase(bytes, start, end, name.lower)) return name.id;
  }
  return OTHER;
}

function badName(bytes: Uint8Array, start: number, at: number): BadMessage {
  const byte = bytes[at];
  if (at === start && (byte === SP || byte === HTAB)) {
    return new BadMessage(400, "a folded field line");
  }
  if (at === start) return new BadMessage(400, "a field line has no name");
  if (byte === SP || byte === HTAB) return new BadMessage(400, "space before a field's colon");
  if (byte === CR || byte === LF) return new BadMessage(400, "a field line has no colon");
  return new BadMessage(400, "an illegal byte in a field name");
}

function badByte(byte: number): string {
  return byte === LF ? "a field line ends in a bare LF" : "a control byte in a field";
}

function byLength(names: Readonly<Record<string, number>>): KnownName[][] {
  const result: KnownName[][] = [];
  for (const [name, id] of Object.entries(names)) {
    (result[name.length] ??= []).push({ first: name.charCodeAt(0), lower: bytesOf(name), id });
  }
  // Holes would make every look-up slow.
  return Array.from(result, (known) => known ?? []);
}
