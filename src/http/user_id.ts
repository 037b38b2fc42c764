/**
 * `userid`: a cookie by which a client is known again, in the format of nginx (and before it
 * of Apache's mod_uid).
 *
 * @module
 */
import { bytesOf, type HeadWriter, parseClientIp } from "../wire/mod.ts";
import type { UserIdConf } from "./response_conf.ts";
import type { Variables } from "./configured_variables.ts";
import { bytesOfUnits, fieldSafe } from "./field_text.ts";
import type { Request } from "./request.ts";

const UID_BYTES = 16;
/** Digits of Base64 that 16 bytes have without padding: the mark takes the padding's place. */
const UID_DIGITS = 22;
const COOKIE = bytesOf("cookie");

/** Of each version: where its sequence begins, so that no id of one is that of the other. */
const FIRST: Readonly<Record<1 | 2, number>> = { 1: 1, 2: 0x0303_0302 };
const STEP = 0x100;

/** The sequences of this process, and what tells it from others that begin in the same second. */
const sequences = { 1: FIRST[1], 2: FIRST[2] };
const START = crypto.getRandomValues(new Uint32Array(1))[0]!;

/** What is known of a client's id. */
export interface UserIdState {
  /** What the client has sent, 16 bytes; undefined for none. */
  readonly got: Uint8Array | undefined;
  /** Behind those digits: the mark and padding. */
  readonly rest: string;
  /** What it was given. */
  set: Uint8Array | undefined;
}

/** The directives of a location. */
export class UserId {
  readonly #conf: UserIdConf;
  readonly #reset: ((request: Request) => string) | undefined;

  constructor(conf: UserIdConf, variables: Variables) {
    this.#conf = conf;
    this.#reset = variables.lookup("uid_reset");
  }

  /** Writes `Set-Cookie` and `P3P` for a client that needs an id. */
  writeFields(request: Request, into: HeadWriter): void {
    const { version, mark, p3p } = this.#conf;
    if (version === undefined) return;
    const state = this.stateOf(request);
    const isReset = this.#isReset(request, state);
    const hasMark = mark === "" || state.rest.startsWith(`${mark}=`);
    if (state.got !== undefined && !isReset && hasMark) return;
    state.set = state.got === undefined || isReset ? this.#create(request, version) : state.got;
    into.constant(bytesOfUnits(`Set-Cookie: ${this.#cookie(state.set, request)}\r\n`));
    if (p3p !== "") into.constant(bytesOfUnits(`P3P: ${fieldSafe(p3p)}\r\n`));
  }

  /** What the client has sent; looked at once. */
  stateOf(request: Request): UserIdState {
    if (request.userId !== undefined) return request.userId;
    request.isMarked = true;
    return request.userId = this.#read(request);
  }

  /** `uid=7F00000165A3…`; empty for none. */
  describe(uid: Uint8Array | undefined): string {
    return uid === undefined ? "" : `${this.#conf.name}=${inWords(uid)}`;
  }

  #isReset(request: Request, { got }: UserIdState): boolean {
    const text = this.#reset?.(request) ?? "";
    if (text === "" || text === "0" || got === undefined) return false;
    if (text === "log") {
      request.report("notice", `userid cookie "${this.describe(got)}" was reset`);
    }
    return true;
  }

  #read(request: Request): UserIdState {
    const { fields } = request.head;
    for (let at = -1; (at = fields.find(COOKIE, at + 1)) >= 0;) {
      const header = fields.value(at);
      const value = this.#valueIn(header);
      if (value === undefined) continue;
      const digits = value.slice(0, UID_DIGITS);
      const how = value.length < UID_DIGITS
        ? "too short"
        : /^[A-Za-z\d+/]+$/.test(digits)
        ? ""
        : "invalid";
      if (how === "") {
        const got = bytesOfUnits(atob(digits)).subarray(0, UID_BYTES);
        return { got, rest: value.slice(UID_DIGITS), set: undefined };
      }
      request.report("error", `client sent ${how} userid cookie "${header}"`);
      break;
    }
    return { got: undefined, rest: "", set: undefined };
  }

  #valueIn(header: string): string | undefined {
    for (const pair of header.split(";")) {
      const equals = pair.indexOf("=");
      const name = pair.slice(0, Math.max(0, equals)).trim();
      if (name.toLowerCase() === this.#conf.name.toLowerCase()) {
        return pair.slice(equals + 1).trim();
      }
    }
    return undefined;
  }

  #create(request: Request, version: 1 | 2): Uint8Array {
    const uid = new Uint8Array(UID_BYTES);
    const view = new DataView(uid.buffer);
    const isLittle = version === 1;
    const { service } = this.#conf;
    if (service !== undefined || version === 1) view.setUint32(0, service ?? 0, isLittle);
    else uid.set(localBytes(request));
    view.setUint32(4, Math.floor(request.worker.clock.wallMs() / 1_000), isLittle);
    view.setUint32(8, START, isLittle);
    view.setUint32(12, sequences[version], isLittle);
    const next = (sequences[version] + STEP) >>> 0;
    sequences[version] = next < FIRST[version] ? FIRST[version] : next;
    return uid;
  }

  #cookie(uid: Uint8Array, request: Request): string {
    const { name, mark, expiresMs, domain, path, flags } = this.#conf;
    const digits = btoa(String.fromCharCode(...uid));
    const marked = mark === "" ? digits : `${digits.slice(0, UID_DIGITS)}${mark}=`;
    const expires = expiresMs === undefined
      ? ""
      : `; expires=${cookieTime(request.worker.clock.wallMs(), expiresMs)}`;
    return `${name}=${marked}${expires}${domain === "" ? "" : `; domain=${domain}`}` +
      `; path=${path}${flags.map((flag) => `; ${flag}`).join("")}`;
  }
}

/** `$uid_got` and `$uid_set`. */
export function userIdVariable(which: "got" | "set"): (request: Request) => string {
  return (request) => {
    const userId = request.policy?.userId;
    return userId?.describe(userId.stateOf(request)[which]) ?? "";
  };
}

/** Of the address that the client has come to: the last four bytes. */
function localBytes({ client }: Request): Uint8Array {
  const bytes = parseClientIp(client.conn.local.hostname);
  return bytes === undefined ? new Uint8Array(4) : bytes.subarray(-4);
}

/** Four words of 32 bits, as a little-endian machine has them: nginx's logs are of such. */
function inWords(uid: Uint8Array): string {
  const view = new DataView(uid.buffer, uid.byteOffset, UID_BYTES);
  return [0, 4, 8, 12].map((at) =>
    view.getUint32(at, true).toString(16).toUpperCase().padStart(8, "0")
  ).join("");
}

/** The oldest of the three forms of dates (RFC 6265, 4.1.1), with the year that nginx writes. */
function cookieTime(nowMs: number, expiresMs: number): string {
  if (expiresMs === Infinity) return "Thu, 31-Dec-37 23:55:55 GMT";
  const [weekday = "", day = "", month = "", year = "", time = ""] = new Date(nowMs + expiresMs)
    .toUTCString().split(" ");
  const shortYear = Number(year) > 2037 ? year : year.slice(2);
  return `${weekday} ${day}-${month}-${shortYear} ${time} GMT`;
}
