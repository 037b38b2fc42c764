/** When another peer is asked, and when a peer is left out. */
import { assertEquals, assertMatch } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import {
  close,
  expectHead,
  expectRequest,
  okResponse,
  type Origin,
  repeat,
  respondWith,
  type Script,
  send,
  startOrigin,
} from "../support/origin.ts";

const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
const PUT = POST.replace("POST", "PUT");
const CHUNKED_PUT =
  "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

const good = (): Promise<Origin> => respondWith(okResponse("good"));
const says = (status: number): Script => [
  repeat(expectRequest(), send(`HTTP/1.1 ${status} X\r\nContent-Length: 3\r\n\r\nbad`)),
];
const SILENT_CLOSE: Script = [expectRequest(), close()];

Deno.test("a peer that refuses: the next one is asked, also for a POST with a body", async () => {
  const [port] = freePorts(1);
  await using origin = await good();
  for (const request of [getRequest(), POST, PUT, CHUNKED_PUT]) {
    const peers = [`127.0.0.1:${port}`, origin.address];
    await withSluice(inFrontOf(peers), async (address, sluice) => {
      assertEquals((await exchange(address, request)).bodyText, "good");
      assertMatch(await sluice.accessLine(1), /\|200\|502, 200$/);
      await sluice.errorLine(/connect\(\) failed/);
    });
  }
  assertEquals(origin.requestsSeen, 4);
});

interface Case {
  readonly name: string;
  readonly script: Script;
  readonly request?: string;
  readonly next?: string;
  /** Status the client gets; 200 is the second peer's. */
  readonly status: number;
  readonly upstreamStatus: string;
}

