/** Messages that no other test of this folder has: `tests/shape/messages_test.ts` holds that none is left. */
import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError, readConf } from "../../../src/config/mod.ts";
import { isRefused, REFUSED } from "../../../src/config/nginx_known.ts";
import { isKnownVariable } from "../../../src/http/variables.ts";

const REWRITE = 'a list of {rewrite: "REGEX REPLACEMENT [FLAG]"}, {set: "$NAME VALUE"}, ' +
  "{if: {when: CONDITION, then: LIST}}, {return: …} and {break: on}";
const ADD_HEADER = "a map of fields to values, such as " +
  '{X-Frame-Options: DENY, X-Id: {value: "$request_uri", always: on}}';
const MAP = "a map of variables to what they are looked up by, such as " +
  '{$name: {source: "$host", values: {a.example: one, "~^b": two}, default: three}}';
const GEO = "a map of variables to networks and values, such as " +
  "{$zone: {values: {192.0.2.0/24: inside}, default: outside}}";
const SPLIT = "a map of variables to shares, such as " +
  '{$variant: {source: "$remote_addr", values: {50%: one, "*": two}}}';
const ACCESS = '"allow" or "deny" with an address, a network such as "192.0.2.0/24", "unix:" or ' +
  '"all", or a list of such, such as ["allow 10.0.0.0/8", "deny all"]';
const TRY_FILES = "files and what answers if there is none, such as " +
  '"$uri $uri/ /index.html", "$uri @app" or "$uri =404"';
const REFERERS = 'some of none, blocked, server_names, names such as "*.example.org/path" and ' +
  '"~regex"';
const MIXED = "either addresses of DNS servers, or system alone";

/** At the top, beside a server that is right. */
const TOP: readonly (readonly [yaml: string, message: string])[] = [
  [
    "user: [a, b, c]",
    "Cannot set user to a list: need the name of a user, and of a group if wanted",
  ],
  [
    "resolver: { servers: {} }",
    "Cannot set servers to a map: need IP addresses of DNS servers, such as " +
    '"127.0.0.53" or "[::1]:5353", or system',
  ],
  [
    "resolver: { servers: 127.0.0.1, ipv4: off, ipv6: off }",
    "Cannot set resolver to a map: need ipv4 or ipv6 to be on",
  ],
  ["resolver: system 127.0.0.1", `Cannot set resolver to "system 127.0.0.1": need ${MIXED}`],
  ["map: x", `Cannot set map to "x": need ${MAP}`],
  ["geo: x", `Cannot set geo to "x": need ${GEO}`],
  ["split_clients: x", `Cannot set split_clients to "x": need ${SPLIT}`],
  [
    "split_clients: { $a: { source: $uri, values: { 50%: [] } } }",
    "Cannot set 50% to a list: need a text without $variables",
  ],
  ["access: {}", `Cannot set access to a map: need ${ACCESS}`],
  [
    "proxy: { send_lowat: 1k }",
    'Cannot set send_lowat to "1k": need 0 (the runtime has no SO_SNDLOWAT)',
  ],
  [
    "proxy: { temp_path: /a 1 2 }",
    'Cannot set temp_path to "/a 1 2": need one folder, without levels',
  ],
  ["proxy: { temp_path: [] }", "Cannot set temp_path to a list: need one folder, without levels"],
  [
    "proxy: { limit_rate: [] }",
    'Cannot set limit_rate to a list: need a size such as "100k", or a text with $variables',
  ],
  [
    "proxy: { hide_header: {} }",
    "Cannot set hide_header to a map: need the name of a field, or a list of such",
  ],
  [
    "proxy: { store: [] }",
    "Cannot set store to a list: need off, on, or a path with a folder of its own such as " +
    '"/data/www$uri"',
  ],
  [
    "proxy: { store_access: user:x }",
    'Cannot use "user:x" in store_access: need user, group and all, each with r or rw, such as ' +
    '"user:rw group:r"',
  ],
  [
    "userid_expires: soon",
    'Cannot set userid_expires to "soon": need a time such as "365d", max or off',
  ],
  [
    "keepalive_timeout: [1s, 2s, 3s]",
    'Cannot set keepalive_timeout to a list: need a time such as "75s", ' +
    "or a list of it and the one that clients are told",
  ],
  ["add_header: x", `Cannot set add_header to "x": need ${ADD_HEADER}`],
  [
    "add_header: { A: { value: x, allways: on } }",
    'Cannot use "allways" in add_header: need value or always',
  ],
];

