import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  adopt,
  AGAIN,
  type Connect,
  Dial,
  type DialAddress,
  Failure,
  NoSocket,
  PLAIN_DIAL,
} from "../../../src/event/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import { assertQuiet, type TestContext, testContext } from "../../support/scripted_transport.ts";

const ADDRESS: DialAddress = { transport: "tcp", hostname: "192.0.2.7", port: 81 };

/** The part of a Deno.TcpConn that a Dial touches. */
class Raw {
  isClosed = false;
  hasDelay = true;
  readonly remoteAddr: Deno.Addr;
  readonly #breaks: boolean;

  constructor(remoteAddr: Deno.Addr, breaks = false) {
    this.remoteAddr = remoteAddr;
    this.#breaks = breaks;
  }

  setNoDelay(): void {
    if (this.#breaks) throw new Deno.errors.NotConnected("Transport endpoint is not connected");
    this.hasDelay = false;
  }

  close(): void {
    this.isClosed = true;
  }
}

function tcp(breaks = false): Raw {
  return new Raw({ transport: "tcp", hostname: "192.0.2.7", port: 81 }, breaks);
}

/** A Connect that the test settles. */
function held() {
  const { promise, resolve, reject } = Promise.withResolvers<Deno.Conn>();
  let signal: AbortSignal | undefined;
  const connect: Connect = (_address, options, given) => {
    signal = given;
    return promise.then((raw) => adopt(raw, options.socketKeepalive));
  };
  return {
    connect,
    open: (raw: Raw) => resolve(raw as unknown as Deno.Conn),
    fail: (error: unknown) => reject(error),
    get isAborted() {
      return signal?.aborted ?? false;
    },
  };
}

function failureOf(dial: Dial): Failure {
  const error = assertThrows(() => dial.conn());
  assert(error instanceof Failure);
  assertEquals(error.side, "upstream");
  return error;
}

async function dialled(context: TestContext, error: unknown): Promise<Failure> {
  const far = held();
  const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
  assertEquals(dial.conn(), AGAIN);
  far.fail(error);
  await dial.blocked;
  return failureOf(dial);
}

Deno.test("a connection that opens is handed over, without Nagle's delay", async () => {
  const context = testContext();
  const far = held();
  const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
  assertEquals(dial.conn(), AGAIN);
  const raw = tcp();
  far.open(raw);
  await dial.blocked;
  const conn = dial.conn();
  assert(conn !== AGAIN);
  assertEquals([conn.side, conn.remote.port, raw.hasDelay], ["upstream", 81, false]);
  assertEquals([dial.blocked, context.clock.armedCount], [undefined, 0]);
  conn.close();
  assert(raw.isClosed);
  assertQuiet(context);
});

Deno.test("a unix socket has no delay to turn off, and is named as nginx does", async () => {
  const context = testContext();
  const far = held();
  const dial = new Dial(
    { transport: "unix", path: "/run/a.sock" },
    1_000,
    context,
    PLAIN_DIAL,
    far.connect,
  );
  const raw = new Raw({ transport: "unix", path: "/run/a.sock" });
  far.open(raw);
  await dial.blocked;
  const conn = dial.conn();
  assert(conn !== AGAIN);
  assertEquals([conn.remote.hostname, conn.remote.port, raw.hasDelay], ["unix:", 0, true]);
  conn.close();
  assertQuiet(context);
});

Deno.test("what refuses, what cannot be reached, and what else there is", async () => {
  const context = testContext();
  const code = (name: string) => Object.assign(new Error(name), { code: name });
  const cases: readonly [unknown, string][] = [
    [new Deno.errors.ConnectionRefused("Connection refused (os error 111)"), "refused"],
    [code("EHOSTUNREACH"), "unreachable"],
    [code("ENETUNREACH"), "unreachable"],
    [code("EADDRNOTAVAIL"), "unreachable"],
    [new Deno.errors.NotCapable("Requires net access"), "unreachable"],
    [new Deno.errors.NotFound("No such file or directory"), "refused"],
    ["a string", "refused"],
  ];
  for (const [error, kind] of cases) {
    assertEquals((await dialled(context, error)).kind, kind, String(error));
    assertQuiet(context);
  }
});

Deno.test("no descriptor or memory for a socket is no fault of the peer's", async () => {
  for (const code of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]) {
    const context = testContext();
    const why = Object.assign(new Error("Too many open files (os error 24)"), { code });
    const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, () => Promise.reject(why));
    await dial.blocked;
    const error = assertThrows(() => dial.conn(), NoSocket);
    assertEquals(error.message, "socket() failed (24: Too many open files)");
    assertQuiet(context);
  }
});

Deno.test("connecting that takes longer than connect_timeout is a timeout, and is called off", async () => {
  const context = testContext();
  const far = held();
  const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
  await context.clock.advance(999);
  assertEquals([dial.conn(), far.isAborted], [AGAIN, false]);
  await context.clock.advance(1);
  assert(far.isAborted);
  assertEquals(failureOf(dial).kind, "timeout");
  far.fail(new DOMException("The signal has been aborted", "AbortError"));
  await settled();
  assertEquals(failureOf(dial).kind, "timeout");
  assertQuiet(context);
});

Deno.test("a connection that opens after its time is closed", async () => {
  const context = testContext();
  const far = held();
  const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
  await context.clock.advance(1_000);
  const raw = tcp();
  far.open(raw);
  await settled();
  assert(raw.isClosed);
  assertEquals(failureOf(dial).kind, "timeout");
  assertQuiet(context);
});

Deno.test("a dial that is given up is called off, and a late connection closed", async () => {
  const context = testContext();
  const far = held();
  const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
  dial.abandon();
  assert(far.isAborted);
  assertEquals(failureOf(dial).kind, "closed");
  const raw = tcp();
  far.open(raw);
  await settled();
  assert(raw.isClosed);
  assertQuiet(context);
});

Deno.test("a dial that is given up when it has just opened closes what nobody took", async () => {
  const context = testContext();
  const far = held();
  const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
  const raw = tcp();
  far.open(raw);
  await settled();
  dial.abandon(); // the client left in the very tick: the phase never asks again
  assert(raw.isClosed);
  assertQuiet(context);
});

Deno.test("a dial whose connection was taken leaves it alone when it is given up", async () => {
  const context = testContext();
  const far = held();
  const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
  const raw = tcp();
  far.open(raw);
  await settled();
  const conn = dial.conn();
  assert(conn !== AGAIN);
  dial.abandon();
  assertEquals(raw.isClosed, false);
  conn.close();
  assertQuiet(context);
});

Deno.test("a connection that is broken when it opens is closed and is a reset", async () => {
  const context = testContext();
  const far = held();
  const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
  const raw = tcp(true);
  far.open(raw);
  await dial.blocked;
  assertEquals([failureOf(dial).kind, raw.isClosed], ["reset", true]);
  assertQuiet(context);
});

Deno.test("whoever waits is woken once, however it ends", async () => {
  for (const end of ["open", "fail"] as const) {
    const context = testContext();
    const far = held();
    const dial = new Dial(ADDRESS, 1_000, context, PLAIN_DIAL, far.connect);
    let wakes = 0;
    dial.arm(() => wakes++);
    if (end === "open") far.open(tcp());
    else far.fail(new Deno.errors.ConnectionRefused("no"));
    await settled();
    assertEquals(wakes, 1);
    dial.abandon(); // closes what nobody took
    assertQuiet(context);
  }
});
