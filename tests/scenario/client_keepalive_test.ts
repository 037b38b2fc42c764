/** One client connection and many requests: how long it lives, and pipelining. */
import { assertEquals } from "@std/assert";
import { connect, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import {
  act,
  expectRequest,
  okResponse,
  type Origin,
  pause,
  repeat,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

function echoTarget(): Promise<Origin> {
  return startOrigin({
    each: [repeat(
      expectRequest(),
      act("echo the target", async (connection) => {
        await connection.write(okResponse(connection.requests.at(-1)!.target));
      }),
    )],
  });
}

Deno.test("a client's connection carries request after request, and so does the origin's", async () => {
  await using origin = await echoTarget();
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    await using client = await connect(address);
    for (let n = 0; n < 20; n++) {
      await client.send(getRequest(`/${n}`));
      assertEquals((await client.readResponse()).bodyText, `/${n}`);
    }
    assertEquals(sluice.stats().clients, 1);
  });
  assertEquals(origin.connectionsSeen, 1);
});

Deno.test("Connection: close is honoured", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest("/", "Connection: close"));
    assertEquals((await client.readResponse()).fields.get("Connection"), "close");
    assertEquals(await client.ended, "closed");
  });
});

Deno.test("keepalive_requests: the last one says close", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, { server: "keepalive_requests: 3" }), async (address) => {
    await using client = await connect(address);
    const connection: (string | undefined)[] = [];
    for (let n = 0; n < 3; n++) {
      await client.send(getRequest());
      connection.push((await client.readResponse()).fields.get("Connection"));
    }
    assertEquals(connection, ["keep-alive", "keep-alive", "close"]);
    assertEquals(await client.ended, "closed");
  });
});

Deno.test("keepalive_timeout: an idle connection is closed without a word", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(
    inFrontOf(origin, { server: "keepalive_timeout: 30ms" }),
    async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest());
      await client.readResponse();
      assertEquals(await client.ended, "closed");
      assertEquals(client.unreadBytes, 0);
      assertEquals([sluice.accessLog.length, sluice.errorLog.length], [1, 0]);
    },
  );
});

Deno.test("keepalive_timeout 0: every response says close", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, { server: "keepalive_timeout: 0" }), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    assertEquals((await client.readResponse()).fields.get("Connection"), "close");
    assertEquals(await client.ended, "closed");
  });
});

Deno.test("keepalive_timeout: a second time is what clients are told", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(
    inFrontOf(origin, { server: "keepalive_timeout: [60s, 20s]" }),
    async (address) => {
      await using client = await connect(address);
      await client.send(getRequest());
      assertEquals((await client.readResponse()).fields.get("Keep-Alive"), "timeout=20");
      await client.send(getRequest("/", "Connection: close"));
      assertEquals((await client.readResponse()).fields.get("Keep-Alive"), undefined);
    },
  );
});

Deno.test("keepalive_time: a connection that is older ends with the response", async () => {
  const young = gate();
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      send(okResponse("young")),
      expectRequest(),
      pause(young),
      send(okResponse("old")),
    ],
  });
  await withSluice(inFrontOf(origin, { server: "keepalive_time: 300ms" }), async (address) => {
    const startedMs = performance.now();
    await using client = await connect(address);
    await client.send(getRequest());
    assertEquals((await client.readResponse()).fields.get("Connection"), "keep-alive");
    await client.send(getRequest());
    await eventually("the connection to be that old", () => performance.now() > startedMs + 400);
    young.open();
    assertEquals((await client.readResponse()).fields.get("Connection"), "close");
    assertEquals(await client.ended, "closed");
  });
});

Deno.test("a client that connects and leaves without a word is no news", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    for (let n = 0; n < 5; n++) {
      await using client = await connect(address);
      if (n % 2 === 0) await client.halfClose();
    }
    await sluice.rest();
    assertEquals([sluice.accessLog, sluice.errorLog], [[], []]);
  });
});

for (const count of [2, 3, 10, 50]) {
  Deno.test(`${count} requests in one write are answered in order`, async () => {
    await using origin = await echoTarget();
    await withSluice(inFrontOf(origin), async (address) => {
      await using client = await connect(address);
      const targets = Array.from({ length: count }, (_, n) => `/${n}`);
      await client.send(targets.map((target) => getRequest(target)).join(""));
      for (const target of targets) assertEquals((await client.readResponse()).bodyText, target);
      await client.send(getRequest("/after"));
      assertEquals((await client.readResponse()).bodyText, "/after");
    });
    assertEquals(origin.connectionsSeen, 1);
  });
}

Deno.test("pipelined requests that come byte by byte are answered in order", async () => {
  await using origin = await echoTarget();
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.sendBytewise(["/1", "/2", "/3"].map((target) => getRequest(target)).join(""));
    for (const target of ["/1", "/2", "/3"]) {
      assertEquals((await client.readResponse()).bodyText, target);
    }
  });
});

Deno.test("a request cut in the middle behind a whole one is completed later", async () => {
  await using origin = await echoTarget();
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    const second = getRequest("/second", `X-Long: ${"l".repeat(3_000)}`);
    for (const cut of [1, 10, 100, 1_500, second.length - 1]) {
      await client.send(getRequest("/first") + second.slice(0, cut));
      assertEquals((await client.readResponse()).bodyText, "/first");
      await client.send(second.slice(cut));
      assertEquals((await client.readResponse()).bodyText, "/second");
    }
  });
});

Deno.test("a request that comes while the one before is answered waits for its turn", async () => {
  const first = gate();
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      pause(first),
      send(okResponse("one")),
      expectRequest(),
      send(okResponse("two")),
    ],
  });
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest("/1"));
    await origin.waitForRequest(1);
    await client.send(getRequest("/2"));
    first.open();
    assertEquals((await client.readResponse()).bodyText, "one");
    assertEquals((await client.readResponse()).bodyText, "two");
  });
  assertEquals(origin.requests.map(({ target }) => target), ["/1", "/2"]);
});

Deno.test("an empty line before a request is passed over", async () => {
  await using origin = await echoTarget();
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(`\r\n${getRequest("/1")}\r\n${getRequest("/2")}`);
    assertEquals((await client.readResponse()).bodyText, "/1");
    assertEquals((await client.readResponse()).bodyText, "/2");
  });
});

Deno.test("a client that half-closes after its request has left: 499, as in nginx", async () => {
  await using origin = await startOrigin({ each: [expectRequest()] });
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(getRequest());
    await origin.waitForRequest(1);
    await client.halfClose();
    assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|499|-");
    assertEquals(await client.ended, "closed");
    assertEquals(await origin.connections[0]!.ended, "closed");
  });
});

Deno.test("worker_connections: the clients beyond wait for others to leave, and the log says so once", async () => {
  const yaml = `
worker_connections: 4
servers: [{ listen: "127.0.0.1:0", return: 200 served }]
`;
  await withSluice(yaml, async (address, sluice) => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(address)));
    await sluice.errorLine(/4 worker_connections are not enough: not accepting for now/);
    for (const client of clients) { // each leaves room for one more
      await client.send(getRequest("/", "Connection: close"));
      assertEquals((await client.readResponse()).bodyText, "served");
      await client.close();
    }
  });
});
