/**
 * Messages made to be read in two ways: what smuggles a request into another's connection where
 * two programs disagree on the end of a message, on its target or on who may say so.
 *
 * @module
 */
import type { Random } from "../support/random.ts";
import { chunkText, mutate, requestText, responseText } from "./messages.ts";

/** A request that nobody asked for, if anybody reads it. */
const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: hidden\r\n\r\n";

const LENGTHS = [
  "Content-Length: 5",
  "Content-Length: 0",
  "Content-Length: 05",
  "Content-Length: +5",
  "Content-Length: -0",
  "Content-Length: 5, 5",
  "Content-Length: 0x5",
  "Content-Length: 5 ",
  "Content-Length:\t5",
  "Content-Length : 5",
  "Content_Length: 5",
  "content-length: 5",
  "Content-Length: 5\r\nContent-Length: 5",
  "Content-Length: 5\r\nContent-Length: 0",
  "Content-Length: 41",
  "Content-Length: 18446744073709551621",
  "Content-Length:",
  "Content-Length: 5;a",
  "Content-Length: 5\r\n ",
] as const;

const CODINGS = [
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: Chunked",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: identity",
  "Transfer-Encoding:\x0bchunked",
  "Transfer-Encoding:\tchunked",
  "Transfer-Encoding : chunked",
  "Transfer_Encoding: chunked",
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: chunked;q=1",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding: ,chunked",
  "TE: chunked",
  "X: y\nTransfer-Encoding: chunked",
  "X: y\rTransfer-Encoding: chunked",
] as const;

const EXTRAS = [
  "Connection: close",
  "Connection: keep-alive, x-fuzz",
  "Connection: host, content-length, transfer-encoding",
  "Connection: x-fuzz\r\nX-Fuzz: forged",
  "X-Fuzz: forged",
  "X_Fuzz: forged",
  "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
  "Upgrade: websocket",
  "Expect: 100-continue",
  "Expect: x",
  "Authorization: Basic YTpi",
  "Authorization: Basic YTpi\r\nAuthorization: Basic YjpiYg==",
  'If-None-Match: "a"\r\nIf-Match: "a"',
  "Range: bytes=0-1\r\nIf-Range: a",
  "Host: other",
  "Host: a/b",
  "Host: user@a",
  "Trailer: Content-Length",
  "X-A: 1\r\n Transfer-Encoding: chunked",
  "X-A: \x01",
  "X-HTTP-Method-Override: PUT",
  "X-Forwarded-Host: hidden",
  "Proxy-Connection: keep-alive",
  "Keep-Alive: timeout=5",
  ": no name",
  "X A: 1",
  "\tX: 1",
] as const;

const TARGETS = [
  "/",
  "/a?b=c",
  "//other/x",
  "/a%2f..%2fb",
  "/a/%2e%2e/b",
  "/a;b/../c",
  "/a\\b",
  "/%00",
  "/a?b#c",
  "/a%0d%0aX:y",
  "/\x80",
  "http://other/x",
  "http://other:80",
  "http://user@other/x",
  "http://other?x",
  "HTTP://OTHER/x",
  "https://other/x",
  "ftp://other/x",
  "http:///x",
  "http://[::1]/x",
  "http://other/%2e%2e/x",
  "*",
  "other:443",
  "/a HTTP/1.1",
  "/a\tb",
  "?x",
  "x/y",
] as const;

const SIZES = [
  "5",
  "05",
  "0005",
  "5;a=b",
  '5;a="\r\n"',
  "5 ",
  " 5",
  "0x5",
  "+5",
  "-5",
  "5\t;x",
  "FFFFFFFFFFFFFFFF",
  "10000000000000005",
  "5\n",
  "",
  "G",
] as const;

const LAST = ["0", "00", "0;x", "-0", "0x0", "", "0 "] as const;

const ENDS = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n\r\n", "", "x\r\n"] as const;

/** One to three requests on one connection, at least one of them with something wrong about it. */
export function smugglingText(random: Random): string {
  if (random.chance(0.2)) return mutate(random, requestText(random));
  let text = "";
  for (let count = random.pick([1, 1, 1, 2, 3]); count > 0; count--) text += oneRequest(random);
  if (random.chance(0.4)) text += HIDDEN;
  return random.chance(0.3) ? mutate(random, text) : text;
}

