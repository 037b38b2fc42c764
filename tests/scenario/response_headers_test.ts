/** Which fields of a response reach the client: compared with nginx 1.22.1 by hand. */
import { assert, assertEquals } from "@std/assert";
import { exchange, getRequest, type Response } from "../support/client.ts";
import { inFrontOf, type Settings, withSluice } from "../support/in_process.ts";
import { answerOf, startRoutes } from "../support/routes.ts";

async function responseTo(
  lines: readonly string[],
  settings: Settings = {},
  status = "200 OK",
  path = "/a",
): Promise<Response> {
  await using origin = await startRoutes({
    "/a": answerOf(status, "x", ...lines.map((line) => line.replace("ORIGIN", "app"))),
  });
  let response: Response | undefined;
  // The port that it listens on is no business of these tests.
  const server = "port_in_redirect: off";
  await withSluice(inFrontOf(origin, { ...settings, server }), async (address) => {
    response = await exchange(address, getRequest(path));
  });
  return response!;
}

/** All lines of a name. */
function all({ fields }: Response, name: string): string[] {
  return fields.list.filter(([found]) => found.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value);
}

/** Names that the origin sent and the client got, but those that are always there. */
function names({ fields }: Response): string[] {
  return fields.list.map(([name]) => name).filter((name) =>
    !["Server", "Date", "Content-Length", "Connection"].includes(name)
  );
}

Deno.test("of a response reach the client all fields but those about the connection, Date, Server, X-Pad and X-Accel-*", async () => {
  const response = await responseTo([
    "Date: long ago",
    "Server: origin",
    "X-Pad: 1",
    "X-Accel-Expires: 5",
    "Keep-Alive: timeout=5",
    "X-One: 1",
    "set-cookie: a=1",
    "Set-Cookie: b=2",
  ]);
  assertEquals(names(response), ["X-One", "set-cookie", "Set-Cookie"]);
  assertEquals(all(response, "Server"), ["sluice/0.1.0"]);
  assertEquals(all(response, "Date").length, 1);
});

Deno.test("the last Content-Type of several is the one that passes", async () => {
  const response = await responseTo(["Content-Type: a/b", "X-One: 1", "content-type: c/d"]);
  assertEquals(all(response, "Content-Type"), ["c/d"]);
});

Deno.test("hide_header: hides known and unknown names in any case; pass_header shows what is hidden", async () => {
  const response = await responseTo(
    ["X-One: 1", 'ETag: "1"', "X-Accel-Expires: 5", "Server: origin", "x-two: 2", "X-On: 3"],
    { proxy: "hide_header: [x-one, etag, X-TWO], pass_header: [Server, X-Accel-Expires, X-Two]" },
  );
  assertEquals(names(response), ["X-Accel-Expires", "x-two", "X-On"]);
  assertEquals(all(response, "Server"), ["origin"]);
  assertEquals(all(response, "Date").length, 1);
});

Deno.test("pass_header Server: ours is written when the origin has none", async () => {
  const response = await responseTo([], { proxy: "pass_header: [Server, Date]" });
  assertEquals(all(response, "Server"), ["sluice/0.1.0"]);
  assertEquals(all(response, "Date").length, 1);
});

Deno.test("pass_request_headers off: the peer gets what set_header sets, and no field of the client's", async () => {
  await using origin = await startRoutes({});
  const settings = { proxy: "pass_request_headers: off, set_header: { X-Mine: $uri }" };
  await withSluice(inFrontOf(origin, settings), async (address) => {
    const request = "POST /a HTTP/1.1\r\nHost: a\r\nCookie: c\r\nContent-Length: 4\r\n\r\nbody";
    assertEquals((await exchange(address, request)).bodyText, "POST /a body");
  });
  assertEquals(
    origin.requests[0]?.text,
    "POST /a HTTP/1.1\r\nHost: app\r\nX-Mine: /a\r\nContent-Length: 4\r\n\r\n",
  );
});

Deno.test("add_header: for its statuses, with always for all; empty adds none; a list adds several", async () => {
  const location = 'add_header: { X-Uri: "$uri/$status", X-Always: { value: a, always: on }, ' +
    'X-Empty: "", Set-Cookie: [a=1, { value: b=2, always: on }] }';
  const good = await responseTo([], { location });
  const bad = await responseTo([], { location }, "404 Not Found");
  const shown = (response: Response) =>
    response.fields.list.filter(([name]) => /^(X-|Set)/.test(name)).map((pair) => pair.join(": "));
  assertEquals(shown(good), ["X-Uri: /a/200", "X-Always: a", "Set-Cookie: a=1", "Set-Cookie: b=2"]);
  assertEquals(shown(bad), ["X-Always: a", "Set-Cookie: b=2"]);
});

