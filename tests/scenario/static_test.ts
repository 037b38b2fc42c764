/** root, alias, index and the rest of what serves files: compared with nginx 1.22.1 by hand. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, exchange, getRequest, type Response } from "../support/client.ts";
import { MODIFIED, withFiles } from "../support/files.ts";
import { answerOf, startRoutes } from "../support/routes.ts";

const ETAG = '"56273e80-5"';
const TEN = { "ten.txt": "0123456789" };

function told({ status, fields, bodyText }: Response, ...names: readonly string[]): string {
  return [status, ...names.map((name) => fields.get(name) ?? "-"), bodyText].join("|");
}

/** Asks for one path after the other; each may have field lines behind it. */
async function ask(
  address: string,
  requests: readonly (readonly [path: string, ...lines: string[]])[],
): Promise<readonly Response[]> {
  const responses: Response[] = [];
  for (const [path, ...lines] of requests) {
    responses.push(await exchange(address, getRequest(path, ...lines)));
  }
  return responses;
}

Deno.test("root: a path is a file, with its type, length, time and entity tag", async () => {
  await withFiles({ "a b/c.css": "body{", "x": "?" }, "", async ({ address }) => {
    const [css, unknown] = await ask(address, [["/a%20b/c.css?v=1"], ["/x"]]);
    const { fields } = css!;
    assertEquals(told(css!, "Content-Type", "Content-Length"), "200|text/css|5|body{");
    assertEquals(fields.get("Last-Modified"), MODIFIED);
    assertEquals(fields.get("ETag"), ETAG);
    assertEquals(fields.get("Accept-Ranges"), "bytes");
    assertEquals(told(unknown!, "Content-Type"), "200|text/plain|?");
  });
});

Deno.test("root: what is no file is 404, 403 or a redirect, in nginx's words", async () => {
  await withFiles({ "dir/f": "", "empty/": "" }, "", async ({ address, sluice, root }) => {
    new Deno.Command("mkfifo", { args: [`${root}/fifo`] }).outputSync();
    const responses = await ask(address, [
      ["/none"],
      ["/none/"],
      ["/dir/f/x"],
      ["/empty/"],
      ["/dir?a=b"],
      ["/fifo"],
      ["/" + "n".repeat(300)],
    ]);
    assertEquals(responses.map(({ status }) => status), [404, 404, 404, 403, 301, 404, 404]);
    assertMatch(responses[4]!.fields.get("Location") ?? "", /^http:\/\/test(?::\d+)?\/dir\/\?a=b$/);
    for (
      const words of [
        /\[error\] .* open\(\) "\S+\/none" failed \(2: No such file or directory\), client/,
        /\[error\] .* "\S+\/none\/index.html" is not found \(2: No such file or directory\)/,
        /\[error\] .* open\(\) "\S+\/dir\/f\/x" failed \(20: Not a directory\)/,
        /\[error\] .* directory index of "\S+\/empty\/" is forbidden/,
        /\[crit\] .* "\S+\/fifo" is not a regular file/,
      ]
    ) await sluice.errorLine(words);
  });
});

Deno.test("log_not_found off: a file that is not there is not told to the error log", async () => {
  await withFiles({}, "log_not_found: off", async ({ address, sluice }) => {
    const responses = await ask(address, [["/none"], ["/none/"]]);
    assertEquals(responses.map(({ status }) => status), [404, 404]);
    assertEquals(sluice.errorLog.filter((line) => line.includes("[error]")), []);
  });
});

Deno.test("methods: GET and HEAD read a file, others are 405", async () => {
  await withFiles({ "f.txt": "text" }, "", async ({ address }) => {
    for (const [method, status] of [["POST", 405], ["PUT", 405], ["DELETE", 405]] as const) {
      const request = `${method} /f.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`;
      assertEquals((await exchange(address, request)).status, status, method);
    }
    const post = "POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    assertEquals((await exchange(address, post)).status, 404);
    const head = await exchange(address, "HEAD /f.txt HTTP/1.1\r\nHost: h\r\n\r\n", {
      method: "HEAD",
    });
    assertEquals(told(head, "Content-Length"), "200|4|");
  });
});

