/** What of a request reaches the origin, and in which form. */
import { assertEquals } from "@std/assert";
import { connect, exchange, getRequest } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import { okResponse, type Origin, respondWith } from "../support/origin.ts";

/** One request of the client's, and what the origin saw of it. */
async function seen(
  request: string,
  settings: Parameters<typeof inFrontOf>[1] = {},
): Promise<string> {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin, settings), async (address) => {
    const response = await exchange(address, request);
    assertEquals([response.status, response.bodyText], [200, "ok"]);
  });
  return lastHead(origin);
}

function lastHead(origin: Origin): string {
  return origin.requests.at(-1)!.text;
}

Deno.test("a request reaches the origin with its method, target and fields; Host is the group's name", async () => {
  const head = await seen(
    "DELETE /a//b/../c%20d?x=1&y=%2F? HTTP/1.1\r\nHost: example.org\r\nX-One: 1\r\nx-two:  2 \r\n\r\n",
  );
  assertEquals(
    head,
    "DELETE /a//b/../c%20d?x=1&y=%2F? HTTP/1.1\r\nHost: app\r\nX-One: 1\r\nx-two:  2 \r\n\r\n",
  );
});

Deno.test("set_header Host: where the client sent none the group's name is there: HTTP/1.1 has to have one", async () => {
  for (const value of ["$http_host", "''"]) {
    const head = await seen("GET / HTTP/1.0\r\n\r\n", { proxy: `set_header: { Host: ${value} }` });
    assertEquals(head, "GET / HTTP/1.1\r\nHost: app\r\n\r\n");
  }
});

Deno.test("an unusual method passes", async () => {
  const head = await seen("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals(head, "PROPFIND / HTTP/1.1\r\nHost: app\r\n\r\n");
});

Deno.test("set_header: sets, replaces and drops fields; variables are filled in", async () => {
  const head = await seen(
    "GET /p?q=1 HTTP/1.1\r\nHost: Example.org:81\r\nX-Drop: me\r\nx-replaced: old\r\n" +
      "X-Forwarded-For: 10.0.0.1\r\nX-Kept: 1\r\n\r\n",
    {
      proxy: "set_header: { Host: $host, X-Replaced: new, X-Drop: '', " +
        "X-Forwarded-For: $proxy_add_x_forwarded_for, X-Forwarded-Proto: $scheme, X-Uri: $request_uri }",
    },
  );
  assertEquals(
    head,
    "GET /p?q=1 HTTP/1.1\r\nHost: example.org\r\nX-Replaced: new\r\n" +
      "X-Forwarded-For: 10.0.0.1, 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Uri: /p?q=1\r\n" +
      "X-Kept: 1\r\n\r\n",
  );
});

Deno.test("hop-by-hop fields and those that Connection names do not reach the origin", async () => {
  const head = await seen(
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n" +
      "TE: trailers\r\nTrailer: X\r\nProxy-Connection: close\r\nUpgrade: h2c\r\n" +
      "HTTP2-Settings: AAA\r\nX-Stays: 1\r\nx_under: 1\r\n\r\n",
  );
  assertEquals(head, "GET / HTTP/1.1\r\nHost: app\r\nX-Stays: 1\r\n\r\n");
});

Deno.test("Connection cannot take away a field that origins trust", async () => {
  const head = await seen(
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-forwarded-for, Cookie\r\nX-Forwarded-For: 1.2.3.4\r\n" +
      "Cookie: a=b\r\n\r\n",
  );
  assertEquals(
    head,
    "GET / HTTP/1.1\r\nHost: app\r\nX-Forwarded-For: 1.2.3.4\r\nCookie: a=b\r\n\r\n",
  );
});

Deno.test("Connection cannot take away what security rests on: credentials, addresses, Host, framing, and what is ours", async () => {
  const lines = [
    "Authorization: Basic eA==",
    "Proxy-Authorization: Basic eA==",
    "Forwarded: for=1.2.3.4",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: b",
    "X-Real-IP: 1.2.3.4",
    "True-Client-IP: 1.2.3.4",
    "X-Auth-User: me",
    "X-CSRF-Token: t",
    "If-Match: x",
    "Range: bytes=0-1",
    "Content-Type: a/b",
    "Origin: http://a",
  ];
  const names = [...lines, "Host: ", "Content-Length: ", "X-Ours: "]
    .map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
  const head = await seen(
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: ${names.join(", ")}\r\n${lines.join("\r\n")}\r\n` +
      "Content-Length: 0\r\n\r\n",
    { proxy: "set_header: { Host: $host, X-Ours: set }" },
  );
  assertEquals(
    head,
    `POST / HTTP/1.1\r\nHost: a\r\nX-Ours: set\r\n${
      lines.join("\r\n")
    }\r\nContent-Length: 0\r\n\r\n`,
  );
});

Deno.test("an absolute target is passed as a path, and its host counts", async () => {
  const settings = { proxy: "set_header: { Host: $host }" };
  assertEquals(
    await seen("GET http://Real.org:8000/p?q HTTP/1.1\r\nHost: other\r\n\r\n", settings),
    "GET /p?q HTTP/1.1\r\nHost: real.org\r\n\r\n",
  );
  assertEquals(
    await seen("GET http://real.org?q HTTP/1.1\r\nHost: other\r\n\r\n", settings),
    "GET /?q HTTP/1.1\r\nHost: real.org\r\n\r\n",
  );
});

for (
  const [location, uri, target, expected] of [
    ["/", "/base/", "/x/y?z", "/base/x/y?z"],
    ["/a/", "/b/", "/a/c%20d", "/b/c%20d"],
    ["/a/", "/", "/a/../a//c", "/c"],
    ["/a", "/b", "/abc?x=%41", "/bbc?x=%41"],
    ["= /exact", "/other", "/exact?", "/other?"],
    ["/a/", "", "/a/../a/c", "/a/../a/c"],
  ] as const
) {
  Deno.test(`pass with "${uri}" in location "${location}": ${target} becomes ${expected}`, async () => {
    await using origin = await respondWith(okResponse("ok"));
    const yaml = `
servers:
  - listen: "127.0.0.1:0"
    locations:
      "${location}": { proxy: { pass: "http://${origin.address}${uri}" } }
`;
    await withSluice(yaml, async (address) => {
      assertEquals((await exchange(address, getRequest(target))).status, 200);
    });
    assertEquals(origin.requests[0]?.target, expected);
    assertEquals(origin.requests[0]?.fields.get("Host"), origin.address);
  });
}

Deno.test("http_version 1.0: the origin gets an HTTP/1.0 request that closes", async () => {
  assertEquals(
    await seen(getRequest("/"), { proxy: 'http_version: "1.0"' }),
    "GET / HTTP/1.0\r\nHost: app\r\nConnection: close\r\n\r\n",
  );
});

Deno.test("keepalive 0: the origin is told that the connection closes", async () => {
  assertEquals(
    await seen(getRequest("/"), { group: "keepalive: 0" }),
    "GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n",
  );
});

Deno.test("a request head of 30 KB in lines of 7 KB passes whole", async () => {
  const value = "v".repeat(7_000);
  const fields = [1, 2, 3, 4].map((n) => `X-${n}: ${value}\r\n`).join("");
  assertEquals(
    await seen(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`),
    `GET / HTTP/1.1\r\nHost: app\r\n${fields}\r\n`,
  );
});