Deno.test("add_header: ETag and Last-Modified take the place of the origin's", async () => {
  const location = "add_header: { ETag: '\"ours\"' }";
  const response = await responseTo(['ETag: "theirs"', "Last-Modified: x"], { location });
  assertEquals(all(response, "ETag"), ['"ours"']);
  assertEquals(all(response, "Last-Modified"), ["x"]);
});

Deno.test("add_header: a line end in a variable does not begin another field", async () => {
  const location = "add_header: { X-Uri: $uri }";
  const response = await responseTo([], { location }, "200 OK", "/b%0d%0aX-Injected:%201");
  assertEquals(all(response, "X-Uri"), ["/b%0D%0AX-Injected: 1"]);
  assertEquals(all(response, "X-Injected"), []);
});

Deno.test("add_header: our own pages and return have it too; a location's list replaces the server's", async () => {
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    port_in_redirect: off
    add_header: { X-Server: s }
    locations:
      = /a: { return: 301 /b }
      = /b: { add_header: { X-Own: o }, return: 200 text }
`;
  await withSluice(yaml, async (address) => {
    const redirect = await exchange(address, getRequest("/a"));
    assertEquals([all(redirect, "X-Server"), all(redirect, "Location")], [["s"], [
      "http://test/b",
    ]]);
    assertEquals(names(await exchange(address, getRequest("/b"))), ["Content-Type", "X-Own"]);
    assertEquals(all(await exchange(address, getRequest("/c")), "X-Server"), []);
  });
});

Deno.test("redirect: by default what pass says becomes what the location says, in Location and Refresh", async () => {
  const at = async (line: string, settings: Settings = {}) =>
    names(await responseTo([line], settings, "302 Found")).length === 1 &&
    (await responseTo([line], settings, "302 Found")).fields.list.find(([name]) =>
      /^(Location|Refresh)$/.test(name)
    )?.[1];
  assertEquals(await at("Location: http://app/x?y"), "http://test/x?y");
  assertEquals(await at("Refresh: 5; url=http://app/x"), "5; url=/x");
  assertEquals(await at("Location: http://other/x"), "http://other/x");
  assertEquals(await at("Location: /x"), "/x");
  assertEquals(await at("Location: http://app/x", { proxy: "redirect: off" }), "http://app/x");
  const rules = {
    proxy: `redirect: [{ "http://$proxy_host/a/": /b/ }, default, ` +
      `{ '~^https?://(?<host>[^/]+)/(.*)$': "https://$host.example.org/$2" }]`,
  };
  assertEquals(await at("Location: http://app/a/x", rules), "http://test/b/x");
  assertEquals(await at("Location: http://app/c", rules), "http://test/c");
  assertEquals(await at("Location: http://one/two", rules), "https://one.example.org/two");
});

Deno.test("cookie_domain, cookie_path and cookie_flags rewrite what they name of each cookie, and nothing else", async () => {
  const proxy = 'cookie_domain: { local: .$host, "~^(.+)\\\\.lan$": $1.net }, ' +
    "cookie_path: { /one/: /, '~*^/TWO/(.*)': /2/$1 }, " +
    "cookie_flags: { session: [secure, httponly, samesite=lax], ~^n: nosecure nosamesite }";
  const response = await responseTo([
    "Set-Cookie: a=1; Domain=.LOCAL; Path=/one/x; Max-Age=4",
    "Set-Cookie: b=2; domain=x.lan; path=/two/y",
    "Set-Cookie: c=3;Path=/three;  Odd",
    "Set-Cookie: SESSION=4; SameSite=None",
    "Set-Cookie: n=5; Secure; SameSite=Lax; HttpOnly",
  ], { proxy });
  assertEquals(all(response, "Set-Cookie"), [
    "a=1; Domain=.test; Path=/x; Max-Age=4",
    "b=2; domain=x.net; path=/2/y",
    "c=3;Path=/three;  Odd",
    "SESSION=4; SameSite=Lax; Secure; HttpOnly",
    "n=5; HttpOnly",
  ]);
});

Deno.test("what an origin captures into a rewritten field stays in its line", async () => {
  const proxy = "redirect: { '~^(.*)$': $uri$1 }";
  const response = await responseTo(["Location: x"], { proxy }, "302 Found");
  assertEquals(all(response, "Location"), ["http://test/ax"]);
  assert(!response.text.includes("\n\n"));
});