/** In a server, beside what makes it one. */
const IN_SERVER: readonly (readonly [yaml: string, message: string])[] = [
  [
    "listen: '[::]:80 ipv6only=on'",
    'Cannot use "ipv6only" in listen: the runtime does not let a program set this of a socket: ' +
    "what takes IPv6 takes IPv4 as well where the system's bindv6only is 0",
  ],
  ["rewrite: x", `Cannot set rewrite to "x": need ${REWRITE}`],
  [
    'rewrite: [{ rewrite: ["^/a", ""] }]',
    'Cannot use "" in rewrite: need a replacement that is not empty',
  ],
  ["try_files: {}", `Cannot set try_files to a map: need ${TRY_FILES}`],
  ["valid_referers: {}", `Cannot set valid_referers to a map: need ${REFERERS}`],
  [
    "locations: { /s: { secure_link: $uri, secure_link_md5: $uri, secure_link_secret: x } }",
    "Cannot use both secure_link_secret and secure_link: need one of them",
  ],
  [
    'locations: { "@a": { locations: { /b: { return: 204 } } } }',
    'Cannot use location "/b" in "@a": a name has no locations within it',
  ],
  [
    "locations: { /h: { handler: x } }",
    'Cannot use handler "x": handlers are functions of a program that starts Sluice with mod.ts',
  ],
];

/** Of a group. */
const IN_GROUP: readonly (readonly [yaml: string, message: string])[] = [
  [
    "health_check: [{}]",
    "Cannot set health_check to a list: need parameters such as {path: /healthz, interval: 5s}, or on",
  ],
  [
    "health_check: { headers: x }",
    'Cannot set headers to "x": need a map of fields to values, or lines such as "X-Check: on"',
  ],
  [
    "health_check: { body: [] }",
    'Cannot set body to a list: need a text, or a regex such as "~ ok|ready"; behind ! what it may not have',
  ],
  [
    "health_check: { tls: on, ssl_certificate: a.pem }",
    "Cannot set health_check to a map: need ssl_certificate and ssl_certificate_key, both or none",
  ],
  [
    "balance: { hash: '' }",
    'Cannot set hash to "": need a text with $variables such as "$request_uri"',
  ],
  [
    "sticky: { learn: { create: $host } }",
    "Cannot set sticky to a map: need create and lookup, texts with $variables, and zone, such as one:1m",
  ],
  [
    "servers: [{ address: app.example:80, service: http }]",
    'Cannot use service "http" of "app.example:80": need a host\'s name, resolve, and a resolver with servers',
  ],
];

Deno.test("messages at the top, in a server, and in a group", () => {
  const server = "servers: [{ listen: 80, root: /srv }]";
  for (const [yaml, message] of TOP) assertMessage(`${yaml}\n${server}`, message);
  for (const [yaml, message] of IN_SERVER) {
    const listen = yaml.startsWith("listen") ? "" : "listen: 80, ";
    assertMessage(`servers: [{ ${listen}root: /srv, ${yaml} }]`, message);
  }
  for (const [yaml, message] of IN_GROUP) {
    const peers = yaml.startsWith("servers") ? "" : "servers: [127.0.0.1:1], ";
    assertMessage(`upstreams: { app: { ${peers}${yaml} } }\n${server}`, message);
  }
});

Deno.test("a handler that the program does not have is refused with the nearest one that it has", () => {
  const text = "servers: [{ listen: 80, locations: { /: { handler: sharts } } }]";
  const handlers = ["charts"];
  const message = 'Cannot use handler "sharts": no such handler; did you mean "charts"?';
  assertMessage(text, message, "f.yaml", handlers);
});

