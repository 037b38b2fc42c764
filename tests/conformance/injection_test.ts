/**
 * What we write is well-formed, whatever stands in what a client or an origin may choose: a
 * path that decodes to line ends, to a request of its own, to blanks, goes through everything
 * that puts a part of a request into a head, a log or a name. Readers that are strict see one
 * head, one request, one line.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readYaml } from "../../src/config/mod.ts";
import { startServer } from "../../src/control/server.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { connect } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import { expectRequest, repeat, send, startOrigin } from "../support/origin.ts";
import { tempDir } from "../support/program.ts";

/** Paths that a careless program makes heads of. */
const PATHS: readonly string[] = [
  "/a%0d%0aX-Injected:%20yes",
  "/a%0aX-Injected:%20yes",
  "/a%0dX-Injected:%20yes",
  "/a%0d%0aX-Injected:%20yes%0d%0a%0d%0aGET%20/smuggled%20HTTP/1.1%0d%0aHost:%20b%0d%0a%0d%0a",
  "/a%20HTTP/1.1%0d%0aX-Injected:%20yes%0d%0a%0d%0a",
  "/a%20b%09c%23d%3fe%25%0b%7f%c3%a4%e2%80%a8%c4%8d%c4%8a",
];

interface Case {
  readonly name: string;
  /** Of the location `/`. */
  readonly location: string;
  /** Beside it. */
  readonly others?: string;
  /** At the top. */
  readonly main?: string;
  /** Field lines of what the origin answers. */
  readonly answers?: readonly string[];
}

const PROXY = 'proxy: { pass: "http://ORIGIN" }';
const ECHO = "/in/: { return: '200 \"in\"' }";

const CASES: readonly Case[] = [
  { name: "return, a URL with $uri", location: 'return: "302 https://b$uri"' },
  { name: "return, a path with $uri", location: 'return: "301 /b$uri"' },
  { name: "return, a text with $uri", location: 'return: "200 $uri"' },
  { name: "return, a type with $uri", location: 'return: "200 ok", default_type: "a/$uri"' },
  {
    name: "a capture of a location, redirected to",
    location: 'return: "302 https://b/none"',
    others: '"~ ^/a(.*)$": { return: "302 https://b/$1" }',
  },
  {
    name: "a named capture, redirected to and added",
    location: "return: 404",
    others:
      '"~ ^/a(?<rest>(.|\\\\s)*)$": { return: "302 https://$rest/", add_header: { X: "$rest" } }',
  },
  {
    name: "rewrite, a redirect",
    location: 'rewrite: [{ rewrite: "^/a([^z]*)$ https://b/$1? redirect" }, { return: 404 }]',
  },
  {
    name: "rewrite, then proxied",
    location: `rewrite: [{ rewrite: "^/a([^z]*)$ /b/$1 break" }], ${PROXY}`,
  },
  {
    name: "rewrite with a capture in the query, then proxied",
    location: `rewrite: [{ rewrite: "^/a([^z]*)$ /b?q=$1 break" }], ${PROXY}`,
  },
  {
    name: "set of a capture, added and proxied",
    location: 'rewrite: [{ if: { when: "$uri ~ ^/a([^z]*)$", then: [{ set: "$x $1" }] } }], ' +
      'add_header: { X: "$x" }, proxy: { pass: "http://ORIGIN", set_header: { X: "$x" } }',
  },
  { name: "proxied as it is", location: PROXY },
  { name: "proxied below another path", location: 'proxy: { pass: "http://ORIGIN/b/" }' },
  { name: "proxied, $uri as a variable", location: 'proxy: { pass: "http://ORIGIN$uri" }' },
  { name: "proxied, $uri in the query", location: 'proxy: { pass: "http://ORIGIN/b?q=$uri" }' },
  {
    name: "proxied, a capture as a variable",
    location: "return: 404",
    others: '"~ ^/a([^z]*)$": { proxy: { pass: "http://ORIGIN/$1" } }',
  },
  {
    name: "proxied, fields of $uri, Host too",
    location:
      'proxy: { pass: "http://ORIGIN", set_header: { X: "$uri", Y: "a$uri", Host: "b$uri" } }',
  },
  {
    name: "proxied, a body and a method of variables",
    location: 'proxy: { pass: "http://ORIGIN", set_body: "$uri", method: "$arg_none$uri" }',
  },
  { name: "add_header with $uri", location: 'return: "200 ok", add_header: { X: "$uri" }' },
  {
    name: "add_trailer with $uri",
    location: `${PROXY}, add_trailer: { X: "$uri" }`,
  },
  {
    name: "map of $uri, added, set and redirected to",
    main: 'map: { $m: { source: "$uri", values: { "~^/a(?<rest>[^z]*)$": "$rest" } } }',
    location: 'return: "302 https://b/$m", add_header: { X: "$m" }',
  },
  {
    name: "map of $uri in a field for the peer",
    main: 'map: { $m: { source: "$uri", values: { "~^/a(?<rest>[^z]*)$": "$rest" } } }',
    location: 'proxy: { pass: "http://ORIGIN", set_header: { X: "$m" } }',
  },
  {
    name: "error_page, a redirect with $uri",
    location: 'error_page: { 404: "https://b$uri" }, return: 404',
  },
  {
    name: "error_page, an internal path with $uri",
    location: 'error_page: { 404: "/in$uri" }, return: 404',
    others: ECHO,
  },
  {
    name: "try_files, the last one with $uri",
    location: 'root: DIR, try_files: "$uri /in$uri"',
    others: '/in/: { proxy: { pass: "http://ORIGIN" } }',
  },
  { name: "a file that is not there", location: "root: DIR" },
  { name: "an index below $uri", location: 'root: DIR, index: "$uri.html"' },
  {
    name: "auth_basic, a realm of $uri",
    location: 'auth_basic: "$uri", auth_basic_user_file: DIR/none, return: 200',
  },
  {
    name: "auth_request_set of an answer's field",
    location: `auth_request: /auth, auth_request_set: { $u: "$upstream_http_x$uri" }, ` +
      'proxy: { pass: "http://ORIGIN", set_header: { X: "$u" } }, add_header: { X: "$u" }',
    others: '= /auth: { internal: on, proxy: { pass: "http://ORIGIN" } }',
  },
  {
    name: "mirror",
    location: `mirror: /copy, ${PROXY}`,
    others: `= /copy: { internal: on, ${PROXY} }`,
  },
  {
    name: "X-Accel-Redirect to a path that is proxied",
    location: PROXY,
    others: '/in/: { internal: on, proxy: { pass: "http://ORIGIN/c/" } }',
    answers: ["X-Accel-Redirect: /in/a%0d%0aX-Injected:%20yes"],
  },
  {
    name: "X-Accel-Redirect to a path that is redirected",
    location: PROXY,
    others: '/in/: { internal: on, return: "302 https://b$uri" }',
    answers: ["X-Accel-Redirect: /in/a%0d%0aX-Injected:%20yes"],
  },
  {
    name: "X-Accel-Charset and a Location, rewritten with $uri",
    location: 'proxy: { pass: "http://ORIGIN", redirect: "http://o/ https://b$uri/" }',
    answers: ["X-Accel-Charset: a", "Location: http://o/x", "Refresh: 1; url=http://o/y"],
  },
  {
    name: "cookies rewritten with $uri",
    location:
      'proxy: { pass: "http://ORIGIN", cookie_path: { /: "$uri" }, cookie_domain: { o: "$uri" } }',
    answers: ["Set-Cookie: a=b; Path=/; Domain=o"],
  },
  {
    name: "store below $uri",
    location: 'proxy: { pass: "http://ORIGIN", store: "DIR$uri", temp_path: DIR }',
  },
];

