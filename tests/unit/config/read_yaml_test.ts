import {
  assert,
  assertEquals,
  assertObjectMatch,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { LocationConf, ProxyAction, ServerConf, SluiceConf } from "../../../src/http/conf.ts";
import { ConfigError } from "../../../src/config/problem.ts";
import { readYaml } from "../../../src/config/read_yaml.ts";

/** The example of DESIGN.md, as far as it is supported. */
const EXAMPLE = `
log: { access: { path: stdout, format: json }, error: { path: stderr, level: info } }
upstreams:
  app:
    balance: least_conn
    keepalive: 64
    servers:
      - 127.0.0.1:9001
      - { address: 127.0.0.1:9002, weight: 2, max_conns: 100, max_fails: 3, fail_timeout: 5s }
      - { address: "unix:/run/app.sock", backup: true }
servers:
  - listen: 8080
    server_name: [example.org, "*.Example.org"]
    locations:
      /:             { proxy: { pass: http://app, next_upstream: [error, timeout, http_502], next_upstream_tries: 3 } }
      /events:       { proxy: { pass: http://app, read_timeout: 1h } }
      "= /health":   { return: 200 ok }
      '~ \\.php$':    { proxy: { pass: "http://unix:/run/php.sock" } }
`;

const BALANCE = "one of round_robin, least_conn, least_time header, least_time last_byte, ewma, " +
  "ip_hash, random, random two, or {hash: KEY, consistent: on}";

function read(text: string): SluiceConf {
  return readYaml(text, "test.yaml");
}

/** The messages of all problems, each with its place. */
function problemsOf(text: string): string[] {
  const error = assertThrows(
    () => readYaml(text, "f", { isKnownVariable: (name) => name === "host" || name === "uri" }),
    ConfigError,
  );
  return error.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

/** The problems of a location's content, without the place. */
function problemsIn(location: string): string[] {
  const text = `servers: [{ locations: { /: ${location} } }]`;
  return problemsOf(text).map((problem) => problem.replace(/^\d+:\d+: /, ""));
}

/** The problems of one key at the top level, beside a server that is right. */
function problemsAt(top: string): string[] {
  return problemsOf(`${top}\nservers: [{ return: 200 }]`);
}

function serverOf(conf: SluiceConf): ServerConf {
  const server = conf.listeners[0]?.servers[0];
  assert(server !== undefined);
  return server;
}

function locationOf(content: string): LocationConf {
  const [location] = serverOf(read(`servers: [{ locations: { /: ${content} } }]`)).locations;
  assert(location !== undefined);
  return location;
}

function proxyOf(content: string): ProxyAction {
  const { action } = locationOf(`{ proxy: ${content} }`);
  assert(action.kind === "proxy");
  return action;
}

function passTo(url: string): ProxyAction {
  return proxyOf(`{ pass: "${url}" }`);
}

Deno.test("config: the example of the design becomes records", () => {
  const conf = read(EXAMPLE);
  assertEquals(conf.errorLogs, [{ path: "stderr", level: "info" }]);
  assertEquals(conf.workerConnections, 10_240);
  assertEquals([conf.bufferMemoryBytes, conf.shedLoadFrom], [512 * 1024 * 1024, 0.9]);
  assertEquals(conf.groups.map(({ name }) => name), ["app", "unix:/run/php.sock"]);
  assertEquals(conf.groups[0]?.keepalive, {
    connections: 64,
    requests: 1000,
    timeMs: 3_600_000,
    timeoutMs: 60_000,
  });
  assertEquals(conf.groups[0]?.peers[1], {
    name: "127.0.0.1:9002",
    written: "127.0.0.1:9002",
    address: { transport: "tcp", hostname: "127.0.0.1", port: 9002 },
    weight: 2,
    maxFails: 3,
    failTimeoutMs: 5_000,
    maxConns: 100,
    isBackup: false,
    isDown: false,
    isDraining: false,
    slowStartMs: 0,
    route: undefined,
  });
  assertEquals(conf.groups[0]?.peers[2]?.isBackup, true);
  assertEquals(conf.listeners.length, 1);
  const [listener] = conf.listeners;
  assertEquals(listener?.name, "0.0.0.0:8080");
  assertEquals(listener?.address, { transport: "tcp", hostname: "0.0.0.0", port: 8080 });
  assertEquals(listener?.backlog, 511);
  assertEquals(listener?.listen, {
    clientHeaderTimeoutMs: 60_000,
    clientHeaderBufferSizeBytes: 1024,
    largeClientHeaderBufferCount: 4,
    largeClientHeaderBufferSizeBytes: 8192,
    maxConnectionsPerAddress: 0,
    maxHeaders: 1000,
    droppedNames: 6,
    mergeSlashes: true,
    proxyProtocol: false,
  });
  const server = serverOf(conf);
  assertEquals(server.serverNames, ["example.org", "*.example.org"]);
  assertObjectMatch({ ...server.client }, {
    clientBodyTimeoutMs: 60_000,
    clientBodyMinRate: 128,
    clientMaxBodySizeBytes: 1024 * 1024,
    sendTimeoutMs: 60_000,
    sendMinRate: 128,
    keepaliveTimeout: { idleMs: 75_000, toldMs: 0 },
    keepaliveTimeMs: 3_600_000,
    keepaliveRequests: 1000,
    lingeringClose: "on",
    lingeringTimeMs: 30_000,
    lingeringTimeoutMs: 5_000,
    serverTokens: true,
  });
  assertEquals(
    server.locations.map(({ modifier, pattern }) => `${modifier} ${pattern}`),
    [" /", " /events", "= /health", "~ \\.php$"],
  );
  const [root, events, health] = server.locations;
  assert(root?.action.kind === "proxy" && events?.action.kind === "proxy");
  assertStrictEquals(root.action.group, conf.groups[0]);
  assertEquals(root.action.upstream.nextUpstream, {
    conditions: new Set(["error", "timeout", "http_502"] as const),
    tries: 3,
    timeoutMs: 0,
  });
  assertEquals(events.action.upstream.readTimeoutMs, 3_600_000);
  assertEquals(health?.action, { kind: "return", status: 200, text: "ok" });
});

Deno.test("config: a proxy's defaults are nginx's", () => {
  assertObjectMatch({ ...passTo("http://127.0.0.1:9001") }, {
    kind: "proxy",
    group: {
      name: "127.0.0.1:9001",
      peers: [{
        name: "127.0.0.1:9001",
        address: { transport: "tcp", hostname: "127.0.0.1", port: 9001 },
        weight: 1,
        maxFails: 1,
        failTimeoutMs: 10_000,
        maxConns: 0,
        isBackup: false,
        isDown: false,
      }],
      keepalive: { connections: 32, requests: 1000, timeMs: 3_600_000, timeoutMs: 60_000 },
    },
    proxyHost: "127.0.0.1:9001",
    uri: undefined,
    upstream: {
      connectTimeoutMs: 60_000,
      sendTimeoutMs: 60_000,
      readTimeoutMs: 60_000,
      bufferSizeBytes: 8192,
      buffering: true,
      bufferCount: 8,
      bufferBytes: 8192,
      busyBuffersSizeBytes: 16_384,
      maxTempFileSizeBytes: 1024 * 1024 * 1024,
      requestBuffering: true,
      nextUpstream: { conditions: new Set(["error", "timeout"] as const), tries: 0, timeoutMs: 0 },
      ignoreClientAbort: false,
    },
    setHeaders: [["Host", "$proxy_host"]],
    httpVersion: "1.1",
  });
});

Deno.test("config: what pass may be", () => {
  const cases: [url: string, group: string, proxyHost: string, uri: string | undefined][] = [
    ["http://localhost:9000", "localhost:9000", "localhost:9000", undefined],
    ["http://localhost", "localhost:80", "localhost", undefined],
    ["http://127.0.0.1:80/", "127.0.0.1:80", "127.0.0.1", "/"],
    ["http://[::1]:81/a?b", "[::1]:81", "[::1]:81", "/a?b"],
    ["http://[0:0::1]", "[::1]:80", "[::1]", undefined],
    ["http://App.example.org:8080?x", "app.example.org:8080", "app.example.org:8080", "/?x"],
    ["http://unix:/run/a.sock", "unix:/run/a.sock", "localhost", undefined],
    ["http://unix:/run/a.sock:", "unix:/run/a.sock", "localhost", undefined],
    ["http://unix:/run/a.sock:/b", "unix:/run/a.sock", "localhost", "/b"],
  ];
  for (const [url, group, proxyHost, uri] of cases) {
    const action = passTo(url);
    assertEquals([action.group?.name, action.proxyHost, action.uri], [group, proxyHost, uri], url);
  }
  const peer = passTo("http://[::1]:81").group?.peers[0];
  assertEquals(peer?.address, { transport: "tcp", hostname: "::1", port: 81 });
  assertEquals(passTo("http://unix:/a").group?.peers[0]?.address, {
    transport: "unix",
    path: "/a",
  });
});

Deno.test("config: a group's name is found in either case, and keeps a path behind it", () => {
  const conf = read(`
upstreams: { App: { servers: localhost } }
servers: [{ locations: { /: { proxy: { pass: http://app/x } } } }]`);
  const [location] = serverOf(conf).locations;
  assert(location?.action.kind === "proxy");
  assertEquals(location.action.group?.name, "App");
  assertEquals(location.action.uri, "/x");
});

Deno.test("config: one implicit group for all locations that pass to an address", () => {
  const conf = read(`
servers:
  - locations:
      /: { proxy: { pass: http://127.0.0.1 } }
      /a: { proxy: { pass: http://127.0.0.1:80/b } }`);
  assertEquals(conf.groups.length, 1);
});

Deno.test("config: settings come down from the top, and the innermost holds", () => {
  const conf = read(`
send_timeout: 1s
client_max_body_size: 10
log: { access: off }
proxy: { read_timeout: 1s, send_timeout: 2s, set_header: { A: "1", B: "2" } }
servers:
  - send_timeout: 2s
    proxy: { send_timeout: 3s }
    log: { access: stdout json }
    locations:
      /a: { proxy: { pass: http://localhost }, send_timeout: 3s }
      /b: { proxy: { pass: http://localhost, read_timeout: 4s, set_header: { host: "x" } }, log: { access: off } }`);
  const server = serverOf(conf);
  const [a, b] = server.locations;
  assert(a?.action.kind === "proxy" && b?.action.kind === "proxy");
  assertEquals([server.client.sendTimeoutMs, a.client.sendTimeoutMs, b.client.sendTimeoutMs], [
    2000,
    3000,
    2000,
  ]);
  assertEquals(b.client.clientMaxBodySizeBytes, 10);
  assertEquals([a.action.upstream.readTimeoutMs, a.action.upstream.sendTimeoutMs], [1000, 3000]);
  assertEquals([b.action.upstream.readTimeoutMs, b.action.upstream.sendTimeoutMs], [4000, 3000]);
  assertEquals(a.action.setHeaders, [["Host", "$proxy_host"], ["A", "1"], ["B", "2"]]);
  assertEquals(b.action.setHeaders, [["host", "x"]]);
  assertStrictEquals(a.accessLogs, server.accessLogs);
  assertEquals(a.accessLogs.map(({ escape }) => escape), ["json"]);
  assertEquals(b.accessLogs, []);
});

Deno.test("config: servers at one address share a listener, the default server first", () => {
  const { listeners } = read(`
servers:
  - { listen: [8080, "[0:0::1]:81"], server_name: a, client_header_timeout: 1s, return: 200 }
  - { listen: ["0.0.0.0:8080 default_server backlog=64", "unix:/run/s"], server_name: b, return: 200 }
  - { listen: { address: "*:8080" }, return: 200 }
  - { listen: "[::1]:81", server_name: d, return: 200, client_header_timeout: 2s }`);
  assertEquals(
    listeners.map(({ name, backlog, servers, listen }) => [
      name,
      backlog,
      servers.map(({ serverNames }) => serverNames.join()).join(" "),
      listen.clientHeaderTimeoutMs,
    ]),
    [
      ["0.0.0.0:8080", 64, "b a ", 60_000],
      ["[::1]:81", 511, "a d", 1000],
      ["unix:/run/s", 511, "b", 60_000],
    ],
  );
});

Deno.test("config: a server listens on 80 if nothing else is said", () => {
  assertEquals(read("servers: [{ return: 200 }]").listeners[0]?.name, "0.0.0.0:80");
});

Deno.test("config: port 0 is a free port", () => {
  const [listener] = read("servers: [{ listen: 127.0.0.1:0, return: 200 }]").listeners;
  assertEquals(listener?.address, { transport: "tcp", hostname: "127.0.0.1", port: 0 });
});

Deno.test("config: what return may be", () => {
  const cases: [content: string, status: number, text: string][] = [
    ["204", 204, ""],
    ["200 ok", 200, "ok"],
    ['"404 not  here, $uri"', 404, "not  here, $uri"],
    ["301 https://$host$uri", 301, "https://$host$uri"],
    ["https://a/", 302, "https://a/"],
    ["$scheme://a/", 302, "$scheme://a/"],
    ['[200, "a b\\n"]', 200, "a b\n"],
    ["{ status: 200, text: a b }", 200, "a b"],
    ["{ status: 503 }", 503, ""],
    [`'200 "a\\n\\"b\\""'`, 200, 'a\n"b"'],
    [`200 'a'`, 200, "a"],
    [`200 'a' and 'b'`, 200, "'a' and 'b'"],
  ];
  for (const [content, status, text] of cases) {
    assertEquals(
      locationOf(`{ return: ${content} }`).action,
      { kind: "return", status, text },
      content,
    );
  }
});

Deno.test("config: return for a whole server answers every request", () => {
  const { locations } = serverOf(read("servers: [{ return: 301 https://$host$request_uri }]"));
  assertEquals(locations.map(({ modifier, pattern }) => modifier + pattern), [""]);
  assertEquals(locations[0]?.action, {
    kind: "return",
    status: 301,
    text: "https://$host$request_uri",
  });
});

Deno.test("config: times, sizes, switches and lists in all their spellings", () => {
  const client = (setting: string) =>
    serverOf(read(`${setting}\nservers: [{ return: 200 }]`)).client;
  const times: [string, number][] = [
    ["0", 0],
    ["5", 5000],
    ["500ms", 500],
    ["1m", 60_000],
    ["1h30m", 5_400_000],
    ["1h 30m", 5_400_000],
    ["1d", 86_400_000],
    ["1w", 604_800_000],
    ["1M", 2_592_000_000],
    ["1y", 31_536_000_000],
  ];
  for (const [text, ms] of times) {
    assertEquals(client(`keepalive_timeout: ${text}`).keepaliveTimeout.idleMs, ms, text);
  }
  const sizes: [string, number][] = [["0", 0], ["10", 10], ["4k", 4096], ["4K", 4096], [
    "2g",
    2 ** 31,
  ]];
  for (const [text, bytes] of sizes) {
    assertEquals(client(`client_max_body_size: ${text}`).clientMaxBodySizeBytes, bytes, text);
  }
  for (const text of ["on", "true"]) {
    assertEquals(client(`server_tokens: ${text}`).serverTokens, true);
  }
  for (const text of ["off", "false"]) {
    assertEquals(client(`server_tokens: ${text}`).serverTokens, false);
    assertEquals(client(`lingering_close: ${text}`).lingeringClose, "off");
  }
  for (const text of ["2 4k", "[2, 4k]"]) {
    const { listeners } = read(`large_client_header_buffers: ${text}\nservers: [{ return: 200 }]`);
    assertEquals(listeners[0]?.listen.largeClientHeaderBufferCount, 2);
    assertEquals(listeners[0]?.listen.largeClientHeaderBufferSizeBytes, 4096);
  }
  for (const text of ["error http_500", "[error, http_500]"]) {
    const { conditions } = proxyOf(`{ pass: http://localhost, next_upstream: ${text} }`).upstream
      .nextUpstream;
    assertEquals(conditions, new Set(["error", "http_500"] as const));
  }
  for (const text of ["off", "false", "[off]"]) {
    const { conditions } = proxyOf(`{ pass: http://localhost, next_upstream: ${text} }`).upstream
      .nextUpstream;
    assertEquals(conditions.size, 0);
  }
});

Deno.test("config: a version stays as it is written, though YAML reads 1.0 as 1", () => {
  assertEquals(proxyOf("{ pass: http://localhost, http_version: 1.0 }").httpVersion, "1.0");
});

Deno.test("config: an empty header value stays, to leave the field out", () => {
  const { setHeaders } = proxyOf('{ pass: http://localhost, set_header: { A: "", B: , Host: x } }');
  assertEquals(setHeaders, [["A", ""], ["B", ""], ["Host", "x"]]);
});

Deno.test("config: log formats of one's own, and where they are used", () => {
  const { accessLogs } = serverOf(read(`
log:
  formats: { brief: $uri $status, quoted: { text: '{"u":"$uri"}', escape: json } }
  access: { path: /var/log/a.log, format: quoted, buffer: 0, flush: 5s }
servers: [{ return: 200 }]`));
  assertEquals(accessLogs, [{
    path: { file: "/var/log/a.log" },
    format: '{"u":"$uri"}',
    escape: "json",
    bufferBytes: 0,
    flushMs: 5000,
    when: undefined,
    openFiles: undefined,
  }]);
  const { accessLogs: words } = serverOf(read(`
log: { formats: { brief: $uri $status }, access: stdout brief buffer=1k }
servers: [{ return: 200 }]`));
  assertEquals(words, [{
    path: "stdout",
    format: "$uri $status",
    escape: "default",
    bufferBytes: 1024,
    flushMs: 1000,
    when: undefined,
    openFiles: undefined,
  }]);
});

Deno.test("config: anchors and merge keys", () => {
  const conf = read(`
servers:
  - listen: 8080
    locations:
      /a: &a { proxy: &p { pass: http://localhost, read_timeout: 1s } }
      /b: *a
      /c: { proxy: { <<: *p, read_timeout: 2s } }`);
  const timeouts = serverOf(conf).locations.map(({ action }) =>
    action.kind === "proxy" ? action.upstream.readTimeoutMs : 0
  );
  assertEquals(timeouts, [1000, 1000, 2000]);
});

Deno.test("config: a problem is told as a compiler tells it", () => {
  const error = assertThrows(
    () => readYaml("servers:\n- locations:\n    /:\n\t  \n", "sluice.yaml"),
    ConfigError,
  );
  assert(error.format().startsWith("sluice.yaml:"));
  const text = [
    "servers:",
    "  - locations:",
    "      /:",
    "        proxy:",
    "          pass: http://localhost",
    "          read_timeout: 60 sec # minutes?",
  ].join("\n");
  const { problems, ...rest } = assertThrows(() => readYaml(text, "sluice.yaml"), ConfigError);
  assertEquals(rest.name, "ConfigError");
  assertEquals(problems, [{
    file: "sluice.yaml",
    line: 6,
    column: 25,
    message: 'Cannot set read_timeout to "60 sec": need a time such as "60s" or "500ms"',
    found: '"60 sec"',
    expected: 'need a time such as "60s" or "500ms"',
    nearest: undefined,
    sourceLine: "          read_timeout: 60 sec # minutes?",
    length: 6,
  }]);
  assertEquals(
    new ConfigError(problems).format(),
    [
      'sluice.yaml:6:25: Cannot set read_timeout to "60 sec": need a time such as "60s" or "500ms"',
      " 6 |           read_timeout: 60 sec # minutes?",
      "   |                         ^~~~~~",
    ].join("\n"),
  );
});

Deno.test("config: all problems at once, in the order of the file", () => {
  assertEquals(
    problemsOf(`worker_connections: x
servers:
  - listen: 80x
    locations:
      /: { retrun: 200 }
buffer_memory: 1
`),
    [
      '1:21: Cannot set worker_connections to "x": need a whole number, at least 4',
      '3:13: Cannot set address to "80x": need a port such as 8080, or an address such as ' +
      '"127.0.0.1:8080", "[::]:8080" or "unix:/run/sluice.sock"',
      '5:7: Cannot use location "/" for nothing: need proxy.pass, return or handler, or a root for files',
      '5:12: Cannot use "retrun" in a location: no such directive; did you mean "return"?',
      '6:16: Cannot set buffer_memory to "1": need a size such as "4k" or "1m", at least 1m',
    ],
  );
});

Deno.test("config: text that is no YAML", () => {
  assertEquals(
    problemsOf("a: [1"),
    ["1:6: Cannot read this as YAML: unexpected end of the stream within a flow collection"],
  );
  assertEquals(problemsOf("a: 1\nb: 2\na: 3"), [
    "3:1: Cannot read this as YAML: need each key once in a map",
  ]);
  assertEquals(problemsOf("a: *b"), ['1:6: Cannot read this as YAML: unidentified alias "b"']);
  assertEquals(problemsOf("a: !!int :"), [
    "1:1: Cannot read this as YAML: the parser fails on it " +
    "(Cannot read properties of null (reading 'length'))",
  ]);
  assertEquals(problemsOf("[".repeat(50_000)), [
    "1:1: Cannot read this as YAML: need at most 64 levels",
  ]);
  assertEquals(problemsOf(`${"[".repeat(100)}${"]".repeat(100)}`), [
    "1:65: Cannot nest values so deeply: need at most 64 levels",
  ]);
  assertEquals(problemsOf("servers: &a [*a]"), [
    "1:14: Cannot use an alias inside of what it stands for: need a value that ends",
  ]);
});

Deno.test("config: a document that is no configuration", () => {
  assertEquals(problemsOf(""), [
    "1:1: Cannot use nothing as a configuration: need a map with servers",
  ]);
  assertEquals(problemsOf("- a"), [
    "1:1: Cannot use a list as a configuration: need a map with servers",
  ]);
  assertEquals(problemsOf("a"), [
    '1:1: Cannot use "a" as a configuration: need a map with servers',
  ]);
  assertEquals(problemsOf("{}"), [
    "1:1: Cannot run without a server: need at least one under servers",
  ]);
  assertEquals(problemsOf("servers: 1"), [
    "1:1: Cannot run without a server: need at least one under servers",
    '1:10: Cannot set servers to "1": need a list of maps',
  ]);
  assertEquals(problemsOf("servers: [1, {return: 200}]"), [
    '1:11: Cannot set an item of servers to "1": need a map',
  ]);
  assertEquals(problemsAt("upstreams: []"), [
    "1:12: Cannot set upstreams to a list: need a map of names to maps",
  ]);
  assertEquals(problemsAt("proxy: on"), ['1:8: Cannot set proxy to "on": need a map']);
});

Deno.test("config: unknown keys, and known ones in the wrong place", () => {
  assertEquals(problemsAt("sevrers: 1"), [
    '1:1: Cannot use "sevrers" at the top level: no such directive; did you mean "servers"?',
  ]);
  assertEquals(problemsAt("catalogue: { listen: 1 }"), [
    '1:1: Cannot use "catalogue" at the top level: no such directive',
  ]);
  assertEquals(problemsAt("log: { acess: off }"), [
    '1:8: Cannot use "acess" under log at the top level: no such directive; did you mean "access"?',
  ]);
  assertEquals(problemsAt("listen: 80"), [
    '1:1: Cannot use "listen" at the top level: it belongs in a server',
  ]);
  assertEquals(problemsAt("proxy: { pass: http://localhost }"), [
    '1:10: Cannot use "pass" under proxy at the top level: it belongs in a location',
  ]);
  assertEquals(problemsIn("{ return: 200, worker_connections: 9 }"), [
    'Cannot use "worker_connections" in a location: it belongs at the top level',
  ]);
  assertEquals(problemsIn("{ return: 200, proxy_read_timeout: 9 }"), [
    'Cannot use "proxy_read_timeout" in a location: here it is proxy.read_timeout',
  ]);
  assertEquals(problemsIn("{ return: 200, servers: [] }"), [
    'Cannot use "servers" in a location: it belongs in an upstream or at the top level',
  ]);
});

Deno.test("config: values of the wrong kind", () => {
  const kinds: [setting: string, message: string][] = [
    ["keepalive_timeout: 5x", '"5x": need a time such as "60s" or "500ms"'],
    ["keepalive_timeout: 1m1h", '"1m1h": need a time such as "60s" or "500ms"'],
    ["keepalive_timeout: -1", '"-1": need a time such as "60s" or "500ms"'],
    ["keepalive_timeout: ''", '"": need a time such as "60s" or "500ms"'],
    ["keepalive_timeout: ", 'nothing: need a time such as "60s" or "500ms"'],
    ["client_header_timeout: [1]", 'a list: need a time such as "60s" or "500ms"'],
    ["keepalive_timeout: 99999999999y", '"99999999999y": need a time such as "60s" or "500ms"'],
    ["send_timeout: 0", '"0": need a time such as "60s" or "500ms", at least 1ms'],
    ["client_max_body_size: 1t", '"1t": need a size such as "4k" or "1m"'],
    ["client_max_body_size: {}", 'a map: need a size such as "4k" or "1m"'],
    ["shed_load: 30%", '"30%": need a share from 50% to 99%, or off'],
    ["buffer_memory: 1k", '"1k": need a size such as "4k" or "1m", at least 1m'],
    [
      "client_header_buffer_size: 1m",
      '"1m": need a size such as "4k" or "1m", at least 256, at most 64k',
    ],
    ["max_headers: 0", '"0": need a whole number from 1 to 100000'],
    ["keepalive_requests: 1.5", '"1.5": need a whole number, at least 1'],
    ["server_tokens: maybe", '"maybe": need on or off'],
    ["lingering_close: never", '"never": need one of off, on, always'],
    [
      "large_client_header_buffers: 4",
      '"4": need a number of buffers and their size, such as "4 8k"',
    ],
    ["large_client_header_buffers: 0 8k", '"0": need a whole number from 1 to 1024'],
    [
      "large_client_header_buffers: [4, 1]",
      '"1": need a size such as "4k" or "1m", at least 256, at most 64k',
    ],
  ];
  for (const [setting, message] of kinds) {
    const name = setting.slice(0, setting.indexOf(":"));
    const [problem = "", ...more] = problemsAt(setting);
    assertEquals(problem.replace(/^1:\d+: /, ""), `Cannot set ${name} to ${message}`);
    assertEquals(more, []);
  }
});

Deno.test("config: bad settings of logs", () => {
  const cases: [log: string, ...messages: string[]][] = [
    [
      "{ access: 1 2 3 }",
      '1:20: Cannot use "3" in access: no such parameter',
      '1:18: Cannot set format to "2": no such format',
    ],
    [
      "{ access: { format: json } }",
      "1:16: Cannot set access to a map: need a path and a format",
    ],
    [
      "{ access: [] }",
      "1:16: Cannot set access to a list: need a path and a format, or a list of such",
    ],
    [
      "{ access: stdout combind }",
      '1:23: Cannot set format to "combind": no such format; did you mean "combined"?',
    ],
    [
      "{ access: { path: '' } }",
      '1:24: Cannot set path to "": need stdout, stderr, the path of a file, or "syslog:server=127.0.0.1"',
    ],
    [
      "{ access: { path: a, bufer: 1 } }",
      '1:27: Cannot use "bufer" in access: no such parameter; did you mean "buffer"?',
    ],
    [
      "{ access: { path: a, format: [] } }",
      "1:35: Cannot set format to a list: need the name of a log format",
    ],
    [
      "{ error: { path: stderr, level: loud } }",
      '1:38: Cannot set level to "loud": need one of emerg, alert, crit, error, warn, notice, info, debug',
    ],
    ["{ formats: [] }", "1:17: Cannot set formats to a list: need a map of names to formats"],
    [
      "{ formats: { a b: x } }",
      '1:19: Cannot use "a b" in formats: need a name of letters, digits, _, - and ., other than combined and json, which are built in',
    ],
    [
      "{ formats: { json: x } }",
      '1:19: Cannot use "json" in formats: need a name of letters, digits, _, - and ., other than combined and json, which are built in',
    ],
    ["{ formats: { a: '' } }", '1:22: Cannot set a to "": need a text, or {text, escape}'],
    [
      "{ formats: { a: { escape: json } } }",
      "1:22: Cannot set a to a map: need a text, or {text, escape}",
    ],
    ["{ formats: { a: { text: [] } } }", "1:30: Cannot set text to a list: need a text"],
    ["{ formats: { a: $nope } }", '1:22: Cannot use "$nope" in a: no such variable'],
  ];
  for (const [log, ...messages] of cases) {
    assertEquals(problemsAt(`log: ${log}`), messages.toSorted(), log);
  }
});

Deno.test("config: unknown variables are told where they stand", () => {
  const cases: [value: string, ...messages: string[]][] = [
    ["a $nope", '1:20: Cannot use "$nope" in H: no such variable'],
    ["'it''s ${no}'", '1:25: Cannot use "${no}" in H: no such variable'],
    [
      '"$host\\t$no $"',
      '1:26: Cannot use "$no" in H: no such variable',
      '1:30: Cannot use "$" in H: need a variable such as "$host" or "${host}"',
    ],
    ['"${host"', '1:19: Cannot use "$" in H: need a variable such as "$host" or "${host}"'],
    ['"\\x24no"', '1:18: Cannot use "$no" in H: no such variable'],
  ];
  for (const [value, ...messages] of cases) {
    const text = `proxy: {set_header: {H: ${value}}}`;
    const shifted = messages.map((message) =>
      message.replace(/^1:(\d+)/, (_, column: string) => `1:${Number(column) + 7}`)
    );
    assertEquals(problemsAt(text), shifted, text);
  }
});

Deno.test("config: bad fields", () => {
  assertEquals(problemsAt('proxy: { set_header: { "a b": 1, "": 2 } }'), [
    '1:24: Cannot use "a b" in set_header: need the name of a field',
    '1:34: Cannot use "" in set_header: need the name of a field',
  ]);
  assertEquals(problemsAt('proxy: { set_header: { A: "x\\ny" } }'), [
    '1:27: Cannot set A to "x\\ny": need a text of one line, without control characters',
  ]);
  assertEquals(problemsAt("proxy: { set_header: { A: [] } }"), [
    "1:27: Cannot set A to a list: need a text",
  ]);
  assertEquals(problemsAt("proxy: { set_header: Host x }"), [
    '1:22: Cannot set set_header to "Host x": need a map of fields to values, such as ' +
    '{X-Real-IP: "$remote_addr"}',
  ]);
});

Deno.test("config: bad proxy settings", () => {
  assertEquals(problemsAt("proxy: { next_upstream: [error, http_501] }"), [
    '1:33: Cannot use "http_501" in next_upstream: need off, or some of error, timeout, ' +
    "invalid_header, http_403, http_404, http_429, http_500, http_502, http_503, http_504, " +
    'non_idempotent; did you mean "http_500"?',
  ]);
  for (const value of ["[]", "{}", ""]) {
    const [problem = ""] = problemsAt(`proxy: { next_upstream: ${value} }`);
    assert(problem.includes("Cannot set next_upstream to "), problem);
  }
  assertEquals(problemsAt("proxy: { http_version: 2 }"), [
    '1:24: Cannot set http_version to "2": need one of 1.0, 1.1',
  ]);
  assertEquals(problemsAt("proxy: { ignore_client_abort: x }"), [
    '1:31: Cannot set ignore_client_abort to "x": need on or off',
  ]);
});

Deno.test("config: bad targets of pass", () => {
  const cases: [url: string, message: string][] = [
    [
      "https://ap",
      'no such upstream (a host of that name needs its port: "https://ap:443"); did you mean "app"?',
    ],
    [
      "localhost:9000",
      'need a URL such as "http://app", "http://127.0.0.1:9001/path" or "http://unix:/run/app.sock:/path"',
    ],
    [
      "http://ap",
      'no such upstream (a host of that name needs its port: "http://ap:80"); did you mean "app"?',
    ],
    ["http://other", 'no such upstream (a host of that name needs its port: "http://other:80")'],
    ["http://app:80", 'need no port, since "app" is an upstream, whose peers have theirs'],
    ["http://a:0", 'need a host and port such as "http://127.0.0.1:9001" or "http://[::1]:80"'],
    ["http://a:65536", 'need a host and port such as "http://127.0.0.1:9001" or "http://[::1]:80"'],
    ["http://1.2.3", 'need a host and port such as "http://127.0.0.1:9001" or "http://[::1]:80"'],
    [
      "http://1.2.3.256",
      'need a host and port such as "http://127.0.0.1:9001" or "http://[::1]:80"',
    ],
    ["http://[::g]:1", 'need a host and port such as "http://127.0.0.1:9001" or "http://[::1]:80"'],
    ["http:///x", 'need a host and port such as "http://127.0.0.1:9001" or "http://[::1]:80"'],
    ["http://a@b:1", 'need a host and port such as "http://127.0.0.1:9001" or "http://[::1]:80"'],
    ["http://localhost/#x", "need a URL without #"],
    [
      "http://unix:run",
      'need a socket such as "http://unix:/run/app.sock" or "http://unix:/run/app.sock:/path"',
    ],
    [
      "http://unix:/run:x",
      'need a socket such as "http://unix:/run/app.sock" or "http://unix:/run/app.sock:/path"',
    ],
  ];
  for (const [url, message] of cases) {
    const text = `upstreams: { app: { servers: localhost } }
servers: [{ locations: { /: { proxy: { pass: "${url}" } } } }]`;
    assertEquals(problemsOf(text), [`2:46: Cannot pass to "${url}": ${message}`]);
  }
  assertEquals(problemsIn("{ proxy: { pass: [] } }"), [
    'Cannot set pass to a list: need a URL such as "http://app", "http://127.0.0.1:9001/path" or ' +
    '"http://unix:/run/app.sock:/path"',
  ]);
  assertEquals(
    problemsOf('servers: [{ locations: { "~ x": { proxy: { pass: http://localhost/ } } } }]'),
    [
      '1:50: Cannot pass to "http://localhost/": need no path after the address, here "/": ' +
      "a regex matches no part that it could replace",
    ],
  );
});

Deno.test("config: bad upstreams", () => {
  const cases: [upstream: string, ...messages: string[]][] = [
    ["a: {}", '1:14: Cannot use upstream "a" without peers: need at least one under its servers'],
    ["a:", '1:14: Cannot use upstream "a" without peers: need at least one under its servers'],
    ["a: []", "1:17: Cannot set a to a list: need a map"],
    [
      "a b: { servers: localhost }",
      '1:14: Cannot name an upstream "a b": need letters, digits, _, - and .',
    ],
    [
      "a: { servers: [] }",
      '1:28: Cannot set servers to a list: need an address such as "127.0.0.1:9001", or {address, …}, or a list of such',
    ],
    [
      "a: { servers: [[]] }",
      '1:29: Cannot set servers to a list: need an address such as "127.0.0.1:9001", or {address, …}',
    ],
    [
      "a: { servers: [{ weight: 1 }] }",
      '1:29: Cannot set servers to a map: need an address such as "127.0.0.1:9001", or {address, …}',
    ],
    [
      "a: { servers: [':80'] }",
      '1:30: Cannot set address to ":80": need an address such as "127.0.0.1:9001", "[::1]:80", "localhost:9000" or "unix:/run/app.sock"',
    ],
    [
      "a: { servers: localhost weight=0 bakcup }",
      '1:45: Cannot set weight to "0": need a whole number from 1 to 65535',
      '1:47: Cannot use "bakcup" in servers: no such parameter; did you mean "backup"?',
    ],
    [
      "a: { servers: localhost backup }",
      '1:14: Cannot use upstream "a" with backup peers only: need at least one that is not a backup',
    ],
    [
      "a: { servers: localhost, balance: least_con }",
      `1:48: Cannot set balance to "least_con": need ${BALANCE}`,
    ],
    [
      "a: { servers: localhost, balance: hash $hots consistent }",
      '1:53: Cannot use "$hots" in balance: no such variable; did you mean "$host"?',
    ],
    [
      "a: { servers: localhost, balance: { hash: $uri, consitent: on } }",
      '1:62: Cannot use "consitent" in balance: no such parameter; did you mean "consistent"?',
    ],
    [
      "a: { servers: localhost, balance: { consistent: on } }",
      `1:48: Cannot set balance to a map: need ${BALANCE}`,
    ],
    [
      "a: { servers: [localhost, localhost backup], balance: random two }",
      '1:14: Cannot use backup peers in upstream "a": need a balance that allows them: round_robin, least_conn, least_time or ewma',
    ],
    [
      "a: { servers: [localhost slow_start=1m, localhost], balance: hash $uri }",
      '1:14: Cannot use slow_start in upstream "a": need a balance that allows it: round_robin, least_conn, least_time or ewma',
    ],
    [
      "a: { servers: localhost, queue: 0 timeout=0 }",
      '1:46: Cannot set requests to "0": need a whole number from 1 to 1000000',
      '1:56: Cannot set timeout to "0": need a time such as "60s" or "500ms", at least 1ms',
    ],
    [
      "a: { servers: localhost, sticky: cookie }",
      "1:47: Cannot set sticky to a list: need {cookie: NAME, …}, {route: $VARIABLE} or {learn: {create, lookup, zone}}",
    ],
    [
      "a: { servers: localhost, sticky: { cookie: a b } }",
      '1:57: Cannot set cookie to "a b": need the name of a cookie',
    ],
    [
      "a: { servers: localhost, sticky: cookie a samesite=maybe pth=/ }",
      '1:65: Cannot set samesite to "maybe": need one of strict, lax, none',
      '1:71: Cannot use "pth" in sticky: no such parameter; did you mean "path"?',
    ],
    [
      "a: { servers: localhost, sticky: route $hots }",
      '1:53: Cannot use "$hots" in sticky: no such variable; did you mean "$host"?',
    ],
    [
      "a: { servers: localhost, sticky: lern }",
      '1:47: Cannot set sticky to "lern": need {cookie: NAME, …}, {route: $VARIABLE} or {learn: {create, lookup, zone}}',
    ],
    [
      "a: { servers: localhost }, A: { servers: localhost }",
      '1:41: Cannot have a second upstream "A": need names that differ in more than the case of letters',
    ],
  ];
  for (const [upstream, ...messages] of cases) {
    assertEquals(problemsAt(`upstreams: { ${upstream} }`), messages, upstream);
  }
});

Deno.test("config: peers by words", () => {
  const conf = read(`
upstreams: { a: { servers: ["localhost:1 weight=2 down", "unix:/a max_fails=0"] } }
servers: [{ return: 200 }]`);
  const [first, second] = conf.groups[0]?.peers ?? [];
  assertEquals([first?.name, first?.weight, first?.isDown], ["localhost:1", 2, true]);
  assertEquals([second?.name, second?.maxFails], ["unix:/a", 0]);
});

Deno.test("config: bad servers", () => {
  const cases: [servers: string, ...messages: string[]][] = [
    [
      "{ listen: [8080, '*:8080'], return: 200 }",
      "1:29: Cannot listen on 0.0.0.0:8080 twice: need each address once in a server",
    ],
    [
      "{ listen: [], return: 200 }",
      '1:22: Cannot set listen to a list: need a port such as 8080, or an address such as "127.0.0.1:8080", "[::]:8080" or "unix:/run/sluice.sock", or a list of such',
    ],
    [
      "{ listen: 1 defualt_server, return: 200 }",
      '1:24: Cannot use "defualt_server" in listen: no such parameter; did you mean "default_server"?',
    ],
    [
      "{ listen: 1 default_server, server_name: a, return: 200 }, { listen: 1 default_server, return: 200 }",
      "1:81: Cannot have two servers as default_server on 0.0.0.0:1: need it in one server only",
    ],
    [
      "{ listen: 1 backlog=1, server_name: a, return: 200 }, { listen: 1 backlog=1, return: 200 }",
      "1:76: Cannot set backlog twice on 0.0.0.0:1: need it in one server only",
    ],
    [
      "{ listen: 1, return: 200 }, { listen: 1, return: 200 }",
      "1:40: Cannot have two servers without server_name on 0.0.0.0:1: need names that tell the servers apart",
    ],
    [
      "{ listen: 1, server_name: a A, return: 200 }",
      '1:40: Cannot use server_name "A" twice on 0.0.0.0:1: need names that tell the servers apart',
    ],
    [
      "{ server_name: { a: b }, return: 200 }",
      '1:27: Cannot set server_name to a map: need a name such as "example.org", "*.example.org", "www.example.*" or "~^regex$", or a list of such',
    ],
    [
      "{ server_name: 'a/b *.*', return: 200 }",
      '1:28: Cannot set server_name to "a/b": need a name such as "example.org", "*.example.org", "www.example.*" or "~^regex$"',
      '1:32: Cannot set server_name to "*.*": need a name such as "example.org", "*.example.org", "www.example.*" or "~^regex$"',
    ],
    [
      "{ server_name: '~(', return: 200 }",
      '1:28: Cannot set server_name to "~(": need a regex (missing closing parenthesis)',
    ],
    [
      "{ return: 200, locations: { /: { return: 200 } } }",
      '1:40: Cannot use location "/" in a server with return: the server\'s return answers every request',
    ],
  ];
  for (const [servers, ...messages] of cases) {
    assertEquals(problemsOf(`servers: [ ${servers} ]`), messages, servers);
  }
});

Deno.test("config: names of servers", () => {
  const { serverNames } = serverOf(read(`
servers: [{ server_name: ["", Example.org, "*.a.b", www.a.*, ".c.d", "~^W\\\\d", "127.0.0.1", "[::1]", _], return: 200 }]`));
  assertEquals(serverNames, [
    "",
    "example.org",
    "*.a.b",
    "www.a.*",
    ".c.d",
    "~^W\\d",
    "127.0.0.1",
    "[::1]",
    "_",
  ]);
  assertEquals(serverOf(read("servers: [{ server_name: '', return: 200 }]")).serverNames, [""]);
});

Deno.test("config: bad locations", () => {
  const cases: [locations: string, ...messages: string[]][] = [
    [
      "x: { return: 200 }",
      '1:26: Cannot use location "x": need a path such as "/x", "= /x" or "^~ /x", a regex such as "~ ^/x", or a name such as "@x"',
    ],
    [
      "'@': { return: 200 }",
      '1:26: Cannot use location "@": need a path such as "/x", "= /x" or "^~ /x", a regex such as "~ ^/x", or a name such as "@x"',
    ],
    ["'~': { return: 200 }", '1:26: Cannot use location "~": need a regex after ~'],
    [
      "'~ [': { return: 200 }",
      '1:26: Cannot use location "~ [": need a regex (missing terminating ] for a class)',
    ],
    [
      "/a: { return: 200 }, '^~ /a': { return: 200 }",
      '1:47: Cannot have a second location "^~ /a": need each pattern once in a server',
    ],
    [
      "'= /a': { return: 200 }, '=/a': { return: 200 }",
      '1:51: Cannot have a second location "=/a": need each pattern once in a server',
    ],
    [
      "/:",
      '1:26: Cannot use location "/" for nothing: need proxy.pass, return or handler, or a root for files',
    ],
    [
      "/: { proxy: { read_timeout: 1s } }",
      '1:26: Cannot use location "/" for nothing: need proxy.pass, return or handler, or a root for files',
    ],
    [
      "/: { return: 200, proxy: { pass: http://localhost } }",
      '1:53: Cannot use location "/" for both proxy.pass and return: need one of them',
    ],
    ["/: 1", '1:29: Cannot set / to "1": need a map'],
  ];
  for (const [locations, ...messages] of cases) {
    assertEquals(problemsOf(`servers: [{ locations: { ${locations} } }]`), messages, locations);
  }
});

Deno.test("config: a location is the same with and without the blank", () => {
  const conf = read(
    "servers: [{ locations: { =/a: { return: 200 }, '^~/b': { return: 200 }, '~*c': { return: 200 } } }]",
  );
  assertEquals(serverOf(conf).locations.map(({ modifier, pattern }) => [modifier, pattern]), [
    ["=", "/a"],
    ["^~", "/b"],
    ["~*", "c"],
  ]);
});

Deno.test("config: bad returns", () => {
  const expected =
    'need a status from 200 to 599 and a text or URL, such as "200 ok" or "301 https://$host/"';
  const cases: [content: string, message: string][] = [
    ["ok", `Cannot set return to "ok": ${expected}`],
    ["100", `Cannot set return to "100": ${expected}`],
    ["600 x", `Cannot set return to "600 x": ${expected}`],
    ["", `Cannot set return to nothing: ${expected}`],
    ["[]", `Cannot set return to a list: ${expected}`],
    ["[200, a, b]", `Cannot set return to a list: ${expected}`],
    ["[200, []]", `Cannot set return to a list: ${expected}`],
    ["{ text: a }", `Cannot set return to a map: ${expected}`],
    ["{ status: 99 }", 'Cannot set status to "99": need a whole number from 200 to 599'],
    [
      "{ status: 200, txet: a }",
      'Cannot use "txet" in return: no such parameter; did you mean "text"?',
    ],
    [
      "301",
      'Cannot set return to "301": need the URL that 301 leads to, such as "301 https://$host/"',
    ],
    ["https://$no/", 'Cannot use "$no" in return: no such variable'],
    ["200 a $no", 'Cannot use "$no" in return: no such variable'],
  ];
  for (const [content, message] of cases) {
    assertEquals(problemsIn(`{ return: ${content} }`), [message], content);
  }
});

Deno.test("config: a bad value that is inherited or aliased is told once", () => {
  assertEquals(
    problemsOf(`servers:
  - listen: 1
    locations: &l { /: { proxy: { pass: http://nope } } }
  - listen: 2
    locations: *l
`),
    ['3:41: Cannot pass to "http://nope": no such upstream (a host of that name needs its port: "http://nope:80")'],
  );
});

Deno.test("balance: nginx's words, or a map for hash", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["least_conn", { kind: "least_conn" }],
    ["ip_hash", { kind: "ip_hash" }],
    ["least_time header", { kind: "least_time", isToHead: true }],
    ["least_time last_byte", { kind: "least_time", isToHead: false }],
    ["ewma", { kind: "ewma" }],
    ["random", { kind: "random" }],
    ["random two", { kind: "random_two" }],
    ["random two least_conn", { kind: "random_two" }],
    ["hash $uri", { kind: "hash", key: "$uri", isConsistent: false }],
    ["hash $uri consistent", { kind: "hash", key: "$uri", isConsistent: true }],
    ['{ hash: "a $uri" }', { kind: "hash", key: "a $uri", isConsistent: false }],
    ["{ hash: $uri, consistent: on }", { kind: "hash", key: "$uri", isConsistent: true }],
  ];
  for (const [text, balance] of cases) {
    const conf = read(`
upstreams: { app: { servers: 127.0.0.1, balance: ${text} } }
servers: [{ locations: { /: { proxy: { pass: "http://app" } } } }]
`);
    assertEquals(conf.groups[0]?.balance, balance as never, text);
  }
});

