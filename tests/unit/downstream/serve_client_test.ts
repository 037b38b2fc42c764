import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  ClientConnection,
  type ClientHandler,
  errorPage,
  sendSimple,
  serveClient,
} from "../../../src/downstream/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  CLOSED,
  type ReadStep,
  RESET,
  scriptedConn,
  SILENCE,
  testContext,
} from "../../support/scripted_transport.ts";
import { CLIENT, LISTEN, NO_HANDLER } from "./client_conf.ts";

Deno.test("a bug in the ending of one connection is told, and ends nothing else", async () => {
  const context = testContext();
  const reads: readonly ReadStep[] = ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", CLOSED];
  const { conn } = scriptedConn(context, { reads }, "downstream");
  const bugs: string[] = [];
  const handler: ClientHandler = {
    handle(client) {
      client.buf!.release(); // it is the connection's to give back
      client.response.cutShort();
      return Promise.resolve();
    },
    onRefused() {},
    onBadProxyHeader() {},
    onBroken() {},
    onBug: (_client, error) => void bugs.push(String(error)),
  };
  const settings = { conf: LISTEN, firstConf: CLIENT, handler };
  await serveClient(new ClientConnection(conn, 1, { context, settings, spareHeads: [] }));
  await settled();
  assertEquals(bugs.length, 1);
  assertMatch(bugs[0]!, /Cannot release a pooled Buf/);
  assertQuiet(context);
});

for (const [whatFollows, rest] of [["nothing", ""], ["half a request", "GET / HT"]] as const) {
  Deno.test(`a client that ends its direction behind ${whatFollows}, and takes its answer late, gets all of it`, async () => {
    const context = testContext();
    const reads: readonly ReadStep[] = [`GET / HTTP/1.1\r\nHost: a\r\n\r\n${rest}`, CLOSED];
    const { conn, transport } = scriptedConn(
      context,
      { reads, writes: [20, SILENCE] },
      "downstream",
    );
    const handler: ClientHandler = {
      ...NO_HANDLER,
      handle: (client) => sendSimple(client, errorPage(404, true)),
    };
    const settings = { conf: LISTEN, firstConf: CLIENT, handler };
    const served = serveClient(
      new ClientConnection(conn, 1, { context, settings, spareHeads: [] }),
    );
    await settled();
    assertEquals([transport.sent.length, transport.isClosed], [20, false]);
    transport.goOnTaking();
    await served;
    assertStringIncludes(transport.sent, "</html>\r\n");
    await settled();
    assertQuiet(context);
  });
}

Deno.test("the request behind an answer that could not be sent is not begun", async () => {
  const context = testContext();
  const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const { conn, transport } = scriptedConn(
    context,
    { reads: [request + request], writes: [20, SILENCE, RESET] },
    "downstream",
  );
  let requests = 0;
  const handler: ClientHandler = {
    ...NO_HANDLER,
    handle(client) {
      requests++;
      sendSimple(client, errorPage(404, true));
    },
  };
  const settings = { conf: LISTEN, firstConf: CLIENT, handler };
  const served = serveClient(new ClientConnection(conn, 1, { context, settings, spareHeads: [] }));
  await settled();
  transport.goOnTaking();
  await served;
  assertEquals(requests, 1);
  await settled();
  assertQuiet(context);
});
