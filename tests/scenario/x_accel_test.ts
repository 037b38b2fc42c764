/** What an origin asks of the proxy: compared with nginx 1.22.1 by hand. */
import { assertEquals } from "@std/assert";
import { connect, getRequest, type Response } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import { answerOf, startRoutes } from "../support/routes.ts";

async function ask(
  requests: readonly string[],
  routes: Readonly<Record<string, string>>,
  proxy = "",
): Promise<readonly Response[]> {
  await using origin = await startRoutes(routes);
  await using second = await startRoutes({});
  const responses: Response[] = [];
  const yaml = `
upstreams: { app: { servers: ["${origin.address}"] }, second: { servers: ["${second.address}"] } }
servers:
  - listen: 127.0.0.1:0
    locations:
      /: { proxy: { pass: "http://app"${proxy} } }
      /in/: { internal: on, return: "200 $request_method $uri $args" }
      /files/: { internal: on, proxy: { pass: "http://app/stored/" } }
      "@named": { proxy: { pass: "http://second" } }
      "@again": { proxy: { pass: "http://app" } }
`;
  await withSluice(yaml, async (address) => {
    await using client = await connect(address);
    for (const request of requests) { // one connection: each answer ends where it should
      await client.send(request);
      responses.push(await client.readResponse());
    }
  });
  return responses;
}

function told(responses: readonly Response[]): string[] {
  return responses.map(({ status, bodyText }) =>
    `${status} ${/<title>(.*)<\/title>/.exec(bodyText)?.[1] ?? bodyText}`
  );
}

Deno.test("X-Accel-Redirect: goes on to an internal path with GET, which nobody reaches from outside", async () => {
  const responses = await ask([
    getRequest("/a?q"),
    getRequest("/in/b"),
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy",
    getRequest("/f"),
  ], {
    "/a": answerOf("200 OK", "not for the client", "X-Accel-Redirect: /in/b%20c?x=1"),
    "/f": answerOf("404 Whatever", "", "X-Accel-Redirect: /files/d%20e?y=2"),
  });
  assertEquals(told(responses), [
    "200 GET /in/b c x=1",
    "404 404 Not Found",
    "200 GET /in/b c x=1",
    "200 GET /stored/d%20e?y=2",
  ]);
});

Deno.test("X-Accel-Redirect: to a named location the request goes as it is, with its body; ten times at most", async () => {
  const post = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy`;
  const responses = await ask([post("/a%20?b"), post("/c")], {
    "/a%20": answerOf("200 OK", "", "X-Accel-Redirect: @named"),
    "/c": answerOf("200 OK", "", "X-Accel-Redirect: @again"),
  });
  assertEquals(told(responses), ["200 POST /a%20?b xy", "500 500 Internal Server Error"]);
});

Deno.test("X-Accel-Redirect: of the first answer stay type, disposition, cookies and what says how to cache it", async () => {
  const [response] = await ask([getRequest("/a")], {
    "/a": answerOf(
      "200 OK",
      "",
      "X-Accel-Redirect: /files/x",
      "Content-Type: a/b",
      "Content-Disposition: attachment",
      "Set-Cookie: c=1",
      "Cache-Control: no-store",
      "Expires: 0",
      "Accept-Ranges: none",
      'ETag: "first"',
      "X-Other: 1",
    ),
  });
  const fields = response!.fields.list.filter(([name]) =>
    !["Server", "Date", "Connection", "Content-Length"].includes(name)
  );
  assertEquals(fields.map((pair) => pair.join(": ")), [
    "Content-Type: a/b",
    "Set-Cookie: c=1",
    "Content-Disposition: attachment",
    "Cache-Control: no-store",
    "Expires: 0",
    "Accept-Ranges: none",
  ]);
});

Deno.test("X-Accel-Redirect: a path that leads out, or is none, is 404", async () => {
  const targets = ["/in/../a", "/in/%2e%2e/a", "in/x", "", "/in/%zz"];
  const routes = Object.fromEntries(
    targets.map((target, at) => [`/${at}`, answerOf("200 OK", "", `X-Accel-Redirect: ${target}`)]),
  );
  const responses = await ask(targets.map((_, at) => getRequest(`/${at}`)), routes);
  assertEquals(new Set(told(responses)), new Set(["404 404 Not Found"]));
});

Deno.test("ignore_headers: X-Accel-Redirect is not heeded, and not shown unless pass_header says so", async () => {
  const routes = { "/a": answerOf("200 OK", "mine", "X-Accel-Redirect: /in/b") };
  const [hidden] = await ask([getRequest("/a")], routes, ", ignore_headers: X-Accel-Redirect");
  const [shown] = await ask(
    [getRequest("/a")],
    routes,
    ", ignore_headers: [X-Accel-Redirect], pass_header: X-Accel-Redirect",
  );
  assertEquals([hidden?.bodyText, hidden?.fields.get("X-Accel-Redirect")], ["mine", undefined]);
  assertEquals([shown?.bodyText, shown?.fields.get("X-Accel-Redirect")], ["mine", "/in/b"]);
});

Deno.test("X-Accel-Charset: is added to a Content-Type that has none", async () => {
  const responses = await ask(["/a", "/b", "/c", "/d"].map((path) => getRequest(path)), {
    "/a": answerOf("200 OK", "", "X-Accel-Charset: utf-8", "Content-Type: text/plain"),
    "/b": answerOf("200 OK", "", "X-Accel-Charset: utf-8", "Content-Type: text/x; charset=koi8-r"),
    "/c": answerOf("200 OK", "", "X-Accel-Charset: utf-8"),
    "/d": answerOf("200 OK", "", "X-Accel-Charset: a b", "Content-Type: text/plain"),
  });
  assertEquals(
    responses.map(({ fields }) => fields.get("Content-Type")),
    ["text/plain; charset=utf-8", "text/x; charset=koi8-r", undefined, "text/plain"],
  );
});
