/** Request bodies on their way to the origin, and answers that come before their end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Client, connect, exchange, getRequest } from "../support/client.ts";
import { concat, latin1 } from "../support/inbox.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import {
  act,
  close,
  expectBody,
  expectHead,
  expectRequest,
  okResponse,
  type Origin,
  pause,
  repeat,
  reset,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { withRandom } from "../support/random.ts";
import { gate } from "../support/within.ts";

const SIZES = [0, 1, 1_000, 1_023, 1_024, 1_025, 4_096, 65_529, 65_536, 65_537, 131_072, 1 << 20];

function bodyOf(size: number): Uint8Array {
  return new Uint8Array(size).map((_, at) => 97 + (at * 7 + (at >> 8)) % 26);
}

function post(body: Uint8Array, ...fields: readonly string[]): Uint8Array {
  const head = ["POST / HTTP/1.1", "Host: a", `Content-Length: ${body.length}`, ...fields, "", ""];
  return concat([new TextEncoder().encode(head.join("\r\n")), body]);
}

function chunkedPost(body: Uint8Array, sizes: readonly number[]): Uint8Array {
  const encode = (text: string) => new TextEncoder().encode(text);
  const parts: Uint8Array[] = [
    encode("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
  ];
  let at = 0;
  for (const size of sizes) {
    parts.push(encode(`${size.toString(16)}\r\n`), body.subarray(at, at + size), encode("\r\n"));
    at += size;
  }
  return concat([...parts, encode("0\r\n\r\n")]);
}

/** The body bytes of the requests that the first connection saw, taken out of any framing. */
function bodiesSeen(origin: Origin): string[] {
  let rest = latin1(origin.connections[0]!.received);
  const bodies: string[] = [];
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n") + 4;
    const head = rest.slice(0, end);
    rest = rest.slice(end);
    let body = "";
    if (/transfer-encoding: chunked/i.test(head)) {
      for (;;) {
        const line = rest.indexOf("\r\n");
        const size = Number.parseInt(rest.slice(0, line), 16);
        body += rest.slice(line + 2, line + 2 + size);
        rest = rest.slice(line + 2 + size + 2);
        if (size === 0) break;
      }
    } else {
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      body = rest.slice(0, length);
      rest = rest.slice(length);
    }
    bodies.push(body);
  }
  return bodies;
}

Deno.test("bodies of every size around the buffers reach the origin, by length and chunked", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, { server: "client_max_body_size: 2m" }), async (address) => {
    await using client = await connect(address);
    for (const size of SIZES) {
      for (
        const request of [post(bodyOf(size)), chunkedPost(bodyOf(size), size > 0 ? [size] : [])]
      ) {
        await client.send(request);
        assertEquals((await client.readResponse()).bodyText, "ok", String(size));
      }
    }
  });
  assertEquals(origin.connectionsSeen, 1);
  const seen = bodiesSeen(origin);
  assertEquals(seen.map(({ length }) => length), SIZES.flatMap((size) => [size, size]));
  assert(seen.every((body) => body === latin1(bodyOf(body.length))));
});

Deno.test("a body in random pieces and chunks reaches the origin unchanged", async () => {
  await withRandom(async (random) => {
    const body = bodyOf(random.integer(10_000, 60_000));
    await using origin = await respondWith(okResponse("ok"));
    await withSluice(inFrontOf(origin), async (address) => {
      await using client = await connect(address);
      for (const request of [post(body), chunkedPost(body, random.pieces(body.length, 5_000))]) {
        await client.sendInPieces(request, random.pieces(request.length, 4_000));
        assertEquals((await client.readResponse()).bodyText, "ok");
      }
    });
    for (const seen of bodiesSeen(origin)) assert(seen === latin1(body));
  });
});

Deno.test("a chunked body that comes byte by byte passes", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.sendBytewise(chunkedPost(bodyOf(20), [1, 2, 17]));
    assertEquals((await client.readResponse()).bodyText, "ok");
  });
  assertEquals(bodiesSeen(origin), [latin1(bodyOf(20))]);
});

Deno.test("Expect: 100-continue is answered by Sluice and does not reach the origin", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    for (let n = 0; n < 2; n++) {
      await client.send(
        "PUT /c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
      );
      assertEquals((await client.readResponse()).status, 100);
      await client.send("abc");
      assertEquals((await client.readResponse()).bodyText, "ok");
    }
  });
  assertEquals(origin.requests[0]?.fields.has("Expect"), false);
  assertEquals(bodiesSeen(origin), ["abc", "abc"]);
});

