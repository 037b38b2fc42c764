import { assertEquals } from "@std/assert";
import { ClientConnection, type ClientHandler, serveClient } from "../../../src/downstream/mod.ts";
import type { BadMessage } from "../../../src/wire/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  CLOSED,
  scriptedConn,
  testContext,
} from "../../support/scripted_transport.ts";
import { CLIENT, LISTEN } from "./client_conf.ts";

/** A head of exactly `bytes` bytes. */
function headOf(bytes: number): string {
  const rest = "\r\n\r\n";
  const begin = "GET / HTTP/1.1\r\nHost: a\r\nCookie: ";
  return begin + "c".repeat(bytes - begin.length - rest.length) + rest;
}

/** How many reads each of `requests` took, one at a time, and what was refused. */
async function serve(
  requests: readonly string[],
  { conf = LISTEN, heldBytes = 0 } = {},
): Promise<{ reads: number[]; refused: BadMessage[] }> {
  const context = testContext();
  const held = heldBytes > 0 ? context.pool.acquire(heldBytes, "somebody else") : undefined;
  const { conn, transport } = scriptedConn(context, {}, "downstream");
  const ends: number[] = [];
  const refused: BadMessage[] = [];
  const handler: ClientHandler = {
    handle(client) {
      ends.push(transport.readsBegun);
      client.response.writeHead(200, 0, true, (writer) => writer.text("HTTP/1.1 200 OK"));
      client.response.flush();
    },
    onRefused: (_client, refusal) => void refused.push(refusal),
    onBadProxyHeader() {},
    onBroken() {},
    onBug: (_client, error) => {
      throw error;
    },
  };
  const settings = { conf, firstConf: CLIENT, handler };
  const client = new ClientConnection(conn, 1, { context, settings, spareHeads: [] });
  const serving = serveClient(client);
  for (const request of requests) {
    transport.deliver(request);
    await settled();
  }
  transport.deliver(CLOSED);
  await serving;
  await settled();
  held?.release();
  assertQuiet(context);
  return { reads: ends.map((end, index) => end - (ends[index - 1] ?? 0)), refused };
}

Deno.test("a head that is like the large one before it comes in one read", async () => {
  const { reads } = await serve([headOf(2_000), headOf(2_000), headOf(500), headOf(1_000)]);
  assertEquals(reads, [2, 1, 1, 1]);
});

Deno.test("while memory is short the next head gets client_header_buffer_size again", async () => {
  const { reads } = await serve([headOf(2_000), headOf(2_000)], { heldBytes: 5 << 20 });
  assertEquals(reads, [2, 2]);
});

Deno.test("a line that is longer than a large buffer is refused behind a large head, too", async () => {
  const conf = { ...LISTEN, largeClientHeaderBufferSizeBytes: 3_000 };
  const { refused } = await serve([headOf(2_900), headOf(3_500)], { conf });
  assertEquals(refused.map(({ status }) => status), [431]);
});
