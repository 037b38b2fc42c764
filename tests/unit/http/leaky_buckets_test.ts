import { assertEquals } from "@std/assert";
import { bucketsLayout, LeakyBuckets } from "../../../src/http/leaky_buckets.ts";
import { Zone, Zones } from "../../../src/zone/mod.ts";
import { Random } from "../../support/random.ts";

/** As nginx does it, for one key: 64-bit numbers, and no wrapping of the clock. */
class Model {
  #excess = 0;
  #last: number | undefined;

  constructor(readonly rate: number) {}

  pour(nowMs: number, most: number): number {
    const ms = nowMs - (this.#last ?? -Infinity);
    const leaked = ms === Infinity ? Infinity : Math.floor(this.rate * ms / 1_000);
    const excess = this.#last === undefined ? 0 : Math.max(0, this.#excess - leaked + 1_000);
    if (excess > most) return excess;
    this.#excess = excess;
    if (ms !== 0) this.#last = nowMs;
    return excess;
  }
}

const SOME_MS = 1_700_000_000_000;

function bucketsOf(rate: number, columns = 1): LeakyBuckets {
  const layout = bucketsLayout(64 * 1024);
  if (columns === 1) return new LeakyBuckets(Zone.alone(layout), rate);
  const zones = new Zones({ columns });
  return new LeakyBuckets(zones.open("z", layout), rate);
}

for (const columns of [1, 2]) {
  Deno.test(`buckets: the same schedule gets nginx's numbers, with ${columns} workers`, () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed);
      const rate = random.pick([16, 500, 1_000, 3_333, 60_000, 1_000_000]);
      const most = random.pick([0, 1_000, 5_000, 20_000]);
      const buckets = bucketsOf(rate, columns);
      const models = new Map<string, Model>();
      let nowMs = SOME_MS;
      for (let count = 0; count < 100; count++) {
        nowMs += random.pick([0, 0, 1, 7, 100, 999, 1_000, 60_000]);
        const key = random.pick(["a", "b"]);
        const model = models.get(key) ?? new Model(rate);
        models.set(key, model);
        const expected = model.pour(nowMs, most);
        assertEquals(buckets.pour(key, nowMs, most), expected, `seed ${seed}, request ${count}`);
      }
    }
  });
}

Deno.test("buckets: looking pours nothing", () => {
  const buckets = bucketsOf(1_000);
  assertEquals(buckets.look("a", SOME_MS), 0);
  assertEquals(buckets.pour("a", SOME_MS, 0), 0);
  assertEquals(buckets.look("a", SOME_MS + 10), 990);
  assertEquals(buckets.look("a", SOME_MS + 10), 990);
});

Deno.test("buckets: a clock of another worker that is a little behind leaks nothing", () => {
  const buckets = bucketsOf(1_000);
  assertEquals(buckets.pour("a", SOME_MS, 9_000), 0);
  assertEquals(buckets.pour("a", SOME_MS - 5, 9_000), 1_000);
  assertEquals(buckets.pour("a", SOME_MS + 5, 9_000), 1_995, "and leaks nothing twice");
});

Deno.test("buckets: in a full zone an old key goes for a new one", () => {
  const zone = Zone.alone({ kind: "keys", size: { entries: 8 }, words: 2, counts: 0 });
  const buckets = new LeakyBuckets(zone, 1_000);
  for (let key = 0; key < 9; key++) assertEquals(buckets.pour(`${key}`, SOME_MS + key, 0), 0);
  assertEquals(buckets.pour("8", SOME_MS + 8, 0), 1_000, "the new one is there");
  assertEquals(buckets.pour("0", SOME_MS + 8, 0), 0, "the oldest was forgotten");
});
