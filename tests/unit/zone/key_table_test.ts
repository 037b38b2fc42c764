import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  KeyTable,
  NO_ENTRY,
  NO_ROOM,
  Zone,
  type ZoneLayout,
  Zones,
} from "../../../src/zone/mod.ts";

const layout = (entries: number, counts = 0): ZoneLayout => ({
  kind: "keys",
  size: { entries },
  words: 2,
  counts,
});

/** The same table as each of several workers sees it. */
function tables(entries: number, counts: number, columns: number): KeyTable[] {
  const owner = new Zones({ columns });
  owner.open("test", layout(entries, counts));
  return Array.from({ length: columns }, (_, column) => {
    const zones = new Zones({ columns, column, shared: owner.share() });
    return new KeyTable(zones.open("test", layout(entries, counts)));
  });
}

Deno.test("a key's entry keeps its words, and every worker finds the same one", () => {
  const [one, two] = tables(64, 0, 2);
  const entry = one!.take("10.0.0.1", 0);
  one!.words[one!.at(entry, 0)] = 7;
  one!.words[one!.at(entry, 1)] = 8;

  assertEquals(two!.find("10.0.0.1"), entry);
  assertEquals(two!.take("10.0.0.1", 5), entry);
  assertEquals([...two!.words.subarray(two!.at(entry, 0), two!.at(entry, 2))], [7, 8]);
  assertEquals(two!.find("10.0.0.2"), NO_ENTRY);
  assertEquals(one!.used, 1);
});

Deno.test("keys are told apart by every character, case, length and order", () => {
  const table = new KeyTable(Zone.alone(layout(256)));
  const keys = ["", "a", "A", "aa", "aaa", "ab", "ba", "\0", "a\0", "é", "aé", "0".repeat(300)];
  const entries = keys.map((key) => table.take(key, 0));
  assertEquals(new Set(entries).size, keys.length);
  assertEquals(keys.map((key) => table.find(key)), entries);
});

Deno.test("a table that is nearly full forgets those that were not asked for the longest", () => {
  const table = new KeyTable(Zone.alone(layout(32)));
  for (let key = 0; key < 32; key++) table.words[table.at(table.take(`k${key}`, key), 0)] = 1;
  table.take("k0", 40);
  const entry = table.take("new", 50);
  assertEquals(table.words[table.at(entry, 0)], 0, "its words are cleared");
  assertEquals([table.find("k1"), table.find("k0") >= 0], [NO_ENTRY, true]);
  assertEquals(table.used, 32);
});

Deno.test("an entry on which somebody counts is never forgotten", () => {
  const table = new KeyTable(Zone.alone(layout(32, 1)));
  for (let key = 0; key < 32; key++) assert(table.claim(`k${key}`, key, 1) >= 0);
  assertEquals(table.claim("new", 100, 1), NO_ENTRY);
  assertEquals(table.take("new", 100), NO_ENTRY);
  table.release(table.find("k7"));
  assert(table.claim("new", 100, 1) >= 0);
  assertEquals(table.find("k7"), NO_ENTRY);
});

Deno.test("two workers: no more than the limit is counted, whoever counts", () => {
  const [one, two] = tables(16, 1, 2);
  const entry = one!.claim("key", 0, 3);
  assertEquals([two!.claim("key", 0, 3), two!.claim("key", 0, 3)], [entry, entry]);
  assertEquals([one!.claim("key", 0, 3), two!.claim("key", 0, 3)], [NO_ROOM, NO_ROOM]);
  two!.release(entry);
  assertEquals([one!.sum(entry), one!.claim("key", 0, 3)], [2, entry]);
});

Deno.test("a worker that has ended: its column is cleared, what the others count stays", () => {
  const owner = new Zones({ columns: 2 });
  const zone = owner.open("test", layout(16, 1));
  const [one, two] = [0, 1].map((column) => {
    const zones = new Zones({ columns: 2, column, shared: owner.share() });
    return new KeyTable(zones.open("test", layout(16, 1)));
  });
  const entry = one!.claim("key", 0, 9);
  two!.claim("key", 0, 9);
  two!.claim("key", 0, 9);
  zone.clearColumn(1);
  assertEquals([one!.sum(entry), one!.find("key")], [1, entry]);
});

