/**
 * What is asked of each configuration: hosts and paths that its locations are about, in
 * seeded combinations with methods, conditions, ranges and bodies.
 *
 * @module
 */
import type { Random } from "../support/random.ts";
import { ORIGIN_ANSWERS } from "./config_origin.ts";

/** Where a configuration's requests go. */
export interface Traffic {
  readonly hosts: readonly [string, ...string[]];
  readonly paths: readonly [string, ...string[]];
  /** Field lines that some requests have. */
  readonly fields?: readonly string[];
  /** Answers of the application that make sense here. @default All of them. */
  readonly answers?: readonly string[];
  /** @default All of them */
  readonly methods?: readonly [string, ...string[]];
}

/** By the configuration's name. */
export const TRAFFIC: Readonly<Record<string, Traffic>> = {
  api_gateway: {
    hosts: ["api.example.test"],
    paths: [
      "/v1/orders",
      "/v1/orders/12",
      "/v1/orders/raw/a/b",
      "/v1/orders/raw",
      "/v2/orders/77",
      "/v2/orders/77x",
      "/v2/carts/1",
      "/v2/catalog/shoes",
      "/v2/catalog/",
      "/v2/catalog",
      "/v2/upload",
      "/healthz",
      "/old",
      "/teapot",
      "/nothing",
      "/%76%31/orders/a%20b",
      "/v1//orders/../orders/x",
      "/",
    ],
    fields: ["Origin: http://ui.example.test", "X-Forwarded-For: 203.0.113.9"],
    answers: ORIGIN_ANSWERS.filter((answer) => !answer.startsWith("accel")),
  },
  auth_request: {
    hosts: ["intranet.example.test"],
    paths: ["/", "/reports/1", "/api/list", "/api/", "/open/page", "/login", "/_auth"],
    fields: ["Cookie: session=ann", "Cookie: session=banned", "Cookie: a=b; session=bob"],
    answers: ["echo", "404", "500", "page", "cookie", "chunked", "201"],
  },
  multi_tenant: {
    hosts: [
      "acme.example.test",
      "WWW.acme.example.test",
      "acme.example.test:8080",
      "a.wild.example.test",
      "a.b.wild.example.test",
      "wild.example.test",
      "mail.example.test",
      "blue.tenants.example.test",
      "Red-2.tenants.example.test",
      "a.b.tenants.example.test",
      "moved.example.test",
      "nobody.test",
      "127.0.0.1",
    ],
    paths: ["/", "/x?y=z", "/whoami", "/static/a.png", "/pic.PNG", "/a/b.jpeg", "/a%20b"],
    answers: ["echo", "redirect", "404"],
  },
  mirror: {
    hosts: ["shop.example.test"],
    paths: ["/", "/cart", "/reports/2026", "/_mirror"],
    answers: ["echo", "page", "404", "201", "chunked"],
  },
  download: {
    hosts: ["files.example.test"],
    paths: ["/get/1", "/direct/1", "/protected/x", "/"],
    answers: ["echo", "accel", "accel_named", "page", "large", "404"],
  },
  static_site: {
    hosts: ["www.example.test"],
    paths: [
      "/",
      "/index.html",
      "/page",
      "/page.html",
      "/assets/app.css",
      "/assets/app.js",
      "/assets/logo.svg",
      "/assets/none.css",
      "/style.css",
      "/docs",
      "/docs/",
      "/docs/guide.txt",
      "/docs/sub",
      "/docs/sub/",
      "/listing/",
      "/listing/sub/",
      "/favicon.ico",
      "/private/x",
      "/errors/404.html",
      "/.git/config",
      "/old/guide.txt",
      "/old/",
      "/downloads/big.bin",
      "/downloads/empty.bin",
      "/downloads/",
      "/a%20b.html",
      "/gr%C3%BC%C3%9Fe.html",
      "/folder",
      "/folder/",
      "/%2e%2e/etc/passwd",
      "/index.html/",
      "/x%00y",
    ],
    fields: ["Accept-Encoding: gzip"],
    // No application answers there.
    answers: ["echo"],
  },
  cms: {
    hosts: ["cms.example.test"],
    paths: [
      "/",
      "/page.html",
      "/folder",
      "/folder/",
      "/2026/11/post",
      "/assets/app.css",
      "/assets/logo.svg",
      "/assets/none.svg",
      "/assets/app.js",
      "/robots.txt",
      "/feed",
      "/feed/",
      "/feed/atom",
      "/feed/none",
      "/index.php",
      "/x.php/y",
      "/admin/x",
      "/admin?preview=true",
      "/go?to=page.html",
      "/go",
      "/a%20b.html",
      "//page.html",
    ],
    fields: [
      "X-Forwarded-For: 203.0.113.9",
      "X-Forwarded-For: 203.0.113.9, 127.0.0.2",
      "X-Forwarded-For: 198.51.100.1, 192.0.2.4",
      "X-Forwarded-For: nonsense",
      "Cookie: session=abc",
      "Cookie: WORDPRESS_LOGGED_IN=1",
    ],
    answers: ["echo", "404", "500", "503", "page", "cookie", "redirect", "chunked"],
  },
  spa_websocket: {
    hosts: ["app.example.test", "app.example.test:8080"],
    paths: [
      "/",
      "/index.html",
      "/users/7/edit",
      "/static/app.js",
      "/static/none.js",
      "/static/",
      "/api/items",
      "/api/items/1?x=y",
      "/api",
      "/api//a/./b/../c",
      "/ws/plain",
      "/deep/er/path.html",
    ],
    answers: ORIGIN_ANSWERS.filter((answer) => !answer.startsWith("accel")),
  },
  blue_green: {
    hosts: ["deploy.example.test"],
    paths: ["/", "/version", "/legacy/a", "/exact", "/green/x/y", "/green/", "/a%20b"],
    fields: [
      "Cookie: version=green",
      "Cookie: version=blue; sid=77",
      "Cookie: sid=abcdef",
      "Cookie: version=other",
      ...Array.from({ length: 12 }, (_, number) => `X-Request-ID: id-${number * 7919}`),
    ],
    answers: ["echo", "page", "404"],
  },
  login_limit: {
    hosts: ["login.example.test"],
    paths: ["/", "/login", "/login", "/login?x=1", "/admin/", "/office/desk", "/nearby/x"],
    fields: [
      "X-Client: one",
      "X-Client: two",
      "Authorization: Basic YW5uOnNlY3JldA==",
      "Authorization: Basic YW5uOndyb25n",
      "Authorization: Basic Ym9iOnNlY3JldA==",
      "Authorization: Bearer x",
    ],
    answers: ["echo", "page", "401"],
  },
  maintenance: {
    hosts: ["shop.example.test"],
    paths: ["/", "/cart", "/images/logo.svg", "/images/none.png", "/status", "/robots.txt"],
    fields: [
      "X-From: 192.0.2.77",
      "X-From: 198.51.100.7",
      "X-From: 198.51.100.8",
      "X-From: nonsense",
      "Cookie: preview=yes",
      "Cookie: preview=no",
      "User-Agent: Friendly-Bot/3",
    ],
    answers: ["echo", "page", "503"],
  },
  events: {
    hosts: ["live.example.test"],
    paths: ["/events", "/events/1", "/", "/shop"],
    answers: ["events", "echo", "cookie", "redirect", "moved", "chunked", "large", "204"],
  },
};

