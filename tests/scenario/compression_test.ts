/** gzip, brotli, zstd, gunzip and add_trailer: compared with nginx 1.22.1 by hand. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import zlib from "node:zlib";
import type { CustomHandler } from "../../src/http/mod.ts";
import { connect, exchange, getRequest, type Response } from "../support/client.ts";
import { MODIFIED, withFiles } from "../support/files.ts";
import { eventually, inFrontOf, withSluice } from "../support/in_process.ts";
import { expectHead, pause, repeat, send, startOrigin } from "../support/origin.ts";
import { answerOf, startRoutes } from "../support/routes.ts";
import { gate } from "../support/within.ts";

const GZIP = "Accept-Encoding: gzip";
const TEXT = "all work and no play makes a dull proxy\n".repeat(2_000);
const ETAG = '"56273e80-13880"';

function textOf({ body }: Response): string {
  return new TextDecoder().decode(zlib.gunzipSync(body));
}

function fieldsOf({ fields }: Response, ...names: readonly string[]): string {
  return names.map((name) => fields.get(name) ?? "-").join("|");
}

const CODED = ["Content-Encoding", "Content-Length", "ETag", "Accept-Ranges", "Vary"] as const;

Deno.test("gzip: a file for who accepts it, without length and ranges, with a weak ETag", async () => {
  const server = "gzip: on, gzip_vary: on";
  await withFiles({ "a.html": TEXT }, server, async ({ address, sluice }) => {
    const coded = await exchange(address, getRequest("/a.html", GZIP, "Range: bytes=0-9"));
    assertEquals(coded.status, 200);
    assertEquals(fieldsOf(coded, ...CODED), `gzip|-|W/${ETAG}|-|Accept-Encoding`);
    assertEquals(fieldsOf(coded, "Last-Modified"), MODIFIED);
    assertEquals(textOf(coded), TEXT);

    const head = "HEAD /a.html HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n";
    const sameHead = await exchange(address, head, { method: "HEAD" });
    assertEquals(fieldsOf(sameHead, ...CODED), `gzip|-|W/${ETAG}|-|Accept-Encoding`);

    for (const line of ["X: y", "Accept-Encoding: gzip;q=0", "Accept-Encoding: br, *"]) {
      const plain = await exchange(address, getRequest("/a.html", line));
      assertEquals(fieldsOf(plain, ...CODED), `-|80000|${ETAG}|bytes|Accept-Encoding`, line);
      assertEquals(plain.bodyText, TEXT);
    }
    const same = await exchange(address, getRequest("/a.html", GZIP, `If-None-Match: W/${ETAG}`));
    assertEquals(same.status, 304);
    assertMatch(await sluice.accessLine(1), /^200 \d+\.\d\d$/);
    assertEquals(await sluice.accessLine(3), "200 -");
  }, { logFormat: "$status $gzip_ratio" });
});

Deno.test("gzip: what stays as it is: other types, short bodies, other statuses, coded ones", async () => {
  await using origin = await startRoutes({
    "/coded": answerOf("200 OK", TEXT, "Content-Type: text/html", "Content-Encoding: x"),
    "/500": answerOf("500 Oh", TEXT, "Content-Type: text/html"),
    "/404": answerOf("404 No", TEXT, "Content-Type: text/html; charset=x"),
    "/plain": answerOf("200 OK", TEXT, "Content-Type: text/plain"),
    "/typeless": answerOf("200 OK", TEXT),
    "/short": answerOf("200 OK", "123456789", "Content-Type: text/html"),
  });
  const settings = { location: "gzip: on, gzip_min_length: 10" };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    for (const path of ["/coded", "/500", "/plain", "/typeless", "/short"]) {
      const { fields } = await exchange(address, getRequest(path, GZIP));
      assert(fields.get("Content-Encoding") !== "gzip", path);
    }
    const missing = await exchange(address, getRequest("/404", GZIP));
    assertEquals(textOf(missing), TEXT);
  });
});

Deno.test("gzip: own pages, return and whole answers of handlers too", async () => {
  const handler: CustomHandler = () => ({
    headers: { ETag: '"h"', "Content-Type": "text/html", "Cache-Control": "public" },
    body: TEXT,
  });
  const server = `gzip: on, gzip_types: text/plain, locations: {
    /r: { return: "200 ${"r".repeat(100)}" }, /h: { handler: h } }`;
  await withFiles({}, server, async ({ address }) => {
    const [page, text, own] = [
      await exchange(address, getRequest("/none", GZIP)),
      await exchange(address, getRequest("/r", GZIP)),
      await exchange(address, getRequest("/h", GZIP)),
    ];
    assertMatch(textOf(page), /<h1>404 Not Found/);
    assertEquals(textOf(text), "r".repeat(100));
    assertEquals(textOf(own), TEXT);
    assertEquals(fieldsOf(own, "ETag", "Cache-Control"), 'W/"h"|public');
  }, { handlers: { h: handler } });
});

Deno.test("gzip_http_version, gzip_disable and gzip_proxied: for whom nothing is compressed", async () => {
  const server = `gzip: on, gzip_disable: "msie6 old/[12]", locations: {
    /: {},
    /10/: { gzip_http_version: "1.0" },
    /any/: { gzip_proxied: any },
    /some/: { gzip_proxied: "expired auth", expires: epoch },
    /private/: { gzip_proxied: private, expires: epoch } }`;
  const files = Object.fromEntries(
    ["", "10/", "any/", "some/", "private/"].map((folder) => [`${folder}a.html`, TEXT]),
  );
  await withFiles(files, server, async ({ address }) => {
    const isCoded = async (path: string, ...lines: readonly string[]) => {
      const response = await exchange(address, getRequest(path, GZIP, ...lines));
      return response.fields.get("Content-Encoding") === "gzip";
    };
    assert(!await isCoded("/a.html", "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; X)"));
    assert(await isCoded("/a.html", "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; SV1)"));
    assert(!await isCoded("/a.html", "User-Agent: Old/2.0"));
    assert(!await isCoded("/a.html", "Via: 1.1 x"));
    assert(await isCoded("/any/a.html", "Via: 1.1 x"));
    assert(await isCoded("/some/a.html", "Via: 1.1 x"));
    assert(!await isCoded("/private/a.html", "Via: 1.1 x"));
    for (const [path, expected] of [["/a.html", null], ["/10/a.html", "gzip"]] as const) {
      const request = `GET ${path} HTTP/1.0\r\nHost: h\r\n${GZIP}\r\n\r\n`;
      const { fields } = await exchange(address, request);
      assertEquals(fields.get("Content-Encoding") ?? null, expected);
    }
  });
});

Deno.test("brotli and zstd: the coding that the client likes best, then brotli, zstd, gzip", async () => {
  const server = "gzip: on, brotli: on, zstd: on";
  await withFiles({ "a.html": TEXT }, server, async ({ address }) => {
    const decoders = {
      br: zlib.brotliDecompressSync,
      zstd: zlib.zstdDecompressSync,
      gzip: zlib.gunzipSync,
    };
    for (
      const [accepted, coding] of [
        ["gzip, zstd, br", "br"],
        ["gzip, zstd", "zstd"],
        ["br;q=0.1, gzip;q=0.2", "gzip"],
      ] as const
    ) {
      const response = await exchange(
        address,
        getRequest("/a.html", `Accept-Encoding: ${accepted}`),
      );
      assertEquals(response.fields.get("Content-Encoding"), coding, accepted);
      assertEquals(new TextDecoder().decode(decoders[coding](response.body)), TEXT);
    }
  });
});

Deno.test("gzip: each event of a peer's stream reaches the client before the next one is sent", async () => {
  const second = gate();
  const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
  await using origin = await startOrigin({
    each: [expectHead(), send(`${head}data: 1\n\n`), pause(second), send("data: 2\n\n")],
  });
  const settings = {
    proxy: "buffering: off",
    location: "gzip: on, gzip_types: text/event-stream",
  };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    await using client = await connect(address);
    await client.send(getRequest("/", GZIP));
    await client.readThrough("\r\n\r\n");
    assertEquals(await firstText(client), "data: 1\n\n");
    second.open();
    await client.readThrough("\r\n");
  });
});

Deno.test("gzip: each piece of a handler's stream is sent at once", async () => {
  const second = gate();
  const stream: CustomHandler = () => ({
    headers: { "Content-Type": "text/html" },
    body: new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode("first"));
        await second.opened;
        controller.enqueue(new TextEncoder().encode("second"));
        controller.close();
      },
    }),
  });
  await withFiles({}, "gzip: on, locations: { /: { handler: h } }", async ({ address }) => {
    await using client = await connect(address);
    await client.send(getRequest("/", GZIP));
    await client.readThrough("\r\n\r\n");
    assertEquals(await firstText(client), "first");
    second.open();
    await client.readThrough("0\r\n\r\n");
  }, { handlers: { h: stream } });
});

/** What can be decoded of the first chunk alone. */
async function firstText(client: Awaited<ReturnType<typeof connect>>): Promise<string> {
  const line = new TextDecoder().decode(await client.readThrough("\r\n"));
  const chunk = await client.readBytes(parseInt(line, 16));
  await client.readThrough("\r\n");
  const flush = zlib.constants.Z_SYNC_FLUSH;
  return new TextDecoder().decode(zlib.gunzipSync(chunk, { finishFlush: flush }));
}

