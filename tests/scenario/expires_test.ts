/** expires and charset: compared with nginx 1.22.1 by hand. */
import { assertEquals } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { withFiles } from "../support/files.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import { answerOf, startRoutes } from "../support/routes.ts";

/** Seconds from `Date` to `Expires`, and `Cache-Control`. */
async function keptAt(address: string, path: string): Promise<readonly (number | string | null)[]> {
  const { fields } = await exchange(address, getRequest(path));
  const expires = fields.get("Expires");
  const date = Date.parse(fields.get("Date") ?? "");
  const seconds = expires === undefined || expires === null
    ? null
    : (Date.parse(expires) - date) / 1_000;
  return [seconds, fields.get("Cache-Control") ?? null];
}

Deno.test("expires: a time, a negative one, none, and nginx's words", async () => {
  const server = `locations: {
    /: {}, /day/: { expires: 1d12h }, /now/: { expires: "0" }, /past/: { expires: "-10" },
    /epoch/: { expires: epoch }, /max/: { expires: max }, /var/: { expires: $arg_e } }`;
  const files = Object.fromEntries(
    ["", "day/", "now/", "past/", "epoch/", "max/", "var/"].map((folder) => [`${folder}f`, "f"]),
  );
  await withFiles(files, server, async ({ address }) => {
    assertEquals(await keptAt(address, "/f"), [null, null]);
    assertEquals(await keptAt(address, "/day/f"), [129_600, "max-age=129600"]);
    assertEquals(await keptAt(address, "/now/f"), [0, "max-age=0"]);
    assertEquals(await keptAt(address, "/past/f"), [-10, "no-cache"]);
    assertEquals(await keptAt(address, "/day/none"), [null, null]);
    assertEquals(await keptAt(address, "/var/f?e=5m"), [300, "max-age=300"]);
    assertEquals(await keptAt(address, "/var/f?e=off"), [null, null]);
    assertEquals(await keptAt(address, "/var/f?e=what"), [null, null]);
    const { fields } = await exchange(address, getRequest("/epoch/f"));
    assertEquals(fields.get("Expires"), "Thu, 01 Jan 1970 00:00:01 GMT");
    assertEquals(fields.get("Cache-Control"), "no-cache");
    const max = await exchange(address, getRequest("/max/f"));
    assertEquals(max.fields.get("Expires"), "Thu, 31 Dec 2037 23:55:55 GMT");
    assertEquals(max.fields.get("Cache-Control"), "max-age=315360000");
  });
});

Deno.test("expires modified: counts from the time of the file", async () => {
  const server =
    `locations: { /: { expires: "modified 10y" }, /old/: { expires: "modified +1d" } }`;
  await withFiles({ f: "", "old/f": "" }, server, async ({ address }) => {
    const { fields } = await exchange(address, getRequest("/old/f"));
    assertEquals(fields.get("Expires"), "Thu, 22 Oct 2015 07:28:00 GMT");
    assertEquals(fields.get("Cache-Control"), "no-cache");
    const later = await exchange(address, getRequest("/f"));
    assertEquals(later.fields.get("Expires"), "Sat, 18 Oct 2025 07:28:00 GMT");
  });
});

Deno.test("expires: takes the place of what a peer says, beside add_header", async () => {
  await using origin = await startRoutes({
    "/": answerOf("200 OK", "x", "Expires: 0", "Cache-Control: private", "Cache-Control: a=b"),
  });
  const location = "expires: 1h, add_header: { Cache-Control: public }";
  await withSluice(inFrontOf(origin, { location }), async (address) => {
    const { fields } = await exchange(address, getRequest("/"));
    assertEquals(fields.all("Cache-Control"), ["max-age=3600", "public"]);
    assertEquals(fields.all("Expires").length, 1);
  });
});