/** One name of each of the groups that nginx knows and Sluice refuses, and the whole message. */
const NOT_SUPPORTED: Readonly<Record<string, string>> = {
  working_directory:
    "the system's own settings do that; instead: the service manager's WorkingDirectory and LimitCORE",
  open_file_cache: "each request opens its file, which takes some microseconds, and sees what is " +
    "there now; instead: nothing: without it no more than that changes",
  debug_points: "it is about the insides of nginx",
  stream: "Sluice is a proxy of HTTP: it does not pass on bare TCP or UDP",
  mail: "Sluice is a proxy of HTTP, not of mail",
  ssl_certificate: "TLS towards clients is not supported yet; instead: a TLS terminator in front",
  http2: "HTTP/2 towards clients is not supported yet",
  http3: "HTTP/3 is not supported: the runtime has no QUIC that could carry it",
  fastcgi_pass: "FastCGI is not supported yet; instead: proxy_pass to a server that speaks HTTP",
  uwsgi_pass: "uwsgi is not supported; instead: proxy_pass to the application's HTTP port",
  scgi_pass: "SCGI is not supported; instead: proxy_pass to a server that speaks HTTP",
  grpc_pass: "gRPC is not supported yet",
  memcached_pass: "memcached is not supported; instead: a handler of a program that embeds Sluice",
  proxy_cache: "caching is not supported yet",
  proxy_allow_upstream: "Sluice has no such choice",
  proxy_ssl_key_log: "the runtime's TLS lets no program choose it",
  ntlm: "it is part of nginx's commercial edition, or was; " +
    "instead: health_check with its parameters, and the admin listener",
  limit_zone: "nginx has it no longer; instead: limit_conn_zone",
  keepalive_min_timeout: "SIGQUIT leaves those a second that were at work within the last, always",
  post_action: "nginx does not document it; " +
    "instead: mirror, or a handler of a program that embeds Sluice",
  override_charset: "what a peer says of its responses is passed on; " +
    "instead: charset, for what says none, and proxy_hide_header with add_header",
  gzip_window: "how compression uses memory is not to be set",
  brotli_static: "not supported yet; instead: gzip_static",
  random_index:
    "a page that changes with each look; instead: a handler of a program that embeds Sluice",
  mp4: "media are files as any other here, with ranges; WebDAV is for an origin",
  auth_jwt: "not supported; instead: auth_request, asking a service that checks the token",
  sub_filter:
    "Sluice passes bodies on as they are; instead: a handler of a program that embeds Sluice",
  geoip_country: "Sluice does not read such databases; instead: geo with the networks written out",
  modern_browser: "not supported; instead: map $http_user_agent",
  js_content: "Sluice is extended in TypeScript, by programs that embed it; " +
    "instead: a handler of such a program",
  otel_trace: "not supported yet; instead: the metrics of the admin listener",
  more_set_headers: "it comes from a module that is not part of nginx",
};

Deno.test("nginx.conf: why a directive is not supported, and what to write instead", () => {
  for (const [name, why] of Object.entries(NOT_SUPPORTED)) {
    const message = `"${name}" directive is not supported in n.conf:1: ${why}`;
    assertMessage(`${name} x;`, message, "n.conf");
  }
  const told = new Set(Object.values(NOT_SUPPORTED));
  const untold = REFUSED.filter(({ names }) => names.some(isRefused))
    .map(({ why, instead }) => instead === undefined ? why : `${why}; instead: ${instead}`)
    .filter((why) => !told.has(why));
  assertEquals(untold, []);
});

Deno.test("nginx.conf: levels of a temporary folder are let through where they are some", () => {
  const conf = (path: string) => `http { proxy_temp_path ${path}; server { listen 80; } }`;
  assertMessage(
    conf("/var/cache 1 x"),
    'invalid value "x" in n.conf:1: need a level from 1 to 3',
    "n.conf",
  );
  readConf(conf("/var/cache 1 2"), "n.conf", { isKnownVariable });
});

Deno.test("nginx.conf: a file that ends within a directive, and a second one of two names", () => {
  assertMessage(
    "http {\n  send_timeout 1s",
    'unexpected end of file, expecting ";" or "}" in n.conf:2: ' +
      'directive "send_timeout" is not terminated by ";"',
    "n.conf",
  );
  assertMessage(
    "http { upstream a { server 127.0.0.1:1; least_conn; ip_hash; } }",
    '"ip_hash" directive is duplicate in n.conf:1: there is "least_conn" already',
    "n.conf",
  );
});

function assertMessage(
  text: string,
  message: string,
  fileName = "f.yaml",
  handlers: readonly string[] = [],
): void {
  const { problems } = assertThrows(
    () => readConf(text, fileName, { isKnownVariable, handlers }),
    ConfigError,
    undefined,
    text,
  );
  const found = problems.map((problem) => problem.message);
  assertEquals(found.filter((one) => one === message), [message], `${text}\n${found.join("\n")}`);
}
