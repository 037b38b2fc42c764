import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Buf } from "../../../src/buffer/mod.ts";
import { AGAIN, Failure, NEVER, type ReadGate, type TcpConn } from "../../../src/event/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import { Random } from "../../support/random.ts";
import {
  assertQuiet,
  CLOSED,
  latin1Bytes,
  latin1Text,
  type ReadStep,
  RESET,
  scriptedConn,
  SILENCE,
  type TestContext,
  testContext,
  type WriteStep,
} from "../../support/scripted_transport.ts";

function acquire(context: TestContext, sizeBytes = 1024): Buf {
  const buf = context.pool.acquire(sizeBytes, "test");
  assert(buf !== undefined);
  return buf;
}

function filled(context: TestContext, text: string): Buf {
  const buf = acquire(context, Math.max(1, text.length));
  buf.cell.set(latin1Bytes(text));
  buf.last = text.length;
  return buf;
}

/** Asks until there is an answer; `undefined` when there is none for now. */
async function recv(conn: TcpConn, into: Buf): Promise<number | undefined> {
  const received = conn.recv(into);
  if (received !== AGAIN) return received;
  await settled();
  const again = conn.recv(into);
  return again === AGAIN ? undefined : again;
}

function failureOf(act: () => unknown): Failure {
  const error = assertThrows(act);
  assert(error instanceof Failure);
  return error;
}

/** Ends a test: closes, lets everything settle, and nothing is held. */
async function end(context: TestContext, conn: TcpConn, ...bufs: readonly Buf[]): Promise<void> {
  conn.close();
  for (const buf of bufs) buf.release();
  await settled();
  await settled();
  assertQuiet(context);
}

// reading

Deno.test("recv says AGAIN and lends the Buf until bytes are there", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);

  assertEquals(conn.recv(buf), AGAIN);
  assertEquals([buf.state, conn.pendingRead], ["lent", buf]);
  assertEquals(conn.recv(buf), AGAIN);
  transport.deliver("hello");
  await settled();
  assertEquals([conn.hasReceived, buf.state, conn.pendingRead], [true, "owned", undefined]);
  assertEquals(conn.recv(buf), 5);
  assertEquals(latin1Text(buf.data()), "hello");
  assertEquals([conn.hasReceived, conn.bytesReceived, transport.readsBegun], [false, 5, 1]);
  await end(context, conn, buf);
});

Deno.test("whoever holds the connection next adopts the read that is pending", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);
  const first = () => conn.recv(buf);
  const second = () => conn.recv(buf);

  assertEquals(first(), AGAIN);
  assertEquals(second(), AGAIN);
  transport.deliver("x");
  await settled();
  assertEquals(second(), 1);
  assertEquals(transport.readsBegun, 1);
  await end(context, conn, buf);
});

Deno.test("a pending read may not be adopted with another Buf", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context);
  const [buf, other] = [acquire(context), acquire(context)];
  conn.recv(buf);
  assertThrows(() => conn.recv(other), Error, "another Buf");
  await end(context, conn, buf, other);
});

Deno.test("bytes go behind those that are in the Buf, in pieces of its room", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context, { reads: ["abcdefgh"] });
  const buf = acquire(context);
  buf.end = 3;
  assertEquals(await recv(conn, buf), 3);
  buf.end = 7;
  assertEquals(await recv(conn, buf), 4);
  buf.end = 1024;
  assertEquals(await recv(conn, buf), 1);
  assertEquals(latin1Text(buf.data()), "abcdefgh");
  await end(context, conn, buf);
});

Deno.test("at the end of the stream recv says 0, and again 0", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { reads: ["x", CLOSED] });
  const buf = acquire(context);
  assertEquals(await recv(conn, buf), 1);
  assertEquals(conn.hasEnded, false);
  assertEquals(await recv(conn, buf), 0);
  assertEquals([await recv(conn, buf), conn.hasEnded], [0, true]);
  assertEquals(transport.readsBegun, 2);
  await end(context, conn, buf);
});

