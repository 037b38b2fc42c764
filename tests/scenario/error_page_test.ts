/** error_page, named and internal locations, intercept_errors: compared with nginx 1.22.1 by hand. */
import { assertEquals } from "@std/assert";
import { connect, exchange, getRequest, type Response } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import { expectRequest, silent, startOrigin } from "../support/origin.ts";
import { answerOf, startRoutes } from "../support/routes.ts";

/**
 * One server with these locations, each a line of YAML, in front of an origin called `app` with
 * these routes and another one, `second`, with none.
 */
async function ask(
  requests: readonly string[],
  locations: readonly string[],
  routes: Readonly<Record<string, string>> = {},
): Promise<{ readonly responses: readonly Response[]; readonly log: readonly string[] }> {
  await using origin = await startRoutes(routes);
  await using second = await startRoutes({});
  const responses: Response[] = [];
  let log: readonly string[] = [];
  const yaml = `
upstreams: { app: { servers: ["${origin.address}"] }, second: { servers: ["${second.address}"] } }
servers:
  - listen: 127.0.0.1:0
    locations:
      ${locations.join("\n      ")}
`;
  await withSluice(yaml, async (address, sluice) => {
    for (const request of requests) responses.push(await exchange(address, request));
    log = sluice.errorLog;
  });
  return { responses, log };
}

function told(responses: readonly Response[]): string[] {
  return responses.map(({ status, bodyText }) => `${status} ${titleOf(bodyText)}`);
}

/** Of an error page its title. */
function titleOf(text: string): string {
  return /<title>(.*)<\/title>/.exec(text)?.[1] ?? text;
}

function post(target: string, body: string, ...lines: readonly string[]): string {
  return [
    `POST ${target} HTTP/1.1`,
    "Host: a",
    `Content-Length: ${body.length}`,
    ...lines,
    "",
    body,
  ]
    .join("\r\n");
}

const DEAD = "http://127.0.0.1:1";

Deno.test("error_page: a path answers, asked with GET; the status stays, or is what =status or = says", async () => {
  const { responses } = await ask(
    ["/stays", "/other", "/own", "/none"].map((path) => getRequest(path)),
    [
      "= /stays: { error_page: { 404: /page }, return: 404 }",
      `= /other: { error_page: { 502: "=203 /page?from=$uri" }, proxy: { pass: "${DEAD}" } }`,
      "= /own: { error_page: { 403 404: = /page }, return: 403 }",
      "= /page: { return: 200 $request_method $uri $args $request_uri }",
    ],
  );
  assertEquals(told(responses), [
    "404 GET /page  /stays",
    "203 GET /page from=/other /other",
    "200 GET /page  /own",
    "404 404 Not Found",
  ]);
});

Deno.test("error_page: a URL is a redirect, with 302 or what =status says", async () => {
  const { responses } = await ask([getRequest("/a?b"), getRequest("/c")], [
    "= /a: { error_page: { 403: 'http://example.org$uri' }, return: 403 }",
    "= /c: { error_page: { 403: '=301 https://example.org/' }, return: 403 }",
  ]);
  assertEquals(
    responses.map(({ status, fields }) => `${status} ${fields.get("Location")}`),
    ["302 http://example.org/a", "301 https://example.org/"],
  );
});

Deno.test("error_page: a named location gets the request as it is, its body too, in memory or in a file", async () => {
  const large = "x".repeat(40_000);
  const { responses } = await ask([post("/a%20b?c=d", "body"), post("/a", large)], [
    `/: { error_page: { 502: "= @fallback" }, proxy: { pass: "${DEAD}" } }`,
    '"@fallback": { proxy: { pass: "http://app" } }',
  ]);
  assertEquals(told(responses), ["200 POST /a%20b?c=d body", `200 POST /a ${large}`]);
});

Deno.test("error_page: the body of a GET that an error page is asked with is the client's, as in nginx", async () => {
  const { responses } = await ask([post("/a", "body")], [
    `/: { error_page: { 502: "= /b" }, proxy: { pass: "${DEAD}" } }`,
    '= /b: { proxy: { pass: "http://app" } }',
  ]);
  assertEquals(told(responses), ["200 GET /b body"]);
});