Deno.test("gzip: large bodies of peers, buffered and not, chunked and not, with trailers", async () => {
  const body = TEXT.repeat(20);
  const type = "Content-Type: text/html\r\n";
  const chunks = Array.from(
    { length: 160 },
    (_, at) => `2710\r\n${body.slice(at * 10_000, (at + 1) * 10_000)}\r\n`,
  ).join("");
  const chunked = `HTTP/1.1 200 OK\r\n${type}Transfer-Encoding: chunked\r\n\r\n${chunks}`;
  await using origin = await startRoutes({
    "/length": answerOf("200 OK", body, "Content-Type: text/html"),
    "/chunked": `${chunked}0\r\n\r\n`,
    "/trailers": `${chunked}0\r\nX-Sum: 1\r\n\r\n`,
  });
  for (const buffering of ["on", "off"]) {
    const settings = {
      proxy: `buffering: ${buffering}, pass_trailers: on, max_temp_file_size: 0`,
      location: "gzip: on",
    };
    await withSluice(inFrontOf(origin, settings), async (address) => {
      await using client = await connect(address);
      for (const path of ["/length", "/chunked", "/trailers"]) {
        await client.send(getRequest(path, GZIP));
        const response = await client.readResponse();
        assertEquals(textOf(response), body, `${path} with buffering ${buffering}`);
        assertEquals(response.trailers?.get("X-Sum") ?? null, path === "/trailers" ? "1" : null);
      }
    });
  }
});