Deno.test("a reset is thrown once asked for, behind the bytes that came before it", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context, { reads: ["x", RESET] });
  const buf = acquire(context);
  assertEquals(await recv(conn, buf), 1);
  assertEquals(conn.recv(buf), AGAIN);
  await settled();
  for (let times = 0; times < 2; times++) {
    const failure = failureOf(() => conn.recv(buf));
    assertEquals([failure.kind, failure.side], ["reset", "upstream"]);
  }
  assertEquals([buf.state, latin1Text(buf.data())], ["owned", "x"]);
  await end(context, conn, buf);
});

Deno.test("every way to cut a stream into pieces and Bufs reads the same bytes", async () => {
  const random = new Random(7);
  const bytes = random.bytes(300);
  for (let round = 0; round < 30; round++) {
    const context = testContext();
    let at = 0;
    const reads: ReadStep[] = random.pieces(bytes.length, 40)
      .map((size) => bytes.slice(at, at += size));
    const { conn } = scriptedConn(context, { reads: [...reads, CLOSED] });
    const buf = acquire(context);
    const got: number[] = [];
    while (true) {
      buf.reset();
      buf.end = random.integer(1, 60);
      const received = await recv(conn, buf);
      if (received === 0) break;
      assertEquals(received, buf.size);
      got.push(...buf.data());
    }
    assertEquals(Uint8Array.from(got), bytes);
    await end(context, conn, buf);
  }
});

// sending

Deno.test("send lends the Buf until all of it is sent, in order of sending", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [SILENCE] });
  const bufs = ["one ", "two ", "three"].map((text) => filled(context, text));
  for (const buf of bufs) conn.send(buf);
  assertEquals(bufs.map((buf) => buf.state), ["lent", "lent", "lent"]);
  assert(conn.isSending);
  transport.goOnTaking();
  await settled();
  assertEquals(transport.sent, "one two three");
  assertEquals(bufs.map(({ state, size }) => [state, size]), Array(3).fill(["owned", 0]));
  assertEquals([conn.isSending, conn.bytesSent], [false, 13]);
  await end(context, conn, ...bufs);
});

Deno.test("a partial write goes on where it stopped, byte by byte if need be", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: Array(11).fill(1) });
  const [first, second] = [filled(context, "hello "), filled(context, "world")];
  conn.send(first);
  conn.send(second);
  await settled();
  assertEquals(transport.sent, "hello world");
  await end(context, conn, first, second);
});

Deno.test("random partial writes and stalls keep the bytes and their order", async () => {
  const random = new Random(11);
  for (let round = 0; round < 30; round++) {
    const context = testContext();
    const writes: WriteStep[] = Array.from(
      { length: 20 },
      () => random.chance(0.2) ? SILENCE : random.integer(1, 30),
    );
    const { conn, transport } = scriptedConn(context, { writes });
    const text = latin1Text(random.bytes(400));
    let at = 0;
    for (const size of random.pieces(text.length, 90)) {
      const buf = filled(context, text.slice(at, at += size));
      conn.send(buf);
      if (random.chance(0.5)) await settled();
      buf.release(); // before or after it has been sent
    }
    for (let turns = 0; conn.isSending; turns++) {
      assert(turns < 100, "it stands still");
      transport.goOnTaking();
      await settled();
    }
    assertEquals(transport.sent, text);
    await end(context, conn);
  }
});

Deno.test("a Buf released while it is being sent is still sent, then pooled", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [SILENCE] });
  const buf = filled(context, "body");
  conn.send(buf);
  buf.release();
  assertEquals(buf.state, "leaving");
  transport.goOnTaking();
  await settled();
  assertEquals([transport.sent, buf.state], ["body", "pooled"]);
  await end(context, conn);
});

Deno.test("a Buf without unread bytes is not sent", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);
  conn.send(buf);
  assertEquals([buf.state, conn.isSending, transport.operations], ["owned", false, 0]);
  await end(context, conn, buf);
});

Deno.test("a broken send gives all Bufs back, and is told to the next sender", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context, { writes: [2, RESET] });
  const [first, second] = [filled(context, "first"), filled(context, "second")];
  conn.send(first);
  conn.send(second);
  await settled();
  assertEquals([first.state, second.state, conn.isSending], ["owned", "owned", false]);
  assertEquals(failureOf(() => conn.checkSending()).kind, "reset");
  assertEquals(failureOf(() => conn.send(first)).kind, "reset");
  assertEquals(first.state, "owned");
  await end(context, conn, first, second);
});

