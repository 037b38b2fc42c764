/**
 * bcrypt (Provos and Mazières, "A Future-Adaptable Password Scheme", 1999), in slices.
 *
 * @module
 */
import type { Slices } from "./slices.ts";

const ROUNDS = 16;
const P_WORDS = ROUNDS + 2;
const S_WORDS = 4 * 256;
const KEY_BYTES_MAX = 72;
const SALT_BYTES = 16;
const HASH_BYTES = 23;
const ENCRYPTIONS = 64;
const MAGIC = "OrpheanBeholderScryDoubt";
const DIGITS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Key expansions between two looks at the time: about 0.2 ms. */
const EXPANSIONS_A_SLICE = 4;
/** Likewise, of the terms that pi is summed up from. */
const TERMS_A_SLICE = 64n;

/** 2 to the power of this are the key expansions that anybody waits for at most: some 3 s. */
export const BCRYPT_COST_MAX = 15;

/** What is written as `$2y$10$` and 53 digits. `$2a$` and `$2b$` are the same with our bytes. */
export interface BcryptHash {
  readonly cost: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

export function parseBcrypt(text: string): BcryptHash | undefined {
  const [, digits, salt = "", hash = ""] =
    /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/.exec(text) ?? [];
  const cost = Number(digits);
  if (digits === undefined || cost < 4 || cost > 31) return undefined;
  return { cost, salt: decode(salt, SALT_BYTES), hash: decode(hash, HASH_BYTES) };
}

/** The hash of a password. @param password Of its bytes the first 72 count. */
export function* bcrypt(
  password: Uint8Array,
  { cost, salt }: Pick<BcryptHash, "cost" | "salt">,
): Slices<Uint8Array> {
  const key = new Uint8Array(Math.min(password.length + 1, KEY_BYTES_MAX));
  key.set(password.subarray(0, KEY_BYTES_MAX));
  const keyWords = wordsOf(key);
  const saltWords = wordsOf(salt);
  const blowfish = new Blowfish(yield* digitsOfPi());
  blowfish.expand(keyWords, saltWords);
  for (let left = 2 ** cost; left > 0; left--) {
    blowfish.expand(keyWords, NO_SALT);
    blowfish.expand(saltWords, NO_SALT);
    if (left % EXPANSIONS_A_SLICE === 0) yield;
  }
  const text = Int32Array.from({ length: MAGIC.length / 4 }, (_, word) => {
    return Array.from({ length: 4 }, (_, byte) => MAGIC.charCodeAt(4 * word + byte))
      .reduce((sum, code) => sum << 8 | code, 0);
  });
  for (let pair = 0; pair < text.length; pair += 2) {
    for (let count = 0; count < ENCRYPTIONS; count++) blowfish.encrypt(text, pair);
  }
  const view = new DataView(new ArrayBuffer(4 * text.length));
  text.forEach((word, index) => view.setInt32(4 * index, word));
  return new Uint8Array(view.buffer, 0, HASH_BYTES);
}

const NO_SALT = new Int32Array(4);

/** The bytes over and over again, as the 18 words that P is mixed with, or the 4 of a salt. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(bytes.length === SALT_BYTES ? 4 : P_WORDS);
  for (let at = 0; at < 4 * words.length; at++) {
    words[at >> 2] = words[at >> 2]! << 8 | bytes[at % bytes.length]!;
  }
  return words;
}

/** The cipher's state. */
class Blowfish {
  readonly #p: Int32Array;
  readonly #s: Int32Array;
  readonly #pair = new Int32Array(2);

  constructor(digits: Int32Array) {
    this.#p = digits.slice(0, P_WORDS);
    this.#s = digits.slice(P_WORDS);
  }

  /** @param salt Four words. */
  expand(key: Int32Array, salt: Int32Array): void {
    const p = this.#p;
    for (let at = 0; at < P_WORDS; at++) p[at]! ^= key[at % key.length]!;
    this.#pair.fill(0);
    const next = this.#refill(p, salt, 0);
    this.#refill(this.#s, salt, next);
  }

  #refill(words: Int32Array, salt: Int32Array, from: number): number {
    const pair = this.#pair;
    let next = from;
    for (let at = 0; at < words.length; at += 2) {
      pair[0]! ^= salt[next]!;
      pair[1]! ^= salt[next + 1]!;
      next ^= 2;
      this.encrypt(pair, 0);
      words[at] = pair[0]!;
      words[at + 1] = pair[1]!;
    }
    return next;
  }

  encrypt(words: Int32Array, at: number): void {
    const p = this.#p;
    const s = this.#s;
    let left = words[at]! ^ p[0]!;
    let right = words[at + 1]!;
    for (let round = 1; round <= ROUNDS; round += 2) {
      right ^= ((s[left >>> 24]! + s[256 + (left >>> 16 & 0xff)]! ^
        s[512 + (left >>> 8 & 0xff)]!) + s[768 + (left & 0xff)]!) ^ p[round]!;
      left ^= ((s[right >>> 24]! + s[256 + (right >>> 16 & 0xff)]! ^
        s[512 + (right >>> 8 & 0xff)]!) + s[768 + (right & 0xff)]!) ^ p[round + 1]!;
    }
    words[at] = right ^ p[ROUNDS + 1]!;
    words[at + 1] = left;
  }
}

let pi: Int32Array | undefined;

/**
 * Blowfish begins with the digits of pi behind its point: 1,042 words of them. They are
 * calculated (Machin, 1706: pi/4 = 4 atan(1/5) - atan(1/239)) when they are first needed.
 */
function* digitsOfPi(): Slices<Int32Array> {
  if (pi !== undefined) return pi;
  const words = P_WORDS + S_WORDS;
  const spareBits = 64n; // for what each term's division loses
  const one = 1n << (BigInt(32 * words) + spareBits);
  const quarter = 4n * (yield* atan(one, 5n)) - (yield* atan(one, 239n));
  const fraction = (4n * quarter - 3n * one) >> spareBits;
  const hex = fraction.toString(16).padStart(8 * words, "0");
  return pi = Int32Array.from({ length: words }, (_, word) => {
    return Number.parseInt(hex.slice(8 * word, 8 * word + 8), 16) | 0;
  });
}

/** The arcus tangent of 1/denominator, in units of 1/one. */
function* atan(one: bigint, denominator: bigint): Slices<bigint> {
  const square = denominator * denominator;
  let power = one / denominator;
  let sum = 0n;
  let sign = 1n;
  for (let odd = 1n; power > 0n; odd += 2n) {
    sum += sign * (power / odd);
    sign = -sign;
    power /= square;
    if (odd % TERMS_A_SLICE === 1n) yield;
  }
  return sum;
}

function decode(text: string, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (const digit of text) {
    bits = (bits << 6 | DIGITS.indexOf(digit)) & 0xfff_ffff;
    bitCount += 6;
    if (bitCount >= 8 && at < byteCount) {
      bitCount -= 8;
      bytes[at++] = bits >> bitCount & 0xff;
    }
  }
  return bytes;
}