Deno.test("a request that comes byte by byte passes", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.sendBytewise(getRequest("/slow", "X-A: b"));
    assertEquals((await client.readResponse()).bodyText, "ok");
  });
  assertEquals(lastHead(origin), "GET /slow HTTP/1.1\r\nHost: app\r\nX-A: b\r\n\r\n");
});

Deno.test("an HTTP/1.0 request without Host passes, and its connection closes", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    await client.send("GET /old HTTP/1.0\r\n\r\n");
    const response = await client.readResponse();
    assertEquals([response.version, response.status, response.bodyText], ["HTTP/1.1", 200, "ok"]);
    assertEquals(response.fields.get("Connection"), "close");
    assertEquals(await client.ended, "closed");
  });
});

Deno.test("an HTTP/1.0 client that asks for it keeps its connection", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    await using client = await connect(address);
    for (let n = 0; n < 2; n++) {
      await client.send("GET /old HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
      const response = await client.readResponse();
      assertEquals(response.fields.get("Connection"), "keep-alive");
    }
  });
});

Deno.test("a unix socket is an origin like any other", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await using origin = await respondWith(okResponse("ok"), { unix: `${dir}/o.sock` });
    await withSluice(inFrontOf(`"unix:${dir}/o.sock"`), async (address, sluice) => {
      for (let n = 0; n < 2; n++) {
        assertEquals((await exchange(address, getRequest("/u"))).bodyText, "ok");
      }
      assertEquals(await sluice.accessLine(2), "GET /u HTTP/1.1|200|200");
    });
    assertEquals(origin.connectionsSeen, 1);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("OPTIONS * is for no location: 404", async () => {
  await using origin = await respondWith(okResponse("ok"));
  await withSluice(inFrontOf(origin), async (address) => {
    assertEquals((await exchange(address, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")).status, 404);
  });
  assertEquals(origin.requestsSeen, 0);
});