Deno.test("alias: takes the place of the location's prefix, or of the whole path", async () => {
  const server = (root: string) =>
    `locations: {
    /i/: { alias: "${root}/images/" },
    "= /one": { alias: "${root}/images/a.png" } }`;
  await withFiles({ "images/a.png": "png", "i/b": "b" }, server, async ({ address }) => {
    const responses = await ask(address, [["/i/a.png"], ["/i/b"], ["/one"]]);
    assertEquals(responses.map(({ status }) => status), [200, 404, 200]);
    assertEquals(told(responses[2]!, "Content-Type"), "200|image/png|png");
  });
});

Deno.test("no path leads out of root or alias", async () => {
  const server = (root: string) =>
    `locations: {
    /: {},
    /i: { alias: "${root}/images/" },
    /v/: { root: "${root}/images/$arg_dir" } }`;
  await withFiles({ "images/a": "a", "secret": "no" }, server, async ({ address, sluice }) => {
    const responses = await ask(address, [
      ["/../etc/passwd"],
      ["/%2e%2e/%2e%2e/etc/passwd"],
      ["/images/..%2f..%2f..%2fetc%2fpasswd"],
      ["/secret%00.png"],
      ["/i../secret"],
      ["/i%2e%2e/secret"],
      ["/v/../secret?dir=.."],
      ["/v/secret?dir=../v/.."],
      ["/%ff"],
    ]);
    assertEquals(
      responses.map(({ status }) => status),
      [400, 400, 400, 400, 404, 404, 200, 404, 404],
    );
    assertEquals(responses[6]!.bodyText, "no"); // that path is /secret
    await sluice.errorLine(/cannot open a file for "\/i\.\.\/secret": it leads out of the root/);
  });
});

Deno.test("index: leads to the first file that is there, or to a path", async () => {
  const server = `index: "a.html $arg_name b.html", locations: {
    /: {},
    /never/: { index: "none /fallback.html" },
    "= /n/b.html": { return: "200 by redirect" } }`;
  const files = {
    "m/b.html": "b",
    "n/b.html": "-",
    "o/given": "given",
    "never/": "",
    "fallback.html": "fallback",
  };
  await withFiles(files, server, async ({ address }) => {
    const responses = await ask(address, [["/m/"], ["/n/"], ["/o/?name=given"], ["/never/"]]);
    assertEquals(
      responses.map(({ bodyText }) => bodyText),
      ["b", "by redirect", "given", "fallback"],
    );
  });
});

Deno.test("conditional requests: as nginx decides them", async () => {
  await withFiles({ "f": "01234" }, "", async ({ address }) => {
    const later = "Thu, 22 Oct 2015 07:28:00 GMT";
    const cases: readonly (readonly [status: number, ...lines: string[]])[] = [
      [304, `If-None-Match: ${ETAG}`],
      [304, `If-None-Match: "x", W/${ETAG}`],
      [304, "If-None-Match: *"],
      [200, 'If-None-Match: "x"'],
      [304, `If-Modified-Since: ${MODIFIED}`],
      [304, "If-Modified-Since: Wednesday, 21-Oct-15 07:28:00 GMT"],
      [304, "If-Modified-Since: Wed Oct 21 07:28:00 2015"],
      [200, `If-Modified-Since: ${later}`],
      [200, "If-Modified-Since: 2015"],
      [200, 'If-None-Match: "x"', `If-Modified-Since: ${MODIFIED}`],
      [412, 'If-Match: "x"'],
      [412, `If-Match: W/${ETAG}`],
      [200, `If-Match: "y", ${ETAG}`],
      [200, `If-Unmodified-Since: ${later}`],
      [412, "If-Unmodified-Since: Tue, 20 Oct 2015 07:28:00 GMT"],
    ];
    for (const [status, ...lines] of cases) {
      const response = await exchange(address, getRequest("/f", ...lines));
      assertEquals(response.status, status, lines.join(" and "));
      if (status !== 304) continue;
      assertEquals(
        told(response, "ETag", "Last-Modified", "Content-Type"),
        `304|${ETAG}|${MODIFIED}|-|`,
      );
    }
  });
});

