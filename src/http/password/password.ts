/**
 * Passwords against what `htpasswd` and `openssl passwd` write.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { bcrypt, BCRYPT_COST_MAX, parseBcrypt } from "./bcrypt.ts";
import { crypt, parseCrypt, SHA_ROUNDS_MAX } from "./crypt.ts";
import type { Slices } from "./slices.ts";

const SHA1_BYTES = 20;

/** What is to be done to tell whether a password is the one that a hash was made of. */
export type Check =
  | { readonly kind: "known"; readonly isRight: boolean }
  /** It takes long. */
  | { readonly kind: "slow"; readonly slices: Slices<boolean> }
  /** It cannot be told. */
  | { readonly kind: "unusable"; readonly why: string };

/** How to tell whether a password is right. Comparing takes as long whatever is in it. */
export function checkPassword(password: Uint8Array, hash: string): Check {
  if (hash.startsWith("{PLAIN}")) return known(password, bytes(hash.slice(7)));
  if (hash.startsWith("{SHA}")) return known(sha1(password), base64(hash.slice(5)));
  if (hash.startsWith("{SSHA}")) {
    const both = base64(hash.slice(6));
    if (both.length < SHA1_BYTES) return unusable("a {SSHA} hash that is cut short");
    return known(sha1(password, both.subarray(SHA1_BYTES)), both.subarray(0, SHA1_BYTES));
  }
  // crypt(3) takes a text, which ends with its first NUL.
  const end = password.indexOf(0);
  return checkCrypt(end < 0 ? password : password.subarray(0, end), hash);
}

function checkCrypt(password: Uint8Array, hash: string): Check {
  const bcryptHash = parseBcrypt(hash);
  if (bcryptHash !== undefined) {
    if (bcryptHash.cost > BCRYPT_COST_MAX) {
      return unusable(`bcrypt of a cost of ${bcryptHash.cost}, above ${BCRYPT_COST_MAX}`);
    }
    return { kind: "slow", slices: equals(bcrypt(password, bcryptHash), bcryptHash.hash) };
  }
  const cryptHash = parseCrypt(hash);
  if (cryptHash !== undefined) {
    if (cryptHash.rounds > SHA_ROUNDS_MAX) {
      return unusable(`SHA crypt of ${cryptHash.rounds} rounds, above ${SHA_ROUNDS_MAX}`);
    }
    return { kind: "slow", slices: equals(crypt(password, cryptHash), bytes(cryptHash.digits)) };
  }
  if (/^[./\dA-Za-z]{13}$/.test(hash)) return unusable("traditional DES crypt");
  return unusable("a hash of a kind that is not known here");
}

function* equals(
  slices: Slices<Uint8Array | string>,
  expected: Uint8Array,
): Slices<boolean> {
  const found = yield* slices;
  return areEqual(typeof found === "string" ? bytes(found) : found, expected);
}

function known(found: Uint8Array, expected: Uint8Array): Check {
  return { kind: "known", isRight: areEqual(found, expected) };
}

function unusable(why: string): Check {
  return { kind: "unusable", why };
}

function areEqual(found: Uint8Array, expected: Uint8Array): boolean {
  // Over hashes of the two: how long a password in the file is should not be told either.
  return timingSafeEqual(sha256(found), sha256(expected));
}

function sha1(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function sha256(part: Uint8Array): Uint8Array {
  return createHash("sha256").update(part).digest();
}

/** The text is one byte a code unit, as files are read here. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

function base64(text: string): Uint8Array {
  try {
    return bytes(atob(text));
  } catch {
    return new Uint8Array(); // no Base64: equals nothing
  }
}
