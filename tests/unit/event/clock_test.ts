import { assertEquals } from "@std/assert";
import { Deadlines, type Expirable, NEVER } from "../../../src/event/mod.ts";
import { ManualClock } from "../../support/manual_clock.ts";

/** Expires at `atMs`, and then does what it is told. */
class Entry implements Expirable {
  slot = -1;
  readonly name: string;
  atMs: number;
  seen = 0;
  onExpire: (entry: Entry) => void;

  constructor(name: string, atMs = NEVER, onExpire: (entry: Entry) => void = () => {}) {
    this.name = name;
    this.atMs = atMs;
    this.onExpire = onExpire;
  }

  expire(nowMs: number): number {
    this.seen++;
    if (this.atMs > nowMs) return this.atMs;
    this.atMs = NEVER;
    this.onExpire(this);
    return this.atMs;
  }

  toString(): string {
    return this.name;
  }
}

function setUp() {
  const clock = new ManualClock(0);
  const deadlines = new Deadlines(clock);
  const expired: string[] = [];
  const add = (name: string, atMs = NEVER): Entry => {
    const entry = new Entry(name, atMs, (self) => expired.push(`${self.name}@${clock.nowMs()}`));
    deadlines.add(entry);
    deadlines.notice(atMs);
    return entry;
  };
  return { clock, deadlines, expired, add };
}

Deno.test("each deadline is met at its time, all on one timer", async () => {
  const { clock, deadlines, expired, add } = setUp();
  const entries = [add("c", 300), add("a", 100), add("b", 200)];
  assertEquals(clock.armedCount, 1);
  await clock.advance(1_000);
  assertEquals(expired, ["a@100", "b@200", "c@300"]);
  assertEquals(clock.armedCount, 0);
  entries.forEach((entry) => deadlines.remove(entry));
  assertEquals(deadlines.outstanding(), []);
});

Deno.test("deadlines close together are met by one sweep, at most 10 ms late", async () => {
  const { clock, expired, add } = setUp();
  for (let at = 0; at < 20; at++) add(String(at), 100 + at);
  await clock.advance(1_000);
  assertEquals(expired.length, 20);
  for (const line of expired) {
    const [name, atMs] = line.split("@").map(Number);
    const lateMs = atMs! - 100 - name!;
    assertEquals(lateMs >= 0 && lateMs <= 10, true, line);
  }
  assertEquals(clock.armings <= 4, true, `${clock.armings} armings`);
});

Deno.test("hundreds that are due together are ended in several turns, all in time", async () => {
  const { clock, deadlines } = setUp();
  const endedInTurn: number[] = [];
  for (let index = 0; index < 300; index++) {
    const entry = new Entry(String(index), 100, (self) => {
      deadlines.remove(self);
      endedInTurn.push(clock.armings);
    });
    deadlines.add(entry);
    deadlines.notice(100);
  }
  await clock.advance(101);
  const counts = new Map<number, number>();
  for (const turn of endedInTurn) counts.set(turn, (counts.get(turn) ?? 0) + 1);
  assertEquals([...counts.values()], [64, 64, 64, 64, 44]);
  assertEquals([deadlines.outstanding(), clock.armedCount], [[], 0]);
});

Deno.test("a thousand that come again and again keep nobody from being looked at", async () => {
  const { clock, deadlines, expired, add } = setUp();
  add("bystander", 2_000);
  let beats = 0;
  for (let index = 0; index < 1_000; index++) {
    const entry = new Entry(String(index), 125, (self) => {
      beats++;
      deadlines.remove(self);
      self.atMs = clock.nowMs() + 125;
      deadlines.add(self);
      deadlines.notice(self.atMs);
    });
    deadlines.add(entry);
  }
  deadlines.notice(125);
  await clock.advance(2_010);
  assertEquals(expired.length, 1);
  const [, atMs] = expired[0]!.split("@").map(Number);
  assertEquals(atMs! <= 2_010, true, expired[0]);
  assertEquals(beats >= 14_000, true, `${beats} beats in two seconds`);
});

