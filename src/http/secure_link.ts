/**
 * `secure_link`: whether a link has the checksum that only we could make, and is not out of date.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Template } from "../log/mod.ts";
import type { SecureLinkConf } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { bytesOfUnits, byteText } from "./field_text.ts";
import type { Request } from "./request.ts";

const MD5_HEX = 32;
/** 16 bytes in Base64, with padding. */
const MD5_BASE64_MAX = 24;

export class SecureLink {
  readonly #secret: string | undefined;
  readonly #link: Template<Request> | undefined;
  readonly #md5: Template<Request> | undefined;

  constructor({ secret, link, md5 }: SecureLinkConf, variables: Variables) {
    if (secret !== undefined) this.#secret = byteText(secret);
    if (link !== undefined) this.#link = variables.compile(byteText(link));
    if (md5 !== undefined) this.#md5 = variables.compile(byteText(md5));
  }

  /** `$secure_link`: `1`, `0` when it is out of date, the link of `secure_link_secret`; else empty. */
  value(request: Request): string {
    if (this.#secret !== undefined) return ofSecret(request, this.#secret);
    if (this.#md5 === undefined) return "";
    const [checksum, expires] = this.#parts(request);
    if (expires !== undefined && !isMoment(expires)) return "";
    if (checksum.length > MD5_BASE64_MAX || !/^[\w-]{22}(?:=|$)/.test(checksum)) return "";
    const expected = createHash("md5").update(bytesOfUnits(this.#md5.render(request))).digest();
    const found = bytesOfUnits(atob(
      checksum.slice(0, 22).replaceAll("-", "+").replaceAll("_", "/"),
    ));
    if (!timingSafeEqual(found, expected)) return "";
    const nowS = Math.floor(request.worker.clock.wallMs() / 1_000);
    return expires !== undefined && Number(expires) < nowS ? "0" : "1";
  }

  /** `$secure_link_expires`. */
  expires(request: Request): string {
    const [, expires = ""] = this.#parts(request);
    return isMoment(expires) ? expires : "";
  }

  #parts(request: Request): readonly [checksum: string, expires: string | undefined] {
    const text = this.#link?.render(request) ?? "";
    const comma = text.indexOf(",");
    return comma < 0 ? [text, undefined] : [text.slice(0, comma), text.slice(comma + 1)];
  }
}

/** Seconds since 1970. */
function isMoment(text: string): boolean {
  return /^\d{1,15}$/.test(text) && Number(text) > 0;
}

/** `/prefix/CHECKSUM/LINK`, of the request line as it came; the checksum is of link and secret. */
function ofSecret({ target }: Request, secret: string): string {
  const [, checksum = "", link] = /^\/[^/]*\/([^/]*)\/(.*)$/s.exec(target) ?? [];
  if (link === undefined || checksum.length !== MD5_HEX || !/^[\da-f]+$/i.test(checksum)) return "";
  const expected = createHash("md5").update(bytesOfUnits(link + secret)).digest("hex");
  const isRight = timingSafeEqual(
    bytesOfUnits(checksum.toLowerCase()),
    bytesOfUnits(expected),
  );
  return isRight ? link : "";
}
