import { assertEquals } from "@std/assert";
import { type Member, Roster } from "../../../src/event/mod.ts";
import { withRandom } from "../../support/random.ts";

class Guest implements Member {
  slot = -1;
  constructor(readonly name: string) {}
}

Deno.test("a roster lists who is there, whoever leaves", () => {
  const [a, b, c] = [new Guest("a"), new Guest("b"), new Guest("c")];
  const roster = new Roster<Guest>();

  for (const guest of [a, b, c]) roster.add(guest);
  assertEquals([...roster], [a, b, c]);
  roster.delete(a);
  assertEquals(new Set(roster), new Set([b, c]));
  roster.delete(c);
  roster.delete(b);
  assertEquals([...roster], []);
  assertEquals(roster.size, 0);
});

Deno.test("leaving twice takes nobody else along", () => {
  const [a, b] = [new Guest("a"), new Guest("b")];
  const roster = new Roster<Guest>();
  roster.add(a);
  roster.add(b);

  roster.delete(a);
  roster.delete(a);

  assertEquals([...roster], [b]);
});

Deno.test("a roster agrees with a set after any coming and going", () =>
  withRandom((random) => {
    const roster = new Roster<Guest>();
    const expected = new Set<Guest>();
    for (let turn = 0; turn < 2_000; turn++) {
      if (random.chance(0.5)) {
        const guest = new Guest(String(turn));
        roster.add(guest);
        expected.add(guest);
      } else if (expected.size > 0) {
        const guest = [...expected][random.integer(0, expected.size - 1)]!;
        roster.delete(guest);
        expected.delete(guest);
      }
      assertEquals(roster.size, expected.size);
    }
    assertEquals(new Set(roster), expected);
  }));
