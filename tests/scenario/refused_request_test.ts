/** Requests that are no requests: what the client is told, and that its connection ends. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { inFrontOf, type Settings, withSluice } from "../support/in_process.ts";
import { okResponse, respondWith } from "../support/origin.ts";

interface Case {
  readonly name: string;
  readonly request: string;
  readonly status: number;
  readonly settings?: Settings;
}

const HOST = "Host: a\r\n";
const CASES: readonly Case[] = [
  { name: "garbage", request: "garbage\r\n\r\n", status: 400 },
  { name: "a TLS hello", request: "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", status: 400 },
  { name: "no version", request: "GET /\r\n\r\n", status: 400 },
  { name: "HTTP/2.0", request: `GET / HTTP/2.0\r\n${HOST}\r\n`, status: 505 },
  { name: "a method in lower case", request: `get / HTTP/1.1\r\n${HOST}\r\n`, status: 400 },
  { name: "a space in the target", request: `GET /a b HTTP/1.1\r\n${HOST}\r\n`, status: 400 },
  { name: "a fragment", request: `GET /#a HTTP/1.1\r\n${HOST}\r\n`, status: 400 },
  { name: "CONNECT", request: `CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`, status: 405 },
  { name: "bare LF", request: `GET / HTTP/1.1\nHost: a\n\n`, status: 400 },
  { name: "no Host", request: "GET / HTTP/1.1\r\n\r\n", status: 400 },
  { name: "two Hosts", request: `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, status: 400 },
  { name: "an illegal Host", request: "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", status: 400 },
  { name: "no colon", request: `GET / HTTP/1.1\r\n${HOST}oops\r\n\r\n`, status: 400 },
  {
    name: "a space before the colon",
    request: `GET / HTTP/1.1\r\n${HOST}A : b\r\n\r\n`,
    status: 400,
  },
  { name: "a folded line", request: `GET / HTTP/1.1\r\n${HOST}A: b\r\n c\r\n\r\n`, status: 400 },
  { name: "a NUL", request: `GET / HTTP/1.1\r\n${HOST}A: \0\r\n\r\n`, status: 400 },
  {
    name: "two lengths",
    request: `GET / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    status: 400,
  },
  {
    name: "a negative length",
    request: `GET / HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`,
    status: 400,
  },
  {
    name: "length and chunked",
    request:
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    status: 400,
  },
  {
    name: "chunked in HTTP/1.0",
    request: `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    status: 400,
  },
  {
    name: "an unknown coding",
    request: `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    status: 501,
  },
  { name: "a path above the root", request: `GET /../../etc HTTP/1.1\r\n${HOST}\r\n`, status: 400 },
  { name: "a NUL in the path", request: `GET /a%00b HTTP/1.1\r\n${HOST}\r\n`, status: 400 },
  {
    name: "too long a request line",
    request: `GET /${"a".repeat(9_000)} HTTP/1.1\r\n${HOST}\r\n`,
    status: 414,
  },
  {
    name: "too long a field",
    request: `GET / HTTP/1.1\r\n${HOST}A: ${"a".repeat(9_000)}\r\n\r\n`,
    status: 431,
  },
  {
    name: "too large a head",
    request: `GET / HTTP/1.1\r\n${HOST}${`A: ${"a".repeat(7_000)}\r\n`.repeat(6)}\r\n`,
    status: 431,
  },
  {
    name: "too many fields",
    request: `GET / HTTP/1.1\r\n${HOST}${"A: b\r\n".repeat(50)}\r\n`,
    status: 431,
    settings: { server: "max_headers: 20" },
  },
];

for (const { name, request, status, settings } of CASES) {
  Deno.test(`${name}: ${status}, readable to its end, and the connection ends`, async () => {
    await using origin = await respondWith(okResponse("ok"));
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(request);
      const response = await client.readResponse();
      assertEquals([response.status, response.isComplete], [status, true]);
      assertEquals(response.fields.get("Connection"), "close");
      assertMatch(response.bodyText, new RegExp(`<h1>${status} `));
      assertEquals(await client.ended, "closed");
      assertMatch(await sluice.accessLine(1), new RegExp(`\\|${status}\\|`));
      await sluice.errorLine(/\[info\] .*client sent an invalid request: .*client: 127.0.0.1/);
    });
    assertEquals(origin.connectionsSeen, 0);
  });

  Deno.test(`${name}: likewise as the second request of a connection`, async () => {
    await using origin = await respondWith(okResponse("ok"));
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest("/first"));
      assertEquals((await client.readResponse()).status, 200);
      await client.send(request);
      const response = await client.readResponse();
      assertEquals([response.status, response.fields.get("Connection")], [status, "close"]);
      assertEquals(await client.ended, "closed");
      assertMatch(await sluice.accessLine(2), new RegExp(`\\|${status}\\|`));
    });
    assertEquals(origin.requestsSeen, 1);
  });
}

Deno.test("a bad request behind a good one in the same write: the good one is answered first", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(`${getRequest()}garbage\r\n\r\n`);
    assertEquals((await client.readResponse()).bodyText, "ok");
    assertEquals((await client.readResponse()).status, 400);
    assertEquals(await client.ended, "closed");
  });
});

Deno.test("a client that goes on sending after a refusal can still read it (lingering close)", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const settings = { server: "client_max_body_size: 10, lingering_timeout: 200ms" };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    await using client = await connect(address);
    const size = 4 << 20;
    await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
    await client.send(new Uint8Array(size));
    const response = await client.readResponse();
    assertEquals([response.status, response.isComplete], [413, true]);
    assertEquals(await client.ended, "closed"); // no reset
  });
});

Deno.test("lingering_timeout: a client that neither sends nor closes is not waited for", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const settings = { server: "lingering_timeout: 40ms" };
  await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
    await using client = await connect(address);
    const startedMs = performance.now();
    await client.send("garbage\r\n\r\n");
    assertEquals((await client.readResponse()).status, 400);
    await sluice.rest(); // the client is still connected
    assertEquals(client.ending, "closed");
    assert(performance.now() - startedMs < 3_000, "as late as by default");
  });
});

Deno.test("lingering_time: a client that never stops sending is left at last", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const settings = {
    server: "client_max_body_size: 10, lingering_time: 100ms, lingering_timeout: 5s",
  };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    await using client = await connect(address);
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000\r\n\r\n");
    assertEquals((await client.readResponse()).status, 413);
    let isLeft = false;
    client.socket.once("close", () => isLeft = true);
    const endMs = performance.now() + 5_000;
    while (!isLeft && performance.now() < endMs) {
      await client.send("x".repeat(1_000)).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assertEquals(isLeft, true);
  });
});

Deno.test("lingering_close: off resets who is still sending, always reads on whatever it was", async () => {
  await using origin = await respondWith(okResponse("ok"));
  const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000\r\n\r\n";
  const body = "x".repeat(50_000);
  const endingOf = async (lingering: string) => {
    let ending: string | undefined;
    const settings = {
      server: `client_max_body_size: 10, lingering_timeout: 20s, lingering_close: ${lingering}`,
    };
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(post);
      assertEquals((await client.readResponse()).status, 413);
      const isReadOn = await client.send(body).then(() => client.send(body)).then(
        () => sluice.stats().clients === 1,
        () => false,
      );
      await client.halfClose().catch(() => {});
      ending = isReadOn ? "read on" : "left";
    });
    return ending;
  };
  assertEquals([await endingOf("on"), await endingOf("off")], ["read on", "left"]);
});

Deno.test("client_header_buffer_size and large_client_header_buffers: what a head may take", async () => {
  const line = `X-Long: ${"x".repeat(3_000)}`;
  const statusesOf = async (settings: string, ...requests: readonly string[]) => {
    const statuses: number[] = [];
    const yaml = `servers: [{ listen: "127.0.0.1:0", return: 204, ${settings} }]`;
    await withSluice(yaml, async (address) => {
      for (const request of requests) {
        statuses.push((await exchange(address, request)).status);
      }
    });
    return statuses;
  };
  const long = getRequest("/", line);
  const longer = getRequest("/", line, line, line);
  const longLine = getRequest(`/${"x".repeat(3_000)}`);
  assertEquals(
    await statusesOf("large_client_header_buffers: 1 4k", long, longer),
    [204, 431],
  );
  assertEquals(await statusesOf("large_client_header_buffers: 4 2k", long, longLine), [431, 414]);
  // What fits in the first buffer needs no large one.
  const first = "client_header_buffer_size: 16k, large_client_header_buffers: 1 1k";
  assertEquals(await statusesOf(first, long, longer, longLine), [204, 204, 204]);
});
