/**
 * What the peer is asked instead of what the client asked: `method`, `set_body`,
 * `pass_request_body`, `pass_request_headers`.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { connect, exchange } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import { expectHead, okResponse, respondWith, send, startOrigin } from "../support/origin.ts";

const POST = "POST /p HTTP/1.1\r\nHost: a\r\nX: 1\r\nContent-Length: 7\r\n\r\nhello=1";
const CHUNKED =
  "POST /p HTTP/1.1\r\nHost: a\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhello=1\r\n0\r\n\r\n";
const GET = "GET /p HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";

/** What the origin gets of each request. */
const ROWS: readonly (readonly [proxy: string, request: string, seen: string])[] = [
  ["method: PUT", POST, "PUT /p HTTP/1.1|Host: app|X: 1|Content-Length: 7||hello=1"],
  ["method: $http_x-PUT", GET, "1-PUT /p HTTP/1.1|Host: app|X: 1||"],
  ["pass_request_body: off", POST, "POST /p HTTP/1.1|Host: app|Content-Length: 0|X: 1||"],
  ["pass_request_body: off", CHUNKED, "POST /p HTTP/1.1|Host: app|Content-Length: 0|X: 1||"],
  ["pass_request_body: off", GET, "GET /p HTTP/1.1|Host: app|X: 1||"],
  [
    "pass_request_body: off, pass_request_headers: off",
    POST,
    "POST /p HTTP/1.1|Host: app|Content-Length: 0||",
  ],
  ["pass_request_headers: off", POST, "POST /p HTTP/1.1|Host: app|Content-Length: 7||hello=1"],
  ["pass_request_headers: off", GET, "GET /p HTTP/1.1|Host: app||"],
  [
    'set_body: "x=$http_x;"',
    POST,
    "POST /p HTTP/1.1|Host: app|Content-Length: 4|X: 1||x=1;",
  ],
  ['set_body: "x=$http_x;"', CHUNKED, "POST /p HTTP/1.1|Host: app|Content-Length: 4|X: 1||x=1;"],
  ['set_body: "x=$http_x;"', GET, "GET /p HTTP/1.1|Host: app|Content-Length: 4|X: 1||x=1;"],
  ['set_body: ""', GET, "GET /p HTTP/1.1|Host: app|Content-Length: 0|X: 1||"],
  [
    'set_body: "[$request_body]"',
    POST,
    "POST /p HTTP/1.1|Host: app|Content-Length: 9|X: 1||[hello=1]",
  ],
  [
    'set_body: "[$request_body]"',
    CHUNKED,
    "POST /p HTTP/1.1|Host: app|Content-Length: 9|X: 1||[hello=1]",
  ],
  [
    'set_header: { X: "$request_body" }',
    POST,
    "POST /p HTTP/1.1|Host: app|X: hello=1|Content-Length: 7||hello=1",
  ],
  [
    'set_header: { Content-Length: "", Transfer-Encoding: gzip, X: "" }',
    POST,
    "POST /p HTTP/1.1|Host: app|Content-Length: 7||hello=1",
  ],
];

for (const [proxy, request, seen] of ROWS) {
  Deno.test(`${proxy}: ${request.split("\r\n\r\n", 1)} becomes ${seen}`, async () => {
    await using origin = await respondWith(okResponse("ok"));
    await withSluice(inFrontOf(origin, { proxy }), async (address) => {
      await using client = await connect(address);
      for (const _ of [1, 2]) { // the client's connection goes on: no byte of the body is a request
        await client.send(request);
        assertEquals((await client.readResponse()).bodyText, "ok");
      }
      const text = new TextDecoder().decode(origin.connections[0]!.received);
      assertEquals(text.slice(0, text.length / 2).replaceAll("\r\n", "|"), seen);
      assertEquals(text.slice(text.length / 2), text.slice(0, text.length / 2));
    });
  });
}

Deno.test("a method that is none, by way of a variable: 500, and the peer is not asked", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, { proxy: "method: $http_x" }), async (address, sluice) => {
    const request = "GET / HTTP/1.1\r\nHost: a\r\nX: GET /admin HTTP/1.1\r\n\r\n";
    assertEquals((await exchange(address, request)).status, 500);
    assertEquals(origin.connectionsSeen, 0);
    assertMatch(await sluice.errorLine(/cannot use/), /as the method of a request/);
  });
});

Deno.test("pass_request_body off: the body is read before the peer is asked, so the client's leaving is seen", async () => {
  await using origin = await startOrigin({ each: [expectHead()] });
  const proxy = "pass_request_body: off";
  await withSluice(inFrontOf(origin, { proxy }), async (address, sluice) => {
    await using client = await connect(address);
    await client.send(POST.slice(0, -3));
    await client.send(POST.slice(-3));
    await origin.waitForRequest(1);
    await client.reset();
    await origin.connections[0]!.ended;
    assertEquals(await sluice.accessLine(1), "POST /p HTTP/1.1|499|-");
  });
});

Deno.test("method HEAD for a GET: the origin's head, without a body that would not come", async () => {
  await using origin = await startOrigin({
    each: [expectHead(), send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")],
  });
  await withSluice(inFrontOf(origin, { proxy: "method: HEAD" }), async (address) => {
    const response = await exchange(address, GET);
    assertEquals([response.status, response.bodyText, response.isComplete], [200, "", true]);
  });
});
