/** rewrite, if, set, break, return and nested locations: compared with nginx 1.22.1 by hand. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import { startRoutes } from "../support/routes.ts";

/** What one server says to some paths: status, where it leads, and the text of a page of ours. */
async function told(server: string, paths: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  const yaml = `servers:\n  - listen: 127.0.0.1:0\n    absolute_redirect: off\n${
    server.split("\n").map((line) => `    ${line}`).join("\n")
  }`;
  await withSluice(yaml, async (address) => {
    for (const path of paths) {
      const { status, fields, bodyText } = await exchange(address, getRequest(path));
      const location = fields.get("Location");
      texts.push(`${status} ${location ?? (bodyText.startsWith("<html>") ? "" : bodyText)}`.trim());
    }
  });
  return texts;
}

const ECHO = "/echo/: { return: '200 \"$uri?$args\"' }";

Deno.test("rewrite: last looks for the location again, break stays, none goes on with the list", async () => {
  assertEquals(
    await told(
      `locations:
  ${ECHO}
  /last/: { rewrite: [{ rewrite: "^/last/(.*)$ /echo/$1 last" }, { return: 500 }] }
  /break/: { rewrite: [{ rewrite: "^/break/(.*)$ /echo/$1 break" }, { return: 500 }] }
  /next/: { rewrite: [{ rewrite: "^/next/(.*)$ /mid/$1" }, { rewrite: "^/mid/(.*)$ /echo/$1" }] }
  /stop/: { rewrite: [{ rewrite: "^/stop/(.*)$ /echo/$1" }, { break: on }, { return: 500 }] }`,
      ["/last/a?b", "/break/a", "/next/a", "/stop/a"],
    ),
    ["200 /echo/a?b", "404", "200 /echo/a?", "404"],
  );
});

Deno.test("rewrite: the client's query comes behind a new one, unless a ? ends the replacement", async () => {
  assertEquals(
    await told(
      `locations:
  ${ECHO}
  /add/: { rewrite: [{ rewrite: "^/add/(.*)$ /echo/x?q=$1" }] }
  /drop/: { rewrite: [{ rewrite: "^/drop/(.*)$ /echo/x?q=$1?" }] }
  /none/: { rewrite: [{ rewrite: "^/none/(.*)$ /echo/x?" }] }`,
      ["/add/a?b=c", "/add/a%26b%20c+d", "/drop/a?b=c", "/none/a?b=c"],
    ),
    ["200 /echo/x?q=a&b=c", "200 /echo/x?q=a%26b%20c%2Bd", "200 /echo/x?q=a", "200 /echo/x?"],
  );
});

Deno.test("rewrite: redirect, permanent, and URLs", async () => {
  assertEquals(
    await told(
      `locations:
  /redirect/: { rewrite: [{ rewrite: "^/redirect/(.*)$ /to/$1 redirect" }] }
  /permanent/: { rewrite: [{ rewrite: "^/permanent/(.*)$ /to?q=$1 permanent" }] }
  /url/: { rewrite: [{ rewrite: "^/url/(.*)$ http://other.example/$1" }] }`,
      ["/redirect/a%20b?c", "/permanent/a%26b?c", "/url/a%3Fb"],
    ),
    ["302 /to/a%20b?c", "301 /to?q=a%26b&c", "302 http://other.example/a?b"],
  );
});

Deno.test("rewrite: ten new URIs are the most, then it is 500 and a line in the log", async () => {
  const yaml = `
servers:
  - { listen: "127.0.0.1:0", locations: { /: { rewrite: [{ rewrite: "^(.*)$ $1" }] }, /zero: { rewrite: [{ rewrite: "^/zero(.*)$ $1" }] } } }
`;
  await withSluice(yaml, async (address, sluice) => {
    assertEquals((await exchange(address, getRequest("/"))).status, 500);
    await sluice.errorLine(/rewrite or internal redirection cycle while processing "\/"/);
    assertEquals((await exchange(address, getRequest("/zero"))).status, 500);
    await sluice.errorLine(/the rewritten URI has a zero length/);
  });
});

