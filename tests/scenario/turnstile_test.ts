/** The turnstile over its own socket pair. */
import { assert, assertEquals } from "@std/assert";
import { Deadlines, systemClock, TcpConn, Turnstile } from "../../src/event/mod.ts";
import { SlabPool, TempSpace } from "../../src/buffer/mod.ts";
import { assertNothingHeld } from "../support/leak_check.ts";
import { gate, within } from "../support/within.ts";

/** Lets the turnstile go, and its two sockets. */
async function closing(turnstile: Turnstile): Promise<void> {
  turnstile.close();
  await new Promise((resolve) => setTimeout(resolve, 0)); // its read is rejected later
}

Deno.test("turnstile: the first reads start at once, the others in turn, in their order", async () => {
  const turnstile = await Turnstile.open();
  const started: number[] = [];
  const all = gate();
  const count = 500;
  for (let index = 0; index < count; index++) {
    turnstile.pass(() => {
      started.push(index);
      if (started.length === count) all.open();
    });
  }
  const atOnce = started.length;
  assert(atOnce >= 16 && atOnce <= 96, `${atOnce} started at once`);
  await within(all.opened, () => `all reads to start: ${started.length} did`);
  assertEquals(started, Array.from({ length: count }, (_, index) => index));
  await closing(turnstile);
});

Deno.test("turnstile: turn after turn nobody is forgotten", async () => {
  const turnstile = await Turnstile.open();
  for (const count of [1, 10, 48, 49, 96, 97, 200, 3, 1, 150]) {
    let started = 0;
    const all = gate();
    for (let index = 0; index < count; index++) {
      turnstile.pass(() => ++started === count && all.open());
    }
    await within(all.opened, () => `${count} reads: ${started} started`);
  }
  await closing(turnstile);
});

Deno.test("turnstile: a read that is let through may ask for the next one", async () => {
  const turnstile = await Turnstile.open();
  let left = 1_000;
  const done = gate();
  const again = (): void => {
    if (--left > 0) turnstile.pass(again);
    else done.open();
  };
  for (let index = 0; index < 100; index++) turnstile.pass(again);
  await within(done.opened, () => `a thousand reads: ${left} are left`);
  await closing(turnstile);
});

Deno.test("turnstile: close lets go of all that are held, and holds nobody after", async () => {
  const turnstile = await Turnstile.open();
  let started = 0;
  for (let index = 0; index < 300; index++) turnstile.pass(() => started++);
  assert(started < 300);
  turnstile.close();
  assertEquals(started, 300);
  for (let index = 0; index < 300; index++) turnstile.pass(() => started++);
  assertEquals(started, 600);
  await new Promise((resolve) => setTimeout(resolve, 0));
});

Deno.test("turnstile: connections that are closed while held back leave nothing behind", async () => {
  const turnstile = await Turnstile.open();
  const pool = new SlabPool({ maxBytes: 1 << 20, debug: true });
  const deadlines = new Deadlines(systemClock);
  const context = {
    pool,
    tempSpace: new TempSpace(),
    deadlines,
    gate: turnstile,
    counters: { open: 0, dribbling: 0 },
  };
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const far: Deno.Conn[] = [];
  const conns: TcpConn[] = [];
  for (let index = 0; index < 120; index++) {
    const [raw, near] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
      listener.accept(),
    ]);
    far.push(near);
    conns.push(new TcpConn(raw, "upstream", { hostname: "127.0.0.1", port: 0 }, context));
  }
  const ended: Promise<void>[] = [];
  for (const conn of conns) {
    const buf = pool.acquire(1024, "test")!;
    conn.recv(buf);
    ended.push(conn.readable.blocked!);
    conn.close();
    buf.release();
  }
  await within(Promise.all(ended), "every read to end");
  assertNothingHeld(pool, deadlines);
  assertEquals(context.counters.open, 0);
  far.forEach((conn) => conn.close());
  await closing(turnstile);
});