Deno.test("a broken send leaves the reading alive: the answer that came first is read", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [RESET] });
  const [into, from] = [acquire(context), filled(context, "body")];
  conn.recv(into);
  conn.send(from);
  await settled();
  assertEquals(failureOf(() => conn.checkSending()).kind, "reset");
  transport.deliver("HTTP/1.1 413 \r\n\r\n", CLOSED);
  await settled();
  assertEquals(conn.recv(into), 17);
  assertEquals(await recv(conn, into), 0);
  await end(context, conn, into, from);
});

Deno.test("closeWrite waits for the queue, then ends our direction only", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [2, SILENCE], reads: ["late"] });
  const [from, into] = [filled(context, "last"), acquire(context)];
  conn.send(from);
  conn.closeWrite();
  await settled();
  assertEquals(transport.isWriteEnded, false);
  transport.goOnTaking();
  await settled();
  assertEquals([transport.sent, transport.isWriteEnded, transport.isClosed], ["last", true, false]);
  assertEquals(await recv(conn, into), 4);
  await end(context, conn, from, into);
});

Deno.test("closeWrite with nothing to send ends our direction at once", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  conn.closeWrite();
  assert(transport.isWriteEnded);
  await end(context, conn);
});

Deno.test("closeWrite on a broken or closed connection is harmless", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context, { writes: [RESET] });
  const from = filled(context, "x");
  conn.send(from);
  await settled();
  conn.closeWrite();
  await settled();
  conn.close();
  conn.closeWrite();
  await end(context, conn, from);
});

// closing

Deno.test("close with a pending read: the cell is free only once the read has settled", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context);
  const buf = acquire(context);
  conn.recv(buf);
  conn.close();
  buf.release();
  assertEquals(buf.state, "leaving");
  const other = acquire(context);
  assert(other.cell !== buf.cell);
  await settled();
  assertEquals(buf.state, "pooled");
  await end(context, conn, other);
});

Deno.test("close with a pending write: the cell is free only once the write has settled", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context, { writes: [SILENCE] });
  const [first, second] = [filled(context, "a"), filled(context, "b")];
  conn.send(first);
  conn.send(second);
  conn.close();
  first.release();
  second.release();
  assertEquals([first.state, second.state], ["leaving", "leaving"]);
  await settled();
  assertEquals([first.state, second.state], ["pooled", "pooled"]);
  await end(context, conn);
});

Deno.test("close while a partial write is just done: what is left is given back", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context, { writes: [1, 1, 1] });
  const buf = filled(context, "abc");
  conn.send(buf);
  conn.close();
  await settled();
  assertEquals([buf.state, conn.isSending], ["owned", false]);
  await end(context, conn, buf);
});

Deno.test("whoever asks a closed connection is told so, and closing again is harmless", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = filled(context, "x");
  conn.close();
  conn.close();
  assertEquals([conn.isClosed, transport.isClosed, conn.hasEnded], [true, true, true]);
  assertEquals(failureOf(() => conn.recv(buf)).kind, "closed");
  assertEquals(failureOf(() => conn.send(buf)).kind, "closed");
  assertEquals(failureOf(() => conn.checkSending()).kind, "closed");
  assertEquals(buf.state, "owned");
  await end(context, conn, buf);
});

Deno.test("close ends the waits of a reader and of a writer", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context, { writes: [SILENCE] });
  const [into, from] = [acquire(context), filled(context, "x")];
  conn.recv(into);
  conn.send(from);
  const waits = Promise.all([conn.readable.blocked, conn.writable.blocked]);
  conn.close();
  await waits;
  await end(context, conn, into, from);
});

Deno.test("giving up a wait closes the connection", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);
  conn.recv(buf);
  const blocked = conn.readable.blocked;
  conn.readable.abandon();
  await blocked;
  assert(transport.isClosed);
  await end(context, conn, buf);
});

// the gate

/** Holds reads back until told. */
class HandGate implements ReadGate {
  readonly held: (() => void)[] = [];
  pass(start: () => void): void {
    this.held.push(start);
  }
  open(): void {
    for (const start of this.held.splice(0)) start();
  }
}

