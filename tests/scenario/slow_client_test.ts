/** Clients that send as slowly as they may, and clients with many connections. */
import { assert, assertEquals } from "@std/assert";
import { type Client, connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import { okResponse, respondWith } from "../support/origin.ts";

/** Sends a byte again and again until the connection ends. Returns what came before that. */
async function trickle(client: Client, everyMs: number): Promise<number> {
  let sent = 0;
  while (client.ending === undefined && client.unreadBytes === 0) {
    await client.send("x").catch(() => {});
    sent++;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return sent;
}

function upload(bytes: number): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`;
}

Deno.test("client_body_min_rate: a trickle does not hold a connection for ever", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const settings = { location: "client_body_timeout: 200ms, client_body_min_rate: 1000" };
  await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(upload(10_000));
    const sent = await trickle(client, 10);
    assert(sent < 5_000, `${sent} bytes of 10,000`);
    assertEquals(await sluice.accessLine(1), "POST / HTTP/1.1|408|-");
  });
});

Deno.test("client_body_min_rate: a client that keeps up may pause for as long as between two reads", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const settings = { location: "client_body_timeout: 10s, client_body_min_rate: 1m" };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    await using client = await connect(address);
    await client.send(upload(10));
    for (let count = 0; count < 10; count++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await client.send("x");
    }
    assertEquals((await client.readResponse()).status, 200);
  });
});

Deno.test("client_body_min_rate: a body that is streamed, and 0, know no rate", async () => {
  await using origin = await respondWith(okResponse("ok"));
  for (
    const settings of [
      {
        proxy: "request_buffering: off",
        location: "client_body_timeout: 300ms, client_body_min_rate: 1m",
      },
      { location: "client_body_timeout: 300ms, client_body_min_rate: 0" },
    ]
  ) {
    await withSluice(inFrontOf(origin, settings), async (address) => {
      await using client = await connect(address);
      await client.send(upload(50));
      for (let count = 0; count < 50; count++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        await client.send("x");
      }
      assertEquals((await client.readResponse()).status, 200);
    });
  }
});

Deno.test("max_connections_per_address: one address has so many connections; another one when one has gone", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const settings = { main: "max_connections_per_address: 2" };
  await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
    const first = await connect(address);
    await using second = await connect(address);
    for (const client of [first, second]) {
      await client.send(getRequest("/"));
      assertEquals((await client.readResponse()).status, 200);
    }
    await using third = await connect(address);
    assertEquals((await third.readToEnd()).length, 0);
    await sluice.errorLine(
      /\[error\].* limiting connections: 127\.0\.0\.1 has 2 already \(max_connections_per_address\)/,
    );
    await first.close();
    await eventually("the first client to be gone", () => sluice.stats().clients === 1);
    assertEquals((await exchange(address, getRequest("/"))).status, 200);
  });
});