Deno.test("charset: is told with the types that it is for, whoever the response is from", async () => {
  await using origin = await startRoutes({
    "/plain": answerOf("200 OK", "x", "Content-Type: text/plain"),
    "/told": answerOf("200 OK", "x", "Content-Type: text/plain; charset=koi8-r"),
    "/image": answerOf("200 OK", "x", "Content-Type: image/png"),
  });
  const server = `charset: utf-8, locations: {
    /: {}, /p/: { proxy: { pass: "http://${origin.address}/" } },
    /css/: { charset_types: text/css, charset: $arg_c }, /r: { return: "200 x" } }`;
  const files = { "a.html": "0123456789", "css/a.css": "c", "css/a.txt": "t" };
  await withFiles(files, server, async ({ address }) => {
    const typeOf = async (path: string, ...lines: readonly string[]) =>
      (await exchange(address, getRequest(path, ...lines))).fields.get("Content-Type");
    assertEquals(await typeOf("/a.html"), "text/html; charset=utf-8");
    assertEquals(await typeOf("/none"), "text/html; charset=utf-8");
    assertEquals(await typeOf("/css"), "text/html");
    assertEquals(await typeOf("/r"), "text/plain; charset=utf-8");
    assertEquals(await typeOf("/p/plain"), "text/plain; charset=utf-8");
    assertEquals(await typeOf("/p/told"), "text/plain; charset=koi8-r");
    assertEquals(await typeOf("/p/image"), "image/png");
    assertEquals(await typeOf("/css/a.css?c=x"), "text/css; charset=x");
    assertEquals(await typeOf("/css/a.css?c=off"), "text/css");
    assertEquals(await typeOf("/css/a.txt?c=x"), "text/plain");
    const parts = await exchange(address, getRequest("/a.html", "Range: bytes=0-1,3-4"));
    assertEquals(parts.bodyText.split("Content-Type: text/html; charset=utf-8\r\n").length, 3);
  });
});

Deno.test("add_header_inherit and add_trailer_inherit: merge adds to one's own, off inherits nothing", async () => {
  const server = `add_header: { X-A: a }, add_trailer: { X-T: t }, locations: {
    /merge: { add_header: { X-B: b }, add_header_inherit: merge },
    /own: { add_header: { X-B: b } },
    /off: { add_header_inherit: off, add_trailer_inherit: off } }`;
  await withFiles({ merge: "", own: "", off: "" }, server, async ({ address }) => {
    const told = async (path: string) => {
      const { fields, trailers } = await exchange(address, getRequest(path));
      return [fields.get("X-B"), fields.get("X-A"), trailers?.get("X-T")]
        .map((value) => value ?? "-").join();
    };
    assertEquals(await told("/merge"), "b,a,t");
    assertEquals(await told("/own"), "b,-,t");
    assertEquals(await told("/off"), "-,-,-");
  });
});

Deno.test("expires: a map of $sent_http_content_type decides, whoever the response is from", async () => {
  await using origin = await startRoutes({
    "/css": answerOf("200 OK", "x", "Content-Type: text/css"),
  });
  const main = `
map: { $kept: { source: "$sent_http_content_type", default: off, values: {
  text/html: epoch, text/css: max, "~image/": 30d } } }
`;
  const server = `expires: $kept, charset: utf-8, locations: {
    /: {}, /p/: { proxy: { pass: "http://${origin.address}/" } } }`;
  const files = { "a.html": "h", "a.css": "c", "a.png": "p", "a.txt": "t", "d/": "" };
  await withFiles(files, server, async ({ address }) => {
    const told = async (path: string) => (await keptAt(address, path))[1];
    assertEquals(await told("/a.html"), "no-cache");
    assertEquals(await told("/a.css"), "max-age=315360000");
    assertEquals(await told("/a.png"), "max-age=2592000");
    assertEquals(await told("/a.txt"), null);
    assertEquals(await told("/d"), "no-cache");
    assertEquals(await told("/p/css"), "max-age=315360000");
  }, { main });
});
