/** What of a response reaches the client, how its end is told, and what becomes of both connections. */
import { assert, assertEquals } from "@std/assert";
import { connect, exchange, getRequest, type Response } from "../support/client.ts";
import { inFrontOf, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  close,
  expectHead,
  expectRequest,
  type Origin,
  repeat,
  respondWith,
  type Script,
  send,
  sendBytewise,
  startOrigin,
} from "../support/origin.ts";
import { withRandom } from "../support/random.ts";

const HTTP_10 = "GET / HTTP/1.0\r\nHost: test\r\n\r\n";

/** One answer of an origin that plays `script` for each connection. */
async function answer(
  script: Script,
  request = getRequest(),
  check: (response: Response, origin: Origin, sluice: InProcessSluice) => void = () => {},
): Promise<Response> {
  await using origin = await startOrigin({ each: script });
  let response!: Response;
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(request);
    const method = request.slice(0, request.indexOf(" "));
    response = await client.readResponse({ method });
    if (response.fields.get("Connection") === "close") assertEquals(await client.ended, "closed");
    else assertEquals(client.unreadBytes, 0);
    check(response, origin, sluice);
  });
  return response;
}

const always = (text: string): Script => [repeat(expectRequest(), send(text))];
const once = (text: string): Script => [expectRequest(), send(text), close()];

Deno.test("status, reason and fields pass; Server and Date are ours; hop-by-hop and X-Accel fields do not", async () => {
  const response = await answer(always(
    "HTTP/1.1 418 I'm a teapot\r\nServer: origin\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
      "X-A: 1\r\nset-cookie: a=b\r\nSet-Cookie: c=d\r\nKeep-Alive: timeout=5\r\nX-Accel-Buffering: no\r\n" +
      "Connection: keep-alive, x-mine\r\nX-Mine: 1\r\nX_Under: stays\r\nContent-Length: 3\r\n\r\nabc",
  ));
  assertEquals([response.status, response.reason, response.bodyText], [418, "I'm a teapot", "abc"]);
  const fields = response.fields.list.filter(([name]) => name !== "Date");
  assertEquals(fields, [
    ["Server", "sluice/0.1.0"],
    ["X-A", "1"],
    ["set-cookie", "a=b"],
    ["Set-Cookie", "c=d"],
    ["X_Under", "stays"],
    ["Content-Length", "3"],
    ["Connection", "keep-alive"],
  ]);
  assert(Math.abs(Date.parse(response.fields.get("Date")!) - Date.now()) < 5_000);
});

Deno.test("a status line without a reason passes", async () => {
  const response = await answer(always("HTTP/1.1 299\r\nContent-Length: 1\r\n\r\nx"));
  assertEquals([response.status, response.reason, response.bodyText], [299, "", "x"]);
});

Deno.test("HEAD: the length passes and no body is waited for", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
  const response = await answer(always(head), "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", (_, origin) => {
    assertEquals(origin.connectionsSeen, 1);
  });
  assertEquals(response.fields.get("Content-Length"), "5000");
  assertEquals(response.fields.get("Connection"), "keep-alive");
});

Deno.test("HEAD of a chunked response: no body, the connection is kept", async () => {
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const response = await answer(always(head), "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals(response.fields.get("Connection"), "keep-alive");
});

for (const status of ["204 No Content", "304 Not Modified"]) {
  Deno.test(`${status}: has no body, and both connections are kept`, async () => {
    await using origin = await respondWith(`HTTP/1.1 ${status}\r\nETag: "x"\r\n\r\n`);
    await withSluice(inFrontOf(origin), async (address) => {
      await using client = await connect(address);
      for (let n = 0; n < 3; n++) {
        await client.send(getRequest());
        const response = await client.readResponse();
        assertEquals([response.status, response.framing], [Number(status.slice(0, 3)), "none"]);
        assertEquals(response.fields.get("ETag"), '"x"');
        assertEquals(response.fields.has("Transfer-Encoding"), false);
        assertEquals(response.fields.get("Connection"), "keep-alive");
      }
    });
    assertEquals(origin.connectionsSeen, 1);
  });
}

Deno.test("204 with a length and a body that it must not have: neither reaches the client", async () => {
  const response = await answer(
    always("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
    getRequest(),
    (_, __, sluice) => assertEquals(sluice.stats().idle, 0),
  );
  assertEquals([response.status, response.fields.has("Content-Length")], [204, false]);
});

Deno.test("101 that nobody asked for: 502, and the connection to the origin is not used again", async () => {
  const response = await answer(
    always("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw"),
    getRequest(),
    (_, __, sluice) => assertEquals(sluice.stats().idle, 0),
  );
  assertEquals(response.status, 502);
});

Deno.test("interim responses without end: 502 when they have filled buffer_size", async () => {
  await using origin = await respondWith(
    "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n".repeat(1_000) +
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  );
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    let status = 103;
    while (status === 103) status = (await client.readResponse()).status;
    assertEquals(status, 502);
  });
});

