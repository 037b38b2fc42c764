/** A budget is nearly spent: who comes now is told so at once, and what runs goes on. */
import { assert, assertEquals } from "@std/assert";
import { type Client, connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import {
  expectRequest,
  okResponse,
  type Origin,
  pause,
  repeat,
  send,
  sendMany,
  startOrigin,
} from "../support/origin.ts";
import { type Gate, gate } from "../support/within.ts";

/** More requests than 1 MB of buffers has room for: they take 11 KB while their origin thinks. */
const MANY = 120;

/** Clients that would take more than 2 MB at 72 KB each, and take less at 30 KB beyond 1.5 MB. */
const SLOW = 29;

/** An origin that answers nobody before it is told to. */
function lateOrigin(answer: Gate) {
  return startOrigin({
    each: [
      repeat(expectRequest(), pause(answer), send(okResponse("x".repeat(9_000)))),
    ],
  });
}

/** Sends requests one after the other until one is answered. Returns the others' clients. */
async function fill(address: string, origin: Origin, running: Client[]): Promise<Client> {
  while (running.length < MANY) {
    const client = await connect(address);
    await client.send(getRequest());
    await eventually(
      "the request to be passed on, or answered",
      () => origin.requestsSeen > running.length || client.unreadBytes > 0,
    );
    if (client.unreadBytes > 0) return client;
    running.push(client);
  }
  throw new Error(`Cannot fill the memory: ${MANY} requests run`);
}

Deno.test("shed_load: with 90% of buffer_memory held new requests are 503 at once, and those that run end", async () => {
  const answer = gate();
  await using origin = await lateOrigin(answer);
  const settings = { main: 'buffer_memory: 1m\nadmin: { listen: "127.0.0.1:0" }' };
  await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
    const running: Client[] = [];
    await using turnedAway = await fill(address, origin, running);
    const response = await turnedAway.readResponse();
    assertEquals([response.status, response.fields.get("retry-after")], [503, "5"]);
    const { pool } = sluice.stats();
    assert(pool.heldBytes < pool.maxBytes, `${pool.heldBytes} bytes held`);
    assertEquals(pool.refusals, 0, "nobody had to wait for memory");

    await turnedAway.send(getRequest()); // its connection goes on
    assertEquals((await turnedAway.readResponse()).status, 503);
    await sluice.errorLine(
      /\[alert\] .*shedding load: \d+ of 1048576 bytes of buffer_memory are held/,
    );
    assertEquals(sluice.errorLog.filter((line) => line.includes("shedding load")).length, 1);
    assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|503|-");
    const metrics = await (await fetch(`http://${sluice.server.adminAddress}/metrics`)).text();
    assert(metrics.includes('sluice_shed_requests_total{budget="memory"} 2'), metrics);
    const status = await (await fetch(`http://${sluice.server.adminAddress}/status`)).json();
    assertEquals(status.shed.memory, 2);

    answer.open();
    for (const client of running) {
      assertEquals((await client.readResponse()).status, 200);
      await client.close();
    }
    await eventually("memory to be free", () => sluice.stats().pool.heldBytes < 500_000);
    assertEquals((await exchange(address, getRequest())).status, 200);
  });
});

Deno.test("shed_load: the share is what is said", async () => {
  const answer = gate();
  await using origin = await lateOrigin(answer);
  const settings = { main: "buffer_memory: 1m\nshed_load: 50%" };
  await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
    const running: Client[] = [];
    await using turnedAway = await fill(address, origin, running);
    assertEquals((await turnedAway.readResponse()).status, 503);
    const { heldBytes, maxBytes } = sluice.stats().pool;
    assert(heldBytes > maxBytes * 0.4 && heldBytes < maxBytes * 0.65, `${heldBytes} bytes held`);
    answer.open();
    for (const client of running) await client.close();
  });
});

Deno.test("shed_load: a head that needs more memory than the first buffer is 503 as well", async () => {
  const answer = gate();
  await using origin = await lateOrigin(answer);
  const settings = { main: "buffer_memory: 1m" };
  await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
    await using early = await connect(address);
    await early.send("GET / HTTP/1.1\r\nX: ");
    await eventually("its first bytes to be read", () => sluice.stats().pool.heldCells === 1);
    const running: Client[] = [];
    const turnedAway = await fill(address, origin, running);
    await turnedAway.close();
    await early.send("x".repeat(3_000));
    const response = await early.readResponse();
    assertEquals([response.status, response.fields.get("retry-after")], [503, "5"]);
    await sluice.errorLine(/\[error\] .*no buffer memory for a large head/);
    answer.open();
    for (const client of running) {
      assertEquals((await client.readResponse()).status, 200);
      await client.close();
    }
  });
});

Deno.test("clients that read nothing of large responses do not take so much memory that others are turned away", async () => {
  const bytes = 24 << 20;
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`),
      sendMany(bytes, new Uint8Array(65_536)),
    ],
  });
  const yaml = `
buffer_memory: 2m
servers:
  - listen: 127.0.0.1:0
    locations:
      /: { proxy: { pass: "http://${origin.address}", buffers: 8 8k, max_temp_file_size: 0 } }
      /small: { return: 200 ok }
`;
  await withSluice(yaml, async (address, sluice) => {
    await using stack = new AsyncDisposableStack();
    for (let count = 1; count <= SLOW; count++) {
      const client = stack.use(await connect(address, { highWaterBytes: 1 }));
      client.pause();
      await client.send(getRequest("/"));
      await origin.waitForRequest(count);
    }
    const { socket } = origin.connections[SLOW - 1]!;
    await eventually("the last origin to be held back", () => socket.writableLength > 0);
    assert(sluice.stats().pool.heldBytes > 1.5 * (1 << 20), "more than three quarters are held");
    assertEquals((await exchange(address, getRequest("/small"))).status, 200);
  });
});