Deno.test("if_modified_since and etag: before, off, and no entity tag", async () => {
  const server = `locations: {
    /before: { if_modified_since: before }, /off: { if_modified_since: off, etag: off } }`;
  await withFiles({ before: "", off: "" }, server, async ({ address }) => {
    const later = "If-Modified-Since: Thu, 22 Oct 2015 07:28:00 GMT";
    const [before, off] = await ask(address, [
      ["/before", later],
      ["/off", `If-Modified-Since: ${MODIFIED}`],
    ]);
    assertEquals(before!.status, 304);
    assertEquals(told(off!, "ETag"), "200|-|");
  });
});

Deno.test("ranges of a file: one, several in any order, If-Range, none of it", async () => {
  await withFiles(TEN, "", async ({ address }) => {
    const etag = '"56273e80-a"';
    const [one, tail, many, fresh, stale, none] = await ask(address, [
      ["/ten.txt", "Range: bytes=2-4"],
      ["/ten.txt", "Range: bytes=-3"],
      ["/ten.txt", "Range: bytes=8-9,0-1"],
      ["/ten.txt", "Range: bytes=0-0", `If-Range: ${etag}`],
      ["/ten.txt", "Range: bytes=0-0", "If-Range: Thu, 22 Oct 2015 07:28:00 GMT"],
      ["/ten.txt", "Range: bytes=10-"],
    ]);
    assertEquals(told(one!, "Content-Range", "Content-Type"), "206|bytes 2-4/10|text/plain|234");
    assertEquals(told(tail!, "Content-Range"), "206|bytes 7-9/10|789");
    assertMatch(
      many!.bodyText,
      /^\r\n--(\d{20})\r\nContent-Type: text\/plain\r\nContent-Range: bytes 8-9\/10\r\n\r\n89\r\n--\1\r\nContent-Type: text\/plain\r\nContent-Range: bytes 0-1\/10\r\n\r\n01\r\n--\1--\r\n$/,
    );
    assertEquals([fresh!.status, stale!.status], [206, 200]);
    assertEquals([none!.status, none!.fields.get("Content-Range")], [416, "bytes */10"]);
  });
});

Deno.test("error_page: a file answers with the status of the error", async () => {
  const server = `error_page: { 404: /404.html }`;
  await withFiles({ "404.html": "<p>not here" }, server, async ({ address }) => {
    const [page] = await ask(address, [["/none", "If-None-Match: *", "Range: bytes=0-1"]]);
    assertEquals(told(page!, "Content-Type"), "404|text/html|<p>not here");
  });
});

Deno.test("types and default_type: what a level sets replaces all of the level around it", async () => {
  const server = `default_type: application/octet-stream, locations: {
    /: {}, /t/: { types: { text/x-own: "own" } } }`;
  await withFiles(
    { "a.HTML": "", "b": "", "t/a.own": "", "t/a.html": "" },
    server,
    async ({ address }) => {
      const responses = await ask(address, [["/a.HTML"], ["/b"], ["/t/a.own"], ["/t/a.html"]]);
      assertEquals(
        responses.map(({ fields }) => fields.get("Content-Type")),
        ["text/html", "application/octet-stream", "text/x-own", "application/octet-stream"],
      );
    },
  );
});