Deno.test("a body that ends with the origin's connection is chunked for HTTP/1.1", async () => {
  const response = await answer(once("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
  assertEquals([response.framing, response.bodyText, response.isComplete], [
    "chunked",
    "until the end",
    true,
  ]);
  assertEquals(response.fields.get("Connection"), "keep-alive");
});

Deno.test("a body that ends with the origin's connection ends HTTP/1.0's connection", async () => {
  const response = await answer(once("HTTP/1.1 200 OK\r\n\r\nuntil the end"), HTTP_10);
  assertEquals([response.framing, response.bodyText], ["close", "until the end"]);
});

Deno.test("an empty body that ends with the origin's connection is an empty chunked body", async () => {
  const response = await answer(once("HTTP/1.1 200 OK\r\n\r\n"));
  assertEquals([response.framing, response.bodyText, response.isComplete], ["chunked", "", true]);
});

Deno.test("an HTTP/1.0 origin is understood, and its connection not used again", async () => {
  const response = await answer(
    [expectRequest(), send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")],
    getRequest(),
    (_, __, sluice) => assertEquals(sluice.stats().idle, 0),
  );
  assertEquals([response.version, response.bodyText], ["HTTP/1.1", "ok"]);
});

Deno.test("a chunked response passes chunked to HTTP/1.1, without extensions", async () => {
  const response = await answer(
    always(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
    ),
    getRequest(),
    (_, __, sluice) => assertEquals(sluice.stats().idle, 1),
  );
  assertEquals([response.framing, response.bodyText, response.isComplete], [
    "chunked",
    "abc0123456789",
    true,
  ]);
});

Deno.test("a chunked response becomes a closed connection for HTTP/1.0", async () => {
  const response = await answer(
    always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
    HTTP_10,
  );
  assertEquals([response.framing, response.bodyText], ["close", "abcde"]);
  assertEquals(response.fields.has("Transfer-Encoding"), false);
});

Deno.test("a chunked response that comes byte by byte passes", async () => {
  const response = await answer([
    expectRequest(),
    sendBytewise(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n",
    ),
  ]);
  assertEquals([response.bodyText, response.isComplete], ["abcde", true]);
});

Deno.test("the last chunk may come alone", async () => {
  const response = await answer([
    expectRequest(),
    send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
    sendBytewise("0\r\n\r\n"),
  ]);
  assertEquals([response.bodyText, response.isComplete], ["abc", true]);
});

Deno.test("103 Early Hints pass at once, 100 does not, and the final response follows", async () => {
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      send(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
      ),
      send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ],
  });
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    const hints = await client.readResponse();
    assertEquals([hints.status, hints.fields.list], [103, [["Link", "</a.css>"]]]);
    assertEquals((await client.readResponse()).bodyText, "ok");
  });
});

