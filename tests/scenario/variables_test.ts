/** map, geo, split_clients and built-in variables: compared with nginx 1.22.1 by hand. */
import { assertEquals, assertMatch } from "@std/assert";
import { exchange, getRequest } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";

/** What a server that answers with a text says to some requests. */
async function answers(
  definitions: string,
  text: string,
  requests: readonly string[],
): Promise<string[]> {
  const bodies: string[] = [];
  const yaml = `
${definitions}
servers:
  - { listen: "127.0.0.1:0", server_name: first.example, locations: { /: { return: '200 "${text}"' } } }
`;
  await withSluice(yaml, async (address) => {
    for (const request of requests) bodies.push((await exchange(address, request)).bodyText);
  });
  return bodies;
}

Deno.test("map: texts in any case, the first regex with its captures, the default; values have variables", async () => {
  const map = `
map:
  $mapped:
    source: $arg_k
    default: "none of $arg_k"
    values: { a: 1, "": empty, "~^x(.)y$": "caught $1", "~*^z(?<rest>.*)": "rest $rest of $host" }
`;
  assertEquals(
    await answers(
      map,
      "$mapped",
      ["a", "A", "", "xqy", "XQY", "ZEBRA"].map((k) => getRequest(`/?k=${k}`)),
    ),
    ["1", "1", "empty", "caught q", "none of XQY", "rest EBRA of test"],
  );
});

Deno.test("map: several variables in one source; hostnames with wildcards, the longest first", async () => {
  const map = `
map:
  $both: { source: "$arg_a-$arg_b", values: { 1-2: yes } }
  $tenant: { source: $arg_host, hostnames: on, values: { "*.example.org": star, a.example.org: exact, "www.other.*": tail, .dot.example: dot } }
`;
  const hosts = [
    "a.example.org",
    "b.example.org.",
    "www.other.net",
    "dot.example",
    "x.dot.example",
    "z",
  ];
  assertEquals(
    await answers(map, "$both$tenant", hosts.map((host) => getRequest(`/?a=1&b=2&host=${host}`))),
    ["yesexact", "yesstar", "yestail", "yesdot", "yesdot", "yes"],
  );
});

Deno.test("map: looked up once a request, unless it is volatile; a circle ends with a line in the log", async () => {
  const yaml = `
map:
  $kept: { source: $args, default: $args }
  $fresh: { source: $args, default: $args, volatile: on }
  $chicken: { source: $egg, default: chicken }
  $egg: { source: $chicken, default: egg }
servers:
  - listen: 127.0.0.1:0
    error_page: { 403: "= /inner?second" }
    locations:
      "= /": { return: 403, add_header: { X-Seen: { value: "$kept $fresh", always: on } } }
      /inner: { return: '200 "$kept $fresh"' }
      /circle: { return: 200 $chicken }
      /outer: { auth_request: /ask, return: 200 }
`;
  await withSluice(yaml, async (address, sluice) => {
    assertEquals((await exchange(address, getRequest("/?first"))).bodyText, "second second");
    assertEquals((await exchange(address, getRequest("/circle"))).bodyText, "chicken");
    assertMatch(
      await sluice.errorLine(/cycle/),
      /cycle while evaluating variable "(?:egg|chicken)"/,
    );
  });
});

Deno.test("geo: the longest network; ranges; whom trusted proxies speak for", async () => {
  const geo = `
geo:
  $net: { source: $arg_ip, default: out, values: { 10.0.0.0/8: ten, 10.1.0.0/16: inner, "2001:db8::/32": six } }
  $range: { source: $arg_ip, default: out, ranges: on, values: { 10.0.0.0-10.9.9.9: r, 10.1.0.0-10.1.0.9: rr } }
  $for: { proxy: [127.0.0.1, 10.0.0.0/8], proxy_recursive: on, values: { 203.0.113.0/24: real, 10.0.0.0/8: proxy } }
  $last: { proxy: 127.0.0.1, values: { 203.0.113.0/24: real, 10.0.0.0/8: proxy } }
`;
  const ask = (ip: string, forwarded: string) =>
    getRequest(`/?ip=${ip}`, `X-Forwarded-For: ${forwarded}`);
  assertEquals(
    await answers(geo, "$net|$range|$for|$last", [
      ask("10.1.0.5", "203.0.113.9, 10.0.0.1"),
      ask("10.200.0.1", "203.0.113.9"),
      ask("2001:db8::7", "nobody"),
      ask("none", "203.0.113.9, nonsense, 10.0.0.1"),
    ]),
    ["inner|rr|real|proxy", "ten|out|real|real", "six|out||", "out|out|proxy|proxy"],
  );
});

Deno.test("split_clients: everybody gets what nginx gives", async () => {
  const split = `
split_clients:
  $variant: { source: "\${arg_k}AAA", values: { 0.5%: one, 20.33%: two, "*": rest } }
`;
  const keys = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => getRequest(`/?k=client${n * 7919}x`));
  assertEquals((await answers(split, "$variant ", keys)).join(""), SHARES);
});

/** Of nginx 1.22.1. */
const SHARES = "two two rest rest rest rest rest rest two rest ";

Deno.test("variables of the connection and of the request line", async () => {
  const text =
    "$server_addr $server_name $pipe $https $is_args $connection_requests $is_request_port$request_port";
  assertEquals(
    await answers("", text, [getRequest("/?x", "Connection: close"), "GET / HTTP/1.0\r\n\r\n"]),
    ["127.0.0.1 first.example .  ? 1 ", "127.0.0.1 first.example .   1 "],
  );
  const absolute = "GET http://a.example:81/x?y HTTP/1.1\r\nHost: b\r\n\r\n";
  assertEquals(await answers("", "$request_uri $host $is_request_port$request_port", [absolute]), [
    "/x?y a.example :81",
  ]);
});

Deno.test("sent_http: of the head while it is written, and in the log when it is gone", async () => {
  const yaml = `
map: { $life: { source: $sent_http_content_type, default: long, values: { text/plain: short } } }
servers:
  - { listen: "127.0.0.1:0", locations: { /: { return: 200 x, add_header: { X-Life: $life } } } }
`;
  await withSluice(yaml, async (address, sluice) => {
    const { fields } = await exchange(address, getRequest("/"));
    assertEquals(fields.get("X-Life"), "short");
    assertEquals(await sluice.accessLine(1), "short keep-alive|1 OK");
  }, {
    logFormat:
      "$sent_http_x_life $sent_http_connection|$sent_http_content_length $request_completion",
  });
});

Deno.test("a path that is none has no $uri, and the log says so", async () => {
  const yaml = `
map: { $mapped: { source: $uri, default: "<$uri>" } }
servers: [{ listen: "127.0.0.1:0", rewrite: [{ set: "$seen $uri" }], locations: { /: { return: 200 } } }]
`;
  await withSluice(yaml, async (address, sluice) => {
    assertEquals((await exchange(address, getRequest("/%zz"))).status, 400);
    assertEquals(await sluice.accessLine(1), "-|/%zz|<>|400");
  }, { logFormat: "$uri|$request_uri|$mapped|$status" });
});
