/**
 * What lies where in a zone. All numbers are little-endian words of 32 bits, as every
 * platform of Deno has them; a region begins at a multiple of 8 bytes.
 *
 * ```
 * header    16 words  0 MAGIC, 1 columns, 2-3 seed of the hash, 4 kind, 5 entries (slots),
 *                     6 words of an entry, 7 counts of an entry, 8-15 nothing
 *
 * then, of a "keys" zone (KeyTable):
 * keys      2 words an entry     low and high half of the key's hash
 *                                0, 0: never used; a high half of 0 else: see key_table.ts
 * touched   1 word an entry      when it was last asked for, ms of the clock modulo 2^32
 * words     W words an entry     whatever its user keeps; 0 in a new entry. W is even
 * counts    C words an entry, column by column: all entries of column 0, then of column 1 …
 *
 * of a "totals" or "gauges" zone (Counters):
 * slots     1 double a slot, column by column
 *
 * of a "words" zone (Word):
 * words     1 word each
 * ```
 *
 * @module
 */

/** What a zone is for, which is all that its size follows from. */
export type ZoneLayout =
  | {
    /** A {@linkcode KeyTable}. */
    readonly kind: "keys";
    /**
     * Memory that it may take, as `zone=name:10m` says; or, in its place, how many entries: both
     * come down to whole lines of 8, of which there is one at least.
     */
    readonly size: { readonly bytes: number } | { readonly entries: number };
    /** Words that an entry has for its user. */
    readonly words: number;
    /** Counts that an entry has for each worker. */
    readonly counts: number;
  }
  | {
    /** {@linkcode Counters}: totals outlive the worker that counted, gauges tell what it holds. */
    readonly kind: "totals" | "gauges";
    readonly slots: number;
  }
  | {
    /** {@linkcode Word}s. */
    readonly kind: "words";
    readonly slots: number;
  };

export type ZoneKind = ZoneLayout["kind"];

export const KINDS: readonly ZoneKind[] = ["keys", "totals", "gauges", "words"];

export const MAGIC = 0x5a4f_0001;
export const HEADER_BYTES = 64;

/** Places of the header, in words. */
export const AT = {
  magic: 0,
  columns: 1,
  seed: 2,
  kind: 4,
  entries: 5,
  words: 6,
  counts: 7,
} as const;

/** Entries that share a line of the processor's cache with their keys: a table has whole lines. */
export const LINE_ENTRIES = 8;
/** The most: a table of 2 GB, and positions that stay small integers. */
const ENTRIES_MAX = 2 ** 26;

/** The sizes that follow from a layout and the number of columns. */
export interface Regions {
  readonly entries: number;
  /** Words of an entry, made even. */
  readonly words: number;
  readonly counts: number;
  /** Where regions begin, in bytes. */
  readonly keysAt: number;
  readonly touchedAt: number;
  readonly wordsAt: number;
  readonly countsAt: number;
  readonly slotsAt: number;
  readonly bytes: number;
}

export function regionsOf(layout: ZoneLayout, columns: number): Regions {
  if (layout.kind !== "keys") {
    const bytes = layout.kind === "words" ? layout.slots * 4 : layout.slots * 8 * columns;
    return regions({ entries: layout.slots, words: 0, counts: 0, columns }, bytes);
  }
  const words = even(layout.words);
  const entryBytes = 8 + 4 + words * 4 + layout.counts * 4 * columns;
  const wanted = "entries" in layout.size
    ? layout.size.entries
    : Math.floor((layout.size.bytes - HEADER_BYTES) / entryBytes);
  const lines = Math.floor(Math.min(ENTRIES_MAX, wanted) / LINE_ENTRIES);
  const entries = Math.max(1, lines) * LINE_ENTRIES;
  return regions({ entries, words, counts: layout.counts, columns }, undefined);
}

/** What a header says of its zone, again as regions. */
export function regionsIn(header: Int32Array): Regions {
  const [entries = 0, words = 0, counts = 0] = header.subarray(AT.entries, AT.counts + 1);
  const columns = header[AT.columns] ?? 0;
  const kind = kindIn(header);
  if (kind === "keys") return regions({ entries, words, counts, columns }, undefined);
  const bytes = kind === "words" ? entries * 4 : entries * 8 * columns;
  return regions({ entries, words, counts, columns }, bytes);
}

export function kindIn(header: Int32Array): ZoneKind {
  const kind = KINDS[header[AT.kind] ?? -1];
  if (header[AT.magic] !== MAGIC || kind === undefined) throw new Error("not a zone's memory");
  return kind;
}

interface Shape {
  readonly entries: number;
  readonly words: number;
  readonly counts: number;
  readonly columns: number;
}

function regions({ entries, words, counts, columns }: Shape, slotBytes: number | undefined) {
  const keysAt = HEADER_BYTES;
  const touchedAt = keysAt + entries * 8;
  const wordsAt = touchedAt + entries * 4; // a multiple of 8, as entries are even
  const countsAt = wordsAt + entries * words * 4;
  const end = slotBytes === undefined
    ? countsAt + entries * counts * columns * 4
    : HEADER_BYTES + slotBytes;
  const slotsAt = HEADER_BYTES;
  return {
    entries,
    words,
    counts,
    keysAt,
    touchedAt,
    wordsAt,
    countsAt,
    slotsAt,
    bytes: even(end),
  };
}

function even(count: number): number {
  return count + count % 2;
}