Deno.test("an interim response that says it has no bytes passes without saying so", async () => {
  const early = "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\nLink: </a>\r\n\r\n";
  await using origin = await respondWith(
    `${early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
  );
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    const hints = await client.readResponse();
    assertEquals([hints.status, hints.fields.list], [103, [["Link", "</a>"]]]);
    assertEquals((await client.readResponse()).bodyText, "ok");
  });
});

Deno.test("103 is not for HTTP/1.0", async () => {
  const response = await answer(
    always("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    HTTP_10,
  );
  assertEquals(response.bodyText, "ok");
});

Deno.test("bytes behind a response end the origin's connection and do not reach the client", async () => {
  await using origin = await respondWith(
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 EVIL\r\n",
  );
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    await using client = await connect(address);
    for (let n = 1; n <= 2; n++) {
      await client.send(getRequest());
      const response = await client.readResponse();
      assertEquals([response.status, response.bodyText], [200, "ok"]);
      assertEquals(sluice.stats().idle, 0);
      assertEquals(origin.connectionsSeen, n);
      assertEquals(await origin.connections[n - 1]!.ended, "closed");
    }
  });
});

Deno.test("bytes from an idle origin connection end it", async () => {
  await using origin = await startOrigin({
    each: [
      expectRequest(),
      send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
      expectHead(),
    ],
  });
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    await client.readResponse();
    const [first] = origin.connections;
    await first!.write(new TextEncoder().encode("HTTP/1.1 200 EVIL\r\nContent-Length: 0\r\n\r\n"));
    assertEquals(await first!.ended, "closed");
    await client.send(getRequest());
    assertEquals((await client.readResponse()).bodyText, "ok");
    assertEquals(origin.connectionsSeen, 2);
  });
});

Deno.test("bodies of every size around the buffers pass, by length, chunked and to the end", async () => {
  const framings = ["length", "chunked", "close"] as const;
  const sizes = [0, 1, 3_900, 4_040, 4_095, 4_096, 4_097, 8_192, 65_535, 65_536, 65_537, 1 << 20];
  const bodyOf = (size: number) => "0123456789abcdef".repeat(size / 16 + 1).slice(0, size);
  const framed = (framing: typeof framings[number], size: number) => {
    const body = bodyOf(size);
    if (framing === "length") return `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${body}`;
    if (framing === "close") return `HTTP/1.1 200 OK\r\n\r\n${body}`;
    const chunk = size === 0 ? "" : `${size.toString(16)}\r\n${body}\r\n`;
    return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`;
  };
  const cases = framings.flatMap((framing) => sizes.map((size) => ({ framing, size })));
  await using origin = await startOrigin({
    first: cases.map(({ framing, size }) => once(framed(framing, size))),
  });
  await withSluice(inFrontOf(origin, { group: "keepalive: 0" }), async (address) => {
    for (const { framing, size } of cases) {
      const response = await exchange(address, getRequest());
      assertEquals(response.isComplete, true, `${framing} ${size}`);
      assert(response.bodyText === bodyOf(size), `${framing} ${size}`);
    }
  });
});

Deno.test("a response in random pieces passes unchanged, whatever its framing", async () => {
  await withRandom(async (random) => {
    const body = Array.from({ length: 30_000 }, () => random.integer(32, 126))
      .map((unit) => String.fromCharCode(unit)).join("");
    let chunked = "";
    for (
      const [at, size] of random.pieces(body.length, 3_000).reduce<[number, number][]>(
        (all, size) => [...all, [(all.at(-1)?.[0] ?? 0) + (all.at(-1)?.[1] ?? 0), size]],
        [],
      )
    ) chunked += `${size.toString(16)}\r\n${body.slice(at, at + size)}\r\n`;
    const texts = [
      `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}0\r\n\r\n`,
      `HTTP/1.1 200 OK\r\n\r\n${body}`,
    ];
    await using origin = await startOrigin({
      first: texts.map((text) => {
        let at = 0;
        const steps = random.pieces(text.length, 2_000).map((size) =>
          send(text.slice(at, at += size))
        );
        return [expectRequest(), ...steps, close()];
      }),
    });
    await withSluice(inFrontOf(origin, { group: "keepalive: 0" }), async (address) => {
      for (const _ of texts) {
        const response = await exchange(address, getRequest());
        assertEquals(response.isComplete, true);
        assert(response.bodyText === body);
      }
    });
  });
});

Deno.test("a response head as large as buffer_size allows passes, with its body", async () => {
  const response = await answer(always(
    `HTTP/1.1 200 OK\r\nX-Big: ${"b".repeat(3_900)}\r\nContent-Length: 300\r\n\r\n${
      "c".repeat(300)
    }`,
  ));
  assertEquals(response.fields.get("X-Big")?.length, 3_900);
  assertEquals(response.bodyText, "c".repeat(300));
});