Deno.test("a server's list comes before its locations, also after an internal redirect", async () => {
  assertEquals(
    await told(
      `error_page: { 404: /page }
rewrite:
  - set: "$seen $uri"
  - if: { when: "$arg_gone = yes", then: [{ return: '410 "gone"' }] }
  - rewrite: "^/old/(.*)$ /new/$1"
locations:
  /new/: { return: '200 "$uri $seen"' }
  /missing: { return: 404 }
  /page: { return: '200 "$uri $seen"' }`,
      ["/x?gone=yes", "/old/a", "/missing"],
    ),
    ["410 gone", "200 /new/a /old/a", "404 /page /page"],
  );
});

Deno.test("if: every condition, with its negation", async () => {
  const holds = async (when: string, path = "/?a=1&b=Two") => {
    const [text] = await told(
      `locations: { /: { rewrite: [{ if: { when: '${when}', then: [{ return: 200 yes }] } }, { return: 200 no }] } }`,
      [path],
    );
    return text === "200 yes";
  };
  for (
    const when of [
      "$arg_a",
      "$arg_a = 1",
      "$arg_a != 2",
      "$arg_b ~ ^T",
      "$arg_b ~* ^t",
      "$arg_b !~ ^t",
      "$arg_b !~* ^x",
      "-f /etc/passwd",
      "!-f /etc",
      "-d /etc",
      "!-d /etc/passwd",
      "-e /etc",
      "!-e /nothing/here",
      "-x /bin/sh",
      "!-x /etc/passwd",
    ]
  ) assert(await holds(when), when);
  for (const when of ["$arg_c", "$arg_a = 2", "$arg_b ~ ^t", "!-e /etc"]) {
    assert(!await holds(when), when);
  }
  assert(!await holds("$arg_a", "/?a=0"), "0 is no");
});

