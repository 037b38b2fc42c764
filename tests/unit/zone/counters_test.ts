import { assertEquals, assertThrows } from "@std/assert";
import { Counters, Word, type Zone, type ZoneLayout, Zones } from "../../../src/zone/mod.ts";

function pair(layout: ZoneLayout): { owner: Zones; seen: Zone[] } {
  const owner = new Zones({ columns: 2 });
  owner.open("z", layout);
  const seen = [0, 1].map((column) =>
    new Zones({ columns: 2, column, shared: owner.share() }).open("z", layout)
  );
  return { owner, seen };
}

Deno.test("counters: everybody reads the sum of what each has counted", () => {
  const { seen } = pair({ kind: "totals", slots: 3 });
  const [one, two] = seen.map((zone) => new Counters(zone));
  one!.add(0);
  two!.add(0, 5);
  two!.own[2]!++;
  assertEquals([0, 1, 2].map((slot) => one!.sum(slot)), [6, 0, 1]);
  assertEquals([one!.of(0, 0), one!.of(1, 0)], [1, 5]);
});

Deno.test("a worker that has ended: its totals stay, its gauges are 0", () => {
  for (const [kind, left] of [["totals", 5], ["gauges", 2]] as const) {
    const { owner, seen } = pair({ kind, slots: 1 });
    const [one, two] = seen.map((zone) => new Counters(zone));
    one!.add(0, 2);
    two!.add(0, 3);
    owner.clearColumn(1);
    assertEquals(one!.sum(0), left, kind);
  }
});

Deno.test("a word is exchanged only by who knows what it is", () => {
  const { seen } = pair({ kind: "words", slots: 2 });
  const [one, two] = seen.map((zone) => new Word(zone, 1));
  one!.value = 4;
  assertEquals([two!.exchange(3, 9), two!.exchange(4, 9), one!.value], [false, true, 9]);
  assertEquals([two!.add(-9), one!.value], [9, 0]);
  assertEquals(new Word(seen[0]!, 0).value, 0);
  assertThrows(() => new Word(seen[0]!, 2), RangeError);
});
