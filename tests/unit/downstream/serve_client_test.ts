import { assertEquals, assertMatch } from "@std/assert";
import { ClientConnection, type ClientHandler, serveClient } from "../../../src/downstream/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  CLOSED,
  type ReadStep,
  scriptedConn,
  testContext,
} from "../../support/scripted_transport.ts";
import { CLIENT, LISTEN } from "./client_conf.ts";

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
