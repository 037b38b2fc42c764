import { assert, assertEquals, assertThrows } from "@std/assert";
import { isKnownVariable } from "../../../src/http/variables.ts";
import type { SluiceConf } from "../../../src/http/conf.ts";
import { ACCEPTED, isAccepted, isRefused, REFUSED } from "../../../src/config/nginx_known.ts";
import { ConfigError } from "../../../src/config/problem.ts";
import { convertConf } from "../../../src/config/convert.ts";
import { readConf, syntaxOf } from "../../../src/config/read_conf.ts";

function read(text: string): SluiceConf {
  return readConf(text, "/n/nginx.conf", { isKnownVariable }).conf;
}

function problemsOf(text: string): readonly string[] {
  const { problems } = assertThrows(() => read(text), ConfigError);
  return problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

/** In a server that is otherwise right. */
function inServer(text: string): string {
  return `events {} http { server { listen 80; ${text} } }`;
}

Deno.test("nginx.conf: the same configuration as in YAML", () => {
  const nginx = read(`
    worker_processes 1;
    error_log stderr info;
    events { worker_connections 100; }
    http {
      log_format brief escape=json '$status '
                                   '$uri';
      access_log stdout brief buffer=8k;
      proxy_set_header Host $host;
      upstream app {
        least_conn;
        server 127.0.0.1:9001 weight=2;
        server 127.0.0.1:9002 backup;
        keepalive 8;
      }
      server {
        listen 127.0.0.1:8080 default_server;
        listen [::1]:8080;
        server_name a.example "b.example";
        location / { proxy_pass http://app; proxy_read_timeout 5s; }
        location = /ok { return 200 "all right\\n"; }
        location ~* \\.png$ { proxy_pass http://app; proxy_set_header X-A "b c"; }
      }
    }
  `);
  const yaml = readConf(
    `
    workers: 1
    log:
      error: { path: stderr, level: info }
      access: { path: stdout, format: brief, buffer: 8k }
      formats: { brief: { text: "$status $uri", escape: json } }
    worker_connections: 100
    proxy: { set_header: { Host: $host } }
    upstreams:
      app:
        balance: least_conn
        servers: [{ address: 127.0.0.1:9001, weight: 2 }, { address: 127.0.0.1:9002, backup: on }]
        keepalive: 8
    servers:
      - listen: ["127.0.0.1:8080 default_server", "[::1]:8080"]
        server_name: [a.example, b.example]
        locations:
          /: { proxy: { pass: http://app, read_timeout: 5s } }
          "= /ok": { return: { status: 200, text: "all right\\n" } }
          "~* \\\\.png$": { proxy: { pass: http://app, set_header: { X-A: "b c" } } }
    `,
    "x.yaml",
    { isKnownVariable },
  ).conf;
  assertEquals(nginx, yaml);
});

Deno.test("nginx.conf: what stands at a level replaces all of the level around it", () => {
  const { listeners: [listener] } = read(`
    events {}
    http {
      proxy_set_header A 1; proxy_set_header B 2;
      server {
        location /own { proxy_pass http://127.0.0.1:1; proxy_set_header C 3; }
        location /inherited { proxy_pass http://127.0.0.1:1; }
      }
    }
  `);
  const fields = listener?.servers[0]?.locations.map(({ action }) =>
    action.kind === "proxy" ? action.setHeaders.map(([name]) => name) : []
  );
  assertEquals(fields?.slice(0, 2), [["Host", "C"], ["Host", "A", "B"]]);
});

Deno.test("nginx.conf: an error_log of http is the servers', that of the main context the process's", () => {
  const conf = readConf(
    `error_log /a; events {} http { error_log /b;
      server { location / { return 200; } }
      server { listen 81; error_log /c; location / { return 200; } } }`,
    "nginx.conf",
    { isKnownVariable },
  );
  const converted = convertConf(conf);
  assertEquals(converted.match(/error: .*/g), ["error: [/a]", "error: [/b]", "error: [/c]"]);
  assertEquals(readConf(converted, "a.yaml", { isKnownVariable }).conf, conf.conf);
});

Deno.test("nginx.conf: HTTP/1.1 and kept connections by default, as in nginx's mainline", () => {
  const { groups: [group], listeners: [listener] } = read(
    "events {} http { upstream a { server 127.0.0.1:1; } server { location / { proxy_pass http://a; } } }",
  );
  assertEquals(group?.keepalive.connections, 32);
  const action = listener?.servers[0]?.locations[0]?.action;
  assertEquals(action?.kind === "proxy" && action.httpVersion, "1.1");
});

Deno.test("nginx.conf: directives without an effect that a user could see are let through", () => {
  read(`
    worker_cpu_affinity auto; pcre_jit on; load_module a.so; load_module b.so;
    events { use epoll; multi_accept on; accept_mutex off; }
    http { sendfile on; tcp_nopush on; server { aio threads; location / { return 204; } } }
  `);
  assertEquals(problemsOf("events { sendfile on; } http { server { return 204; } }"), [
    '1:10: "sendfile" directive is not allowed here in /n/nginx.conf:1: ' +
    "it belongs in http, in a server, in a location or in an if of a location",
  ]);
  assertEquals(problemsOf(inServer("sendfile on; sendfile off; return 204;")), [
    '1:51: "sendfile" directive is duplicate in /n/nginx.conf:1',
  ]);
});

Deno.test("nginx.conf: what nginx has and Sluice has not is refused with the reason", () => {
  assertEquals(problemsOf(inServer("uwsgi_pass a; return 204;")), [
    '1:38: "uwsgi_pass" directive is not supported in /n/nginx.conf:1: uwsgi is not supported; ' +
    "instead: proxy_pass to the application's HTTP port",
  ]);
  assertEquals(problemsOf("stream { server { listen 1; } } " + inServer("return 204;")), [
    '1:1: "stream" directive is not supported in /n/nginx.conf:1: ' +
    "Sluice is a proxy of HTTP: it does not pass on bare TCP or UDP",
  ]);
});

Deno.test("nginx.conf: each of the refused names is refused, with the reason", () => {
  const names = REFUSED.flatMap(({ names }) => names).filter(isRefused);
  assert(names.length > 300, `${names.length}`);
  for (const name of names) {
    const [problem = ""] = problemsOf(`events {} http { ${name} x; server { return 204; } }`);
    assertEquals(problem.startsWith(`1:18: "${name}" directive is not supported`), true, problem);
  }
});

Deno.test("nginx.conf: each of the names without an effect is let through where it may stand", () => {
  for (const [name, { contexts }] of ACCEPTED) {
    if (!isAccepted(name)) continue;
    for (const context of contexts) {
      const at = (place: string) => context === place ? `${name} x;` : "";
      const text = `${at("main")} events { ${at("events")} } http { ${at("http")} ` +
        `server { ${at("server")} location / { ${at("location")} ` +
        `if ($host) { ${at("location_if")} } return 204; } } }`;
      read(text);
    }
  }
});

Deno.test("nginx.conf: one port of both families of addresses is shared between them", () => {
  const { listeners } = read(`events {} http { server {
    listen 80; listen [::]:80; listen 81; listen [::]:82; return 204; } }`);
  assertEquals(listeners.map(({ name, reusePort }) => [name, reusePort]), [
    ["0.0.0.0:80", true],
    ["[::]:80", true],
    ["0.0.0.0:81", false],
    ["[::]:82", false],
  ]);
});

Deno.test("nginx.conf: parameters of listen that there are not are refused with the reason", () => {
  assertEquals(problemsOf("events {} http { server { listen 443 ssl deferred; return 204; } }"), [
    '1:38: Cannot use "ssl" in listen: TLS towards clients is not supported yet: ' +
    "need a TLS terminator in front",
    '1:42: Cannot use "deferred" in listen: ' +
    "the runtime does not let a program set this of a socket",
  ]);
});

Deno.test("nginx.conf: wrong places, names, numbers and repetitions, in nginx's words", () => {
  const cases: [text: string, ...messages: string[]][] = [
    [
      inServer("worker_connections 5; return 204;"),
      '1:38: "worker_connections" directive is not allowed here in /n/nginx.conf:1: ' +
      "it belongs in events",
    ],
    [
      inServer("location / { proxy_pas http://a; }"),
      '1:51: unknown directive "proxy_pas" in /n/nginx.conf:1; did you mean "proxy_pass"?',
    ],
    [
      inServer("keepalive_requests 5 6; return 204;"),
      '1:38: invalid number of arguments in "keepalive_requests" directive in /n/nginx.conf:1: ' +
      "need one",
    ],
    [
      inServer("keepalive_requests 5; keepalive_requests 6; return 204;"),
      '1:60: "keepalive_requests" directive is duplicate in /n/nginx.conf:1',
    ],
    [
      inServer("keepalive_requests 5 { return 204; }"),
      '1:38: directive "keepalive_requests" is not terminated by ";" in /n/nginx.conf:1',
    ],
    [
      inServer("location /; return 204;"),
      '1:38: directive "location" has no opening "{" in /n/nginx.conf:1',
    ],
    [
      "events {} http {} http {}",
      '1:19: "http" directive is duplicate in /n/nginx.conf:1',
    ],
    [
      inServer("send_timeout 5s\nreturn 204;"),
      '1:53: directive "send_timeout" is not terminated by ";" in /n/nginx.conf:1: ' +
      'need it before "return"',
    ],
    [
      inServer("send_timeout 5x; return 204;"),
      '1:51: Cannot set send_timeout to "5x": need a time such as "60s" or "500ms"',
    ],
  ];
  for (const [text, ...messages] of cases) {
    const found = problemsOf(text);
    for (const message of messages) {
      assertEquals(
        found.some((one) => one.startsWith(message)),
        true,
        `${text}\n${found.join("\n")}`,
      );
    }
  }
});

Deno.test("syntax: by the name of the file, or by how it begins", () => {
  const cases: [name: string, text: string, syntax: string][] = [
    ["a.yaml", "http {", "yaml"],
    ["a.yml", "", "yaml"],
    ["a.conf", "a: b", "nginx"],
    ["a", "# x\n\nworker_processes 1;", "nginx"],
    ["a", "events {}", "nginx"],
    ["a", "events\n{", "nginx"],
    ["a", "servers:\n  - listen: 80", "yaml"],
    ["a", '{"servers": []}', "yaml"],
    ["a", "# only this", "yaml"],
    ["a", "log: { a: b; }", "yaml"],
  ];
  for (const [name, text, syntax] of cases) assertEquals(syntaxOf(name, text), syntax, text);
});

Deno.test("nginx.conf: what says nothing else serves the files of html, below the prefix", () => {
  const placesOf = (http: string) =>
    read(`events {} http { ${http} }`).listeners[0]?.servers[0]?.locations
      .map(({ pattern, action, files }) => `${pattern} ${action.kind} ${files.place.path}`);
  assertEquals(placesOf("server { listen 80; }"), [" static html"]);
  assertEquals(placesOf("server { location / { index a; } }"), ["/ static html"]);
  assertEquals(placesOf("root /r; server { location /x { alias /y; } }"), [
    "/x static /y",
    " static /r",
  ]);
  assertEquals(placesOf("server { location / { return 204; } }"), ["/ return html"]);
});
