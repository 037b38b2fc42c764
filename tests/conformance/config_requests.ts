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
  for (const field of traffic.fields ?? []) if (random.chance(0.3)) lines.push(field);
  for (const field of PLAIN) if (random.chance(0.15)) lines.push(field);
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
