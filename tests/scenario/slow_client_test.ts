/** Clients that send as slowly as they may, and clients with many connections. */
import { assert, assertEquals } from "@std/assert";
import { type Client, connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import {
  act,
  expectRequest,
  okResponse,
  respondWith,
  type Script,
  send,
  sendMany,
  startOrigin,
} from "../support/origin.ts";
import { startSluice } from "../support/sluice.ts";

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

/** More than any socket's buffers take. */
const LARGE_BYTES = 200 << 20;
const TAKEN_BYTES = 1 << 20;

function endless(): Script {
  return [
    expectRequest(),
    send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`),
    sendMany(LARGE_BYTES, new Uint8Array(65_536)),
  ];
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

Deno.test("client_body_min_rate: four bytes in 10 ms are enough by default, and too few for 1 MB a second", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const statusOf = async (more: string) => {
    let status = "";
    const settings = { location: `client_body_timeout: 150ms${more}` };
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(upload(160));
      for (let sent = 0; sent < 160 && client.ending === undefined; sent += 4) {
        await client.send("four").catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      status = (await sluice.accessLine(1)).split("|")[1] ?? "";
    });
    return status;
  };
  assertEquals([await statusOf(""), await statusOf(", client_body_min_rate: 1m")], ["200", "408"]);
});

Deno.test("client_body_min_rate: what came fast is no credit for a trickle behind it", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const settings = { location: "client_body_timeout: 200ms, client_body_min_rate: 1000" };
  await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(upload(200_000) + "x".repeat(100_000)); // 100 s worth of it
    const sent = await trickle(client, 10);
    assert(sent < 1_000, `${sent} bytes behind the first 100,000`);
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

Deno.test("a large body that dribbles in holds no more memory than a small one", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(upload(500_000) + "x".repeat(10_000));
    await eventually("the body to be waited for", () => sluice.stats().pool.heldCells >= 2);
    assert(sluice.stats().pool.heldBytes <= 20_000, `${sluice.stats().pool.heldBytes} bytes`);
    await client.send("x".repeat(490_000));
    assertEquals((await client.readResponse()).status, 200);
  });
});

Deno.test("many that dribble heads and bodies are all answered, and nobody else waits for them", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    const body = "0123456789abcdef";
    const dribbled = async (index: number): Promise<number> => {
      await using client = await connect(address);
      const [beginning, rest, end] = index % 2 === 0
        ? ["GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", body, "\r\n\r\n"]
        : [upload(body.length), body, ""];
      await client.send(beginning);
      for (const byte of rest) {
        await new Promise((resolve) => setTimeout(resolve, 25));
        await client.send(byte);
      }
      if (end !== "") await client.send(end);
      return (await client.readResponse()).status;
    };
    const all = Promise.all(Array.from({ length: 160 }, (_, index) => dribbled(index)));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const askedMs = performance.now();
    assertEquals((await exchange(address, getRequest())).status, 200);
    const tookMs = performance.now() - askedMs;
    assert(tookMs < 500, `${tookMs} ms`);
    assertEquals(new Set(await all), new Set([200]));
    const received = origin.connections.map((conn) => new TextDecoder().decode(conn.received));
    assertEquals(received.join("").split(body).length - 1, 160);
  });
});

for (const buffering of ["on", "off"]) {
  Deno.test(`send_min_rate, buffering ${buffering}: a client that takes too little is dropped, though it always takes some`, async () => {
    await using origin = await startOrigin({ each: endless() });
    const settings = {
      location: "send_timeout: 400ms, send_min_rate: 1g",
      proxy: `buffering: ${buffering}, max_temp_file_size: 0`,
    };
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address, { highWaterBytes: 1 });
      await client.send(getRequest("/"));
      let taken = 0;
      while (client.ending === undefined && taken < LARGE_BYTES / 2) {
        await client.discard(TAKEN_BYTES).catch(() => {}); // it has ended
        taken += TAKEN_BYTES;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert(taken < LARGE_BYTES / 2, "it was let go on");
      await sluice.errorLine(/\[info\] .*client timed out \(110: Connection timed out\)/);
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|200|200");
      client.pause();
    });
  });
}

Deno.test("send_min_rate: time in which there is nothing to send does not count", async () => {
  const body = "event";
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"),
      act("send an event every 60 ms", async (connection) => {
        for (let count = 0; count < 10; count++) {
          await new Promise((resolve) => setTimeout(resolve, 60));
          await connection.write(new TextEncoder().encode(body));
        }
      }),
    ],
  });
  const settings = {
    location: "send_timeout: 200ms, send_min_rate: 1g",
    proxy: "buffering: off",
  };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    assertEquals((await exchange(address, getRequest("/"))).bodyText, body.repeat(10));
  });
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

Deno.test("max_connections_per_address: all workers together, and over a reload", async () => {
  await using sluice = await startSluice(`
workers: 2
log: { access: off, error: { path: stderr, level: notice } }
servers:
  - listen: { address: 127.0.0.1:0, reuseport: on }
    max_connections_per_address: 5
    locations: { /: { return: 200 ok } }
`);
  await using stack = new AsyncDisposableStack();
  const open: Client[] = [];
  const isServed = async (): Promise<boolean> => {
    const client = stack.use(await connect(sluice.address));
    await client.send(getRequest("/")).catch(() => {}); // it is closed already
    await eventually("an answer", () => client.unreadBytes > 0 || client.ending !== undefined);
    const isOpen = client.unreadBytes > 0;
    if (isOpen) open.push(client);
    return isOpen;
  };
  for (let count = 0; count < 20; count++) await isServed();
  assertEquals(open.length, 5);
  sluice.program.kill("SIGHUP");
  await sluice.program.waitForLines(/#[12]: gracefully shutting down/, 2);
  for (let count = 0; count < 10; count++) assertEquals(await isServed(), false);
  await open.pop()!.close();
  for (let tries = 0; tries < 1_000 && open.length < 5; tries++) await isServed();
  assertEquals(open.length, 5);
});