Deno.test("a read that the gate holds back is lent, waits, and is read once let through", async () => {
  const gate = new HandGate();
  const context = testContext({ gate });
  const { conn, transport } = scriptedConn(context, { reads: ["x"] });
  const buf = acquire(context);
  assertEquals(conn.recv(buf), AGAIN);
  await settled();
  assertEquals([transport.readsBegun, buf.state, conn.pendingRead], [0, "lent", buf]);
  let isDone = false;
  const blocked = conn.readable.blocked!.then(() => isDone = true);
  gate.open();
  await blocked;
  assertEquals([isDone, conn.recv(buf)], [true, 1]);
  await end(context, conn, buf);
});

Deno.test("close with a read held back settles it at once, and the gate finds nothing", async () => {
  const gate = new HandGate();
  const context = testContext({ gate });
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);
  let wakes = 0;
  conn.recv(buf);
  const blocked = conn.readable.blocked;
  conn.readable.arm(() => wakes++);
  conn.close();
  assertEquals([buf.state, conn.pendingRead, wakes], ["owned", undefined, 1]);
  await blocked;
  gate.open();
  assertEquals([transport.readsBegun, wakes], [0, 1]);
  assertEquals(failureOf(() => conn.recv(buf)).kind, "closed");
  await end(context, conn, buf);
});

Deno.test("a read held back that breaks ends the wait of who waited before it started", async () => {
  const gate = new HandGate();
  const context = testContext({ gate });
  const { conn } = scriptedConn(context, { reads: [RESET] });
  const buf = acquire(context);
  conn.recv(buf);
  const blocked = conn.readable.blocked;
  gate.open();
  await blocked;
  assertEquals(failureOf(() => conn.recv(buf)).kind, "reset");
  await end(context, conn, buf);
});

// deadlines

Deno.test("an overdue read closes the connection and is a timeout", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);
  conn.recv(buf);
  conn.setReadDeadline(context.clock.nowMs() + 500);
  await context.clock.advance(499);
  assertEquals(transport.isClosed, false);
  await context.clock.advance(1);
  assert(transport.isClosed);
  assertEquals(failureOf(() => conn.recv(buf)).kind, "timeout");
  await end(context, conn, buf);
});

Deno.test("a read deadline counts only while a read is pending", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  conn.setReadDeadline(context.clock.nowMs() + 100);
  await context.clock.advance(200);
  assertEquals(transport.isClosed, false);
  await end(context, conn);
});

Deno.test("a read deadline that was set before the read began is kept", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);
  conn.setReadDeadline(context.clock.nowMs() + 1_000);
  context.deadlines.notice(context.clock.nowMs() + 500); // a sweep comes by for somebody else
  await context.clock.advance(600);
  conn.recv(buf);
  await context.clock.advance(600);
  assert(transport.isClosed, "nobody looked at the deadline");
  await end(context, conn, buf);
});

Deno.test("a read deadline may be put off, brought forward and taken away", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);
  const startMs = context.clock.nowMs();
  conn.recv(buf);
  conn.setReadDeadline(startMs + 100);
  conn.setReadDeadline(startMs + 1_000);
  await context.clock.advance(500);
  assertEquals(transport.isClosed, false);
  conn.setReadDeadline(NEVER);
  await context.clock.advance(5_000);
  assertEquals(transport.isClosed, false);
  conn.setReadDeadline(startMs + 5_600);
  await context.clock.advance(99);
  assertEquals(transport.isClosed, false);
  await context.clock.advance(1);
  assert(transport.isClosed);
  await end(context, conn, buf);
});

// dribbles

/** Another connection that dribbles: it has brought four bytes, one at a time, and is read from. */
async function dribble(context: TestContext): Promise<{ conn: TcpConn; buf: Buf }> {
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context, 64);
  for (let count = 0; count < 4; count++) {
    conn.recv(buf, true);
    transport.deliver("x");
    await settled();
    assertEquals(conn.recv(buf, true), 1);
  }
  conn.recv(buf, true);
  return { conn, buf };
}

