/**
 * Texts on their way into a field's value: one line, whatever variables bring.
 *
 * @module
 */

const HTAB = 0x09;
const DEL = 0x7f;

/**
 * The text with its control characters escaped as in a URL. Variables hold what
 * clients and origins send, decoded: a line end in one must not begin another field.
 * (nginx writes it out, and the response is split.)
 */
export function fieldSafe(text: string): string {
  if (!hasControl(text)) return text; // a loop over a short text costs less than a regex's start
  // deno-lint-ignore no-control-regex -- controls are what must not get through
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, (unit) => encodeURIComponent(unit));
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if ((unit < 0x20 && unit !== HTAB) || unit === DEL) return true;
  }
  return false;
}

/** A text of the configuration as variables are: one byte of its UTF-8 a code unit. */
export function byteText(text: string): string {
  // deno-lint-ignore no-control-regex -- ASCII is all that need not be encoded
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

/** The bytes of a text whose code units stand for bytes, as variables' do. */
export function bytesOfUnits(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
