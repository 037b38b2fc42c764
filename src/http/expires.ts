/**
 * `expires`: how long a response may be kept.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import { parseHttpDate } from "../downstream/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";

/** What is told. */
export interface Kept {
  readonly expires: string;
  readonly cacheControl: string;
}

const EPOCH: Kept = { expires: "Thu, 01 Jan 1970 00:00:01 GMT", cacheControl: "no-cache" };
const MAX: Kept = {
  expires: "Thu, 31 Dec 2037 23:55:55 GMT",
  cacheControl: "max-age=315360000",
};

/** A moment, or none. */
export type Expiry =
  | { readonly kind: "epoch" }
  | { readonly kind: "max" }
  | { readonly kind: "off" }
  /** Seconds from now. */
  | { readonly kind: "after"; readonly seconds: number }
  /** Seconds from local midnight. */
  | { readonly kind: "daily"; readonly seconds: number };

/** One level's `expires`. */
export class Expires {
  readonly #fromModified: boolean;
  readonly #value: Template<Request>;
  readonly #constant: Expiry | undefined;

  /** @param text `30d`, `-1`, `@15h30m`, `epoch`, `max`, `off`; may hold `$variables`. */
  constructor(text: string, fromModified: boolean, variables: Variables) {
    this.#fromModified = fromModified;
    this.#value = variables.compile(byteText(text));
    if (this.#value.isConstant) this.#constant = parseExpiry(text);
  }

  /** @param lastModified Of the response; empty for none. */
  of(request: Request, lastModified: string): Kept | undefined {
    const expiry = this.#constant ?? parseExpiry(this.#value.render(request));
    if (expiry === undefined || expiry.kind === "off") return undefined;
    if (expiry.kind === "epoch") return EPOCH;
    if (expiry.kind === "max") return MAX;
    const nowS = Math.floor(request.worker.clock.wallMs() / 1_000);
    if (expiry.kind === "daily") {
      const atS = nextTimeOfDay(expiry.seconds, nowS);
      return { expires: dateOf(atS), cacheControl: `max-age=${atS - nowS}` };
    }
    const { seconds } = expiry;
    const modifiedS = this.#fromModified ? parseHttpDate(lastModified) / 1_000 : NaN;
    const atS = (Number.isNaN(modifiedS) ? nowS : modifiedS) + seconds;
    const maxAge = atS - nowS;
    const cacheControl = seconds < 0 || maxAge < 0 ? "no-cache" : `max-age=${maxAge}`;
    return { expires: dateOf(atS), cacheControl };
  }
}

/** nginx's times with a sign, a time of day behind `@`, and its words; undefined for others. */
export function parseExpiry(text: string): Expiry | undefined {
  if (text === "epoch" || text === "max" || text === "off") return { kind: text };
  const [, sign = "", digits = ""] = /^([-+@]?)(\d.*)$/.exec(text) ?? [];
  const seconds = parseSeconds(digits);
  if (seconds === undefined) return undefined;
  if (sign === "@") return seconds <= 86_400 ? { kind: "daily", seconds } : undefined;
  return { kind: "after", seconds: sign === "-" ? -seconds : seconds };
}

const UNITS: Readonly<Record<string, number>> = {
  y: 31_536_000,
  M: 2_592_000,
  w: 604_800,
  d: 86_400,
  h: 3_600,
  m: 60,
  s: 1,
  "": 1,
};

/** `1d12h`: from large to small, each unit once. */
function parseSeconds(text: string): number | undefined {
  if (!/^(?:\d+[yMwdhms] ?)*(?:\d+[yMwdhms]?)$/.test(text)) return undefined;
  let seconds = 0;
  let last = Infinity;
  for (const { 1: digits, 2: unit = "" } of text.matchAll(/(\d+)([a-zA-Z]?)/g)) {
    const factor = UNITS[unit]!;
    if (factor >= last) return undefined;
    last = factor;
    seconds += Number(digits) * factor;
  }
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}

function nextTimeOfDay(seconds: number, nowS: number): number {
  const midnight = new Date(nowS * 1_000);
  midnight.setHours(0, 0, 0, 0);
  const todayS = midnight.getTime() / 1_000 + seconds;
  if (todayS > nowS) return todayS;
  midnight.setDate(midnight.getDate() + 1); // a day need not have 24 hours
  return midnight.getTime() / 1_000 + seconds;
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1_000).toUTCString();
}