Deno.test("an entry that a worker was about to take when it ended can be used again", () => {
  const owner = new Zones({ columns: 2 });
  const zone = owner.open("test", layout(8));
  const table = new KeyTable(zone);
  for (let key = 0; key < 8; key++) table.take(`k${key}`, 0);
  const keys = new BigInt64Array(zone.buffer, zone.regions.keysAt, 8);
  keys.fill(2n); // all are claimed by column 1
  assertEquals(table.take("new", 1), NO_ENTRY);
  zone.clearColumn(0);
  assertEquals(table.take("new", 1), NO_ENTRY);
  zone.clearColumn(1);
  assert(table.take("new", 1) >= 0);
});

Deno.test("an entry that another worker claims between two looks at it stays that one's", () => {
  const [one] = tables(32, 0, 2);
  for (let key = 0; key < 32; key++) one!.take(`k${key}`, key);
  const { load } = Atomics;
  const claimOfTwo = 2n;
  let claimed: { readonly keys: BigInt64Array; readonly entry: number } | undefined;
  // The first look at a whole key comes after the looks at its halves: the other was faster.
  const loadLate = (words: BigInt64Array, at: number) => {
    if (words instanceof BigInt64Array && claimed === undefined) {
      claimed = { keys: words, entry: at };
      Atomics.store(words, at, claimOfTwo);
    }
    return load(words, at);
  };
  Atomics.load = loadLate as typeof load;
  let entry: number;
  try {
    entry = one!.take("new", 50);
  } finally {
    Atomics.load = load;
  }
  assert(claimed !== undefined, "it has looked at a whole key");
  assert(entry >= 0 && entry !== claimed.entry, "the key got another entry");
  assertEquals(load(claimed.keys, claimed.entry), claimOfTwo);
});

Deno.test("ages go on when the clock's words wrap, and never below 0", () => {
  const table = new KeyTable(Zone.alone(layout(8)));
  const entry = table.take("key", 2 ** 32 - 10);
  assertEquals(table.ageMs(entry, 2 ** 32 + 90), 100);
  assertEquals(table.ageMs(entry, 2 ** 32 - 15), 0, "another worker's clock is a little ahead");
  assertEquals(table.ageMs(entry, 2 ** 32 + 30 * 86_400_000) > 24 * 86_400_000, true);
});

Deno.test("a size in bytes is what the table takes at most", () => {
  for (const columns of [1, 4]) {
    const zones = new Zones({ columns });
    const zone = zones.open("z", { kind: "keys", size: { bytes: 1 << 20 }, words: 1, counts: 1 });
    assert(zone.buffer.byteLength <= 1 << 20);
    assert(zone.regions.entries > 16_000, String(zone.regions.entries));
  }
});

Deno.test("keys spread: more than half of a table is had before one is forgotten, whatever the seed", () => {
  const table = new KeyTable(Zone.alone(layout(4096, 1)));
  let taken = 0;
  while (table.claim(`10.0.${taken >> 8}.${taken & 255}`, taken, 1) >= 0) taken++;
  assert(taken > 2048, `${taken} of 4096`);
});

Deno.test("zones: the same name and layout is the same memory, another layout begins anew", () => {
  const zones = new Zones();
  const zone = zones.open("a", layout(8));
  assertEquals(zones.open("a", layout(8)) === zone, true);
  assertEquals(zones.open("a", layout(16)) === zone, false);
  assertEquals(zones.open("a", layout(16)).regions.entries, 16);
});

Deno.test("zones: a worker opens what it was given, and nothing else", () => {
  const owner = new Zones({ columns: 2 });
  owner.open("a", layout(8));
  const worker = new Zones({ columns: 2, column: 1, shared: owner.share() });
  worker.open("a", layout(8));
  assertThrows(() => worker.open("b", layout(8)), Error, "no such zone: b");
  assertThrows(() => worker.open("a", layout(16)), Error, "of another shape");
  assertThrows(() => new Zone(new ArrayBuffer(64), 0), Error, "not a zone's memory");
  assertThrows(() => new KeyTable(Zone.alone({ kind: "words", slots: 1 })), Error, "words");
});
