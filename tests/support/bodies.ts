/**
 * Bodies of which every byte can be told from its neighbours, for tests of what
 * arrives where, and files of this process that have lost their name.
 *
 * @module
 */

/** A body whose every fourth byte begins the number of its place: a piece out of order shows. */
export function numbered(sizeBytes: number, salt = 0): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = Math.imul(at + 1, 0x9e37_79b1) + salt;
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

/** What is wrong with `actual`; empty if it is `expected`. A comparison that copes with megabytes. */
export function difference(actual: Uint8Array, expected: Uint8Array): string {
  const shorter = Math.min(actual.length, expected.length);
  for (let at = 0; at < shorter; at++) {
    if (actual[at] !== expected[at]) {
      return `byte ${at} of ${expected.length} is ${actual[at]}, not ${expected[at]}`;
    }
  }
  return actual.length === expected.length
    ? ""
    : `${actual.length} bytes instead of ${expected.length}`;
}

/** Files below `folder` that this process has open though they are unlinked: their sizes in bytes. */
export function namelessFiles(folder: string): number[] {
  const sizes: number[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      if (target.startsWith(`${folder}/`) && target.endsWith(" (deleted)")) {
        sizes.push(Deno.statSync(`/proc/self/fd/${name}`).size);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // closed meanwhile
    }
  }
  return sizes;
}
