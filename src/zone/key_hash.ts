/**
 * A text as 64 bits that nobody can aim at who does not know the seed (HalfSipHash-1-3,
 * Aumasson and Bernstein): clients choose what is hashed, and two texts with one hash
 * would share one limit.
 *
 * @module
 */

/** The two halves of a hash, to be written by {@linkcode hashText} again and again. */
export interface Halves {
  low: number;
  high: number;
}

/** Hashes the text's code units, two to a word. */
export function hashText(text: string, seedLow: number, seedHigh: number, into: Halves): void {
  let v0 = seedLow;
  let v1 = seedHigh ^ 0xee; // a result of 64 bits is asked for
  let v2 = 0x6c79_6765 ^ seedLow;
  let v3 = 0x7465_6462 ^ seedHigh;
  const { length } = text;
  const wholeLength = length & ~1;
  for (let at = 0; at <= wholeLength; at += 2) {
    const word = at < wholeLength
      ? text.charCodeAt(at) | text.charCodeAt(at + 1) << 16
      : length << 24 ^ (length > wholeLength ? text.charCodeAt(at) : 0);
    v3 ^= word;
    v0 = v0 + v1 | 0;
    v1 = (v1 << 5 | v1 >>> 27) ^ v0;
    v0 = v0 << 16 | v0 >>> 16;
    v2 = v2 + v3 | 0;
    v3 = (v3 << 8 | v3 >>> 24) ^ v2;
    v0 = v0 + v3 | 0;
    v3 = (v3 << 7 | v3 >>> 25) ^ v0;
    v2 = v2 + v1 | 0;
    v1 = (v1 << 13 | v1 >>> 19) ^ v2;
    v2 = v2 << 16 | v2 >>> 16;
    v0 ^= word;
  }
  v2 ^= 0xee;
  for (let round = 0; round < 6; round++) {
    if (round === 3) {
      into.low = v1 ^ v3;
      v1 ^= 0xdd;
    }
    v0 = v0 + v1 | 0;
    v1 = (v1 << 5 | v1 >>> 27) ^ v0;
    v0 = v0 << 16 | v0 >>> 16;
    v2 = v2 + v3 | 0;
    v3 = (v3 << 8 | v3 >>> 24) ^ v2;
    v0 = v0 + v3 | 0;
    v3 = (v3 << 7 | v3 >>> 25) ^ v0;
    v2 = v2 + v1 | 0;
    v1 = (v1 << 13 | v1 >>> 19) ^ v2;
    v2 = v2 << 16 | v2 >>> 16;
  }
  into.high = v1 ^ v3;
}
