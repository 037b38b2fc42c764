/**
 * Messages that are almost right: made by a grammar, then mutated.
 *
 * @module
 */
import type { Random } from "../support/random.ts";

const NAMES = [
  "Host",
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Expect",
  "Upgrade",
  "TE",
  "Trailer",
  "X-A",
  "x-forwarded-for",
  "Cookie",
  "X_Y",
  "Keep-Alive",
] as const;

const VALUES = [
  "",
  "0",
  "5",
  "12",
  "chunked",
  "close",
  "keep-alive",
  "upgrade, x-a",
  "100-continue",
  "example.org",
  "example.org:80",
  "[::1]:8080",
  "a, b",
  "gzip, chunked",
  "+5",
  "0x5",
  "99999999999999999999",
  "\xe4\xf6",
] as const;

/** Bytes and runs of bytes that parsers get wrong. */
const POISON = [
  "\r",
  "\n",
  "\r\n",
  "\n\n",
  "\r\n\r\n",
  "\r\r\n",
  "\0",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "\x0b",
  "\x0c",
  "\x7f",
  "\x85",
  "\xa0",
  "%00",
  "#",
  "..",
  "\r\n ",
  "\r\n\t",
  "0",
  "HTTP/1.1",
  "GET / HTTP/1.1\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: 5\r\n",
  "Content-Length : 5\r\n",
  "transfer-encoding:\tchunked\r\n",
  "Host: b\r\n",
] as const;

/** A request with what may be a body behind it. */
export function requestText(random: Random): string {
  const method = random.pick(["GET", "GET", "POST", "PUT", "HEAD", "OPTIONS", "M-X", "CONNECT"]);
  const version = random.chance(0.9)
    ? "HTTP/1.1"
    : random.pick(["HTTP/1.0", "HTTP/1.2", "HTTP/2.0"]);
  const host = random.chance(0.9) ? "Host: example.org\r\n" : "";
  return `${method} ${target(random)} ${version}\r\n${host}${fields(random)}\r\n${tail(random)}`;
}

/** A response with what may be a body behind it. */
export function responseText(random: Random): string {
  const status = random.pick(["200", "204", "304", "100", "101", "404", "599", "600", "20"]);
  const reason = random.pick(["", " ", " OK", " Not Found", " \xe4 x"]);
  const version = random.chance(0.9) ? "HTTP/1.1" : random.pick(["HTTP/1.0", "HTTP/1.2", "HTTP/2"]);
  return `${version} ${status}${reason}\r\n${fields(random)}\r\n${tail(random)}`;
}

/** A chunked body. */
export function chunkText(random: Random): string {
  let text = "";
  for (let count = random.integer(0, 4); count > 0; count--) {
    const size = random.integer(1, random.pick([3, 20, 300]));
    const digits = size.toString(16).padStart(random.integer(1, 4), "0");
    const extension = random.chance(0.2) ? random.pick([";a", ";a=b", ';a="b c"', ";"]) : "";
    text += `${digits}${extension}\r\n${"0\r\nab".repeat(size).slice(0, size)}\r\n`;
  }
  const trailers = random.chance(0.3) ? fields(random) : "";
  return `${text}${random.pick(["0", "0", "000", "0;x"])}\r\n${trailers}\r\n${tail(random)}`;
}

/** `text` with a few things done to it. Now and then none. */
export function mutate(random: Random, text: string): string {
  for (let count = random.pick([0, 1, 1, 1, 2, 3, 8]); count > 0; count--) {
    const at = random.integer(0, text.length);
    const end = Math.min(text.length, at + random.pick([1, 1, 1, 2, 5, 30]));
    switch (random.integer(0, 6)) {
      case 0: // a byte more
        text = text.slice(0, at) + String.fromCharCode(random.integer(0, 255)) + text.slice(at);
        break;
      case 1: // a byte changed
        text = text.slice(0, at) + String.fromCharCode(random.integer(0, 255)) + text.slice(at + 1);
        break;
      case 2:
        text = text.slice(0, at) + text.slice(end);
        break;
      case 3:
        text = text.slice(0, end) + text.slice(at, end) + text.slice(end);
        break;
      case 4: // a bit turned
        text = text.slice(0, at) +
          text.slice(at, at + 1).replace(
            /[^]/,
            (unit) => String.fromCharCode(unit.charCodeAt(0) ^ (1 << random.integer(0, 7))),
          ) + text.slice(at + 1);
        break;
      case 5: // cut short
        if (random.chance(0.3)) text = text.slice(0, at);
        break;
      default:
        text = text.slice(0, at) + random.pick(POISON) + text.slice(at);
    }
  }
  return text;
}

function target(random: Random): string {
  return random.pick([
    "/",
    "/a/b?c=d",
    "/a/../b/%2e",
    "//",
    "*",
    "http://example.org/x?y",
    "http://example.org:8080",
    "https://[::1]/",
    "example.org:443",
    "/\xe4",
  ]);
}

function fields(random: Random): string {
  let text = "";
  for (let count = random.pick([0, 1, 2, 3, 6]); count > 0; count--) {
    const space = random.pick(["", " ", " ", " ", "\t", "  "]);
    text += `${random.pick(NAMES)}:${space}${random.pick(VALUES)}${random.pick(["", "", " "])}\r\n`;
  }
  return text;
}

function tail(random: Random): string {
  return random.pick(["", "", "hello", "5\r\nhello\r\n0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"]);
}
