/** What workers share, found by its key. @module */
import { KeyTable, Zones } from "../../../../src/zone/mod.ts";

const ENTRIES = 65_536;

const table = new KeyTable(
  new Zones({ columns: 2 }).open("bench", {
    kind: "keys",
    size: { entries: ENTRIES },
    words: 2,
    counts: 1,
  }),
);
const keys = Array.from({ length: ENTRIES / 2 }, (_, at) => `198.51.${at >> 8}.${at & 0xff}`);
for (const key of keys) table.take(key, 0);
let turn = 0;

Deno.bench("key table: an entry found, half full", { group: "key table" }, () => {
  table.take(keys[turn++ & (ENTRIES / 2 - 1)]!, turn);
});

Deno.bench("key table: a count claimed and given back", { group: "key table" }, () => {
  table.release(table.claim(keys[turn++ & (ENTRIES / 2 - 1)]!, turn, 10));
});

Deno.bench("key table: new keys, which take the places of old ones", { group: "key table" }, () => {
  table.take(`new ${turn++}`, turn);
});