Deno.test("Expect: 100-continue with a body that is already coming gets no 100", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    const response = await exchange(address, post(bodyOf(3), "Expect: 100-continue"));
    assertEquals(response.status, 200);
  });
});

Deno.test("Expect: 100-continue of HTTP/1.0 is ignored", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send("PUT / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    await client.send("abc");
    assertEquals((await client.readResponse()).status, 200);
  });
});

Deno.test("an unknown Expect is 417", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    assertEquals((await exchange(address, getRequest("/", "Expect: tea"))).status, 417);
  });
});

Deno.test("Expect: 100-continue where nobody wants the body: the answer comes without a 100, and the connection ends", async () => {
  const yaml = `
servers:
  - { listen: "127.0.0.1:0", locations: { /: { return: 200 no } } }
`;
  await withSluice(yaml, async (address) => {
    await using client = await connect(address);
    await client.send(
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
    );
    const response = await client.readResponse();
    assertEquals([response.status, response.fields.get("Connection")], [200, "close"]);
    assertEquals(await client.ended, "closed");
  });
});

Deno.test("a body that a location does not want is read away, and the connection goes on", async () => {
  const yaml = `
servers:
  - { listen: "127.0.0.1:0", locations: { /: { return: 200 no } } }
`;
  await withSluice(yaml, async (address) => {
    await using client = await connect(address);
    for (const request of [post(bodyOf(200_000)), chunkedPost(bodyOf(9_000), [9_000])]) {
      await client.send(request);
      assertEquals((await client.readResponse()).bodyText, "no");
    }
    await client.send(getRequest());
    assertEquals((await client.readResponse()).bodyText, "no");
  });
});

const STREAMED = { proxy: "request_buffering: off" };
const EARLY = "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nstop";

Deno.test("an answer that comes before the body's end reaches the client at once", async () => {
  await using origin = await startOrigin({ each: [expectHead(), expectBody(5), send(EARLY)] });
  await withSluice(inFrontOf(origin, STREAMED), async (address) => {
    await using client = await connect(address);
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    const response = await client.readResponse();
    assertEquals([response.status, response.bodyText], [403, "stop"]);
    assertEquals(await origin.connections[0]!.ended, "closed");
    await client.send("67890"); // the rest is read away, the connection goes on
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345");
    assertEquals((await client.readResponse()).status, 403);
  });
  assertEquals(origin.requestsSeen, 2);
});

Deno.test("an answer before the body's end, and the origin closes: the client gets the answer", async () => {
  await using origin = await startOrigin({
    each: [expectHead(), expectBody(5), send(EARLY), close()],
  });
  await withSluice(inFrontOf(origin, STREAMED), async (address) => {
    await using client = await connect(address);
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    const response = await client.readResponse();
    assertEquals([response.status, response.bodyText], [403, "stop"]);
  });
});

Deno.test("an answer, and the origin resets while a large body comes: the client gets the answer or a 502", async () => {
  await using origin = await startOrigin({
    each: [expectHead(), expectBody(5), send(EARLY), reset()],
  });
  const settings = { server: "client_max_body_size: 0", ...STREAMED };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    await using client = await connect(address);
    const sending = client.send(post(bodyOf(8 << 20))).catch(() => {});
    const response = await client.readResponse();
    assert([403, 502].includes(response.status));
    await client.close();
    await sending;
  });
});

Deno.test("a body that comes while the origin answers slowly: both go on side by side", async () => {
  const more = gate();
  await using origin = await startOrigin({
    each: [
      expectHead(),
      expectBody(1),
      send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"),
      expectBody(2),
      pause(more),
      send("def"),
    ],
  });
  await withSluice(inFrontOf(origin, STREAMED), async (address) => {
    await using client = await connect(address);
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n1");
    await client.readThrough("abc");
    await client.send("23");
    more.open();
    await client.readThrough("def");
  });
});

Deno.test("the connection to the origin is kept after a body, by length and chunked", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    await using client = await connect(address);
    for (const request of [post(bodyOf(10)), chunkedPost(bodyOf(10), [10]), post(bodyOf(0))]) {
      await client.send(request);
      await client.readResponse();
      assertEquals(sluice.stats().idle, 1);
    }
  });
  assertEquals(origin.connectionsSeen, 1);
});

