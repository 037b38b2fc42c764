/**
 * The `$1$`, `$apr1$`, `$5$` and `$6$` hashes of crypt(3), in slices: MD5 crypt (Kamp, 1994)
 * and SHA crypt (Drepper, "Unix crypt using SHA-256 and SHA-512").
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Slices } from "./slices.ts";

const DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const MD5_ROUNDS = 1_000;
const SHA_ROUNDS = 5_000;
const SHA_ROUNDS_MIN = 1_000;
/** The most that anybody waits for: some 3 s. */
export const SHA_ROUNDS_MAX = 500_000;
/** Rounds between two looks at the time. */
const ROUNDS_A_SLICE = 32;

/** What a hash was made with, and its digits. */
export interface CryptHash {
  readonly kind: "1" | "apr1" | "5" | "6";
  readonly salt: string;
  /** Of SHA crypt. */
  readonly rounds: number;
  readonly digits: string;
}

export function parseCrypt(text: string): CryptHash | undefined {
  const [, md5Kind, md5Salt, md5Digits] =
    /^\$(1|apr1)\$([^$]{0,8})[^$]*\$([./\dA-Za-z]{22})$/.exec(text) ?? [];
  if (md5Kind === "1" || md5Kind === "apr1") {
    return { kind: md5Kind, salt: md5Salt!, rounds: MD5_ROUNDS, digits: md5Digits! };
  }
  const [, kind, rounds, salt, digits] =
    /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})[^$]*\$([./\dA-Za-z]+)$/.exec(text) ?? [];
  if (kind !== "5" && kind !== "6") return undefined;
  if (digits!.length !== (kind === "5" ? 43 : 86)) return undefined;
  const asked = rounds === undefined ? SHA_ROUNDS : Number(rounds);
  return { kind, salt: salt!, rounds: Math.max(SHA_ROUNDS_MIN, asked), digits: digits! };
}

/** The digits that a password gives. */
export function crypt(password: Uint8Array, hash: CryptHash): Slices<string> {
  return hash.kind === "5" || hash.kind === "6"
    ? shaCrypt(password, hash.kind, hash.salt, hash.rounds)
    : md5Crypt(password, hash.kind, hash.salt);
}

function* md5Crypt(password: Uint8Array, kind: string, saltText: string): Slices<string> {
  const salt = bytes(saltText);
  const md5 = (...parts: readonly Uint8Array[]) => digest("md5", parts);
  const mixed = md5(password, salt, password);
  const tail: Uint8Array[] = [repeated(mixed, password.length)];
  for (let left = password.length; left > 0; left >>= 1) {
    tail.push((left & 1) === 1 ? ZERO : password.subarray(0, 1));
  }
  let hash = md5(password, bytes(`$${kind}$`), salt, ...tail);
  for (let round = 0; round < MD5_ROUNDS; round++) {
    hash = stretch(md5, round, hash, password, salt);
    if (round % ROUNDS_A_SLICE === 0) yield;
  }
  return digitsOf(hash, MD5_ORDER);
}

/** One round of both: what goes into it depends on its number. */
function stretch(
  hash: (...parts: readonly Uint8Array[]) => Uint8Array,
  round: number,
  last: Uint8Array,
  password: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  const isOdd = (round & 1) === 1;
  return hash(
    isOdd ? password : last,
    round % 3 === 0 ? NONE : salt,
    round % 7 === 0 ? NONE : password,
    isOdd ? last : password,
  );
}

function* shaCrypt(
  password: Uint8Array,
  kind: "5" | "6",
  saltText: string,
  rounds: number,
): Slices<string> {
  const algorithm = kind === "5" ? "sha256" : "sha512";
  const sha = (...parts: readonly Uint8Array[]) => digest(algorithm, parts);
  const salt = bytes(saltText);
  const mixed = sha(password, salt, password);
  const tail: Uint8Array[] = [repeated(mixed, password.length)];
  for (let left = password.length; left > 0; left >>= 1) {
    tail.push((left & 1) === 1 ? mixed : password);
  }
  let hash = sha(password, salt, ...tail);
  const times = (part: Uint8Array, count: number) => new Array<Uint8Array>(count).fill(part);
  yield;
  const p = repeated(sha(...times(password, password.length)), password.length);
  const s = repeated(sha(...times(salt, 16 + hash[0]!)), salt.length);
  for (let round = 0; round < rounds; round++) {
    hash = stretch(sha, round, hash, p, s);
    if (round % ROUNDS_A_SLICE === 0) yield;
  }
  return digitsOf(hash, kind === "5" ? SHA256_ORDER : SHA512_ORDER);
}

function digest(algorithm: string, parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash(algorithm);
  for (const part of parts) {
    if (part.length > 0) hash.update(part);
  }
  return hash.digest();
}

const NONE = new Uint8Array();
const ZERO = new Uint8Array(1);

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/** The first `length` bytes of a part that is repeated. */
function repeated(part: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => part[at % part.length]!);
}

/** Which bytes stand together in four digits, the first as the highest; -1 for none. */
type Order = readonly (readonly [number, number, number])[];

const MD5_ORDER: Order = [
  ...Array.from({ length: 5 }, (_, at) => [at, at + 6, at === 4 ? 5 : at + 12] as const),
  [-1, -1, 11],
];

const SHA256_ORDER: Order = [
  ...Array.from({ length: 10 }, (_, at) => turned(at, [0, 10, 20])),
  [-1, 31, 30],
];

const SHA512_ORDER: Order = [
  ...Array.from({ length: 21 }, (_, at) => turned(at, [0, 21, 42], true)),
  [-1, -1, 63],
];

/** Three bytes that go up by one from group to group, and change places in turn. */
function turned(
  at: number,
  [first, second, third]: readonly [number, number, number],
  isLeft = false,
): readonly [number, number, number] {
  const three = [first + at, second + at, third + at] as const;
  const by = isLeft ? at % 3 : (3 - at % 3) % 3;
  return [three[by % 3]!, three[(by + 1) % 3]!, three[(by + 2) % 3]!];
}

function digitsOf(hash: Uint8Array, order: Order): string {
  let text = "";
  for (const [high, middle, low] of order) {
    let value = (hash[high] ?? 0) << 16 | (hash[middle] ?? 0) << 8 | hash[low]!;
    const count = high >= 0 ? 4 : middle >= 0 ? 3 : 2;
    for (let digit = 0; digit < count; digit++) {
      text += DIGITS[value & 0x3f];
      value >>= 6;
    }
  }
  return text;
}