Deno.test("a deadline that is noticed earlier than the others brings the sweep forward", async () => {
  const { clock, deadlines, expired, add } = setUp();
  add("late", 1_000);
  const soon = add("soon");
  soon.atMs = 50;
  deadlines.notice(50);
  await clock.advance(60);
  assertEquals(expired, ["soon@50"]);
  await clock.advance(1_000);
  assertEquals(expired, ["soon@50", "late@1000"]);
});

Deno.test("a deadline that was put off is met at its new time", async () => {
  const { clock, expired, add } = setUp();
  const entry = add("x", 100);
  entry.atMs = 500; // only a number of its own: no notice
  await clock.advance(499);
  assertEquals(expired, []);
  await clock.advance(1);
  assertEquals(expired, ["x@500"]);
});

Deno.test("no timer without a deadline, and none when the last holder has gone", async () => {
  const { clock, deadlines, add } = setUp();
  const idle = add("idle");
  assertEquals(clock.armedCount, 0);
  const entry = add("x", 100);
  deadlines.remove(entry);
  deadlines.remove(entry); // twice is harmless
  assertEquals(deadlines.outstanding(), ["idle"]);
  deadlines.remove(idle);
  assertEquals(clock.armedCount, 0);
  deadlines.notice(50);
  assertEquals(clock.armedCount, 0);
  await clock.advance(100);
});

Deno.test("whoever is removed, by itself or by another, in a sweep or not, the rest is swept", async () => {
  for (let remover = 0; remover < 5; remover++) {
    for (let removed = 0; removed < 5; removed++) {
      const { clock, deadlines, expired, add } = setUp();
      const entries = Array.from({ length: 5 }, (_, index) => add(String(index), 100));
      const inner = entries[remover]!.onExpire;
      entries[remover]!.onExpire = (self) => {
        inner(self);
        deadlines.remove(entries[removed]!);
      };
      await clock.advance(200);
      const names = expired.map((line) => line.split("@")[0]!);
      const expected = entries.map(({ name }) => name)
        .filter((name, index) => index !== removed || names.includes(name));
      assertEquals(names.toSorted(), expected, `${remover} removes ${removed}`);
      assertEquals(deadlines.outstanding().length, 4);
      entries.forEach((entry) => deadlines.remove(entry));
      assertEquals(clock.armedCount, 0);
    }
  }
});

Deno.test("a sweep that removes all holders leaves no timer, whatever they still wanted", async () => {
  const { clock, deadlines, add } = setUp();
  const first = add("first", 100);
  const second = add("second", 5_000); // swept before the first, wants to be called again
  first.onExpire = () => [first, second].forEach((entry) => deadlines.remove(entry));
  await clock.advance(100);
  assertEquals([deadlines.outstanding(), clock.armedCount], [[], 0]);
});

Deno.test("a holder added in a sweep gets its own time", async () => {
  const { clock, expired, add } = setUp();
  const first = add("first", 100);
  const inner = first.onExpire;
  first.onExpire = (self) => {
    inner(self);
    add("born", 105);
  };
  await clock.advance(1_000);
  assertEquals(expired, ["first@100", "born@105"]);
});

Deno.test("a deadline that has passed when it is noticed is met at once, not synchronously", async () => {
  const { clock, expired, add } = setUp();
  await clock.advance(500);
  add("x", 100);
  assertEquals(expired, []);
  await clock.advance(0);
  assertEquals(expired, ["x@500"]);
});

Deno.test("nowMs stands still between stamps", () => {
  const { clock, deadlines } = setUp();
  clock.skip(70);
  assertEquals(deadlines.nowMs, 0);
  assertEquals(deadlines.stamp(), 70);
  assertEquals(deadlines.nowMs, 70);
});