/** So many that the next one's reads are put off. */
async function crowd(context: TestContext, count = 100): Promise<() => Promise<void>> {
  const others = await Promise.all(Array.from({ length: count }, () => dribble(context)));
  return async () => {
    for (const { conn, buf } of others) {
      conn.close();
      buf.release();
    }
    await settled();
  };
}

/** Reads `text`, which comes `gapMs` after the ask. Returns when the read began, in ms after the ask. */
async function readLater(
  context: TestContext,
  { conn, transport }: ReturnType<typeof scriptedConn>,
  buf: Buf,
  text: string,
  gapMs = 1_000,
): Promise<number> {
  const askedMs = context.clock.nowMs();
  assertEquals(conn.recv(buf, true), AGAIN);
  while (!transport.isReading) await context.clock.advance(1);
  const startedMs = context.clock.nowMs() - askedMs;
  await context.clock.advance(Math.max(0, gapMs - startedMs));
  transport.deliver(text);
  await settled();
  assertEquals(conn.recv(buf, true), text.length);
  return startedMs;
}

/** A connection, and so many that dribble that its reads may be put off. */
async function amongMany(timeoutMs: number) {
  const context = testContext();
  const leaveOthers = await crowd(context);
  const scripted = scriptedConn(context);
  const { conn, transport } = scripted;
  const buf = acquire(context);
  conn.setReadDeadline(context.clock.nowMs() + timeoutMs);
  const leave = async (): Promise<void> => {
    await leaveOthers();
    await end(context, conn, buf);
  };
  return { context, scripted, conn, transport, buf, leave };
}

/** Whether `delayMs` is what a dribble of `dribbledMs` leads to: spread, and in steps of 20 ms. */
function assertPutOff(delayMs: number, dribbledMs: number): void {
  assert(
    delayMs > dribbledMs * 0.75 - 21 && delayMs <= dribbledMs,
    `${delayMs} ms after ${dribbledMs} ms of dribble`,
  );
}

Deno.test("among many that dribble, a patient reader's next read begins later and later", async () => {
  const { context, scripted, buf, leave } = await amongMany(60_000);
  const beganMs = context.clock.nowMs();
  for (let count = 0; count < 4; count++) {
    assertEquals(await readLater(context, scripted, buf, "x", 400), 0);
  }
  for (let count = 0; count < 4; count++) {
    const dribbledMs = context.clock.nowMs() - beganMs;
    assertPutOff(await readLater(context, scripted, buf, "x", 0), dribbledMs);
  }
  await readLater(context, scripted, buf, "x".repeat(1_000));
  assertEquals(await readLater(context, scripted, buf, "x"), 0); // it does not dribble any more
  await leave();
});

Deno.test("two small reads that took a second each are a dribble among many, a pause is none", async () => {
  for (const [first, second, dribbledMs] of [[999, 1_000, 0], [1_000, 1_000, 2_000]] as const) {
    const { context, scripted, buf, leave } = await amongMany(60_000);
    assertEquals(await readLater(context, scripted, buf, "x", first), 0);
    assertEquals(await readLater(context, scripted, buf, "x", second), 0);
    assertPutOff(await readLater(context, scripted, buf, "x", 0), dribbledMs);
    await leave();
  }
  const { context, scripted, buf, leave } = await amongMany(60_000);
  assertEquals(await readLater(context, scripted, buf, "x", 30_000), 0);
  assertEquals(await readLater(context, scripted, buf, "x".repeat(64), 20_000), 0);
  assertEquals(await readLater(context, scripted, buf, "x", 0), 0);
  await leave();
});

Deno.test("what has come while a read was put off ends no dribble, unless it is 64 bytes a second", async () => {
  const { context, scripted, buf, leave } = await amongMany(600_000);
  for (let count = 0; count < 2; count++) await readLater(context, scripted, buf, "x", 2_000);
  const putOffMs = await readLater(context, scripted, buf, "x".repeat(190)); // after 3 s and more
  assertPutOff(putOffMs, 4_000);
  assertPutOff(await readLater(context, scripted, buf, "x"), 4_000 + putOffMs);
  await leave();
});

Deno.test("who fills the room that there is does not dribble, however long it took", async () => {
  const { context, scripted, buf, leave } = await amongMany(60_000);
  for (let count = 0; count < 2; count++) await readLater(context, scripted, buf, "x", 2_000);
  buf.end = buf.last + 30;
  await readLater(context, scripted, buf, "x".repeat(30));
  buf.reset();
  assertEquals(await readLater(context, scripted, buf, "x"), 0);
  await leave();
});