Deno.test("gzip: a slow client holds the sending up, not memory", async () => {
  const noise = new Uint8Array(8_000_000);
  for (let at = 0; at < noise.length; at += 65_536) {
    crypto.getRandomValues(noise.subarray(at, at + 65_536));
  }
  await withFiles({ "noise.html": noise }, "gzip: on", async ({ address, sluice }) => {
    await using client = await connect(address, { highWaterBytes: 65_536 });
    await client.send(getRequest("/noise.html", GZIP));
    await client.readThrough("\r\n\r\n");
    await eventually("the sending to stand still", () => client.unreadBytes >= 65_536);
    assert(sluice.stats().pool.heldBytes < 400_000, `${sluice.stats().pool.heldBytes} bytes`);
  });
});

Deno.test("gunzip: for who does not accept gzip; broken and endless ones do no harm", async () => {
  const packed = (body: Uint8Array) => {
    const head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n" +
      `ETag: "x"\r\nContent-Length: ${body.length}\r\n\r\n`;
    return startOrigin({ each: [repeat(expectHead(), send(head), send(body))] });
  };
  const whole = zlib.gzipSync(new TextEncoder().encode(TEXT));
  const bomb = zlib.gzipSync(new Uint8Array(30_000_000));
  await using wholeOrigin = await packed(whole);
  await using cutOrigin = await packed(whole.subarray(0, -5));
  await using brokenOrigin = await packed(new TextEncoder().encode("no gzip at all"));
  await using bombOrigin = await packed(bomb);
  const yaml = `
gunzip: on
gzip_vary: on
servers:
  - listen: "127.0.0.1:0"
    locations:
      /whole: { proxy: { pass: "http://${wholeOrigin.address}" } }
      /cut: { proxy: { pass: "http://${cutOrigin.address}" } }
      /broken: { proxy: { pass: "http://${brokenOrigin.address}" } }
      /bomb: { proxy: { pass: "http://${bombOrigin.address}" } }
`;
  await withSluice(yaml, async (address, sluice) => {
    const plain = await exchange(address, getRequest("/whole"));
    assertEquals(plain.bodyText, TEXT);
    assertEquals(fieldsOf(plain, ...CODED), '-|-|W/"x"|-|Accept-Encoding');
    const coded = await exchange(address, getRequest("/whole", GZIP));
    assertEquals(textOf(coded), TEXT);
    assertEquals(fieldsOf(coded, "Content-Encoding", "ETag", "Vary"), 'gzip|"x"|Accept-Encoding');

    for (const path of ["/cut", "/broken"]) {
      await using client = await connect(address);
      await client.send(getRequest(path));
      await client.readToEnd();
      await sluice.errorLine(new RegExp(`inflate\\(\\) failed.* "GET ${path} HTTP`));
    }

    await using client = await connect(address, { highWaterBytes: 65_536 });
    await client.send(getRequest("/bomb"));
    await client.readThrough("\r\n\r\n");
    await eventually("the sending to stand still", () => client.unreadBytes >= 65_536);
    assert(sluice.stats().pool.heldBytes < 600_000, `${sluice.stats().pool.heldBytes} bytes`);
    let bytes = 0;
    for (let more = true; more;) {
      const line = new TextDecoder().decode(await client.readThrough("\r\n"));
      const size = parseInt(line, 16);
      await client.discard(size);
      await client.readThrough("\r\n");
      bytes += size;
      more = size > 0;
    }
    assertEquals(bytes, 30_000_000);
  });
});

