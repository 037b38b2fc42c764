/**
 * A request head (RFC 9112, 3), parsed in place.
 *
 * @module
 */
import { BadMessage } from "./bad_message.ts";
import { bytesOf, CR, equalsIgnoringCase, IS_TARGET, latin1, LF, SP } from "./chars.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  FieldLines,
  HAS_OTHER,
  HAS_UNDERSCORE,
  HOST,
  OTHER,
  TRANSFER_ENCODING,
  UPGRADE,
} from "./fields.ts";
import { Head } from "./head.ts";

const GET = bytesOf("GET");
const VERSION = bytesOf("HTTP/1.");
const CONTINUE = bytesOf("100-continue");
const SLASH = 0x2f;
const COLON = 0x3a;

/** Known methods need no string of their own. */
const METHODS = ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"]
  .map((name) => ({ name, bytes: bytesOf(name) }));

/**
 * Fields that say something about a request once: of two, who checks may take the first and who
 * serves the second. nginx refuses repeated ones, too.
 */
const ONCE = [
  "authorization",
  "content-range",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
].map(bytesOf);

/** Whether one of {@linkcode ONCE} is so long; few other names are. */
const IS_ONCE_LENGTH = new Uint8Array(256);
for (const name of ONCE) IS_ONCE_LENGTH[name.length] = 1;

/** One request's head. Used again for the next request of its connection. */
export class RequestHead extends Head {
  method = "GET";
  /** The target as it came: `[targetStart, targetEnd)`. */
  targetStart = 0;
  targetEnd = 0;
  /** The path within the target, still encoded. */
  pathStart = 0;
  pathEnd = 0;
  /** Offset behind the `?`, or -1. The query ends with the target. */
  queryStart = -1;
  /** Whether the path has nothing to normalise: no `%`, no `//`, no segment that starts with a dot. */
  isPathPlain = true;
  /** The host without its port: of the target if it is absolute, else of the Host field. Empty if none. */
  hostStart = 0;
  hostEnd = 0;
  /** The host with its port. */
  authorityEnd = 0;
  /** `Expect: 100-continue`. */
  expectsContinue = false;
  /** Whether there is an Upgrade field, and index of its line. */
  upgradeIndex = -1;

  /** @param dropped Of {@linkcode FieldLines}: nginx's default. */
  constructor(maxFields: number, dropped = HAS_UNDERSCORE | HAS_OTHER) {
    super(new FieldLines(new Uint8Array(), maxFields, dropped));
  }

  override begin(bytes: Uint8Array, start: number): void {
    super.begin(bytes, start);
    this.method = "GET";
    this.targetStart = this.targetEnd = 0;
    this.queryStart = this.upgradeIndex = -1;
    this.hostStart = this.hostEnd = this.authorityEnd = 0;
    this.isPathPlain = true;
    this.expectsContinue = false;
  }

  /** Whether the connection may carry another request after this one. */
  get allowsKeepalive(): boolean {
    return this.saysClose ? false : this.minorVersion === 1 || this.saysKeepAlive;
  }

  get hasBody(): boolean {
    return this.isChunked || this.contentLength > 0;
  }

  /** The target as a string. */
  target(): string {
    return latin1(this.fields.bytes, this.targetStart, this.targetEnd);
  }

  /** The path, as it came. */
  path(): string {
    return latin1(this.fields.bytes, this.pathStart, this.pathEnd);
  }

  /** What follows the `?`, or the empty string. */
  query(): string {
    return this.queryStart < 0 ? "" : latin1(this.fields.bytes, this.queryStart, this.targetEnd);
  }

  /** The host without its port, as it came. */
  host(): string {
    return latin1(this.fields.bytes, this.hostStart, this.hostEnd);
  }

  protected parseFirstLine(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    if (at < end && bytes[at] === CR) { // an empty line before the request: RFC 9112, 2.2
      if (at + 1 === end) return -1;
      if (bytes[at + 1] !== LF) throw new BadMessage(400, "a bare CR before the request line");
      at += 2;
    }
    const methodStart = at;
    while (at < end && isMethodByte(bytes[at]!)) at++;
    if (at === end) return -1;
    if (bytes[at] !== SP || at === methodStart) throw new BadMessage(400, "an illegal method");
    this.method = methodOf(bytes, methodStart, at);

    this.targetStart = ++at;
    at = this.#scanTarget(bytes, at, end);
    if (at < 0) return -1;
    this.targetEnd = at;
    if (bytes[at] !== SP) throw badTarget(bytes[at]!);

    at++; // "HTTP/1.1" CR LF
    const versionEnd = at + VERSION.length;
    for (; at < versionEnd; at++) {
      if (at === end) return -1;
      if (bytes[at] !== VERSION[at - versionEnd + VERSION.length]) throw badVersion(bytes, at);
    }
    if (at === end) return -1;
    this.minorVersion = bytes[at]! - 0x30;
    if (this.minorVersion !== 0 && this.minorVersion !== 1) throw badVersion(bytes, at);
    if (++at === end) return -1;
    if (bytes[at] !== CR) throw badVersion(bytes, at);
    if (++at === end) return -1;
    if (bytes[at] !== LF) throw new BadMessage(400, "a bare CR in the request line");
    this.#understandTarget(bytes);
    return at + 1;
  }

