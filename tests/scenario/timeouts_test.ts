/** Who waits how long for whom, and what happens then. Small values, so that tests are quick. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import {
  act,
  expectHead,
  expectRequest,
  okResponse,
  pause,
  repeat,
  respondWith,
  send,
  sendMany,
  startOrigin,
  stopReading,
} from "../support/origin.ts";
import { fullBacklog } from "../support/full_backlog.ts";
import { gate } from "../support/within.ts";

Deno.test("connect_timeout: 504, and the next peer is asked if there is one", async () => {
  await using hanging = await fullBacklog();
  await using origin = await respondWith(okResponse("good"));
  const proxy = "connect_timeout: 60ms";
  await withSluice(inFrontOf(hanging, { proxy }), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 504);
    assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|504|504");
    await sluice.errorLine(
      /upstream timed out \(110: Connection timed out\) while connecting to upstream/,
    );
  });
  await withSluice(
    inFrontOf([hanging.address, origin.address], { proxy }),
    async (address, sluice) => {
      const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
      assertEquals((await exchange(address, post)).bodyText, "good");
      assertEquals(await sluice.accessLine(1), "POST / HTTP/1.1|200|504, 200");
    },
  );
});

Deno.test("a client that leaves while its peer is being connected to: 499", async () => {
  await using hanging = await fullBacklog();
  await withSluice(inFrontOf(hanging), async (address, sluice) => {
    for (
      const request of [getRequest(), "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"]
    ) {
      await using client = await connect(address);
      await client.send(request);
      await eventually(
        "a connect",
        () => sluice.stats().outstanding.some((line) => line.startsWith("connecting to")),
      );
      await client.reset();
      await sluice.rest();
    }
    assertMatch(await sluice.accessLine(1), /\|499\|-$/);
    assertMatch(await sluice.accessLine(2), /\|499\|-$/);
  });
});

Deno.test("read_timeout counts from the last byte: a slow origin that goes on is no late one", async () => {
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      act("send a byte every 20 ms", async (connection) => {
        for (const byte of "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde") {
          await connection.write(new TextEncoder().encode(byte));
          await new Promise((resolve) => setTimeout(resolve, 8));
        }
      }),
    ],
  });
  await withSluice(inFrontOf(origin, { proxy: "read_timeout: 150ms" }), async (address) => {
    assertEquals((await exchange(address, getRequest())).bodyText, "abcde");
  });
});

for (const buffering of ["on", "off"]) {
  Deno.test(`send_timeout of proxy, request_buffering ${buffering}: an origin that takes nothing is 504`, async () => {
    const never = gate();
    await using origin = await startOrigin({ each: [expectHead(), stopReading(never)] });
    const settings = {
      proxy: `send_timeout: 150ms, read_timeout: 5s, request_buffering: ${buffering}`,
      server: "client_max_body_size: 0",
    };
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address);
      const size = 24 << 20;
      const sending = client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
        .then(() => client.send(new Uint8Array(size))).catch(() => {});
      const response = await client.readResponse();
      assertEquals(response.status, 504);
      await sluice.errorLine(
        /upstream timed out .* while (sending request to upstream|reading response header)/,
      );
      await client.close();
      await sending;
      never.open();
    });
  });
}

Deno.test("client_header_timeout: a head that is not complete in time ends the connection, 408 in the log", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(
    inFrontOf(origin, { server: "client_header_timeout: 60ms" }),
    async (address, sluice) => {
      await using client = await connect(address);
      const trickle = client.sendInPieces(getRequest("/", "X: ".padEnd(200, "x")), [20]).catch(
        () => {},
      );
      await trickle;
      assertEquals((await client.readResponse()).status, 200);

      await using late = await connect(address);
      await late.send("GET / HTTP/1.1\r\nHo");
      assertEquals(await late.ended, "closed");
      assertEquals(late.unreadBytes, 0);
      assertMatch(await sluice.accessLine(2), /\|408\|/);
      await sluice.errorLine(/\[info\] .*client timed out .*while reading client request/);
    },
  );
});

Deno.test("client_header_timeout: a trickle does not extend it", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(
    inFrontOf(origin, { server: "client_header_timeout: 80ms" }),
    async (address) => {
      await using client = await connect(address);
      let sent = 0;
      const startedMs = performance.now();
      try {
        for (const byte of getRequest("/", "X: ".padEnd(500, "x"))) {
          await client.send(byte);
          sent++;
          if (client.ending !== undefined) break;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } catch {
        // the connection is closed
      }
      assert(sent < 200, String(sent));
      assert(performance.now() - startedMs < 2_000);
    },
  );
});

Deno.test("client_header_timeout: a client that says nothing at all is closed without a line", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(
    inFrontOf(origin, { server: "client_header_timeout: 40ms" }),
    async (address, sluice) => {
      await using client = await connect(address);
      assertEquals(await client.ended, "closed");
      await sluice.rest();
      assertEquals(sluice.accessLog, []);
    },
  );
});

for (const buffering of ["on", "off"]) {
  Deno.test(`client_body_timeout, request_buffering ${buffering}: 408 in the log, nothing is kept`, async () => {
    await using origin = await startOrigin({ each: [expectHead()] });
    const settings = {
      server: "client_body_timeout: 60ms",
      proxy: `request_buffering: ${buffering}`,
    };
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address);
      await client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
      assertEquals(await client.ended, "closed");
      assertEquals(client.unreadBytes, 0);
      assertEquals(await sluice.accessLine(1), "PUT / HTTP/1.1|408|-");
      await sluice.errorLine(/\[info\] .*client timed out/);
    });
    assertEquals(origin.requestsSeen, buffering === "on" ? 0 : 1);
  });

  Deno.test(`send_timeout, buffering ${buffering}: a client that takes nothing is dropped, the origin's connection with it`, async () => {
    await using origin = await startOrigin({
      each: [
        expectRequest(),
        send("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n"),
        sendMany(50_000_000, new Uint8Array(65_536)),
      ],
    });
    const settings = {
      server: "send_timeout: 150ms",
      proxy: `buffering: ${buffering}, max_temp_file_size: 0`,
    };
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address, { highWaterBytes: 1 });
      await client.send(getRequest());
      await origin.waitForRequest(1);
      await sluice.errorLine(/\[info\] .*client timed out \(110: Connection timed out\)/);
      await origin.connections[0]!.ended;
      await sluice.rest();
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|200|200");
      client.pause();
    });
  });

  Deno.test(`buffering ${buffering}: a client that stalls longer than read_timeout does not make the origin late`, async () => {
    const more = gate();
    const size = 12 << 20;
    await using origin = await startOrigin({
      each: [
        expectRequest(),
        send(`HTTP/1.1 200 OK\r\nContent-Length: ${size + 4}\r\n\r\n`),
        sendMany(size, new Uint8Array(65_536)),
        pause(more),
        send("last"),
      ],
    });
    const proxy = `read_timeout: 300ms, buffering: ${buffering}, max_temp_file_size: 0`;
    await withSluice(inFrontOf(origin, { proxy }), async (address) => {
      await using client = await connect(address, { highWaterBytes: 1 });
      await client.send(getRequest());
      const head = await client.readHead();
      assertEquals(head.status, 200);
      await new Promise((resolve) => setTimeout(resolve, 600)); // twice read_timeout: nobody is late
      await client.discard(size);
      setTimeout(() => more.open(), 100);
      await client.readThrough("last");
    });
  });
}

Deno.test("keepalive_timeout of the group: an idle connection to the origin is closed", async () => {
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("ok")))],
  });
  await withSluice(
    inFrontOf(origin, { group: "keepalive_timeout: 40ms" }),
    async (address, sluice) => {
      await exchange(address, getRequest());
      assertEquals(await origin.connections[0]!.ended, "closed");
      await exchange(address, getRequest());
      assertEquals(origin.connectionsSeen, 2);
      assertEquals(sluice.errorLog, []);
    },
  );
});

Deno.test("keepalive_requests of the group: the connection to the origin is closed after so many", async () => {
  await using origin = await startOrigin({
    each: [repeat(expectRequest(), send(okResponse("ok")))],
  });
  await withSluice(inFrontOf(origin, { group: "keepalive_requests: 2" }), async (address) => {
    for (let n = 0; n < 5; n++) await exchange(address, getRequest());
    assertEquals(origin.connections.map(({ requests }) => requests.length), [2, 2, 1]);
  });
});