Deno.test("if in a location: the last one that holds is the location, with all else that it was", async () => {
  await using first = await startRoutes({});
  await using second = await startRoutes({});
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    locations:
      /:
        add_header: { X-From: outer }
        proxy: { pass: "http://${first.address}" }
        rewrite:
          - if: { when: $arg_header, add_header: { X-From: inner } }
          - if: { when: $arg_peer, proxy: { pass: "http://${second.address}" } }
          - if: { when: $arg_plain, then: [{ set: "$x 1" }] }
`;
  await withSluice(yaml, async (address) => {
    const from = async (query: string) => {
      const { fields } = await exchange(address, getRequest(`/x?${query}`));
      return [fields.get("X-From"), first.requestsSeen, second.requestsSeen];
    };
    assertEquals(await from("none"), ["outer", 1, 0]);
    assertEquals(await from("header=1"), ["inner", 2, 0]);
    assertEquals(await from("peer=1"), ["outer", 2, 1]);
    assertEquals(await from("header=1&peer=1"), ["outer", 2, 2]);
    assertEquals(await from("plain=1"), ["outer", 3, 2]);
  });
});

Deno.test("set: of variables of its own, of $args, of $limit_rate; captures of the last regex that matched", async () => {
  assertEquals(
    await told(
      `locations:
  /own: { rewrite: [{ set: "$a x" }, { set: "$a $a-y" }, { return: "200 $a" }] }
  /args: { rewrite: [{ set: "$args x=1&$args" }, { return: '200 "$args $arg_x $query_string"' }] }
  /rate: { rewrite: [{ set: "$limit_rate 4k" }, { return: '200 "$limit_rate"' }] }
  "~ ^/user/(?<name>\\\\w+)/(\\\\d+)$": { return: '200 "$name $1 $2"' }
  /caught: { rewrite: [{ if: { when: "$args ~ (\\\\d)(\\\\d)", then: [{ set: "$n $2$1" }] } }, { return: '200 "$n"' }] }`,
      ["/own", "/args?y", "/rate", "/user/ann/7", "/caught?a12"],
    ),
    ["200 x-y", "200 x=1&y 1 x=1&y", "200 4096", "200 ann ann 7", "200 21"],
  );
});

Deno.test("uninitialized_variable_warn and rewrite_log", async () => {
  const yaml = `
rewrite_log: on
servers:
  - listen: 127.0.0.1:0
    rewrite: [{ if: { when: $arg_never, then: [{ set: "$unset 1" }] } }]
    locations:
      /loud: { return: "200 [$unset]" }
      /quiet: { uninitialized_variable_warn: off, return: "200 [$unset]" }
      /log/: { rewrite: [{ rewrite: "^/log/(.*)$ /loud?$1" }] }
`;
  await withSluice(yaml, async (address, sluice) => {
    assertEquals((await exchange(address, getRequest("/quiet"))).bodyText, "[]");
    assertEquals((await exchange(address, getRequest("/loud"))).bodyText, "[]");
    await sluice.errorLine(/using uninitialized "unset" variable/);
    assertEquals(sluice.errorLog.filter((line) => line.includes("uninitialized")).length, 1);
    await exchange(address, getRequest("/log/x"));
    assertMatch(await sluice.errorLine(/matches/), /"\^\/log\/\(\.\*\)\$" matches "\/log\/x"/);
    await sluice.errorLine(/rewritten data: "\/loud", args: "x"/);
  });
});

Deno.test("nested locations: exact and regex ones within a prefix come before the regexes around it", async () => {
  assertEquals(
    await told(
      `locations:
  /a/:
    return: 200 a
    locations:
      /a/b/: { return: 200 a-b }
      "= /a/eq": { return: 200 a-eq }
      "~ \\\\.in$": { return: 200 a-in }
  "^~ /s/":
    return: 200 s
    locations: { "~ \\\\.in$": { return: 200 s-in } }
  "~ \\\\.out$": { return: 200 out }`,
      ["/a/x", "/a/b/x", "/a/eq", "/a/x.in", "/a/b/x.in", "/a/b/x.out", "/s/x.out", "/s/x.in"],
    ),
    ["a", "a-b", "a-eq", "a-in", "a-in", "out", "s", "s-in"].map((text) => `200 ${text}`),
  );
});

Deno.test("server_name: a regex's captures are variables; exact names come before it", async () => {
  const yaml = `
servers:
  - { listen: "127.0.0.1:0", server_name: '~^(?<tenant>\\w+)\\.(\\w+)\\.example$', locations: { /: { return: '200 "$tenant $2"' } } }
  - { listen: "127.0.0.1:0", server_name: www.exact.example, locations: { /: { return: '200 "exact [$tenant]"' } } }
`;
  await withSluice(yaml, async (address) => {
    const ask = async (host: string) =>
      (await exchange(address, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).bodyText;
    assertEquals(await ask("Ann.Shop.example:80"), "ann shop");
    assertEquals(await ask("www.exact.example"), "exact []");
  });
});

Deno.test("proxy: a URI that was rewritten is passed whole by break, and in its place otherwise", async () => {
  await using origin = await startRoutes({});
  assertEquals(
    await told(
      `locations:
  /break/:
    rewrite: [{ rewrite: "^/break/(.*)$ /whole/$1?q break" }]
    proxy: { pass: "http://${origin.address}/ignored/" }
  /args/:
    rewrite: [{ set: "$args a=b" }]
    proxy: { pass: "http://${origin.address}/instead/" }`,
      ["/break/a%20b", "/args/x?y"],
    ),
    ["200 GET /whole/a%20b?q", "200 GET /instead/x?a=b"],
  );
});

Deno.test("limit_except: requests with other methods are at a place that no if leads away from", async () => {
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    locations:
      /:
        root: /nowhere
        limit_except: { GET: { access: deny all } }
        rewrite: [{ if: { when: $arg_open, add_header: { X-A: b }, then: [{ rewrite: "^ /open" }] } }]
      /open: { return: 200 open }
`;
  await withSluice(yaml, async (address) => {
    const ask = async (method: string) => {
      const request = `${method} /?open=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`;
      return (await exchange(address, request)).status;
    };
    assertEquals(await ask("GET"), 200);
    assertEquals(await ask("POST"), 403);
  });
});
