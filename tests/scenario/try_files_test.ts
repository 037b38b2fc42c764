/** try_files, disable_symlinks and store on: compared with nginx 1.22.1 by hand. */
import { assertEquals } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { withFiles } from "../support/files.ts";
import { answerOf, startRoutes } from "../support/routes.ts";

async function answers(address: string, ...paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const { status, bodyText, fields } = await exchange(address, getRequest(path));
    found.push(`${status} ${status === 200 ? bodyText : placeOf(fields.get("Location"))}`.trim());
  }
  return found;
}

function placeOf(location: string | null | undefined): string {
  return location === null || location === undefined ? "" : new URL(location).pathname;
}

Deno.test("try_files: the first file or folder that is there, else a path without the query", async () => {
  const server = `locations: {
    /: {},
    /t/: { try_files: "$uri $uri/ /other$uri /index.html" },
    "= /index.html": { return: "200 index,$args" } }`;
  const files = { "t/x": "x", "t/d/index.html": "d", "other/t/y": "y", "index.html": "-" };
  await withFiles(files, server, async ({ address }) => {
    assertEquals(
      await answers(address, "/t/x", "/t/d/", "/t/d", "/t/y", "/t/none?a=b"),
      ["200 x", "200 d", "301 /t/d/", "200 y", "200 index,"],
    );
  });
});

Deno.test("try_files: ends with a named location, which keeps the query, or with a status", async () => {
  const server = `locations: {
    /n/: { try_files: "$uri @app" },
    "@app": { return: "200 app,$uri,$args" },
    /c/: { try_files: "$uri =410", error_page: { 410: /gone } },
    /gone: { return: "200 gone" } }`;
  await withFiles({ "c/x": "x" }, server, async ({ address }) => {
    assertEquals(
      await answers(address, "/n/q?a=b", "/c/x", "/c/y"),
      ["200 app,/n/q,a=b", "200 x", "410"],
    );
  });
});

Deno.test("try_files: with alias the location's prefix is left out", async () => {
  const server = (root: string) =>
    `locations: { /al/: { alias: "${root}/", try_files: "$uri $uri/ /a.css =404" } }`;
  await withFiles({ "a.css": "a", "b": "b", "d/index.html": "d" }, server, async ({ address }) => {
    assertEquals(
      await answers(address, "/al/b", "/al/d/", "/al/none"),
      ["200 b", "200 d", "200 a"],
    );
  });
});

Deno.test("try_files at the server is for what no location matches", async () => {
  const server = `try_files: "$uri /app.html", locations: { /api/: { return: "200 api" } }`;
  await withFiles({ "app.html": "app", "x.js": "js" }, server, async ({ address }) => {
    assertEquals(
      await answers(address, "/x.js", "/api/x", "/deep/link"),
      ["200 js", "200 api", "200 app"],
    );
  });
});

Deno.test("try_files: what it does not find is passed on to a location's own content", async () => {
  const server = `locations: { /: { try_files: "$uri /h", handler: h } }`;
  const handlers = { h: ({ path }: { path: string }) => ({ body: `handler ${path}` }) };
  await withFiles({ h: "" }, server, async ({ address }) => {
    assertEquals(await answers(address, "/none"), ["200 handler /h"]);
  }, { handlers });
});

Deno.test("disable_symlinks: on refuses links behind from=, if_not_owner those of other users", async () => {
  const server = (root: string) =>
    `locations: {
    /off/: { alias: "${root}/" },
    /on/: { alias: "${root}/", disable_symlinks: "on from=${root}" },
    /all/: { alias: "${root}/", disable_symlinks: on },
    /own/: { alias: "${root}/", disable_symlinks: "if_not_owner from=${root}" },
    /via/: { alias: "${root}/../via/", disable_symlinks: on } }`;
  await withFiles({ "f": "f", "d/f": "df" }, server, async ({ address, root }) => {
    Deno.symlinkSync("f", `${root}/link`);
    Deno.symlinkSync("d", `${root}/dlink`);
    Deno.symlinkSync("/", `${root}/slash`); // root's, as the tests' user may be another
    Deno.symlinkSync(root, `${root}/../via`);
    assertEquals(
      await answers(
        address,
        "/off/link",
        "/off/dlink/f",
        "/on/f",
        "/on/d/f",
        "/all/f",
        "/own/link",
      ),
      ["200 f", "200 df", "200 f", "200 df", "200 f", "200 f"],
    );
    assertEquals(
      await answers(address, "/on/link", "/on/dlink/f", "/all/link", "/via/f"),
      ["403", "404", "403", "404"],
    );
  });
});

Deno.test("store on: a file that is not there is fetched once, and served from then on", async () => {
  const modified = "Mon, 03 Aug 2015 10:00:00 GMT";
  await using origin = await startRoutes({
    "/images/new.txt": answerOf("200 OK", "from the origin", `Last-Modified: ${modified}`),
    "/images/none": answerOf("404 Not Found", "no"),
    "/deep/er/f": answerOf("200 OK", "deep"),
  });
  const server = (root: string) =>
    `locations: {
    /images/: { error_page: { 404: "= @fetch" } },
    "@fetch": { proxy: { pass: "http://${origin.address}", store: on, store_access: "user:rw group:rw all:r" } },
    /al/: { alias: "${root}/copies/", error_page: { 404: "= /fetch$uri" } },
    /fetch/al/: {
      internal: on, alias: "${root}/copies/", proxy: { pass: "http://${origin.address}/deep/", store: on } } }`;
  await withFiles({ "images/there": "there" }, server, async ({ address, root, sluice }) => {
    assertEquals(
      await answers(address, "/images/there", "/images/new.txt", "/images/none", "/al/er/f"),
      ["200 there", "200 from the origin", "404", "200 deep"],
    );
    await sluice.accessLine(4);
    const { mode, mtime } = Deno.statSync(`${root}/images/new.txt`);
    assertEquals([(mode ?? 0) & 0o777, mtime?.toUTCString()], [0o664, modified]);
    assertEquals(Deno.readTextFileSync(`${root}/copies/er/f`), "deep");

    const seen = origin.requestsSeen;
    assertEquals(
      await answers(address, "/images/new.txt", "/al/er/f"),
      ["200 from the origin", "200 deep"],
    );
    assertEquals(origin.requestsSeen, seen);
    const { fields } = await exchange(address, getRequest("/images/new.txt"));
    assertEquals(fields.get("Last-Modified"), modified);
  });
});
