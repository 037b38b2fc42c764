import { assertEquals } from "@std/assert";
import { ClientConnection } from "../../../src/downstream/mod.ts";
import { closeGently, discardBody } from "../../../src/downstream/discard.ts";
import { readRequestHead } from "../../../src/downstream/read_request_head.ts";
import { AGAIN } from "../../../src/event/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  CLOSED,
  scriptedConn,
  testContext,
} from "../../support/scripted_transport.ts";
import { CLIENT, LISTEN, NO_HANDLER } from "./client_conf.ts";

/** A client whose request head has been read. */
async function clientWith(head: string) {
  const context = testContext();
  const { conn, transport } = scriptedConn(context, { reads: [head] }, "downstream");
  const settings = { conf: LISTEN, firstConf: CLIENT, handler: NO_HANDLER };
  const shared = { context, settings, spareHeads: [] };
  const client = new ClientConnection(conn, 1, shared);
  await client.driver.run(readRequestHead(client));
  return { context, transport, client };
}

for (
  const [framing, head, body] of [
    ["chunked", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"],
    ["of a length", "Content-Length: 5", "hello"],
  ] as const
) {
  Deno.test(`a body ${framing}: what a read has brought that nobody took is not lost, and the next request is whole`, async () => {
    const { context, transport, client } = await clientWith(
      `POST /a HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`,
    );
    const { pool } = context;
    const reader = pool.acquire(4096, "who reads the body, and is interrupted")!;
    assertEquals(client.body.read(reader), AGAIN);
    transport.deliver(body.slice(0, 4));
    await settled(); // the read is done, and its reader is stopped before it has asked
    if (!client.body.stop(reader)) reader.release();
    const other = pool.acquire(4096, "another client")!;
    other.cell.fill(0x58);
    transport.deliver(body.slice(4), "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    assertEquals(await client.driver.run(discardBody(client)), true);
    assertEquals(client.body.bytes, 5);
    client.endRequest();
    assertEquals(await client.driver.run(readRequestHead(client)), true);
    assertEquals([client.head.method, client.head.path()], ["GET", "/b"]);
    other.release();
    client.close();
    await settled(); // what is pending is cancelled later
    assertQuiet(context);
  });
}

Deno.test("a client that trickles the framing of its unread body has lingering_time and no more", async () => {
  const { context, transport, client } = await clientWith(
    "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  const discarding = client.driver.run(discardBody(client)).then(
    (isWhole) => isWhole,
    (error) => (error as { kind?: unknown }).kind,
  );
  let outcome: unknown;
  discarding.then((value) => outcome = value);
  transport.deliver("1;");
  let seconds = 0;
  for (; seconds < 120 && outcome === undefined; seconds += 4) {
    await settled();
    await context.clock.advance(4_000);
    transport.deliver("x");
    await settled();
  }
  client.close();
  await discarding;
  assertEquals(seconds <= 36, true, `it took ${seconds} s`);
  await settled();
  assertQuiet(context);
});

Deno.test("who sends on while its last answer is awaited is read on, not reset, when that is sent", async () => {
  const { context, transport, client } = await clientWith(
    "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  );
  client.watch(() => {});
  transport.deliver("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  await settled();
  client.unwatch();
  const closing = client.driver.run(closeGently(client));
  await settled();
  assertEquals([transport.isWriteEnded, transport.isReading], [true, true]);
  transport.deliver(CLOSED);
  await closing;
  client.close();
  await settled();
  assertQuiet(context);
});