Deno.test("requests with bodies may be pipelined, and follow chunked bodies in the same read", async () => {
  await using origin = await startOrigin({
    each: [repeat(
      expectRequest(),
      act("echo the target", async (connection) => {
        await connection.write(okResponse(connection.requests.at(-1)!.target));
      }),
    )],
  });
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    const all = [0, 1, 2, 3, 4, 5].map((n) =>
      latin1(n % 2 === 0 ? post(bodyOf(n * 100)) : chunkedPost(bodyOf(n * 100), [n * 50, n * 50]))
        .replace("POST /", `POST /${n}`)
    ).join("");
    await client.send(all);
    await expectTargets(client, ["/0", "/1", "/2", "/3", "/4", "/5"]);
    await client.sendBytewise(all);
    await expectTargets(client, ["/0", "/1", "/2", "/3", "/4", "/5"]);
  });
});

for (const proxy of ["", "request_buffering: off"]) {
  for (const sizeBytes of [10, 100_000]) {
    Deno.test(`a request in the same packet as the end of a body of ${sizeBytes} bytes that was waited for, proxy: {${proxy}}`, async () => {
      await using origin = await startOrigin({
        each: [repeat(
          expectRequest(),
          act("echo the target", async (connection) => {
            await connection.write(okResponse(connection.requests.at(-1)!.target));
          }),
        )],
      });
      await withSluice(inFrontOf(origin, { proxy }), async (address) => {
        await using client = await connect(address);
        await client.send(
          "POST /first HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" +
            `Content-Length: ${sizeBytes}\r\n\r\n`,
        );
        await client.readThrough("HTTP/1.1 100 Continue\r\n\r\n");
        await client.send(
          latin1(bodyOf(sizeBytes)) + latin1(post(bodyOf(7))).replace("POST /", "POST /second"),
        );
        await expectTargets(client, ["/first", "/second"]);
      });
    });
  }
}

async function expectTargets(client: Client, targets: readonly string[]): Promise<void> {
  for (const target of targets) assertEquals((await client.readResponse()).bodyText, target);
}

Deno.test("client_max_body_size: too long a body is 413 before a byte of it is read", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(
    inFrontOf(origin, { server: "client_max_body_size: 10" }),
    async (address, sluice) => {
      await using client = await connect(address);
      await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
      const response = await client.readResponse();
      assertEquals([response.status, response.fields.get("Connection")], [413, "close"]);
      assertEquals(await sluice.accessLine(1), "POST / HTTP/1.1|413|-");
      assertMatch(
        await sluice.errorLine(/too large body/),
        /client intended to send too large body: 11 bytes/,
      );
      assertEquals((await exchange(address, post(bodyOf(10)))).status, 200);
    },
  );
  assertEquals(origin.requestsSeen, 1);
});

for (const buffering of ["on", "off"]) {
  const settings = { proxy: `request_buffering: ${buffering}` };
  Deno.test(`request_buffering ${buffering}: a chunked body that grows larger than client_max_body_size is 413, and the connection ends`, async () => {
    await using origin = await respondWith(okResponse("ok"));
    await withSluice(
      inFrontOf(origin, { server: "client_max_body_size: 10", ...settings }),
      async (address, sluice) => {
        await using client = await connect(address);
        await client.send(chunkedPost(bodyOf(30), [5, 5, 20]));
        const response = await client.readResponse();
        assertEquals([response.status, response.fields.get("Connection")], [413, "close"]);
        assertEquals(await client.ended, "closed");
        assertMatch(await sluice.accessLine(1), /^POST \/ HTTP\/1.1\|413\|/);
        assertMatch(
          await sluice.errorLine(/too large/),
          /client intended to send too large chunked body/,
        );
        await client.close();
        await sluice.rest();
        assertEquals(sluice.stats().idle, 0);
      },
    );
  });

  for (
    const [what, body] of [
      ["a size that is none", "xyz\r\n"],
      ["a chunk longer than its size", "2\r\nabc\r\n"],
      ["a bare LF", "1\na\n0\n\n"],
      ["a negative size", "-1\r\n"],
      ["a size beyond all numbers", "ffffffffffffffff\r\n"],
    ] as const
  ) {
    Deno.test(`request_buffering ${buffering}: chunked body with ${what}: 400, and neither connection is used again`, async () => {
      await using origin = await respondWith(okResponse("ok"));
      await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
        await using client = await connect(address);
        await client.send(
          `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
        );
        const response = await client.readResponse();
        assertEquals([response.status, response.fields.get("Connection")], [400, "close"]);
        assertEquals(await client.ended, "closed");
        await client.close();
        await sluice.rest();
        assertEquals(sluice.stats().idle, 0);
      });
    });
  }
}