/** One request, ready to send. */
export interface ConfigRequest {
  readonly method: string;
  readonly text: string;
}

const METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] as const;

const CONDITIONS = [
  'If-None-Match: "page-1"',
  'If-None-Match: W/"page-1", "other"',
  "If-None-Match: *",
  'If-Match: "nothing"',
  "If-Modified-Since: Mon, 02 Nov 2026 10:00:00 GMT",
  "If-Modified-Since: Sun, 01 Nov 2026 10:00:00 GMT",
  "If-Unmodified-Since: Sun, 01 Nov 2026 10:00:00 GMT",
  "Range: bytes=0-9",
  "Range: bytes=-5",
  "Range: bytes=100-",
  "Range: bytes=99999999-",
  "Range: bytes=0-3,10-13",
  "Range: lines=1-2",
] as const;

const PLAIN = [
  "Accept: text/html",
  "Accept-Encoding: gzip",
  "Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
  "User-Agent: curl/8.0",
  "Referer: http://elsewhere.test/",
  "Cookie: theme=dark",
  "X-Request-ID: 12345",
  "Connection: keep-alive",
  "Cache-Control: no-cache",
] as const;

/** `count` requests for a configuration. The same random gives the same. */
export function requestsFor(traffic: Traffic, random: Random, count: number): ConfigRequest[] {
  return Array.from({ length: count }, () => requestOf(traffic, random));
}

function requestOf(traffic: Traffic, random: Random): ConfigRequest {
  const method = random.pick(traffic.methods ?? METHODS);
  const path = random.pick(traffic.paths);
  const answers = traffic.answers ?? ORIGIN_ANSWERS;
  const answer = random.chance(0.75) ? answers[random.integer(0, answers.length - 1)] : undefined;
  const query = answer === undefined ? "" : `${path.includes("?") ? "&" : "?"}o=${answer}`;
  const lines = [`${method} ${path}${query} HTTP/1.1`, `Host: ${random.pick(traffic.hosts)}`];
  // One of a name: what several are, as a variable, has changed from one nginx to the next.
  const add = (field: string, probability: number): void => {
    const name = field.slice(0, field.indexOf(":") + 1);
    if (random.chance(probability) && !lines.some((line) => line.startsWith(name))) {
      lines.push(field);
    }
  };
  for (const field of random.shuffled(traffic.fields ?? [])) add(field, 0.3);
  for (const field of random.shuffled(PLAIN)) add(field, 0.15);
  if (random.chance(0.3)) lines.push(random.pick(CONDITIONS));
  const hasBody = method === "POST" || method === "PUT" || method === "PATCH";
  if (!hasBody) return { method, text: `${lines.join("\r\n")}\r\n\r\n` };
  const body = "0123456789".repeat(random.pick([0, 1, 50, 300]));
  lines.push("Content-Type: application/x-www-form-urlencoded");
  if (random.chance(0.3) && body !== "") {
    lines.push("Transfer-Encoding: chunked");
    const size = body.length.toString(16);
    return { method, text: `${lines.join("\r\n")}\r\n\r\n${size}\r\n${body}\r\n0\r\n\r\n` };
  }
  lines.push(`Content-Length: ${body.length}`);
  return { method, text: `${lines.join("\r\n")}\r\n\r\n${body}` };
}
