/**
 * What request heads and response heads have in common: a first line, field lines,
 * an empty line; found in place, line by line, without looking at a byte twice when
 * a head comes in one piece and at most twice when it dribbles.
 *
 * @module
 */
import { BadMessage } from "./bad_message.ts";
import { bytesOf, CR, equalsIgnoringCase, HTAB, IS_TOKEN, LF, LOWER, SP } from "./chars.ts";
import { type FieldLines, NOMINATED, OTHER } from "./fields.ts";

/** Message body framing by `Content-Length`, when the head has none. */
export const NO_LENGTH = -1;

/** Largest Content-Length that is exact as a number has 16 digits; 15 are enough for a petabyte. */
const LENGTH_DIGITS_MAX = 15;
/** Options of all `Connection` lines together: each may cost a look at every field. */
const CONNECTION_OPTIONS_MAX = 32;

const CHUNKED = bytesOf("chunked");
const CLOSE = bytesOf("close");
const KEEP_ALIVE_OPTION = bytesOf("keep-alive");
const UPGRADE_OPTION = bytesOf("upgrade");

/** Drives a head's lines through the parser, and remembers where it stopped. */
export abstract class Head {
  readonly fields: FieldLines;
  /** Minor version: 0 or 1. */
  minorVersion = 1;
  /** `Content-Length`, or NO_LENGTH. */
  contentLength = NO_LENGTH;
  /** Whether the body is chunked. */
  isChunked = false;
  /** What `Connection` says. */
  saysClose = false;
  saysKeepAlive = false;
  saysUpgrade = false;
  /** Offset just past the empty line: where the body begins. Valid once {@linkcode parse} said true. */
  end = 0;

  #lineStart = 0;
  /** There is no LF in `[lineStart, scanned)`. */
  #scanned = 0;
  #isFirstLineDone = false;
  #connectionOptions = 0;

  constructor(fields: FieldLines) {
    this.fields = fields;
  }

  /** Makes ready for a head that starts at `start` of `bytes`. */
  begin(bytes: Uint8Array, start: number): void {
    this.fields.clear(bytes);
    this.minorVersion = 1;
    this.contentLength = NO_LENGTH;
    this.isChunked =
      this.saysClose =
      this.saysKeepAlive =
      this.saysUpgrade =
        false;
    this.#lineStart = this.#scanned = start;
    this.#isFirstLineDone = false;
    this.#connectionOptions = 0;
    this.end = 0;
  }

  /** The bytes were copied into a larger cell, to the same offsets. */
  moveTo(bytes: Uint8Array): void {
    this.fields.bytes = bytes;
  }

  /** Whether the first line is complete: says which of two bounds a head ran over. */
  get isFirstLineDone(): boolean {
    return this.#isFirstLineDone;
  }

  /** Offset of the first byte that is not parsed yet. */
  get lineStart(): number {
    return this.#lineStart;
  }

  /**
   * Takes in what has come. Returns whether the head is complete.
   *
   * @param end Offset just past the bytes that are there.
   * @throws {BadMessage} The head is refused.
   */
  parse(end: number): boolean {
    const { fields } = this;
    const { bytes } = fields;
    if (this.#scanned > this.#lineStart) {
      // A dribbled line: look only at what is new until its LF is there.
      let at = this.#scanned;
      while (at < end && bytes[at] !== LF) at++;
      this.#scanned = at;
      if (at === end) return false;
    }
    while (true) {
      const start = this.#lineStart;
      let next: number;
      if (!this.#isFirstLineDone) {
        next = fields.end = this.parseFirstLine(bytes, start, end);
        this.#isFirstLineDone = next >= 0;
      } else if (start < end && bytes[start] === CR) {
        next = -1;
        if (start + 1 < end) {
          if (bytes[start + 1] !== LF) throw new BadMessage(400, "a bare CR before the body");
          this.end = start + 2;
          this.understand();
          return true;
        }
      } else {
        next = fields.add(start, end);
      }
      if (next < 0) {
        this.#scanned = end;
        return false;
      }
      this.#lineStart = this.#scanned = next;
    }
  }

  /**
   * Parses the first line. Returns the offset just past it, or -1: not all there yet.
   *
   * @throws {BadMessage} The line is refused.
   */
  protected abstract parseFirstLine(bytes: Uint8Array, start: number, end: number): number;

  /** Draws the conclusions from a complete head. */
  protected abstract understand(): void;

