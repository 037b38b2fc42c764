/**
 * `split_clients`: a variable whose value is shared out by the hash of a text.
 *
 * @module
 */
import type { Getter } from "../log/mod.ts";
import type { SplitConf } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";

const HASHES = 0xffff_ffff;
/** Shares are in hundredths of a percent. */
const WHOLE = 10_000;

interface Part {
  /** Hashes below are its; those below the part before it are not. */
  readonly below: number;
  readonly value: string;
}

/** How the variable's value is found: by nginx's own hash, so that everybody stays where nginx had them. */
export function compileSplit(conf: SplitConf, variables: Variables): Getter<Request> {
  const source = variables.compile(byteText(conf.source));
  const parts: Part[] = [];
  let below = 0;
  for (const { share, value } of conf.parts) {
    // nginx rounds each part's width down.
    below = share === undefined ? Infinity : below + Math.floor(share * HASHES / WHOLE);
    parts.push({ below, value: byteText(value) });
  }
  return (request) => {
    const hash = murmurHash2(source.render(request));
    for (const part of parts) {
      if (hash < part.below) return part.value;
    }
    return "";
  };
}

/** MurmurHash2, 32 bits, seeded with the length: of a text of one byte a character. */
export function murmurHash2(text: string): number {
  const multiplier = 0x5bd1_e995;
  const byte = (at: number) => text.charCodeAt(at) & 0xff;
  let hash = text.length;
  let at = 0;
  for (; text.length - at >= 4; at += 4) {
    let word = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    word = Math.imul(word, multiplier);
    word ^= word >>> 24;
    word = Math.imul(word, multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  const left = text.length - at;
  if (left === 3) hash ^= byte(at + 2) << 16;
  if (left >= 2) hash ^= byte(at + 1) << 8;
  if (left >= 1) hash = Math.imul(hash ^ byte(at), multiplier);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  hash ^= hash >>> 15;
  return hash >>> 0;
}
