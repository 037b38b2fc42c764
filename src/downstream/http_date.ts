/**
 * HTTP dates (RFC 9110, 5.6.7), made once a second.
 *
 * @module
 */
let lastSecond = -1;
let lastText = "";

/** The IMF-fixdate of a moment in ms since 1970. The same string again within a second. */
export function formatHttpDate(wallMs: number): string {
  const second = Math.floor(wallMs / 1_000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = new Date(wallMs).toUTCString();
  }
  return lastText;
}

/**
 * The moment of a date as HTTP writes it, in ms since 1970: an IMF-fixdate, or one of the two
 * obsolete forms (RFC 9110, 5.6.7). NaN for anything else.
 */
export function parseHttpDate(text: string): number {
  if (FIXDATE.test(text) || RFC_850.test(text)) return Date.parse(text);
  return ASCTIME.test(text) ? Date.parse(`${text} GMT`) : NaN;
}

const FIXDATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
const RFC_850 = /^[A-Z][a-z]+, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;