Deno.test("a large file: constant memory, every byte, in both framings of a connection", async () => {
  const bytes = new Uint8Array(3_000_000).map((_, at) => at * 31 + (at >> 8));
  await withFiles({ "big": bytes }, "output_buffers: 3 8k", async ({ address, sluice }) => {
    await using client = await connect(address, { highWaterBytes: 4_000_000 });
    for (const line of ["", "Range: bytes=100000-2999999"]) {
      await client.send(getRequest("/big", ...(line === "" ? [] : [line])));
      const { body } = await client.readResponse();
      assertEquals(body.length, line === "" ? 3_000_000 : 2_900_000);
      assert(body.every((byte, at) => byte === bytes[at + 3_000_000 - body.length]));
    }
    assert(sluice.stats().pool.slabBytes < 1_000_000);
  });
});

Deno.test("a file that shrinks while it is sent is cut short, one that grows is not longer", async () => {
  const bytes = new Uint8Array(20_000_000);
  await withFiles({ "shrinks": bytes, "grows": bytes }, "", async ({ address, sluice, root }) => {
    await using client = await connect(address);
    await client.send(getRequest("/shrinks"));
    await client.readThrough("\r\n\r\n");
    Deno.truncateSync(`${root}/shrinks`, 1_000);
    await client.readToEnd();
    await sluice.errorLine(/\[alert\] .* "\S+\/shrinks" was truncated at \d+ while it was sent/);

    await using other = await connect(address, { highWaterBytes: 30_000_000 });
    await other.send(getRequest("/grows"));
    await other.readThrough("\r\n\r\n");
    Deno.writeFileSync(`${root}/grows`, new Uint8Array(1_000), { append: true });
    await other.readBytes(20_000_000);
    await other.send(getRequest("/none"));
    assertEquals((await other.readResponse()).status, 404);
  });
});

Deno.test("a client that leaves, or reads nothing, holds a few cells and no more", async () => {
  await withFiles({ "big": new Uint8Array(50_000_000) }, "", async ({ address, sluice }) => {
    {
      await using client = await connect(address);
      await client.send(getRequest("/big"));
      await client.readThrough("\r\n\r\n");
      assert(sluice.stats().pool.heldBytes < 300_000);
    }
    assertMatch(await sluice.accessLine(1), /^GET \/big HTTP\/1\.1\|200\|/);
  });
});

Deno.test("limit_rate: a file is sent at that rate", async () => {
  await withFiles({ f: "x".repeat(3_000) }, "limit_rate: 10000", async ({ address }) => {
    const startMs = performance.now();
    const [response] = await ask(address, [["/f"]]);
    assertEquals(response!.bodyText.length, 3_000);
    const tookMs = performance.now() - startMs;
    assert(tookMs > 150, `${tookMs} ms`); // 3,000 bytes but for the last piece, at 10,000 a second
  });
});

Deno.test("X-Accel-Redirect: a file is sent with the origin's type, cookies and rate, and the location's expires", async () => {
  await using origin = await startRoutes({
    "/get": answerOf(
      "200 OK",
      "not this",
      "X-Accel-Redirect: /files/report.txt",
      "Content-Type: application/pdf",
      "Content-Disposition: attachment",
      "Cache-Control: private",
      "Set-Cookie: a=b",
    ),
  });
  const server = (root: string) =>
    `locations: {
    /get: { proxy: { pass: "http://${origin.address}" } },
    /files/: { internal: on, alias: "${root}/private/", expires: 1h } }`;
  await withFiles({ "private/report.txt": "the report" }, server, async ({ address }) => {
    const [file, direct, part] = await ask(address, [
      ["/get"],
      ["/files/report.txt"],
      ["/get", "Range: bytes=4-"],
    ]);
    assertEquals(
      told(file!, "Content-Type", "Content-Disposition", "Set-Cookie", "Cache-Control", "ETag"),
      '200|application/pdf|attachment|a=b|max-age=3600|"56273e80-a"|the report',
    );
    assertEquals(direct!.status, 404);
    assertEquals(told(part!, "Content-Range"), "206|bytes 4-9/10|report");
  });
});