  /** Finds the end of the target, and what in it needs a closer look. */
  #scanTarget(bytes: Uint8Array, start: number, end: number): number {
    this.queryStart = -1;
    this.isPathPlain = true;
    let at = start;
    while (true) {
      if (at === end) return -1;
      const kind = IS_TARGET[bytes[at]!]!;
      if (kind === 0) return at;
      if (kind !== 1 && this.queryStart < 0) {
        if (kind === 2) { // '%' or '.'
          if (bytes[at] !== 0x2e || bytes[at - 1] === SLASH) this.isPathPlain = false;
        } else if (kind === 3) { // '/'
          if (bytes[at - 1] === SLASH) this.isPathPlain = false;
        } else {
          this.queryStart = at + 1;
        }
      }
      at++;
    }
  }

  /** Sorts out the four forms of a target (RFC 9112, 3.2). */
  #understandTarget(bytes: Uint8Array): void {
    const { targetStart, targetEnd } = this;
    this.pathStart = targetStart;
    this.pathEnd = this.queryStart < 0 ? targetEnd : this.queryStart - 1;
    if (this.method === "CONNECT") throw new BadMessage(405, "CONNECT is not served");
    if (bytes[targetStart] === SLASH) return;
    if (targetEnd === targetStart + 1 && bytes[targetStart] === 0x2a && this.method === "OPTIONS") {
      return; // asterisk-form
    }
    // absolute-form: scheme "://" authority [path] ["?" query]
    const scheme = SCHEMES.find((scheme) =>
      equalsIgnoringCase(
        bytes,
        targetStart,
        Math.min(targetStart + scheme.length, targetEnd),
        scheme,
      )
    );
    if (scheme === undefined) throw new BadMessage(400, "an illegal request target");
    let at = this.hostStart = targetStart + scheme.length;
    while (at < this.pathEnd && bytes[at] !== SLASH) at++;
    this.authorityEnd = at;
    this.hostEnd = checkAuthority(bytes, this.hostStart, at);
    this.pathStart = at;
    this.isPathPlain = !needsNormalising(bytes, at, this.pathEnd);
  }

  protected understand(): void {
    const { fields } = this;
    let hostIndex = -1;
    let hasConnection = false;
    let hasExpect = false;
    let onceSeen = 0;
    for (let index = 0; index < fields.count; index++) {
      switch (fields.id(index)) {
        case OTHER:
          if (IS_ONCE_LENGTH[fields.nameEnd(index) - fields.lineStart(index)] === 1) {
            onceSeen = this.#readOnce(index, onceSeen);
          }
          break;
        case HOST:
          if (hostIndex >= 0) throw new BadMessage(400, "more than one Host");
          hostIndex = index;
          break;
        case CONTENT_LENGTH:
          this.readContentLength(index);
          break;
        case TRANSFER_ENCODING:
          this.readTransferEncoding(index);
          break;
        case CONNECTION:
          hasConnection = true;
          break;
        case UPGRADE:
          this.upgradeIndex = index;
          break;
        case EXPECT:
          if (hasExpect) throw new BadMessage(400, "more than one Expect");
          hasExpect = true;
          this.#readExpect(index);
          break;
      }
    }
    this.checkFraming();
    this.#readHost(hostIndex);
    if (!hasConnection) return;
    for (let index = 0; index < fields.count; index++) {
      if (fields.id(index) === CONNECTION) this.readConnection(index);
    }
  }

  /** Returns `seen` with the bit of the line's name, if it is one of {@linkcode ONCE}. */
  #readOnce(index: number, seen: number): number {
    const { fields } = this;
    const start = fields.lineStart(index);
    const end = fields.nameEnd(index);
    const at = ONCE.findIndex((name) => equalsIgnoringCase(fields.bytes, start, end, name));
    if (at < 0) return seen;
    if ((seen & (1 << at)) !== 0) {
      throw new BadMessage(400, `more than one ${latin1(fields.bytes, start, end)}`);
    }
    return seen | (1 << at);
  }

  #readHost(index: number): void {
    if (index < 0) {
      if (this.minorVersion === 1) throw new BadMessage(400, "no Host");
      return;
    }
    const { fields } = this;
    // nginx takes a tab for a part of the value, where RFC 9110, 5.5, has it beside.
    if (fields.hasTabAround(index)) throw new BadMessage(400, "a tab around Host");
    const start = fields.valueStart(index);
    const end = fields.valueEnd(index);
    const hostEnd = checkAuthority(fields.bytes, start, end);
    if (this.hostEnd > this.hostStart) return; // an absolute target rules: RFC 9112, 3.2.2
    this.hostStart = start;
    this.hostEnd = hostEnd;
    this.authorityEnd = end;
  }

  #readExpect(index: number): void {
    const { fields } = this;
    if (
      !equalsIgnoringCase(fields.bytes, fields.valueStart(index), fields.valueEnd(index), CONTINUE)
    ) {
      throw new BadMessage(417, "an unknown Expect");
    }
    this.expectsContinue = this.minorVersion === 1;
  }
}

