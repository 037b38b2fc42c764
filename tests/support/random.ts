/**
 * Randomness that one number replays. A fuzz test or a mixed load takes all its
 * choices from one {@linkcode Random}; when it fails it says which seed to set.
 *
 * @module
 */

/** The environment variable that holds the seed of a run to repeat. */
export const SEED_VARIABLE = "SLUICE_TEST_SEED";

/** splitmix32: 32 bits of state, passes the usual tests, fast enough for fuzzing. Not for secrets. */
export class Random {
  readonly seed: number;
  #state: number;

  /** @param seed An integer; only its low 32 bits count. */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** 32 random bits, 0 to 2^32 - 1. */
  bits(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** From 0 up to but not including 1. */
  fraction(): number {
    return this.bits() / 2 ** 32;
  }

  /** An integer from `from` to `to`, both included. */
  integer(from: number, to: number): number {
    if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from <= to)) {
      throw new RangeError(`Cannot pick an integer from ${from} to ${to}: expected from <= to`);
    }
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  /** True with the given probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of `choices`. */
  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.integer(0, choices.length - 1)] ?? choices[0];
  }

  /** `length` random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.bits();
    return bytes;
  }

  /** A copy of `items` in random order. */
  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, key: this.bits() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  }

  /** `total` cut into pieces of 1 to `largest`: how a byte stream might arrive. */
  pieces(total: number, largest: number): number[] {
    const sizes: number[] = [];
    for (let left = total; left > 0;) {
      const size = this.integer(1, Math.min(left, largest));
      sizes.push(size);
      left -= size;
    }
    return sizes;
  }

  /** An independent generator, so that one part's choices do not shift another's. */
  fork(): Random {
    return new Random(this.bits());
  }
}

/**
 * The seed to use: from {@linkcode SEED_VARIABLE} when it may be read and is
 * set, else `otherwise`. Works without permissions.
 *
 * @param otherwise A new one, where it is left out.
 * @throws {RangeError} When the variable is not an integer.
 */
export function seedFromEnv(otherwise?: number): number {
  const isReadable = Deno.permissions.querySync({ name: "env", variable: SEED_VARIABLE }).state ===
    "granted";
  const text = isReadable ? Deno.env.get(SEED_VARIABLE) : undefined;
  if (text === undefined) return otherwise ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const seed = Number(text);
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot use ${SEED_VARIABLE} "${text}": expected an integer`);
  }
  return seed;
}

/**
 * Runs `body` with a seeded generator; a failure names the seed to repeat it with.
 *
 * @throws {Error} What `body` throws, wrapped (`cause`) in a message with the seed.
 */
export async function withRandom(
  body: (random: Random) => void | Promise<void>,
  seed: number = seedFromEnv(),
): Promise<void> {
  const random = new Random(seed);
  try {
    await body(random);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${what}\n(repeat with ${SEED_VARIABLE}=${random.seed})`, { cause });
  }
}
