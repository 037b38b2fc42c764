import { assert, assertEquals } from "@std/assert";
import { AGAIN } from "../../../src/event/mod.ts";
import { IdleConns, Peer, UpstreamConn } from "../../../src/peer/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  CLOSED,
  RESET,
  type Script,
  scriptedConn,
  type ScriptedTransport,
  type TestContext,
  testContext,
} from "../../support/scripted_transport.ts";
import { peerConf } from "./peer_conf.ts";

const KEEPALIVE = { connections: 3, requests: 100, timeMs: 60_000, timeoutMs: 1_000 };

interface Opened {
  readonly upstream: UpstreamConn;
  readonly transport: ScriptedTransport;
}

/** A connection to `peer` whose first response is complete. */
function open(context: TestContext, peer: Peer, script: Script = {}): Opened {
  const { conn, transport } = scriptedConn(context, script);
  const buf = context.pool.acquire(4096, "test");
  assert(buf !== undefined);
  const upstream = new UpstreamConn(conn, peer, buf, context.deadlines.nowMs);
  upstream.requests = 1;
  return { upstream, transport };
}

function setUp(conf: Partial<typeof KEEPALIVE> = {}) {
  const context = testContext();
  const idle = new IdleConns({ ...KEEPALIVE, ...conf }, context.deadlines);
  const peer = new Peer(peerConf());
  return { context, idle, peer };
}

Deno.test("the connection that became idle last is taken first, with its read pending", async () => {
  const { context, idle, peer } = setUp();
  const [first, second] = [open(context, peer), open(context, peer)];
  idle.give(first.upstream);
  idle.give(second.upstream);
  await settled();

  assertEquals(idle.take(peer), second.upstream);
  assertEquals(idle.take(peer), first.upstream);
  assertEquals(idle.take(peer), undefined);
  assertEquals(second.upstream.conn.pendingRead, second.upstream.buf);
  second.transport.deliver("HTTP/1.1 200 OK\r\n\r\n");
  await settled();
  assertEquals(second.upstream.conn.recv(second.upstream.buf), 19);

  first.upstream.close();
  second.upstream.close();
  await settled();
  assertQuiet(context);
});

Deno.test("an idle connection serves its own peer only", async () => {
  const { context, idle, peer } = setUp();
  const other = new Peer(peerConf());
  const { upstream } = open(context, peer);
  idle.give(upstream);

  assertEquals(idle.take(other), undefined);
  assertEquals(idle.take(peer), upstream);
  upstream.close();
  await settled();
  assertQuiet(context);
});

Deno.test("a cache that is full closes the connection that has been idle longest", async () => {
  const { context, idle, peer } = setUp();
  const opened = Array.from({ length: 5 }, () => open(context, peer));
  for (const { upstream } of opened) idle.give(upstream);
  await settled();

  assertEquals(opened.map(({ transport }) => transport.isClosed), [
    true,
    true,
    false,
    false,
    false,
  ]);
  assertEquals(idle.count, 3);
  idle.close();
  await settled();
  assertQuiet(context);
});

Deno.test("an evicted connection's Buf is released once, though another holder has it by then", async () => {
  const { context, idle, peer } = setUp({ connections: 1 });
  const first = open(context, peer);
  idle.give(first.upstream);
  await settled();
  idle.give(open(context, peer).upstream); // evicts the first one
  await settled();
  const reacquired = context.pool.acquire(4096, "somebody else");
  await settled();
  assertEquals(reacquired?.state, "owned");
  reacquired?.release();
  idle.close();
  await settled();
  assertQuiet(context);
});

Deno.test("a connection that has carried keepalive_requests is closed", async () => {
  const { context, idle, peer } = setUp({ requests: 2 });
  const { upstream, transport } = open(context, peer);
  idle.give(upstream);
  assertEquals(idle.take(peer), upstream);
  upstream.requests = 2;
  upstream.conn.close(); // its read was pending: what the journey hands over has none
  await settled();
  idle.give(upstream);
  assertEquals([idle.count, transport.isClosed], [0, true]);

  const fresh = open(context, peer);
  fresh.upstream.requests = 2;
  idle.give(fresh.upstream);
  assertEquals([idle.count, fresh.transport.isClosed], [0, true]);
  await settled();
  assertQuiet(context);
});