  /** Reads a `Content-Length` line (RFC 9112, 6.3): digits, once. */
  protected readContentLength(index: number): void {
    if (this.contentLength !== NO_LENGTH) throw new BadMessage(400, "more than one Content-Length");
    const { fields } = this;
    const start = fields.valueStart(index);
    const end = fields.valueEnd(index);
    if (start === end || fields.hasTabAround(index)) {
      throw new BadMessage(400, "an illegal Content-Length");
    }
    let length = 0;
    for (let at = start; at < end; at++) {
      const digit = fields.bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) throw new BadMessage(400, "an illegal Content-Length");
      length = length * 10 + digit;
    }
    if (end - start > LENGTH_DIGITS_MAX) throw new BadMessage(413, "too large a Content-Length");
    this.contentLength = length;
  }

  /** Reads a `Transfer-Encoding` line (RFC 9112, 6.1): `chunked`, once, and nothing else. */
  protected readTransferEncoding(index: number): void {
    if (this.isChunked) throw new BadMessage(400, "more than one Transfer-Encoding");
    const { fields } = this;
    if (
      fields.hasTabAround(index) ||
      !equalsIgnoringCase(fields.bytes, fields.valueStart(index), fields.valueEnd(index), CHUNKED)
    ) {
      throw new BadMessage(501, "an unknown Transfer-Encoding");
    }
    this.isChunked = true;
  }

  /** Both lengths at once are how requests are smuggled: refused (RFC 9112, 6.1). */
  protected checkFraming(): void {
    if (!this.isChunked) return;
    if (this.contentLength !== NO_LENGTH) {
      throw new BadMessage(400, "both Content-Length and Transfer-Encoding");
    }
    if (this.minorVersion === 0) throw new BadMessage(400, "Transfer-Encoding in HTTP/1.0");
  }

  /** Reads a `Connection` line (RFC 9110, 7.6.1): its options, and the fields that it nominates. */
  protected readConnection(index: number): void {
    const { fields } = this;
    const { bytes } = fields;
    const end = fields.valueEnd(index);
    let at = fields.valueStart(index);
    while (at < end) {
      while (at < end && (bytes[at] === SP || bytes[at] === HTAB || bytes[at] === COMMA)) at++;
      const start = at;
      while (at < end && IS_TOKEN[bytes[at]!] === 1) at++;
      if (at > start) this.#readConnectionOption(start, at);
      while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
      // "close keep-alive" is one thing to some and another to others.
      if (at < end && bytes[at] !== COMMA) throw new BadMessage(400, "an illegal Connection");
    }
  }

  #readConnectionOption(start: number, end: number): void {
    if (++this.#connectionOptions > CONNECTION_OPTIONS_MAX) {
      throw new BadMessage(400, "too many options in Connection");
    }
    const { bytes } = this.fields;
    if (equalsIgnoringCase(bytes, start, end, KEEP_ALIVE_OPTION)) this.saysKeepAlive = true;
    else if (equalsIgnoringCase(bytes, start, end, CLOSE)) this.saysClose = true;
    else if (equalsIgnoringCase(bytes, start, end, UPGRADE_OPTION)) this.saysUpgrade = true;
    else this.#nominate(bytes.slice(start, end).map((byte) => LOWER[byte]!));
  }

  /**
   * Marks the fields so named as ours alone, unless security may rest on them. Those that we act
   * on are not among them either: a `Connection: set-cookie` takes no cookie away.
   */
  #nominate(lower: Uint8Array): void {
    if (isProtected(lower, 0, lower.length)) return;
    const { fields } = this;
    for (let at = fields.find(lower); at >= 0; at = fields.find(lower, at + 1)) {
      if (fields.id(at) === OTHER) fields.setId(at, NOMINATED);
    }
  }
}

const COMMA = 0x2c;

/**
 * Names that `Connection` may not take away, nor a trailer section bring: an origin that
 * trusts them would take the request for another one. (nginx takes nothing away that
 * `Connection` names.)
 */
const PROTECTED = [
  "authorization",
  "cache-control",
  "client-cert",
  "client-cert-chain",
  "content-encoding",
  "content-location",
  "content-range",
  "cookie",
  "forwarded",
  "origin",
  "proxy-authenticate",
  "proxy-authorization",
  "range",
  "referer",
  "remote-user",
  "true-client-ip",
  "via",
  "www-authenticate",
].map(bytesOf);
/** Names that begin so are what proxies and gateways say of a request, or credentials. */
const PROTECTED_PREFIXES = [
  "cf-",
  "if-",
  "sec-",
  "x-api-",
  "x-auth-",
  "x-client-",
  "x-csrf-",
  "x-forwarded-",
  "x-original-",
  "x-real-",
  "x-remote-",
  "x-rewrite-",
  "x-ssl-",
  "x-xsrf-",
].map(bytesOf);

/** Whether security may rest on the field whose name is `bytes[start, end)`. */
export function isProtected(bytes: Uint8Array, start: number, end: number): boolean {
  return PROTECTED.some((name) => equalsIgnoringCase(bytes, start, end, name)) ||
    PROTECTED_PREFIXES.some((prefix) =>
      equalsIgnoringCase(bytes, start, Math.min(end, start + prefix.length), prefix)
    );
}