Deno.test("what a connection's holder takes for itself is no dribble of the other end", async () => {
  const { context, scripted, buf, leave } = await amongMany(60_000);
  for (let count = 0; count < 2; count++) await readLater(context, scripted, buf, "x", 1_000);
  await context.clock.advance(8_000); // nobody reads
  context.deadlines.stamp();
  assertPutOff(await readLater(context, scripted, buf, "x", 0), 2_000);
  await leave();
});

Deno.test("a read that was put off begins at once for a reader in a hurry", async () => {
  const { context, scripted, conn, transport, buf, leave } = await amongMany(60_000);
  for (let count = 0; count < 3; count++) await readLater(context, scripted, buf, "x");
  assertEquals(conn.recv(buf, true), AGAIN);
  assertEquals(transport.isReading, false);
  assertEquals(conn.recv(buf), AGAIN);
  assert(transport.isReading);
  await leave();
});

/** How many of 64 that have brought a byte every `gapMs`, in step, are read next in each 20 ms. */
async function readInSteps(gapMs: number, timeoutMs: number): Promise<number[]> {
  const context = testContext();
  const leaveOthers = await crowd(context);
  const all = Array.from(
    { length: 64 },
    () => ({ ...scriptedConn(context), buf: acquire(context) }),
  );
  for (const { conn, buf } of all) {
    conn.setReadDeadline(context.clock.nowMs() + timeoutMs);
    conn.recv(buf, true);
  }
  for (let count = 0; count < 2; count++) {
    await context.clock.advance(gapMs);
    for (const { transport } of all) transport.deliver("x");
    await settled();
    for (const { conn, buf } of all) {
      assertEquals(conn.recv(buf, true), 1);
      conn.recv(buf, true);
    }
  }
  const perStep: number[] = [];
  for (let before = 0; before < all.length;) {
    await context.clock.advance(20);
    const reading = all.filter(({ transport }) => transport.isReading).length;
    perStep.push(reading - before);
    before = reading;
  }
  for (const { conn, buf } of all) {
    conn.close();
    buf.release();
  }
  await leaveOthers();
  await settled();
  assertQuiet(context);
  return perStep;
}

Deno.test("those that dribble in step are not read in step", async () => {
  const byTime = await readInSteps(1_000, 600_000);
  assertEquals(byTime.length, 100); // as long again as the 2 s
  assert(Math.max(...byTime) <= 4, `${byTime}`);
  const byDeadline = await readInSteps(15_000, 60_000);
  assertEquals(byDeadline.length, 375); // a quarter of the 30 s that are left
  assert(Math.max(...byDeadline) <= 2, `${byDeadline}`);
});

Deno.test("a read is put off by a quarter of what is left until its deadline at most", async () => {
  const { context, scripted, conn, transport, buf, leave } = await amongMany(4_000);
  for (let count = 0; count < 3; count++) await readLater(context, scripted, buf, "x");
  assertPutOff(await readLater(context, scripted, buf, "x", 990), 250); // of the second that is left
  assertEquals(conn.recv(buf, true), AGAIN);
  assert(transport.isReading, "there is no time left to put anything off");
  await leave();
});

Deno.test("a read that was put off begins earlier where its deadline is brought forward", async () => {
  const { context, scripted, conn, transport, buf, leave } = await amongMany(60_000);
  for (let count = 0; count < 12; count++) await readLater(context, scripted, buf, "x");
  assertEquals(conn.recv(buf, true), AGAIN); // for more than 5 s
  conn.setReadDeadline(context.clock.nowMs() + 2_000);
  await context.clock.advance(350);
  assertEquals(transport.isReading, false);
  await context.clock.advance(150);
  assert(transport.isReading);
  await leave();
});

Deno.test("who waits for a dribble is counted for as long as that takes", async () => {
  const context = testContext();
  const { conn, buf } = await dribble(context);
  assertEquals(context.counters.dribbling, 1);
  conn.close();
  await settled();
  assertEquals(context.counters.dribbling, 0);
  const scripted = scriptedConn(context);
  for (let count = 0; count < 5; count++) {
    await readLater(context, scripted, buf, "x");
    assertEquals(context.counters.dribbling, 0); // nobody waits
  }
  await end(context, scripted.conn, buf);
});

