/**
 * A response head (RFC 9112, 4), parsed in place.
 *
 * @module
 */
import { BadMessage } from "./bad_message.ts";
import { bytesOf, CR, IS_FIELD_VALUE, latin1, LF, SP } from "./chars.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  FieldLines,
  NOMINATED,
  TRANSFER_ENCODING,
  UPGRADE,
  X_ACCEL_BUFFERING,
  X_ACCEL_CHARSET,
  X_ACCEL_EXPIRES,
  X_ACCEL_LIMIT_RATE,
  X_ACCEL_REDIRECT,
} from "./fields.ts";
import { Head } from "./head.ts";

const VERSION = bytesOf("HTTP/1.");

/** One response's head. Used again for the next response of its holder. */
export class ResponseHead extends Head {
  status = 0;
  /** `status SP reason` as it came: `[statusStart, statusEnd)`. */
  statusStart = 0;
  statusEnd = 0;
  upgradeIndex = -1;
  /** Whether there is an `X-Accel-*` field. */
  hasAccel = false;

  constructor(maxFields: number) {
    super(new FieldLines(new Uint8Array(), maxFields, 0));
  }

  override begin(bytes: Uint8Array, start: number): void {
    super.begin(bytes, start);
    this.status = 0;
    this.upgradeIndex = -1;
    this.hasAccel = false;
  }

  /** Whether the connection may carry another response after this one. */
  get allowsKeepalive(): boolean {
    return this.saysClose ? false : this.minorVersion === 1 || this.saysKeepAlive;
  }

  /** 1xx other than 101: another head follows (RFC 9110, 15.2). */
  get isInterim(): boolean {
    return this.status < 200 && this.status !== 101;
  }

  reason(): string {
    return latin1(
      this.fields.bytes,
      Math.min(this.statusStart + 4, this.statusEnd),
      this.statusEnd,
    );
  }

  protected parseFirstLine(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (; at < start + VERSION.length; at++) {
      if (at === end) return -1;
      if (bytes[at] !== VERSION[at - start]) throw new BadMessage(502, "no HTTP/1 status line");
    }
    if (at + 5 > end) return -1; // minor version, SP, three digits
    this.minorVersion = bytes[at]! - 0x30;
    if (this.minorVersion !== 0 && this.minorVersion !== 1) {
      throw new BadMessage(502, "an HTTP version other than 1.0 and 1.1");
    }
    if (bytes[at + 1] !== SP) throw new BadMessage(502, "a malformed status line");
    at += 2;
    this.statusStart = at;
    const status = statusOf(bytes, at);
    if (status < 100 || status > 599) throw new BadMessage(502, "an illegal status code");
    this.status = status;
    at += 3;
    if (at < end && bytes[at] !== SP && bytes[at] !== CR) {
      throw new BadMessage(502, "a malformed status line");
    }
    while (at < end && IS_FIELD_VALUE[bytes[at]!] === 1) at++;
    if (at + 1 >= end) {
      if (at < end && bytes[at] !== CR) throw new BadMessage(502, "a malformed status line");
      return -1;
    }
    if (bytes[at] !== CR || bytes[at + 1] !== LF) {
      throw new BadMessage(502, "a malformed status line");
    }
    this.statusEnd = at;
    return at + 2;
  }

  protected understand(): void {
    const { fields } = this;
    let hasConnection = false;
    let contentTypeIndex = -1;
    let lengthIndex = -1;
    for (let index = 0; index < fields.count; index++) {
      switch (fields.id(index)) {
        case CONTENT_LENGTH:
          this.readContentLength(index);
          lengthIndex = index;
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
        case CONTENT_TYPE: // the last one counts, and is the only one that is passed, as in nginx
          if (contentTypeIndex >= 0) fields.setId(contentTypeIndex, NOMINATED);
          contentTypeIndex = index;
          break;
        case X_ACCEL_REDIRECT:
        case X_ACCEL_EXPIRES:
        case X_ACCEL_LIMIT_RATE:
        case X_ACCEL_BUFFERING:
        case X_ACCEL_CHARSET:
          this.hasAccel = true;
          break;
      }
    }
    this.checkFraming();
    if (this.status < 200) this.#checkBodiless(lengthIndex);
    if (!hasConnection) return;
    for (let index = 0; index < fields.count; index++) {
      if (fields.id(index) === CONNECTION) this.readConnection(index);
    }
  }

  /**
   * RFC 9110, 8.6: a 1xx has no length, and never a body. There are readers that look for the body
   * that it speaks of, so that the response behind it would be lost in it.
   */
  #checkBodiless(lengthIndex: number): void {
    if (this.isChunked || this.contentLength > 0) {
      throw new BadMessage(502, "a body in an interim response");
    }
    if (lengthIndex >= 0) this.fields.setId(lengthIndex, NOMINATED);
  }
}

function statusOf(bytes: Uint8Array, at: number): number {
  let status = 0;
  for (let digitAt = at; digitAt < at + 3; digitAt++) {
    const digit = bytes[digitAt]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    status = status * 10 + digit;
  }
  return status;
}