Deno.test("a connection older than keepalive_time is closed", async () => {
  const { context, idle, peer } = setUp();
  const { upstream, transport } = open(context, peer);
  await context.clock.advance(60_001);
  context.deadlines.stamp();
  idle.give(upstream);
  assertEquals([idle.count, transport.isClosed], [0, true]);
  assertQuiet(context);
});

Deno.test("a connection that is idle for keepalive_timeout is closed and forgotten", async () => {
  const { context, idle, peer } = setUp();
  const { upstream, transport } = open(context, peer);
  idle.give(upstream);
  await context.clock.advance(999);
  assertEquals([idle.count, transport.isClosed], [1, false]);
  await context.clock.advance(2);
  assertEquals([idle.count, transport.isClosed], [0, true]);
  assertEquals(idle.take(peer), undefined);
  assertQuiet(context);
});

Deno.test("a connection whose keepalive_timeout is just over is not taken", async () => {
  const { context, idle, peer } = setUp();
  const { upstream } = open(context, peer);
  idle.give(upstream);
  upstream.conn.close(); // as the sweep does; its read has not settled yet
  assertEquals(idle.take(peer), undefined);
  await settled();
  assertEquals(idle.count, 0);
  assertQuiet(context);
});

Deno.test("a cache that is full evicts one that was closed and has not settled yet", async () => {
  const { context, idle, peer } = setUp({ connections: 1 });
  const { upstream } = open(context, peer);
  idle.give(upstream);
  upstream.conn.close();
  idle.give(open(context, peer).upstream);
  await settled();
  assertEquals(idle.count, 1);
  idle.close();
  await settled();
  assertQuiet(context);
});

for (const [what, step] of [["closes", CLOSED], ["resets", RESET], ["speaks", "x"]] as const) {
  Deno.test(`a peer that ${what} while it is idle is dropped at once`, async () => {
    const { context, idle, peer } = setUp();
    const { upstream, transport } = open(context, peer);
    idle.give(upstream);
    await settled();
    transport.deliver(step);
    await settled();
    assertEquals([idle.count, transport.isClosed], [0, true]);
    assertEquals(idle.take(peer), undefined);
    assertQuiet(context);
  });
}

Deno.test("the cache keeps a connection's deadline only while it is idle", async () => {
  const { context, idle, peer } = setUp();
  const { upstream, transport } = open(context, peer);
  idle.give(upstream);
  assertEquals(idle.take(peer), upstream);
  await context.clock.advance(5_000);
  assertEquals(transport.isClosed, false);
  upstream.close();
  await settled();
  assertQuiet(context);
});

Deno.test("keepalive 0 closes every connection", async () => {
  const { context, idle, peer } = setUp({ connections: 0 });
  const { upstream, transport } = open(context, peer);
  idle.give(upstream);
  await settled();
  assert(transport.isClosed);
  assertQuiet(context);
});

Deno.test("a closed cache closes all it has, and what it is given later", async () => {
  const { context, idle, peer } = setUp();
  const opened = Array.from({ length: 3 }, () => open(context, peer));
  for (const { upstream } of opened) idle.give(upstream);
  idle.close();
  const late = open(context, peer);
  idle.give(late.upstream);
  await settled();
  assert([...opened, late].every(({ transport }) => transport.isClosed));
  assertEquals(idle.count, 0);
  assertQuiet(context);
});

Deno.test("a connection that was reused comes back and counts", async () => {
  const { context, idle, peer } = setUp();
  const { upstream, transport } = open(context, peer);
  for (let round = 0; round < 4; round++) {
    idle.give(upstream);
    await settled();
    assertEquals(idle.take(peer), upstream);
    upstream.requests++;
    assert(upstream.isReused);
    transport.deliver("answer");
    await settled();
    assertEquals(upstream.conn.recv(upstream.buf), 6);
    assertEquals(upstream.conn.hasReceived, false);
  }
  assertEquals(idle.reused, 4);
  assertEquals(upstream.conn.recv(resetBuf(upstream)), AGAIN);
  upstream.close();
  await settled();
  assertQuiet(context);
});

function resetBuf(upstream: UpstreamConn) {
  upstream.buf.reset();
  return upstream.buf;
}
