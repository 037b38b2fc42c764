/** Every message of the table: refused, logged with its reason, and nothing of it goes on. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import { act, close, expectHead, okResponse, respondWith, startOrigin } from "../support/origin.ts";
import { HOSTILE_REQUESTS, HOSTILE_RESPONSES } from "./hostile/messages.ts";

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/** More than that there was something. */
const REASON = /client (?:sent (?:an )?invalid request: \w|intended to send too large .*: \d)/;

for (const { name, bytes, status } of HOSTILE_REQUESTS) {
  Deno.test(`a request with ${name} gets ${status}, its connection ends, and no origin sees any of it`, async () => {
    await using origin = await respondWith(okResponse("ok"));
    // A body is read whole before a peer is asked, as by default.
    await withSluice(inFrontOf(origin), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(latin1(bytes));
      const response = await client.readResponse();
      assertEquals([response.status, response.fields.get("Connection")], [status, "close"]);
      assertEquals(response.isComplete, true);
      await client.ended;
      assertMatch(await sluice.accessLine(1), new RegExp(`\\|${status}\\|`));
      await sluice.errorLine(REASON);
    });
    assertEquals(origin.connectionsSeen, 0);
  });
}

Deno.test("pipelined between two good requests each of them ends the connection: the first is answered, the last is poison", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    for (const [index, { name, bytes, status }] of HOSTILE_REQUESTS.entries()) {
      await using client = await connect(address);
      // Who has been refused may find its connection reset while it still sends.
      client.send(latin1(`${getRequest("/good")}${bytes}${getRequest("/poison")}`)).catch(() => {});
      assertEquals((await client.readResponse()).bodyText, "ok", name);
      assertEquals((await client.readResponse()).status, status, name);
      await client.ended;
      assertEquals(client.unreadBytes, 0, name);
      assertEquals(origin.requestsSeen, index + 1, name);
    }
  });
  assertEquals(new Set(origin.requests.map(({ target }) => target)), new Set(["/good"]));
});

for (const { name, bytes, outcome } of HOSTILE_RESPONSES) {
  Deno.test(`a response with ${name}: ${outcome}`, async () => {
    await using origin = await startOrigin({
      each: [
        expectHead(),
        act("hostile", (connection) => connection.write(latin1(bytes))),
        close(),
      ],
    });
    await withSluice(inFrontOf(origin), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest());
      const response = await client.readResponse();
      if (outcome === "502") {
        assertEquals([response.status, response.isComplete], [502, true]);
        assertMatch(response.bodyText, /^<html>\r\n<head><title>502 Bad Gateway/); // our own
        const names = response.fields.list.map(([name]) => name);
        assertEquals(names, ["Server", "Date", "Content-Type", "Content-Length", "Connection"]);
        await sluice.errorLine(/upstream (?:sent|changed) \w/);
      } else {
        assertEquals([response.status, response.isComplete], [200, false]);
        assert(!response.bodyText.includes("hello!!"));
        await sluice.errorLine(/upstream (?:sent invalid body|prematurely closed)/);
      }
    });
  });
}
