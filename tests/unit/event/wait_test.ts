import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AGAIN,
  Driver,
  FirstOf,
  OutOfBuffers,
  Room,
  Signal,
  until,
  type Wait,
  waitForRoom,
} from "../../../src/event/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import { assertQuiet, scriptedConn, testContext } from "../../support/scripted_transport.ts";

/** Whether waiting is over. */
function watch(wait: Wait): { isOver: boolean } {
  const seen = { isOver: wait.blocked === undefined };
  wait.blocked?.then(() => seen.isOver = true);
  return seen;
}

Deno.test("Signal: blocks until it rings, stays set until it is reset", async () => {
  const signal = new Signal();
  const first = watch(signal);
  await settled();
  assertEquals([first.isOver, signal.isSet], [false, false]);
  signal.ring();
  signal.ring();
  await settled();
  assertEquals([first.isOver, signal.isSet, signal.blocked], [true, true, undefined]);
  signal.reset();
  const second = watch(signal);
  await settled();
  assertEquals(second.isOver, false);
  signal.abandon();
  await settled();
  assert(second.isOver);
});

Deno.test("Signal: one slot; the wake is called once and may be taken back", () => {
  const signal = new Signal();
  const woken: string[] = [];
  signal.arm(() => woken.push("first"));
  signal.arm(() => woken.push("second"));
  signal.ring();
  signal.reset();
  signal.ring();
  signal.reset();
  signal.arm(() => woken.push("third"));
  signal.disarm();
  signal.ring();
  assertEquals(woken, ["second"]);
});

/** A Wait that wakes again and again, as a connection's does. */
class Wakes extends Signal {
  wake(): void {
    this.ring();
    this.reset();
  }
}

Deno.test("until: asks at each wake-up, and resumes the phase once", async () => {
  const wakes = new Wakes();
  let asked = 0;
  const phase = until(wakes, () => ++asked === 4);
  const { value, done } = await phase.next();
  const seen = watch(value as Wait);
  const progress: [number, boolean][] = [];
  for (let count = 0; count < 4; count++) { // the last one comes too late
    wakes.wake();
    await settled();
    progress.push([asked, seen.isOver]);
  }
  assertEquals(progress, [[2, false], [3, false], [4, true], [4, true]]);
  assertEquals([done, (value as Wait).blocked], [false, undefined]);
  assertEquals(await phase.next(), { value: undefined, done: true });
});

Deno.test("until: does not wait where it gets on at once, nor miss an early wake-up", async () => {
  assertEquals((await until(new Signal(), () => true).next()).done, true);
  const wakes = new Wakes();
  let isThere = false;
  const step = until(wakes, () => isThere).next();
  isThere = true;
  wakes.wake(); // before anybody has asked what it waits for
  assertEquals((((await step).value) as Wait).blocked, undefined);
});

Deno.test("until: throws into the phase what is thrown at a wake-up", async () => {
  const wakes = new Wakes();
  const errors = [undefined, undefined, new Error("not a byte more")];
  const run = new Driver().run(until(wakes, () => {
    const error = errors.shift();
    if (error !== undefined) throw error;
    return false;
  }));
  run.catch(() => {});
  await settled();
  wakes.wake();
  wakes.wake();
  await assertRejects(() => run, Error, "not a byte more");
});

Deno.test("until: given up while a read is pending, it ends when that has settled", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = context.pool.acquire(64, "test")!;
  let asked = 0;
  const driver = new Driver();
  const run = driver.run(until(conn.readable, () => {
    asked++;
    return conn.recv(buf) !== AGAIN;
  }));
  await settled();
  driver.interrupt(new Error("the client has left"));
  assertEquals([buf.isLent, transport.isClosed], [true, true]);
  await assertRejects(() => run, Error, "the client has left");
  assertEquals([asked, buf.isLent], [1, false]);
  buf.release();
  assertQuiet(context);
});

Deno.test("FirstOf: ends with the first of its waits, whichever it is", async () => {
  for (let index = 0; index < 3; index++) {
    const signals = [new Signal(), new Signal(), new Signal()];
    const first = new FirstOf(...signals);
    let isOver = false;
    first.blocked!.then(() => isOver = true);
    await settled();
    assertEquals(isOver, false);
    signals[index]!.ring();
    await settled();
    assert(isOver);
  }
});

Deno.test("FirstOf: does not block when one of its waits does not", () => {
  const [set, unset] = [new Signal(), new Signal()];
  set.ring();
  assertEquals(new FirstOf(unset, set).blocked, undefined);
});

Deno.test("FirstOf: wakes once though two of its waits end, and leaves no wake armed", () => {
  const [a, b] = [new Signal(), new Signal()];
  const first = new FirstOf(a, b);
  let wakes = 0;
  first.arm(() => wakes++);
  a.ring();
  b.ring();
  assertEquals(wakes, 1);
});

Deno.test("FirstOf: used again for each wait of its holder", async () => {
  const [a, b] = [new Signal(), new Signal()];
  const first = new FirstOf(a, b);
  for (const signal of [a, b, b, a]) {
    const { blocked } = first;
    assert(blocked !== undefined);
    signal.ring();
    await blocked;
    signal.reset();
  }
});

Deno.test("FirstOf: giving up ends its wait, and closes none of the connections", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = context.pool.acquire(1024, "test")!;
  conn.recv(buf);
  const first = new FirstOf(conn.readable, new Signal());
  const { blocked } = first;
  first.abandon();
  await blocked;
  assertEquals(transport.isClosed, false);
  conn.close();
  buf.release();
  await settled();
  assertQuiet(context);
});

Deno.test("FirstOf: a disarmed one is not woken", () => {
  const signal = new Signal();
  const first = new FirstOf(signal);
  let wakes = 0;
  first.arm(() => wakes++);
  first.disarm();
  signal.ring();
  assertEquals(wakes, 0);
});

Deno.test("Room: ends when a Buf comes back to the pool, in the order of asking", async () => {
  const context = testContext({ maxBytes: 2048 });
  const { pool } = context;
  const [a, b] = [pool.acquire(1024, "a")!, pool.acquire(1024, "b")!];
  assertEquals(pool.acquire(1, "c"), undefined);
  const [first, second] = [watch(new Room(context)), watch(new Room(context))];
  a.release();
  await settled();
  assertEquals([first.isOver, second.isOver], [true, false]);
  b.release();
  await settled();
  assert(second.isOver);
});

Deno.test("Room: one that was given up does not swallow another's turn", async () => {
  const context = testContext({ maxBytes: 1024 });
  const { pool } = context;
  const buf = pool.acquire(1024, "a")!;
  const [givenUp, other] = [new Room(context), new Room(context)];
  const [first, second] = [watch(givenUp), watch(other)];
  givenUp.abandon();
  await settled();
  assertEquals([first.isOver, second.isOver], [true, false]);
  buf.release();
  await settled();
  assert(second.isOver);
});

Deno.test("Room: who has waited for 10 s while no Buf came back is told so", async () => {
  const context = testContext({ maxBytes: 1024 });
  const buf = context.pool.acquire(1024, "a")!;
  const phase = waitForRoom(context);
  const room = await phase.next();
  await context.clock.advance(10_000);
  assertEquals((room.value as Room).isOverdue, true);
  await assertRejects(() => phase.next(), OutOfBuffers, "no buffer memory for 10 s");
  buf.release();
  assertQuiet(context);
});