const SCHEMES = ["http://", "https://"].map(bytesOf);

/**
 * Bytes of a host name: RFC 3986, 3.2.2, without `%` and without sub-delimiters, which
 * no name in use has and which make a list, a query or a shell word of it elsewhere.
 */
const IS_HOST = new Uint8Array(256);
for (
  const byte of bytesOf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
) {
  IS_HOST[byte] = 1;
}
const DOT = 0x2e;
const PORT_MAX = 65_535;

/**
 * Checks `host [":" port]` and returns where the host ends. No user information.
 *
 * @throws {BadMessage} It is neither a name, nor an address, nor an address in brackets.
 */
function checkAuthority(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (bytes[at] === 0x5b) { // '[': an IPv6 address
    while (at < end && bytes[at] !== 0x5d) at++;
    if (at === end || !isIpv6(latin1(bytes, start + 1, at))) {
      throw new BadMessage(400, "an illegal Host");
    }
    at++;
  } else {
    for (; at < end && IS_HOST[bytes[at]!] === 1; at++) {
      const isEmptyLabel = bytes[at] === DOT && (at === start || bytes[at - 1] === DOT);
      if (isEmptyLabel) throw new BadMessage(400, "a Host with an empty label");
    }
    if (at === start) throw new BadMessage(400, "an empty or illegal Host");
  }
  // "example.org." is example.org, as in nginx, and no way around its server.
  const hostEnd = bytes[at - 1] === DOT ? at - 1 : at;
  if (at === end) return hostEnd;
  if (bytes[at] !== COLON || end - at > 6) throw new BadMessage(400, "an illegal Host");
  let port = 0;
  for (at++; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < 0x30 || byte > 0x39) throw new BadMessage(400, "an illegal port in Host");
    port = port * 10 + byte - 0x30;
  }
  if (port > PORT_MAX) throw new BadMessage(400, "an illegal port in Host");
  return hostEnd;
}

/** Whether it is an address without a zone. */
function isIpv6(text: string): boolean {
  return /^[0-9A-Fa-f:.]{2,45}$/.test(text) && URL.canParse(`http://[${text}]`);
}

/** Upper-case letters, `-` and `_`, as nginx has it: a method in other case is no method. */
function isMethodByte(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || byte === 0x2d || byte === 0x5f;
}

function methodOf(bytes: Uint8Array, start: number, end: number): string {
  if (isEqual(bytes, start, end, GET)) return "GET";
  for (const { name, bytes: known } of METHODS) {
    if (isEqual(bytes, start, end, known)) return name;
  }
  return latin1(bytes, start, end);
}

function isEqual(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  if (end - start !== other.length) return false;
  for (let at = 0; at < other.length; at++) {
    if (bytes[start + at] !== other[at]) return false;
  }
  return true;
}

function needsNormalising(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 0x25) return true;
    if ((byte === SLASH || byte === 0x2e) && at > start && bytes[at - 1] === SLASH) return true;
  }
  return start === end;
}

function badTarget(byte: number): BadMessage {
  if (byte === CR || byte === LF) return new BadMessage(400, "no HTTP version");
  if (byte === 0x23) return new BadMessage(400, "a fragment in the request target");
  return new BadMessage(400, "an illegal byte in the request target");
}

function badVersion(bytes: Uint8Array, at: number): BadMessage {
  const byte = bytes[at]!;
  const isOtherVersion = byte >= 0x30 && byte <= 0x39;
  return isOtherVersion
    ? new BadMessage(505, "an HTTP version other than 1.0 and 1.1")
    : new BadMessage(400, "a malformed request line");
}
