/**
 * CRC-32 as zlib and nginx compute it, in parts.
 *
 * @module
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return value;
});

/** What {@linkcode addByte} and {@linkcode addText} begin with. */
export const CRC_START = 0xffff_ffff;

/** One byte more. */
export function addByte(crc: number, byte: number): number {
  return (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!;
}

/** A text more, whose code units are bytes. */
export function addText(crc: number, text: string): number {
  let result = crc;
  for (let at = 0; at < text.length; at++) result = addByte(result, text.charCodeAt(at));
  return result;
}

/** The sum of all that was added. */
export function crcOf(crc: number): number {
  return ~crc >>> 0;
}