Deno.test("sticky: nginx's words, or a map", () => {
  const cookie = {
    kind: "cookie",
    name: "srv",
    expiresMs: undefined,
    domain: undefined,
    path: undefined,
    isHttpOnly: false,
    isSecure: false,
    sameSite: undefined,
  };
  const full = {
    ...cookie,
    expiresMs: 3_600_000,
    domain: ".example.org",
    path: "/",
    isHttpOnly: true,
    isSecure: true,
    sameSite: "lax",
  };
  const cases: readonly (readonly [string, unknown])[] = [
    ["cookie srv", cookie],
    ["{ cookie: srv }", cookie],
    ["cookie srv expires=1h domain=.example.org path=/ httponly secure samesite=lax", full],
    [
      "{ cookie: srv, expires: 1h, domain: .example.org, path: /, httponly: on, secure: on, samesite: lax }",
      full,
    ],
    ["route $arg_r $cookie_r", { kind: "route", texts: ["$arg_r", "$cookie_r"] }],
    ["{ route: $arg_r }", { kind: "route", texts: ["$arg_r"] }],
  ];
  for (const [text, sticky] of cases) {
    const conf = read(`
upstreams: { app: { servers: 127.0.0.1 route=a drain slow_start=5s, sticky: ${text} } }
servers: [{ locations: { /: { proxy: { pass: "http://app" } } } }]
`);
    const [group] = conf.groups;
    const { route, isDraining, slowStartMs } = group!.peers[0]!;
    assertEquals(group?.sticky, sticky as never, text);
    assertEquals([route, isDraining, slowStartMs], ["a", true, 5_000]);
  }
});

Deno.test("queue: a number and a time", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["", undefined],
    [", queue: 10", { requests: 10, timeoutMs: 60_000 }],
    [", queue: 10 timeout=5s", { requests: 10, timeoutMs: 5_000 }],
    [", queue: { requests: 3, timeout: 100ms }", { requests: 3, timeoutMs: 100 }],
  ];
  for (const [text, queue] of cases) {
    const conf = read(`
upstreams: { app: { servers: 127.0.0.1${text} } }
servers: [{ locations: { /: { proxy: { pass: "http://app" } } } }]
`);
    assertEquals(conf.groups[0]?.queue, queue as never, text);
  }
});