Deno.test("error_page: a body that went to the first peer unbuffered is gone for the second", async () => {
  const { responses } = await ask(
    [post("/a", "body"), getRequest("/b")],
    [
      '/: { error_page: { 500: "= @fallback" }, ' +
      'proxy: { pass: "http://app", request_buffering: off, intercept_errors: on } }',
      '"@fallback": { proxy: { pass: "http://second" } }',
    ],
    { "/a": answerOf("500 Broken") },
  );
  assertEquals(told(responses), ["200 POST /a", "200 GET /b"]);
});

Deno.test("intercept_errors: an origin's error has an error page; without it, or without a page, it passes", async () => {
  const routes = {
    "/404": answerOf("404 Gone Fishing", "from the origin"),
    "/401": answerOf("401 Who", "who", 'WWW-Authenticate: Basic realm="x"'),
    "/403": answerOf("403 No", "no"),
  };
  const { responses } = await ask(
    ["/404", "/401", "/403", "/pass/404"].map((path) => getRequest(path)),
    [
      '/: { error_page: { 404 401: /page }, proxy: { pass: "http://app", intercept_errors: on } }',
      '/pass/: { error_page: { 404: /page }, proxy: { pass: "http://app/" } }',
      "= /page: { return: 200 page }",
    ],
    routes,
  );
  assertEquals(told(responses), ["404 page", "401 page", "403 no", "404 from the origin"]);
  assertEquals(responses[1]?.fields.get("WWW-Authenticate"), 'Basic realm="x"');
  assertEquals(responses[3]?.reason, "Gone Fishing");
});

Deno.test("a client that leaves while its error page is being waited for ends that request too", async () => {
  await using silence = await startOrigin({ each: [expectRequest(), silent()] });
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    locations:
      /: { error_page: { 502: "@fallback" }, proxy: { pass: "${DEAD}" } }
      "@fallback": { proxy: { pass: "http://${silence.address}" } }
`;
  await withSluice(yaml, async (address, sluice) => {
    await using client = await connect(address);
    await client.send(getRequest("/"));
    await silence.waitForRequest(1);
    await client.close();
    assertEquals((await sluice.accessLine(1)).split("|").slice(0, 2), ["GET / HTTP/1.1", "499"]);
  });
});

Deno.test("recursive_error_pages: off, an error page's own error has no page; on, it has", async () => {
  const { responses } = await ask([getRequest("/off"), getRequest("/on")], [
    "= /off: { error_page: { 404: /first }, return: 404 }",
    "= /on: { error_page: { 404: /first }, recursive_error_pages: on, return: 404 }",
    "= /first: { error_page: { 403: /second }, recursive_error_pages: on, return: 403 }",
    "= /second: { return: 200 second }",
  ]);
  assertEquals(told(responses), ["403 403 Forbidden", "403 second"]);
});

Deno.test("internal redirects: after ten of them it is a cycle, and 500", async () => {
  const { responses, log } = await ask([getRequest("/a")], [
    "= /a: { error_page: { 404: /a }, recursive_error_pages: on, return: 404 }",
  ]);
  assertEquals(told(responses), ["500 500 Internal Server Error"]);
  const cycles = log.filter((line) =>
    line.includes('rewrite or internal redirection cycle while internally redirecting to "/a"')
  );
  assertEquals(cycles.length, 1);
});

Deno.test("a named location that is not there is 500, and the log says so", async () => {
  const { responses, log } = await ask([getRequest("/a")], [
    '= /a: { error_page: { 404: "@gone" }, return: 404 }',
  ]);
  assertEquals(told(responses), ["500 500 Internal Server Error"]);
  assertEquals(
    log.filter((line) => line.includes('could not find named location "@gone"')).length,
    1,
  );
});

Deno.test("internal: 404 from outside, whatever it would do", async () => {
  const { responses } = await ask([getRequest("/in"), getRequest("/@named"), getRequest("/to")], [
    "= /in: { internal: on, return: 200 secret }",
    '"@named": { return: 200 named }',
    "= /to: { error_page: { 403: = /in }, return: 403 }",
  ]);
  assertEquals(told(responses), ["404 404 Not Found", "404 404 Not Found", "200 secret"]);
});

Deno.test("error_page: 413 has a page, and the body that was too large is not looked at again", async () => {
  const { responses } = await ask([post("/a", "123456")], [
    "= /a: { client_max_body_size: 5, error_page: { 413: /page }, return: 200 never }",
    "= /page: { client_max_body_size: 5, return: 200 page }",
  ]);
  assertEquals(told(responses), ["413 page"]);
});
