/** Clients that leave, at every stage of their request. */
import { assertEquals, assertMatch } from "@std/assert";
import { type Client, connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import {
  expectBody,
  expectHead,
  expectRequest,
  okResponse,
  pause,
  respondWith,
  type Script,
  send,
  sendMany,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

const LEAVE: readonly [how: string, leave: (client: Client) => Promise<void>][] = [
  ["with FIN", (client) => client.close()],
  ["with RST", (client) => client.reset()],
];

for (const [how, leave] of LEAVE) {
  Deno.test(`a client that leaves ${how} within the head: nothing reaches the origin`, async () => {
    await using origin = await respondWith(okResponse("ok"));
    await withSluice(inFrontOf(origin), async (address, sluice) => {
      for (const part of ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"]) {
        await using client = await connect(address);
        await client.send(part);
        await eventually("the client", () => sluice.stats().clients === 1);
        await leave(client);
        await sluice.rest();
      }
      await sluice.errorLine(/\[info\] .*client/);
      // nginx's status for a head that is cut off
      assertEquals(sluice.accessLog, ["-|400|-", "GET / HTTP/1.1|400|-", "GET / HTTP/1.1|400|-"]);
    });
    assertEquals(origin.connectionsSeen, 0);
  });

  Deno.test(`a client that leaves ${how} while the origin thinks: 499, the origin's connection is closed at once`, async () => {
    await using origin = await startOrigin({ each: [expectRequest()] });
    await withSluice(inFrontOf(origin), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest());
      await origin.waitForRequest(1);
      await leave(client);
      await origin.connections[0]!.ended;
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|499|-");
      assertMatch(
        await sluice.errorLine(/client/),
        /\[info\] .*(client prematurely closed connection|connection to client broke).* while reading response header from upstream/,
      );
    });
  });

  Deno.test(`a client that leaves ${how} within a buffered body: 499, the origin hears nothing`, async () => {
    await using origin = await startOrigin({ each: [expectHead()] });
    await withSluice(inFrontOf(origin), async (address, sluice) => {
      for (const length of [100, 100_000]) { // memory and temp file
        await using client = await connect(address);
        await client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n12345`);
        await eventually("the client", () => sluice.stats().clients === 1);
        await leave(client);
        await sluice.rest();
      }
      assertEquals(await sluice.accessLine(1), "PUT / HTTP/1.1|499|-");
      assertEquals(await sluice.accessLine(2), "PUT / HTTP/1.1|499|-");
    });
    assertEquals(origin.connectionsSeen, 0);
  });

  Deno.test(`a client that leaves ${how} within a streamed body: 499, the origin's connection is closed`, async () => {
    await using origin = await startOrigin({ each: [expectHead(), expectBody(5)] });
    await withSluice(
      inFrontOf(origin, { proxy: "request_buffering: off" }),
      async (address, sluice) => {
        await using client = await connect(address);
        await client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
        assertEquals((await (await origin.waitForConnection(1)).finished).kind, "played");
        await leave(client);
        await origin.connections[0]!.ended;
        assertEquals(await sluice.accessLine(1), "PUT / HTTP/1.1|499|-");
      },
    );
  });

  Deno.test(`a client that leaves ${how} after its body, while the origin thinks: 499`, async () => {
    await using origin = await startOrigin({ each: [expectRequest()] });
    for (const buffering of ["on", "off"]) {
      await withSluice(
        inFrontOf(origin, { proxy: `request_buffering: ${buffering}` }),
        async (address, sluice) => {
          await using client = await connect(address);
          await client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345");
          const number = buffering === "on" ? 1 : 2;
          assertEquals((await (await origin.waitForConnection(number)).finished).kind, "played");
          await leave(client);
          await origin.connections[number - 1]!.ended;
          assertEquals(await sluice.accessLine(1), "PUT / HTTP/1.1|499|-");
        },
      );
    }
  });

  for (const buffering of ["on", "off"]) {
    Deno.test(`buffering ${buffering}: a client that leaves ${how} within the response, the origin silent: its connection is closed at once`, async () => {
      await using origin = await startOrigin({
        each: [expectRequest(), send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")],
      });
      await withSluice(
        inFrontOf(origin, { proxy: `buffering: ${buffering}` }),
        async (address, sluice) => {
          await using client = await connect(address);
          await client.send(getRequest());
          await client.readThrough("half");
          await leave(client);
          await origin.connections[0]!.ended;
          assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|200|200"); // as in nginx: it was told 200
        },
      );
    });

    Deno.test(`buffering ${buffering}: a client that leaves ${how} within a large response: the origin's connection is closed`, async () => {
      const script: Script = [
        expectRequest(),
        send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"),
        sendMany(100_000_000, new Uint8Array(65_536)),
      ];
      await using origin = await startOrigin({ each: script });
      const proxy = `buffering: ${buffering}, max_temp_file_size: 0`;
      await withSluice(inFrontOf(origin, { proxy }), async (address, sluice) => {
        await using client = await connect(address, { highWaterBytes: 1 });
        await client.send(getRequest());
        await client.readBytes(100);
        await leave(client);
        await origin.connections[0]!.ended;
        await sluice.accessLine(1);
      });
    });
  }
}

Deno.test("ignore_client_abort: the origin finishes, and its connection is kept", async () => {
  const finish = gate();
  await using origin = await startOrigin({
    each: [expectRequest(), pause(finish), send(okResponse("ok"))],
  });
  await withSluice(
    inFrontOf(origin, { proxy: "ignore_client_abort: on" }),
    async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest());
      await origin.waitForRequest(1);
      await client.close();
      finish.open();
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|200|200");
      await sluice.rest();
      assertEquals(sluice.stats().idle, 1);
    },
  );
});

Deno.test("100 clients that leave at random moments harm nobody", async () => {
  await using origin = await respondWith(okResponse("x".repeat(20_000)));
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    const leaving = Array.from({ length: 100 }, async (_, n) => {
      await using client = await connect(address);
      await client.send(getRequest(`/${n}`));
      if (n % 3 === 0) await client.readBytes(n * 10 + 1);
      await (n % 2 === 0 ? client.reset() : client.close());
    });
    await Promise.all(leaving);
    for (let n = 0; n < 5; n++) {
      assertEquals((await exchange(address, getRequest())).body.length, 20_000);
    }
    await sluice.rest();
  });
});
