import { assertEquals } from "@std/assert";
import { Later, type Moment, type Waiter } from "../../../src/event/later.ts";
import { ManualClock } from "../../support/manual_clock.ts";

class Guest implements Waiter {
  moment: Moment | undefined;
  calledAtMs: number[] = [];

  constructor(readonly clock: ManualClock) {}

  onMoment(moment: Moment): void {
    if (moment !== this.moment) return;
    this.moment = undefined;
    this.calledAtMs.push(this.clock.nowMs());
  }
}

function setUp(count: number): { clock: ManualClock; later: Later; guests: Guest[] } {
  const clock = new ManualClock(0);
  const guests = Array.from({ length: count }, () => new Guest(clock));
  return { clock, later: new Later(clock), guests };
}

Deno.test("later: those of one moment are called together, with one timer, and not too late", async () => {
  const { clock, later, guests } = setUp(4);
  for (const [index, atMs] of [100, 119.9, 120, 1_000].entries()) {
    guests[index]!.moment = later.add(atMs, 0, guests[index]!);
  }
  assertEquals(clock.armedCount, 3);
  await clock.advance(2_000);
  assertEquals(guests.map(({ calledAtMs }) => calledAtMs), [[100], [100], [120], [1_000]]);
  assertEquals(clock.armedCount, 0);
});

Deno.test("later: there is nothing to wait for where the moment has come", () => {
  const { clock, later, guests: [guest] } = setUp(1);
  assertEquals(later.add(59, 40, guest!), undefined);
  assertEquals(later.add(40, 41, guest!), undefined);
  assertEquals(clock.armedCount, 0);
});

Deno.test("later: who has left is not called, and a moment that nobody waits for has no timer", async () => {
  const { clock, later, guests } = setUp(3);
  for (const guest of guests) guest.moment = later.add(100, 0, guest);
  const [first, second, third] = guests;
  later.leave(first!.moment!);
  first!.moment = later.add(200, 0, first!);
  later.leave(second!.moment!);
  second!.moment = undefined;
  await clock.advance(150);
  assertEquals(guests.map(({ calledAtMs }) => calledAtMs), [[], [], [100]]);
  later.leave(first!.moment!);
  first!.moment = undefined;
  assertEquals([clock.armedCount, third!.calledAtMs], [0, [100]]);
  first!.moment = later.add(200, 150, first!); // a moment that was given up is made anew
  await clock.advance(100);
  assertEquals(first!.calledAtMs, [200]);
});
