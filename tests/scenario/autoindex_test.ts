/** autoindex and gzip_static: compared with nginx 1.22.1 by hand. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import zlib from "node:zlib";
import { exchange, getRequest, type Response } from "../support/client.ts";
import { MODIFIED, withFiles } from "../support/files.ts";

const LONG = "n".repeat(60);

Deno.test("autoindex: a page with folders first, escaped names and sizes", async () => {
  const files = {
    "l/a&<b>": "12",
    "l/z": "x".repeat(20_000),
    "l/d e/f": "",
    "l/.hidden": "",
    [`l/${LONG}`]: "",
  };
  const server = `autoindex: on, locations: { /: {}, "/l/": { autoindex_exact_size: off } }`;
  await withFiles(files, server, async ({ address, root }) => {
    Deno.symlinkSync("nowhere", `${root}/l/link`);
    const page = await exchange(address, getRequest("/l/"));
    assertEquals(page.fields.get("Content-Type"), "text/html");
    assertEquals(page.fields.get("Content-Length"), undefined);
    const lines = page.bodyText.split("\r\n");
    assertEquals(lines.slice(0, 4), [
      "<html>",
      "<head><title>Index of /l/</title></head>",
      "<body>",
      '<h1>Index of /l/</h1><hr><pre><a href="../">../</a>',
    ]);
    const rows = lines.slice(4, 9).map((line) =>
      line.replace(/\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d/, "TIME")
    );
    assertEquals(rows, [
      `<a href="d%20e/">d e/</a>${" ".repeat(46)} TIME       -`,
      `<a href="a%26%3Cb%3E">a&amp;&lt;b&gt;</a>${" ".repeat(45)} TIME       2`,
      `<a href="link">link</a>${" ".repeat(46)} TIME       7`,
      `<a href="${LONG}">${"n".repeat(47)}..&gt;</a> TIME       0`,
      `<a href="z">z</a>${" ".repeat(49)} TIME     20K`,
    ]);
    assertEquals(lines.slice(9), ["</pre><hr></body>", "</html>", ""]);
  });
});

Deno.test("autoindex: exact sizes, and an index file before it", async () => {
  const files = { "i/index.html": "index", "n/f": "x".repeat(20_000) };
  await withFiles(files, "autoindex: on", async ({ address }) => {
    assertEquals((await exchange(address, getRequest("/i/"))).bodyText, "index");
    const { bodyText } = await exchange(address, getRequest("/n/"));
    assert(bodyText.includes(`21-Oct-2015 07:28${"20000".padStart(20)}\r\n`), bodyText);
    const post = "POST /n/ HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    assertEquals((await exchange(address, post)).status, 403);
    assertEquals((await exchange(address, getRequest("/none/"))).status, 404);
  });
});

Deno.test("autoindex_format: json, jsonp and xml", async () => {
  const server = `autoindex: on, autoindex_format: json, locations: {
    /: {}, /x/: { autoindex_format: xml }, /p/: { autoindex_format: jsonp } }`;
  const files = { 'j/a"b': "12", "j/d/f": "", "x/a&b": "1", "p/f": "", "e/": "" };
  await withFiles(files, server, async ({ address }) => {
    const ask = async (path: string) => {
      const { fields, bodyText } = await exchange(address, getRequest(path));
      return [fields.get("Content-Type"), bodyText];
    };
    const [type, json = ""] = await ask("/j/");
    assertEquals(type, "application/json");
    const [folder, file] = JSON.parse(json);
    assertEquals([folder.name, folder.type, "size" in folder], ["d", "directory", false]);
    assertEquals(file, { name: 'a"b', type: "file", mtime: MODIFIED, size: 2 });
    assertEquals(await ask("/e/"), ["application/json", "[\r\n]"]);
    assertEquals(await ask("/x/"), [
      "text/xml; charset=utf-8",
      '<?xml version="1.0"?>\r\n<list>\r\n' +
      '<file mtime="2015-10-21T07:28:00Z" size="1">a&amp;b</file>\r\n</list>\r\n',
    ]);
    const [, called = ""] = await ask("/p/?callback=a.b");
    assert(called.startsWith("/* callback */\r\na.b([\r\n{") && called.endsWith("\r\n]);"), called);
    const bad = await exchange(address, getRequest("/p/?callback=a(b"));
    assertEquals(bad.status, 400);
  });
});