/** One line of each kind in the way of the log's own. */
const FORMAT = "$request|$uri|$status|$args|$sent_http_location|$sent_http_x|$document_uri";

for (const { name, location, others = "", main = "", answers = [] } of CASES) {
  Deno.test(`no line end gets out of a path: ${name}`, async () => {
    await using dir = await tempDir();
    const head = ["HTTP/1.1 200 OK", "Content-Length: 2", "X: y", ...answers, "", ""].join("\r\n");
    await using origin = await startOrigin({ each: [repeat(expectRequest(), send(`${head}ok`))] });
    const yaml = `
${main}
servers:
  - listen: "127.0.0.1:0"
    locations:
      /: { ${location} }
      ${others}
`.replaceAll("ORIGIN", origin.address).replaceAll("DIR", dir.path);
    let requests = 0;
    await withSluice(yaml, async (address, sluice) => {
      for (const path of PATHS) {
        await using client = await connect(address);
        await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
        const response = await client.readResponse(); // whose reader is strict
        assert(response.isComplete, path);
        assertEquals(response.fields.all("X-Injected"), [], response.text);
        await client.ended;
        assertEquals(client.unreadBytes, 0, "something behind the response");
        await sluice.accessLine(++requests);
      }
      assertEquals(sluice.accessLog.length, PATHS.length, "one line for each request");
      for (const line of sluice.errorLog) {
        assertMatch(line, /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[/);
        assert(!line.includes("no head may hold"), line); // the last line of defence
      }
    }, { logFormat: FORMAT });
    for (const request of origin.requests) { // whose reader is strict, too
      assertEquals(request.fields.all("X-Injected"), [], request.text);
      assert(!request.target.startsWith("/smuggled"), request.text);
    }
  });
}

for (const escape of ["default", "json"]) {
  Deno.test(`no line end gets out of a path into an access log with escape=${escape}`, async () => {
    await using dir = await tempDir();
    const text = escape === "json" ? '{"uri":"$uri","x":"$sent_http_x"}' : "$uri|$sent_http_x";
    const yaml = `
log:
  access: { path: ${dir.path}/access.log, format: own, buffer: 0 }
  error: { path: ${dir.path}/error.log }
  formats: { own: { text: '${text}', escape: ${escape} } }
servers:
  - listen: "127.0.0.1:0"
    locations: { /: { return: "200 ok", add_header: { X: "$uri" } } }
`;
    const server = await startServer(readYaml(yaml, "test.yaml", { isKnownVariable }));
    for (const path of PATHS) {
      await using client = await connect(server.addresses[0]!);
      await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      await client.readResponse();
      await client.ended;
    }
    await server.stop();
    const lines = Deno.readTextFileSync(`${dir.path}/access.log`).split("\n");
    assertEquals(lines.pop(), "");
    assertEquals(lines.length, PATHS.length);
    for (const line of lines) {
      if (escape === "json") JSON.parse(line);
      else assertMatch(line, /^\/a/);
    }
  });
}