Deno.test("few that dribble, or a reader that is in a hurry: every read begins at once", async () => {
  const context = testContext();
  const leaveNinetyNine = await crowd(context, 99);
  const alone = scriptedConn(context);
  const buf = acquire(context);
  for (let count = 0; count < 8; count++) {
    assertEquals(await readLater(context, alone, buf, "x"), 0);
  }
  const leaveOne = await crowd(context, 1);
  const leave = async () => {
    await leaveNinetyNine();
    await leaveOne();
  };
  assertEquals(alone.conn.recv(buf), AGAIN);
  await settled();
  assert(alone.transport.isReading);
  await leave();
  await end(context, alone.conn, buf);
});

Deno.test("closing and deadlines end a read that was put off", async () => {
  for (const how of ["close", "deadline"]) {
    const { context, scripted, conn, transport, buf, leave } = await amongMany(60_000);
    for (let count = 0; count < 4; count++) await readLater(context, scripted, buf, "x");
    assertEquals(conn.recv(buf, true), AGAIN);
    const { blocked } = conn.readable;
    await settled();
    assertEquals([transport.isReading, buf.isLent], [false, true]);
    if (how === "close") {
      conn.close();
    } else {
      conn.setReadDeadline(context.clock.nowMs() + 100);
      await context.clock.advance(100);
    }
    await blocked;
    const kind = how === "close" ? "closed" : "timeout";
    assertEquals(failureOf(() => conn.recv(buf)).kind, kind);
    await context.clock.advance(5_000);
    await leave();
  }
});

Deno.test("sending that gets nowhere for sendTimeoutMs is a timeout", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [SILENCE] });
  const buf = filled(context, "x");
  conn.sendTimeoutMs = 300;
  conn.send(buf);
  await context.clock.advance(299);
  assertEquals(transport.isClosed, false);
  await context.clock.advance(1);
  assert(transport.isClosed);
  assertEquals(failureOf(() => conn.checkSending()).kind, "timeout");
  await end(context, conn, buf);
});

Deno.test("each progress of sending gives it sendTimeoutMs more, also when all else is quiet", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [SILENCE, 1, SILENCE] });
  const buf = filled(context, "abc");
  conn.sendTimeoutMs = 1_000;
  conn.send(buf);
  await context.clock.advance(900);
  transport.goOnTaking(); // one byte goes
  await settled();
  await context.clock.advance(900);
  assertEquals([transport.sent, transport.isClosed], ["a", false]);
  await context.clock.advance(100);
  assert(transport.isClosed);
  await end(context, conn, buf);
});

Deno.test("sendMinRate: a trickle of progress does not put sendTimeoutMs off for ever", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [SILENCE, 1, SILENCE, 1, SILENCE] });
  const buf = filled(context, "abc");
  conn.sendTimeoutMs = 1_000;
  conn.sendMinRate = 10;
  conn.send(buf);
  await context.clock.advance(600);
  transport.goOnTaking(); // one byte is worth 100 ms: 500 behind
  await settled();
  await context.clock.advance(400);
  transport.goOnTaking(); // 800 behind
  await settled();
  await context.clock.advance(199);
  assertEquals([transport.sent, transport.isClosed], ["ab", false]);
  await context.clock.advance(1);
  assertEquals(failureOf(() => conn.checkSending()).kind, "timeout");
  await end(context, conn, buf);
});

Deno.test("sendMinRate: who takes enough has sendTimeoutMs each time, and saves nothing up", async () => {
  const context = testContext();
  const writes: WriteStep[] = [SILENCE, 100, SILENCE, 100, SILENCE];
  const { conn, transport } = scriptedConn(context, { writes });
  const buf = filled(context, "x".repeat(300));
  conn.sendTimeoutMs = 1_000;
  conn.sendMinRate = 10; // 100 bytes are worth 10 s
  conn.send(buf);
  for (let count = 0; count < 2; count++) {
    await context.clock.advance(999);
    transport.goOnTaking();
    await settled();
  }
  await context.clock.advance(999);
  assertEquals(transport.isClosed, false);
  await context.clock.advance(1);
  assert(transport.isClosed);
  await end(context, conn, buf);
});