/** A response whose end is open to question. */
export function doubtfulResponse(random: Random): string {
  if (random.chance(0.15)) return mutate(random, responseText(random));
  if (random.chance(0.6)) {
    const text = plainResponse(random);
    return random.chance(0.3) ? mutate(random, text) : text;
  }
  const status = random.pick(["200 OK", "200 OK", "200 OK", "204 No Content", "304 Not Modified"]);
  const lines: string[] = [];
  if (random.chance(0.5)) lines.push(random.pick(LENGTHS));
  if (random.chance(0.5)) lines.push(random.pick(CODINGS));
  if (random.chance(0.3)) lines.push(random.pick(EXTRAS));
  const head = [`HTTP/1.${random.pick([1, 1, 1, 0])} ${status}`, ...random.shuffled(lines), "", ""];
  const early = random.chance(0.1) ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" : "";
  const text = `${early}${head.join("\r\n")}${body(random)}`;
  return random.chance(0.3) ? mutate(random, text) : text;
}

/** A response that all programs read the same, or should. */
function plainResponse(random: Random): string {
  const largest = random.pick([100, 3_000, 40_000]);
  const data = random.pick(["hello", "", "0\r\n\r\n", "x".repeat(random.integer(1, largest))]);
  const size = data.length.toString(16);
  const framed = random.pick([
    `\r\n${data}`,
    `Content-Length: ${data.length}\r\n\r\n${data}`,
    `Content-Length: ${data.length + random.pick([-1, 1, 1_000])}\r\n\r\n${data}`,
    `Transfer-Encoding: chunked\r\n\r\n${data === "" ? "" : `${size}\r\n${data}\r\n`}0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\n\r\n${size}\r\n${data}\r\n`,
    `Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`,
  ]);
  const extra = random.chance(0.4) ? `${random.pick(EXTRAS)}\r\n` : "";
  const status = random.pick(["200 OK", "200 OK", "404 Not Found", "206 Part", "301", "500 "]);
  return `HTTP/1.${random.pick([1, 1, 0])} ${status}\r\n${extra}${framed}`;
}

/** A request that all programs read the same, or should. */
function plainRequest(random: Random): string {
  const method = random.pick(["GET", "POST", "PUT", "HEAD", "DELETE"]);
  const target = random.pick(["/", "/", "/a?b=c", "http://other/x", "/a%2f..%2fb", "//other/x"]);
  const extra = random.chance(0.6) ? `${random.pick(EXTRAS)}\r\n` : "";
  const data = random.pick(["hello", HIDDEN, "0\r\n\r\n", "x".repeat(random.integer(1, 3_000))]);
  const framed = random.pick([
    "\r\n",
    `Content-Length: ${data.length}\r\n\r\n${data}`,
    `Transfer-Encoding: chunked\r\n\r\n${data.length.toString(16)}\r\n${data}\r\n0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\n\r\n${
      data.length.toString(16)
    };a\r\n${data}\r\n0\r\nX-T: 1\r\n\r\n`,
  ]);
  return `${method} ${target} HTTP/1.1\r\nHost: a\r\n${extra}${framed}`;
}

function oneRequest(random: Random): string {
  if (random.chance(0.5)) return plainRequest(random);
  const method = random.pick(["GET", "GET", "POST", "POST", "PUT", "HEAD", "OPTIONS", "DELETE"]);
  const target = random.chance(0.6) ? "/" : random.pick(TARGETS);
  const version = random.chance(0.9) ? "1.1" : "1.0";
  const lines: string[] = [];
  if (random.chance(0.95)) lines.push("Host: a");
  if (random.chance(0.5)) lines.push(random.pick(LENGTHS));
  if (random.chance(0.5)) lines.push(random.chance(0.5) ? CODINGS[0] : random.pick(CODINGS));
  for (let count = random.pick([0, 0, 1, 2]); count > 0; count--) lines.push(random.pick(EXTRAS));
  const head = [`${method} ${target} HTTP/${version}`, ...random.shuffled(lines), "", ""];
  return `${head.join("\r\n")}${body(random)}`;
}

function body(random: Random): string {
  switch (random.integer(0, 5)) {
    case 0:
      return "";
    case 1:
      return "hello";
    case 2:
      return "5\r\nhello\r\n0\r\n\r\n";
    case 3:
      return chunkText(random);
    case 4:
      return HIDDEN;
    default: {
      const trailer = random.chance(0.3) ? `${random.pick([...LENGTHS, ...CODINGS])}\r\n` : "";
      const end = () => random.chance(0.7) ? "\r\n" : random.pick(ENDS);
      const size = random.chance(0.5) ? "5" : random.pick(SIZES);
      const last = random.chance(0.6) ? "0" : random.pick(LAST);
      return `${size}${end()}hello${end()}${last}${end()}${trailer}\r\n`;
    }
  }
}