Deno.test("add_trailer: behind a chunked body, its variables looked at when that was sent", async () => {
  const server = `gzip: on, add_trailer: {
    X-Sent: "$body_bytes_sent", X-Status: { value: "$status", always: on }, X-None: "" }`;
  await withFiles({ "a.txt": "0123456789", "b.html": TEXT }, server, async ({ address }) => {
    await using client = await connect(address);
    const trailersOf = async (path: string, ...lines: readonly string[]) => {
      await client.send(getRequest(path, ...lines));
      const { fields, trailers } = await client.readResponse();
      return [fields.get("Content-Length"), trailers?.get("X-Sent"), trailers?.get("X-Status")]
        .map((value) => value ?? "-").join("|");
    };
    assertEquals(await trailersOf("/a.txt"), "-|10|200");
    assertEquals(await trailersOf("/none"), "-|-|404");
    assertMatch(await trailersOf("/b.html", GZIP), /^-\|\d{3}\|200$/);
    const old = await exchange(address, "GET /a.txt HTTP/1.0\r\nHost: h\r\n\r\n");
    assertEquals([old.fields.get("Content-Length"), old.bodyText], ["10", "0123456789"]);
  });
});

Deno.test("a client that leaves in the middle of a compressed response leaves nothing behind", async () => {
  const noise = crypto.getRandomValues(new Uint8Array(65_536));
  const body = Array.from({ length: 60 }, () => noise).reduce((all, one) => {
    const next = new Uint8Array(all.length + one.length);
    next.set(all);
    next.set(one, all.length);
    return next;
  }, new Uint8Array());
  await withFiles({ "n.html": body }, "gzip: on", async ({ address, sluice }) => {
    {
      await using client = await connect(address, { highWaterBytes: 1_024 });
      await client.send(getRequest("/n.html", GZIP));
      await client.readThrough("\r\n\r\n");
    }
    await sluice.rest();
  });
});

/** What each coding is called, and its highest level. */
const CODINGS = [
  {
    directives: "gzip_types, gzip_min_length and gzip_comp_level",
    prefix: "gzip",
    coding: "gzip",
    decode: zlib.gunzipSync,
    highest: 9,
  },
  {
    directives: "brotli_types, brotli_min_length and brotli_comp_level",
    prefix: "brotli",
    coding: "br",
    decode: zlib.brotliDecompressSync,
    highest: 11,
  },
  {
    directives: "zstd_types, zstd_min_length and zstd_comp_level",
    prefix: "zstd",
    coding: "zstd",
    decode: zlib.zstdDecompressSync,
    highest: 19,
  },
] as const;

for (const { directives, prefix, coding, decode, highest } of CODINGS) {
  Deno.test(`${directives}: what is compressed, and how well`, async () => {
    const server = `${prefix}: on, ${prefix}_types: text/plain, ${prefix}_min_length: 1000,
      locations: { /: { ${prefix}_comp_level: 1 }, /best/: { ${prefix}_comp_level: ${highest} } }`;
    const text = Array.from({ length: 4_000 }, (_, at) => `${at * at} is the square of ${at}`)
      .join("\n");
    const files = {
      "a.txt": text,
      "best/a.txt": text,
      "short.txt": text.slice(0, 999),
      "a.xml": text,
    };
    await withFiles(files, server, async ({ address }) => {
      const ask = async (path: string) => {
        const response = await exchange(address, getRequest(path, `Accept-Encoding: ${coding}`));
        return { ...response, isCoded: response.fields.get("Content-Encoding") === coding };
      };
      const [fast, best] = [await ask("/a.txt"), await ask("/best/a.txt")];
      assert(fast.isCoded && best.isCoded);
      for (const { body } of [fast, best]) {
        assertEquals(new TextDecoder().decode(decode(body)), text);
      }
      assert(best.body.length < fast.body.length, `${best.body.length} < ${fast.body.length}`);
      assertEquals([(await ask("/short.txt")).isCoded, (await ask("/a.xml")).isCoded], [
        false,
        false,
      ]);
    });
  });
}