Deno.test("sendMinRate: a write that began before there was a rate counts from its beginning", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [SILENCE, 1, SILENCE] });
  const buf = filled(context, "ab");
  await context.clock.advance(100_000);
  context.deadlines.stamp();
  conn.send(buf);
  conn.sendTimeoutMs = 1_000;
  conn.sendMinRate = 1_000;
  transport.goOnTaking();
  await settled();
  await context.clock.advance(999);
  assertEquals(transport.isClosed, false);
  await end(context, conn, buf);
});

Deno.test("a connection whose sending is done has no send deadline", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = filled(context, "x");
  conn.sendTimeoutMs = 300;
  conn.send(buf);
  await settled();
  await context.clock.advance(1_000);
  assertEquals(transport.isClosed, false);
  await end(context, conn, buf);
});

Deno.test("a deadline set on a closed connection arms nothing", async () => {
  const context = testContext();
  const { conn } = scriptedConn(context);
  conn.close();
  conn.setReadDeadline(context.clock.nowMs() + 100);
  await settled();
  assertQuiet(context);
});

// waking

Deno.test("one wake slot a direction: the second arm replaces the first, a wake empties it", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context);
  const buf = acquire(context);
  const woken: string[] = [];
  conn.recv(buf);
  conn.readable.arm(() => woken.push("first"));
  conn.readable.arm(() => woken.push("second"));
  transport.deliver("a");
  await settled();
  assertEquals(conn.recv(buf), 1);
  conn.recv(buf);
  transport.deliver("b");
  await settled();
  assertEquals(woken, ["second"]);
  conn.readable.arm(() => woken.push("third"));
  conn.readable.disarm();
  await end(context, conn, buf);
  assertEquals(woken, ["second"]);
});

Deno.test("a writer is woken by progress, and by a break", async () => {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { writes: [1, RESET] });
  const buf = filled(context, "ab");
  let wakes = 0;
  conn.writable.arm(() => {
    wakes++;
    conn.writable.arm(() => wakes++);
  });
  conn.send(buf);
  await settled();
  assertEquals([wakes, transport.sent], [2, "a"]);
  assertEquals(conn.writable.blocked, undefined);
  await end(context, conn, buf);
});

// faults

Deno.test("the k-th read or write fails, for every k: an exchange ends and nothing is held", async () => {
  let isComplete = false;
  for (let failsAt = 1; !isComplete; failsAt++) {
    assert(failsAt < 50);
    const context = testContext();
    const { conn } = scriptedConn(context, {
      reads: ["HTTP/1.1 ", "200 OK\r\n\r\n", "body", CLOSED],
      writes: [3, 4, 5],
      failsAt,
    });
    const [from, into] = [filled(context, "GET / HTTP/1.1\r\n\r\n"), acquire(context)];
    let kind = "complete";
    try {
      conn.send(from);
      while (await recv(conn, into) !== 0);
      while (conn.isSending) await conn.writable.blocked;
      conn.checkSending();
      isComplete = true;
    } catch (error) {
      assert(error instanceof Failure);
      kind = error.kind;
    }
    assertEquals(kind, isComplete ? "complete" : "reset");
    await end(context, conn, from, into);
  }
});

Deno.test("close at every moment of an exchange leaves nothing held", async () => {
  for (let moment = 0; moment < 24; moment++) {
    const context = testContext();
    const { conn } = scriptedConn(context, {
      reads: ["a", "b", SILENCE, CLOSED],
      writes: [1, 1, SILENCE],
    });
    const [from, into] = [filled(context, "head"), acquire(context)];
    conn.sendTimeoutMs = 50;
    conn.send(from);
    conn.recv(into);
    conn.setReadDeadline(context.clock.nowMs() + 70);
    for (let at = 0; at < moment; at++) {
      await Promise.resolve();
      if (conn.hasReceived) conn.recv(into);
      if (conn.pendingRead === undefined && !conn.hasEnded) conn.recv(into);
    }
    await end(context, conn, from, into);
  }
});
