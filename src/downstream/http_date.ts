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