Deno.test("autoindex: a folder of thousands, in pieces, and HEAD without a body", async () => {
  const files = Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => [`m/f${at}`, ""]));
  await withFiles(files, "autoindex: on, gzip: on", async ({ address }) => {
    const page = await exchange(address, getRequest("/m/", "Accept-Encoding: gzip"));
    const text = new TextDecoder().decode(zlib.gunzipSync(page.body));
    assertEquals(text.split('<a href="f').length, 3_001);
    assert(text.endsWith("</html>\r\n"));
    const head = await exchange(address, "HEAD /m/ HTTP/1.1\r\nHost: h\r\n\r\n", {
      method: "HEAD",
    });
    assertEquals([head.status, head.body.length], [200, 0]);
  });
});

Deno.test("gzip_static: x.gz in the place of x, with x's type and its own time", async () => {
  const packed = zlib.gzipSync("packed");
  const server = `gzip_static: on, gzip_vary: on, locations: {
    /: {}, /all/: { gzip_static: always, gunzip: on } }`;
  const files = {
    "a.css": "plain",
    "a.css.gz": packed,
    "b.css": "alone",
    "all/only.css.gz": packed,
    "dir.css": "d",
    "dir.css.gz/f": "",
  };
  await withFiles(files, server, async ({ address }) => {
    const gzip = "Accept-Encoding: gzip";
    const told = ({ status, fields }: Response) =>
      [
        status,
        ...["Content-Type", "Content-Encoding", "Content-Length", "Accept-Ranges", "Vary"]
          .map((name) => fields.get(name) ?? "-"),
      ].join("|");
    const coded = await exchange(address, getRequest("/a.css", gzip, "Range: bytes=0-1"));
    const vary = "Accept-Encoding";
    assertEquals(told(coded), `200|text/css|gzip|${packed.length}|-|${vary}`);
    assertEquals(coded.body, new Uint8Array(packed));

    const plain = await exchange(address, getRequest("/a.css"));
    assertEquals(told(plain), `200|text/css|-|5|bytes|${vary}`);
    assertEquals(
      told(await exchange(address, getRequest("/b.css", gzip))),
      "200|text/css|-|5|bytes|-",
    );
    assertEquals(
      told(await exchange(address, getRequest("/dir.css", gzip))),
      "200|text/css|-|1|bytes|-",
    );

    const same = await exchange(
      address,
      getRequest("/a.css", gzip, `If-Modified-Since: ${MODIFIED}`),
    );
    assertEquals(told(same), `304|-|-|-|-|${vary}`);

    const unpacked = await exchange(address, getRequest("/all/only.css"));
    assertEquals([told(unpacked), unpacked.bodyText], [`200|text/css|-|-|-|${vary}`, "packed"]);
  });
});

Deno.test("autoindex_localtime: times are those of the place", async () => {
  const server = "autoindex: on, locations: { /: {}, /here/: { autoindex_localtime: on } }";
  await withFiles({ "f": "1", "here/f": "1" }, server, async ({ address }) => {
    Deno.env.set("TZ", "Asia/Tokyo"); // 9 hours ahead, all the year
    try {
      assertStringIncludes(
        (await exchange(address, getRequest("/"))).bodyText,
        "21-Oct-2015 07:28",
      );
      const local = await exchange(address, getRequest("/here/"));
      assertStringIncludes(local.bodyText, "21-Oct-2015 16:28");
    } finally {
      Deno.env.delete("TZ");
    }
  });
});