const CASES: readonly Case[] = [
  { name: "closes at once", script: SILENT_CLOSE, status: 200, upstreamStatus: "502, 200" },
  {
    name: "closes at once, off",
    script: SILENT_CLOSE,
    next: "off",
    status: 502,
    upstreamStatus: "502",
  },
  {
    name: "closes at once, only timeout",
    script: SILENT_CLOSE,
    next: "timeout",
    status: 502,
    upstreamStatus: "502",
  },
  {
    name: "closes at once, PUT with a body",
    script: SILENT_CLOSE,
    request: PUT,
    status: 200,
    upstreamStatus: "502, 200",
  },
  {
    name: "closes at once, chunked PUT",
    script: SILENT_CLOSE,
    request: CHUNKED_PUT,
    status: 200,
    upstreamStatus: "502, 200",
  },
  {
    name: "closes at once, POST",
    script: SILENT_CLOSE,
    request: POST,
    status: 502,
    upstreamStatus: "502",
  },
  {
    name: "closes at once, POST, non_idempotent",
    script: SILENT_CLOSE,
    request: POST,
    next: "[error, non_idempotent]",
    status: 200,
    upstreamStatus: "502, 200",
  },
  { name: "says nothing", script: [expectRequest()], status: 200, upstreamStatus: "504, 200" },
  {
    name: "says nothing, only error",
    script: [expectRequest()],
    next: "error",
    status: 504,
    upstreamStatus: "504",
  },
  {
    name: "says nothing, POST",
    script: [expectRequest()],
    request: POST,
    status: 504,
    upstreamStatus: "504",
  },
  {
    name: "sends garbage",
    script: [expectRequest(), send("garbage\r\n\r\n")],
    status: 502,
    upstreamStatus: "502",
  },
  {
    name: "sends garbage, invalid_header",
    script: [expectRequest(), send("garbage\r\n\r\n")],
    next: "invalid_header",
    status: 200,
    upstreamStatus: "502, 200",
  },
  {
    name: "sends too large a head, invalid_header",
    script: [expectRequest(), send(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(9_000)}\r\n\r\n`)],
    next: "invalid_header",
    status: 200,
    upstreamStatus: "502, 200",
  },
  ...[403, 404, 429, 500, 502, 503, 504].flatMap((status): Case[] => [
    { name: `says ${status}`, script: says(status), status, upstreamStatus: `${status}` },
    {
      name: `says ${status}, http_${status}`,
      script: says(status),
      next: `http_${status}`,
      status: 200,
      upstreamStatus: `${status}, 200`,
    },
    {
      name: `says ${status}, POST, http_${status}`,
      script: says(status),
      request: POST,
      next: `http_${status}`,
      status,
      upstreamStatus: `${status}`,
    },
  ]),
];

for (const { name, script, request = getRequest(), next, status, upstreamStatus } of CASES) {
  Deno.test(`the first peer ${name}: ${upstreamStatus}`, async () => {
    await using first = await startOrigin({ each: script });
    await using second = await good();
    const proxy = `read_timeout: 250ms${next === undefined ? "" : `, next_upstream: ${next}`}`;
    const peers = [first.address, second.address];
    await withSluice(inFrontOf(peers, { proxy }), async (address, sluice) => {
      const response = await exchange(address, request);
      assertEquals(response.status, status);
      assertEquals(response.bodyText === "good", status === 200);
      assertEquals((await sluice.accessLine(1)).split("|")[2], upstreamStatus);
      assertEquals(first.requestsSeen, 1);
      assertEquals(second.requestsSeen, status === 200 ? 1 : 0);
      if (request !== getRequest() && status === 200) {
        assertMatch(new TextDecoder().decode(second.connections[0]!.received), /abc/);
      }
    });
  });
}

Deno.test("the last peer's refusal is the client's answer", async () => {
  await using first = await startOrigin({ each: says(503) });
  await using second = await startOrigin({ each: says(500) });
  const settings = { proxy: "next_upstream: [http_503, http_500]" };
  await withSluice(
    inFrontOf([first.address, second.address], settings),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 500);
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|500|503, 500");
    },
  );
});

Deno.test("next_upstream_tries bounds the tries", async () => {
  await using origin = await startOrigin({ each: SILENT_CLOSE });
  const [a, b, c] = freePorts(3);
  const peers = [a, b, c].map((port) => `127.0.0.1:${port}`).concat(origin.address);
  await withSluice(
    inFrontOf(peers, { proxy: "next_upstream_tries: 2" }),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 502);
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|502|502, 502");
    },
  );
});

Deno.test("next_upstream_timeout: nobody else is asked when it is over", async () => {
  await using silent = await startOrigin({ each: [expectRequest()] });
  await using origin = await good();
  const settings = { proxy: "read_timeout: 250ms, next_upstream_timeout: 20ms" };
  await withSluice(
    inFrontOf([silent.address, origin.address], settings),
    async (address, sluice) => {
      assertEquals((await exchange(address, getRequest())).status, 504);
      assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|504|504");
    },
  );
});

Deno.test("all peers fail: 502, and each is in the list", async () => {
  const ports = freePorts(3);
  const peers = ports.map((port) => `127.0.0.1:${port}`);
  await withSluice(inFrontOf(peers), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 502);
    assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|502|502, 502, 502");
  });
});

Deno.test("max_fails: a peer that failed is left out, and comes back after fail_timeout", async () => {
  await using good = await respondWith(okResponse("good"));
  await using weak = await startOrigin({
    first: [SILENT_CLOSE],
    each: [repeat(expectRequest(), send(okResponse("back")))],
  });
  const peers = [
    `{ address: ${weak.address}, max_fails: 1, fail_timeout: 150ms }`,
    good.address,
  ];
  await withSluice(inFrontOf(peers), async (address, sluice) => {
    await using client = await connect(address);
    const ask = async () => {
      await client.send(getRequest());
      return (await client.readResponse()).bodyText;
    };
    for (let n = 0; n < 4; n++) assertEquals(await ask(), "good");
    assertEquals(weak.requestsSeen, 1);
    await sluice.errorLine(/\[warn\] .*upstream server temporarily disabled/);
    const answers = new Set<string>();
    const endMs = performance.now() + 5_000;
    while (!answers.has("back") && performance.now() < endMs) answers.add(await ask());
    assertEquals([...answers].sort(), ["back", "good"]);
  });
});

Deno.test("no live upstreams: 502 without a try, and the log says so", async () => {
  const ports = freePorts(2);
  const peers = ports.map((port) => `127.0.0.1:${port}`);
  await withSluice(inFrontOf(peers), async (address, sluice) => {
    await exchange(address, getRequest("/1"));
    assertEquals((await exchange(address, getRequest("/2"))).status, 502);
    assertMatch(
      await sluice.errorLine(/no live upstreams/),
      /no live upstreams while connecting to upstream, client: .*request: "GET \/2 HTTP\/1.1"/,
    );
    assertMatch(await sluice.accessLine(2), /^GET \/2 HTTP\/1.1\|502\|/);
  });
});

Deno.test("a backup peer is asked when no other can be", async () => {
  const [port] = freePorts(1);
  await using backup = await good();
  const peers = [`127.0.0.1:${port}`, `{ address: ${backup.address}, backup: on }`];
  await withSluice(inFrontOf(peers), async (address) => {
    for (let n = 0; n < 3; n++) {
      assertEquals((await exchange(address, getRequest())).bodyText, "good");
    }
  });
  assertEquals(backup.requestsSeen, 3);
});

Deno.test("weights: five to one of six requests, spread evenly", async () => {
  await using a = await good();
  await using b = await good();
  const peers = [`{ address: ${a.address}, weight: 5 }`, b.address];
  await withSluice(inFrontOf(peers), async (address) => {
    for (let n = 0; n < 12; n++) await exchange(address, getRequest());
  });
  assertEquals([a.requestsSeen, b.requestsSeen], [10, 2]);
});

Deno.test("once the head went out nobody else is asked", async () => {
  await using first = await startOrigin({
    each: [expectHead(), send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), close()],
  });
  await using second = await good();
  await withSluice(inFrontOf([first.address, second.address]), async (address) => {
    const response = await exchange(address, getRequest());
    assertEquals([response.status, response.bodyText, response.isComplete], [200, "ab", false]);
  });
  assertEquals(second.requestsSeen, 0);
});
