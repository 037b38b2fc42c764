import { assertEquals } from "@std/assert";
import { ClientConnection, type ClientHandler, serveClient } from "../../../src/downstream/mod.ts";
import { errorPage, sendSimple } from "../../../src/downstream/error_page.ts";
import { settled } from "../../support/manual_clock.ts";
import { assertQuiet, scriptedConn, testContext } from "../../support/scripted_transport.ts";
import { CLIENT, LISTEN, NO_HANDLER } from "./client_conf.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** A client that is served, and what it was told. */
function served(...requests: readonly string[]) {
  const context = testContext();
  const { conn, transport } = scriptedConn(
    context,
    { reads: requests },
    "downstream",
  );
  let handled = 0;
  const handler: ClientHandler = {
    ...NO_HANDLER,
    handle(client) {
      handled++;
      sendSimple(client, errorPage(404, false));
    },
    onBug: (_client, error) => {
      throw error;
    },
  };
  const settings = { conf: LISTEN, firstConf: CLIENT, handler };
  const client = new ClientConnection(conn, 1, { context, settings, spareHeads: [] });
  const ended = serveClient(client);
  return { context, client, transport, ended, handled: () => handled };
}

Deno.test("drain: a connection that has been idle for a second is closed at once", async () => {
  const { context, client, transport, ended, handled } = served(REQUEST);
  await settled();
  await context.clock.advance(1_000);
  assertEquals([handled(), transport.isClosed], [1, false]);
  client.drain();
  await ended;
  assertEquals(transport.isClosed, true);
  assertQuiet(context);
});

for (const [what, requests] of [["was at work", [REQUEST]], ["has just come", []]] as const) {
  Deno.test(`drain: one that ${what} a moment ago may send one more request, which is the last`, async () => {
    const { context, client, transport, ended, handled } = served(...requests);
    await settled();
    await context.clock.advance(400);
    client.drain();
    await context.clock.advance(500);
    assertEquals(transport.isClosed, false);
    transport.deliver(REQUEST);
    await settled();
    assertEquals(handled(), requests.length + 1);
    assertEquals(/\r\nConnection: close\r\n/.test(transport.sent), true);
    await context.clock.advance(60_000);
    await ended;
    assertQuiet(context);
  });

  Deno.test(`drain: one that ${what} a moment ago and sends nothing is closed within the second`, async () => {
    const { context, client, transport, ended } = served(...requests);
    await settled();
    await context.clock.advance(400);
    client.drain();
    await context.clock.advance(700);
    await ended;
    assertEquals(transport.isClosed, true);
    assertQuiet(context);
  });
}

Deno.test("drain: a request that came behind a header of the PROXY protocol is answered", async () => {
  const context = testContext();
  const reads = [`PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${REQUEST}`];
  const { conn, transport } = scriptedConn(context, { reads }, "downstream");
  const answered = Promise.withResolvers<void>();
  const handler: ClientHandler = {
    ...NO_HANDLER,
    handle: (client) => answered.promise.then(() => sendSimple(client, errorPage(404, false))),
  };
  const settings = { conf: { ...LISTEN, proxyProtocol: true }, firstConf: CLIENT, handler };
  const client = new ClientConnection(conn, 1, { context, settings, spareHeads: [] });
  const ended = serveClient(client);
  await settled();
  await context.clock.advance(2_000);
  assertEquals(client.doing, "writing");
  client.drain();
  answered.resolve();
  await settled();
  assertEquals(transport.sent.startsWith("HTTP/1.1 404 "), true);
  await context.clock.advance(60_000);
  await ended;
  assertQuiet(context);
});
