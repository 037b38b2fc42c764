/**
 * The messages that the micro-benchmarks of `wire` and of what stands on it read.
 *
 * @module
 */
import { RequestHead } from "../../../src/wire/mod.ts";
import { BROWSER_HEADERS } from "../workloads.ts";

/** What `wrk` sends: two field lines. */
export const SMALL_REQUEST = requestOf("/small", { Host: "127.0.0.1:8080" });

/** Twenty field lines, and a kilobyte of cookies. */
export const BROWSER_REQUEST = requestOf("/products/list?page=3&sort=price", {
  Host: "www.example.org",
  ...BROWSER_HEADERS,
});

/** nginx's answer from memory. */
export const SMALL_RESPONSE = responseOf({
  "Server": "nginx/1.22.1",
  "Date": "Sun, 22 Nov 2026 04:00:00 GMT",
  "Content-Type": "text/plain",
  "Content-Length": "13",
  "Connection": "keep-alive",
});

/** Twenty field lines, as an application behind a framework answers. */
export const LARGE_RESPONSE = responseOf({
  "Server": "app",
  "Date": "Sun, 22 Nov 2026 04:00:00 GMT",
  "Content-Type": "text/html; charset=utf-8",
  "Content-Length": "48213",
  "Connection": "keep-alive",
  "Cache-Control": "private, max-age=0, must-revalidate",
  "ETag": '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
  "Last-Modified": "Sun, 22 Nov 2026 03:59:00 GMT",
  "Vary": "Accept-Encoding, Cookie",
  "Content-Language": "en-GB",
  "Set-Cookie": "session=0123456789abcdefghijklmnopqrstuvwxyz; Path=/; HttpOnly; SameSite=Lax",
  "Content-Security-Policy": "default-src 'self'; img-src *; object-src 'none'; base-uri 'none'",
  "Strict-Transport-Security": "max-age=63072000; includeSubDomains; preload",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
  "Referrer-Policy": "strict-origin-when-cross-origin",
  "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
  "X-Request-Id": "4f6d2b1c-8a57-4c1e-9a53-0c1d7e0f2b6a",
  "X-Runtime": "0.031337",
  "Link": "</assets/site.css>; rel=preload; as=style",
});

/** A head that is parsed already. */
export function parsed(message: Uint8Array): RequestHead {
  const head = new RequestHead(100);
  head.begin(message, 0);
  head.parse(message.length);
  return head;
}

function requestOf(target: string, fields: Readonly<Record<string, string>>): Uint8Array {
  return messageOf(`GET ${target} HTTP/1.1`, fields);
}

function responseOf(fields: Readonly<Record<string, string>>): Uint8Array {
  return messageOf("HTTP/1.1 200 OK", fields);
}

function messageOf(firstLine: string, fields: Readonly<Record<string, string>>): Uint8Array {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return new TextEncoder().encode(`${firstLine}\r\n${lines.join("")}\r\n`);
}
