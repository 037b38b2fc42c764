/** What a client and an operator see when an origin fails. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { inFrontOf, type Settings, withSluice } from "../support/in_process.ts";
import {
  close,
  expectHead,
  expectRequest,
  halfClose,
  okResponse,
  repeat,
  reset,
  respondWith,
  type Script,
  send,
  startOrigin,
} from "../support/origin.ts";

interface Case {
  readonly name: string;
  readonly script: Script;
  readonly status: number;
  /** Words of the error log. */
  readonly words: RegExp;
  readonly settings?: Settings;
}

const OK_10 = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const bad = (text: string): Script => [expectRequest(), send(text)];
const READING_HEADER = "while reading response header from upstream";

const FAILURES: readonly Case[] = [
  {
    name: "closes without an answer",
    script: [expectRequest(), close()],
    status: 502,
    words: /upstream prematurely closed connection while reading response header from upstream/,
  },
  {
    name: "half-closes without an answer",
    script: [expectRequest(), halfClose()],
    status: 502,
    words: /upstream prematurely closed connection while reading response header from upstream/,
  },
  {
    name: "resets without an answer",
    script: [expectRequest(), reset()],
    status: 502,
    words: /broke \(.*\) while reading response header from upstream/,
  },
  {
    name: "closes in the middle of its head",
    script: [expectRequest(), send("HTTP/1.1 200 OK\r\nContent-Le"), close()],
    status: 502,
    words: /prematurely closed connection while reading response header/,
  },
  {
    name: "closes in the middle of its status line",
    script: [expectRequest(), send("HTT"), close()],
    status: 502,
    words: /prematurely closed connection while reading response header/,
  },
  {
    name: "says nothing",
    script: [expectRequest()],
    settings: { proxy: "read_timeout: 250ms" },
    status: 504,
    words: /upstream timed out \(110: Connection timed out\) while reading response header/,
  },
  {
    name: "stops in the middle of its head",
    script: [expectRequest(), send("HTTP/1.1 200 OK\r\nA: b")],
    settings: { proxy: "read_timeout: 250ms" },
    status: 504,
    words: /upstream timed out/,
  },
  {
    name: "sends too large a head",
    script: bad(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(9_000)}\r\n\r\n`),
    status: 502,
    words: /upstream sent too big header while reading response header from upstream/,
  },
  ...[
    "garbage\r\n\r\n",
    "\r\n\r\n",
    "HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 600 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\na",
    "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\nSpace : 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
  ].map((text) => ({
    name: `sends ${JSON.stringify(text.slice(0, 60))}`,
    script: bad(text),
    status: 502,
    words: new RegExp(`upstream sent .* ${READING_HEADER}`),
  })),
];

for (const { name, script, status, words, settings } of FAILURES) {
  Deno.test(`an origin that ${name}: ${status}, not a byte of it, and a line in the log`, async () => {
    await using origin = await startOrigin({ each: script });
    await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest("/x"));
      const response = await client.readResponse();
      assertEquals([response.status, response.isComplete], [status, true]);
      assertMatch(response.bodyText, new RegExp(`^<html>\\r\\n<head><title>${status} `));
      assertEquals(response.fields.get("Connection"), "keep-alive");
      assertEquals(await sluice.accessLine(1), `GET /x HTTP/1.1|${status}|${status}`);
      const line = await sluice.errorLine(words);
      assertMatch(
        line,
        /\[error\] .*, client: 127\.0\.0\.1, server: , request: "GET \/x HTTP\/1\.1"/,
      );
      assert(line.includes(`upstream: "http://${origin.address}/x", host: "test"`), line);
      await origin.connections[0]!.ended;
      assertEquals(sluice.stats().idle, 0);
      assertEquals(origin.connectionsSeen, 1); // one peer: nobody else to ask
    });
  });
}

Deno.test("a refused connection: 502, and the log says so", async () => {
  const [port] = freePorts(1);
  await withSluice(inFrontOf(`127.0.0.1:${port}`), async (address, sluice) => {
    for (let n = 1; n <= 3; n++) { // a single peer is tried however often it failed
      assertEquals((await exchange(address, getRequest())).status, 502);
      assertEquals(await sluice.accessLine(n), "GET / HTTP/1.1|502|502");
    }
    const line = await sluice.errorLine(/connect\(\) failed/);
    assertMatch(line, /connect\(\) failed \(.*refused.*\) while connecting to upstream, client:/);
    assert(line.includes(`upstream: "http://127.0.0.1:${port}/"`), line);
  });
});

Deno.test("a unix socket that is not there: 502", async () => {
  await withSluice(inFrontOf('"unix:/no/such.sock"'), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 502);
    await sluice.errorLine(/connect\(\) failed .* while connecting to upstream/);
  });
});

/** Faults behind the head: the client has to see that the response is not whole. */
const CUT: readonly (Omit<Case, "status"> & { readonly body: string })[] = [
  {
    name: "closes before Content-Length is reached",
    script: [expectRequest(), send(`${OK_10}half`), close()],
    body: "half",
    words: /upstream prematurely closed connection while reading upstream/,
  },
  {
    name: "closes right after its head",
    script: [expectRequest(), send(OK_10), close()],
    body: "",
    words: /upstream prematurely closed connection while reading upstream/,
  },
  {
    name: "closes between two chunks",
    script: [expectRequest(), send(`${CHUNKED}4\r\nhalf\r\n`), close()],
    body: "half",
    words: /upstream prematurely closed connection while reading upstream/,
  },
  {
    name: "closes within the last chunk",
    script: [expectRequest(), send(`${CHUNKED}4\r\nhalf\r\n0\r\n`), close()],
    body: "half",
    words: /upstream prematurely closed connection while reading upstream/,
  },
  {
    name: "sends a chunk size that is none, later",
    script: [expectRequest(), send(`${CHUNKED}4\r\nhalf\r\n`), expectHeadNever(), send("zz\r\n")],
    body: "half",
    words: /upstream sent invalid body: .* while reading upstream/,
  },
  {
    name: "stalls within the body",
    script: [expectRequest(), send(`${OK_10}half`)],
    settings: { proxy: "read_timeout: 250ms" },
    body: "half",
    words: /upstream timed out .* while reading upstream/,
  },
  {
    name: "resets within the body",
    script: [expectRequest(), send(`${OK_10}half`), expectHeadNever(), reset()],
    body: "half",
    words: /broke .* while reading upstream/,
  },
];

/** Lets what was sent before travel on its own: yields to the event loop some times. */
function expectHeadNever(): Script[number] {
  return {
    name: "a breath",
    async play() {
      for (let n = 0; n < 10; n++) await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
}

for (const buffering of ["on", "off"]) {
  for (const { name, script, body, words, settings } of CUT) {
    Deno.test(`buffering ${buffering}: an origin that ${name}: the client can tell that it is not whole`, async () => {
      await using origin = await startOrigin({ each: script });
      const proxy = `buffering: ${buffering}${settings === undefined ? "" : `, ${settings.proxy}`}`;
      await withSluice(inFrontOf(origin, { proxy }), async (address, sluice) => {
        await using client = await connect(address);
        await client.send(getRequest());
        const response = await client.readResponse();
        assertEquals([response.status, response.isComplete], [200, false]);
        assertEquals(response.bodyText, body);
        await client.ended;
        assertEquals(client.unreadBytes, 0);
        await sluice.errorLine(words);
        assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|200|200");
      });
    });
  }

  Deno.test(`buffering ${buffering}: a response cut short for HTTP/1.0 ends with the connection and is in the log`, async () => {
    await using origin = await startOrigin({
      each: [expectRequest(), send(`${CHUNKED}4\r\nhalf\r\n`), close()],
    });
    await withSluice(
      inFrontOf(origin, { proxy: `buffering: ${buffering}` }),
      async (address, sluice) => {
        await using client = await connect(address);
        await client.send("GET / HTTP/1.0\r\n\r\n");
        assertMatch(new TextDecoder().decode(await client.readToEnd()), /\r\n\r\nhalf$/);
        await sluice.errorLine(/prematurely closed/);
      },
    );
  });
}

Deno.test("a bad chunk that comes with the head: 502, not a byte of it", async () => {
  await using origin = await startOrigin({ each: bad(`${CHUNKED}zz\r\n`) });
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 502);
    await sluice.errorLine(/upstream sent invalid body/);
  });
});

Deno.test("an answer of the origin's own 500s is passed on as it is", async () => {
  for (const status of [500, 502, 503, 504]) {
    await using origin = await respondWith(`HTTP/1.1 ${status} Oh\r\nContent-Length: 2\r\n\r\noh`);
    await withSluice(inFrontOf(origin), async (address) => {
      const response = await exchange(address, getRequest());
      assertEquals([response.status, response.reason, response.bodyText], [status, "Oh", "oh"]);
    });
  }
});

Deno.test("HEAD of a failing origin: 502 without a body, and the connection goes on", async () => {
  const [port] = freePorts(1);
  await withSluice(inFrontOf(`127.0.0.1:${port}`), async (address) => {
    await using client = await connect(address);
    for (let n = 0; n < 2; n++) {
      await client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
      assertEquals((await client.readResponse({ method: "HEAD" })).status, 502);
    }
  });
});

Deno.test("a kept connection that the origin closed meanwhile is not used", async () => {
  await using origin = await startOrigin({
    first: [[expectRequest(), send(okResponse("one")), close()]],
    each: [repeat(expectRequest(), send(okResponse("two")))],
  });
  await withSluice(inFrontOf(origin), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(getRequest());
    assertEquals((await client.readResponse()).bodyText, "one");
    await origin.connections[0]!.closed;
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assertEquals((await client.readResponse()).bodyText, "two");
    assertEquals(sluice.errorLog, []);
  });
});

/** The first connection answers once, and breaks when it gets the second request. */
const STALE: readonly [string, Script][] = [
  ["closes", [expectRequest(), send(okResponse("one")), expectHead(), close()]],
  ["resets", [expectRequest(), send(okResponse("one")), expectHead(), reset()]],
];

for (const [how, script] of STALE) {
  Deno.test(`a kept connection that ${how} at the next GET: tried again on a fresh one, no failure of the peer's`, async () => {
    await using origin = await startOrigin({
      first: [script],
      each: [repeat(expectRequest(), send(okResponse("two")))],
    });
    await withSluice(inFrontOf(origin), async (address, sluice) => {
      await using client = await connect(address);
      await client.send(getRequest("/1"));
      await client.readResponse();
      await client.send(getRequest("/2"));
      assertEquals((await client.readResponse()).bodyText, "two");
      assertEquals(origin.requests.map(({ target }) => target), ["/1", "/2", "/2"]);
      assertEquals(sluice.errorLog, []);
      assertEquals(await sluice.accessLine(2), "GET /2 HTTP/1.1|200|502, 200");
    });
  });

  Deno.test(`a kept connection that ${how} at the next POST: 502, the POST is not sent twice`, async () => {
    await using origin = await startOrigin({
      first: [script],
      each: [repeat(expectRequest(), send(okResponse("two")))],
    });
    await withSluice(inFrontOf(origin), async (address) => {
      await using client = await connect(address);
      await client.send(getRequest("/1"));
      await client.readResponse();
      await client.send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
      assertEquals((await client.readResponse()).status, 502);
      assertEquals(origin.requests.map(({ target }) => target), ["/1", "/2"]);
    });
  });
}

Deno.test("a kept connection that breaks in the middle of a head is not stale: 502", async () => {
  await using origin = await startOrigin({
    first: [[expectRequest(), send(okResponse("one")), expectHead(), send("HTTP/1.1 2"), close()]],
    each: [repeat(expectRequest(), send(okResponse("two")))],
  });
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest("/1"));
    await client.readResponse();
    await client.send(getRequest("/2"));
    assertEquals((await client.readResponse()).status, 502);
    assertEquals(origin.requestsSeen, 2);
  });
});

Deno.test("a response head that is too large with what is added to it: 502, and no fault of the client's in the log", async () => {
  await using origin = await respondWith(okResponse("ok", `X: ${"x".repeat(60_000)}`));
  const settings = {
    proxy: "buffer_size: 64k",
    location: 'add_header: { Y: "$http_y", Z: "$http_y" }',
  };
  await withSluice(inFrontOf(origin, settings), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest("/", `Y: ${"y".repeat(4_000)}`))).status, 502);
    assertMatch(await sluice.errorLine(/too large/), /\[error\] .* too large a response head/);
    assertEquals(sluice.errorLog.some((line) => line.includes("client sent")), false);
  });
});
