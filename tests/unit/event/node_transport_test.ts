import { assert, assertEquals, assertRejects } from "@std/assert";
import { type NodeSocket, NodeTransport } from "../../../src/event/node_transport.ts";
import { AGAIN, TcpConn } from "../../../src/event/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import { assertQuiet, testContext } from "../../support/scripted_transport.ts";

type Listener = (error: Error) => void;

/** A socket of node:net in paused mode, moved by hand. */
class FakeSocket implements NodeSocket {
  #ahead: number[] = [];
  readonly #listeners = new Map<string, Listener[]>();
  /** Writes that the kernel has not taken yet. */
  readonly writes: { from: Uint8Array; done: (error?: Error | null) => void }[] = [];
  asked = 0;
  isDestroyed = false;
  hasEnded = false;

  get readableLength(): number {
    return this.#ahead.length;
  }

  read(byteCount: number): Uint8Array | null {
    if (byteCount === 0) this.asked++;
    return byteCount === 0 ? null : new Uint8Array(this.#ahead.splice(0, byteCount));
  }

  write(from: Uint8Array, done: (error?: Error | null) => void): boolean {
    this.writes.push({ from, done });
    return true;
  }

  end(done: () => void): void {
    this.hasEnded = true;
    done();
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  on(event: string, listener: Listener): void {
    this.#listeners.set(event, [...this.#listeners.get(event) ?? [], listener]);
  }

  /** Bytes come in. */
  receive(text: string): void {
    this.#ahead.push(...new TextEncoder().encode(text));
    this.emit("readable");
  }

  emit(event: string, error = new Error()): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(error);
  }
}

function pair(): { socket: FakeSocket; transport: NodeTransport } {
  const socket = new FakeSocket();
  return { socket, transport: new NodeTransport(socket) };
}

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  const mark = () => void (is = true);
  promise.then(mark, mark);
  await settled();
  return is;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("what was read ahead is had at once, as much as there is room for", async () => {
  const { socket, transport } = pair();
  socket.receive("hello");
  const into = new Uint8Array(3);
  assertEquals([await transport.read(into), textOf(into)], [3, "hel"]);
  assertEquals([await transport.read(into), textOf(into)], [2, "lol"]);
  assertEquals([socket.readableLength, socket.asked], [0, 0]);
});

Deno.test("a read waits for bytes, and asks the socket for them", async () => {
  const { socket, transport } = pair();
  const into = new Uint8Array(8);
  const read = transport.read(into);
  assertEquals([await isSettled(read), socket.asked], [false, 1]);
  socket.receive("abc");
  assertEquals([await read, textOf(into.subarray(0, 3))], [3, "abc"]);
});

Deno.test("without a read nothing is taken from the socket: it stops reading by itself", () => {
  const { socket } = pair();
  socket.receive("abc");
  assertEquals([socket.readableLength, socket.asked], [3, 0]);
});

Deno.test("an event without bytes is no end", async () => {
  const { socket, transport } = pair();
  const read = transport.read(new Uint8Array(8));
  socket.emit("readable");
  assertEquals(await isSettled(read), false);
  socket.receive("x");
  assertEquals(await read, 1);
});

Deno.test("the end comes behind the bytes, and stays", async () => {
  const { socket, transport } = pair();
  socket.receive("ab");
  const into = new Uint8Array(8);
  assertEquals(await transport.read(into), 2);
  const read = transport.read(into);
  socket.emit("end");
  assertEquals([await read, await transport.read(into)], [null, null]);
});

Deno.test("after the end one can still write", async () => {
  const { socket, transport } = pair();
  socket.emit("end");
  const written = transport.write(new Uint8Array(5));
  socket.writes[0]!.done();
  assertEquals(await written, 5);
});

Deno.test("a write is done when the socket is done with the bytes, not before", async () => {
  const { socket, transport } = pair();
  const from = new Uint8Array(100_000);
  const written = transport.write(from);
  assertEquals([await isSettled(written), socket.writes[0]?.from === from], [false, true]);
  socket.writes[0]!.done(null);
  assertEquals(await written, 100_000);
});

Deno.test("an error ends the read that waits, and those that follow, but not what came before", async () => {
  const { socket, transport } = pair();
  socket.receive("ab");
  socket.emit("error", Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
  const into = new Uint8Array(8);
  assertEquals(await transport.read(into), 2);
  await assertRejects(() => transport.read(into), Error, "ECONNRESET");
  await assertRejects(() => transport.write(new Uint8Array(1)), Error, "ECONNRESET");
  assertEquals(socket.writes.length, 0);
});

Deno.test("a write that fails says why", async () => {
  const { socket, transport } = pair();
  const written = transport.write(new Uint8Array(1));
  socket.writes[0]!.done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  await assertRejects(() => written, Error, "EPIPE");
});

Deno.test("close rejects the pending read as Deno does, and later than it returns", async () => {
  const { socket, transport } = pair();
  const read = transport.read(new Uint8Array(8));
  let isRejected = false;
  read.catch(() => isRejected = true);
  transport.close();
  assertEquals([isRejected, socket.isDestroyed], [false, true]);
  await assertRejects(() => read, Deno.errors.Interrupted);
});

Deno.test("after close no byte is written into any view", async () => {
  const { socket, transport } = pair();
  const into = new Uint8Array(8);
  const read = transport.read(into);
  transport.close();
  socket.receive("late");
  await assertRejects(() => read, Deno.errors.Interrupted);
  await assertRejects(() => transport.read(into), Deno.errors.Interrupted);
  assertEquals(into, new Uint8Array(8));
});

Deno.test("close leaves the bytes of a pending write alone until the socket has let go of them", async () => {
  const { socket, transport } = pair();
  const written = transport.write(new Uint8Array(8));
  transport.close();
  assertEquals(await isSettled(written), false);
  socket.writes[0]!.done(Object.assign(new Error("canceled"), { code: "ECANCELED" }));
  await assertRejects(() => written, Deno.errors.Interrupted);
});

Deno.test("a socket that is gone and never said so settles what is pending", async () => {
  const { socket, transport } = pair();
  const read = transport.read(new Uint8Array(8));
  const written = transport.write(new Uint8Array(8));
  socket.emit("close");
  await assertRejects(() => read, Deno.errors.Interrupted);
  await assertRejects(() => written, Deno.errors.Interrupted);
  socket.writes[0]!.done(); // too late to matter
});

Deno.test("closing twice is closing once", () => {
  const { socket, transport } = pair();
  transport.close();
  transport.close();
  assert(socket.isDestroyed);
});

Deno.test("closeWrite ends our direction only", async () => {
  const { socket, transport } = pair();
  await transport.closeWrite();
  assertEquals([socket.hasEnded, socket.isDestroyed], [true, false]);
});

Deno.test("a TcpConn over it: reads, sends, and gives everything back when it is closed", async () => {
  const context = testContext();
  const { socket, transport } = pair();
  const conn = new TcpConn(transport, "upstream", { hostname: "192.0.2.1", port: 443 }, context);
  const buf = context.pool.acquire(1024, "test")!;
  assertEquals(conn.recv(buf), AGAIN);
  socket.receive("hello");
  await conn.readable.blocked;
  assertEquals([conn.recv(buf), textOf(buf.data())], [5, "hello"]);

  conn.send(buf);
  assertEquals([buf.isLent, textOf(socket.writes[0]!.from)], [true, "hello"]);
  socket.writes[0]!.done();
  await settled();
  assertEquals([buf.isLent, conn.isSending, conn.bytesSent], [false, false, 5]);

  buf.reset();
  assertEquals(conn.recv(buf), AGAIN);
  conn.close();
  socket.receive("late");
  await settled();
  assertEquals(buf.isLent, false);
  buf.release();
  assertQuiet(context);
});

Deno.test("a TcpConn over it: a TLS alert is no reset", async () => {
  const context = testContext();
  const { socket, transport } = pair();
  const conn = new TcpConn(transport, "upstream", { hostname: "192.0.2.1", port: 443 }, context);
  const buf = context.pool.acquire(1024, "test")!;
  conn.recv(buf);
  const alert = new Error("received fatal alert: CertificateRequired");
  socket.emit("error", Object.assign(alert, { code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" }));
  await settled();
  try {
    conn.recv(buf);
    assert(false);
  } catch (error) {
    assertEquals(
      (error as Error).message,
      "SSL_read() failed (SSL: received fatal alert: CertificateRequired)",
    );
  }
  conn.close();
  buf.release();
  assertQuiet(context);
});
