/**
 * Messages that no honest program sends, or that programs read in different ways: what
 * stands between a client and an origin has to refuse them, or it becomes the tool that
 * smuggles one request inside another. One table for the tests and for the survey.
 *
 * @module
 */

/** What a client sends. */
export interface HostileRequest {
  readonly name: string;
  readonly bytes: string;
  /** Our status; 0: the connection is closed without an answer. */
  readonly status: number;
  /** Where the rule stands. */
  readonly rule: string;
}

/** What an origin sends. */
export interface HostileResponse {
  readonly name: string;
  readonly bytes: string;
  /**
   * `502`: nothing of it reaches the client. `cut`: the head was good, and the body ends
   * in a way that the client can tell from a complete one.
   */
  readonly outcome: "502" | "cut";
  readonly rule: string;
}

const FRAMING = "RFC 9112, 6";
const LENGTH = "RFC 9112, 6.3; RFC 9110, 8.6";
const CHUNKS = "RFC 9112, 7.1";
const LINES = "RFC 9112, 2.2";
const FIELDS = "RFC 9112, 5; RFC 9110, 5.5";
const HOST = "RFC 9112, 3.2";
const TARGET = "RFC 9112, 3.2; RFC 3986";
const FIRST_LINE = "RFC 9112, 3";
const VERSION = "RFC 9112, 2.3";
const BOUND = "RFC 9110, 17.5";

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/** A GET with field lines. */
function get(name: string, lines: string, rule: string, status = 400): HostileRequest {
  return { name, bytes: `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`, rule, status };
}

/** A POST with field lines and what follows its head. */
function post(
  name: string,
  lines: string,
  body: string,
  rule: string,
  status = 400,
): HostileRequest {
  return { name, bytes: `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`, rule, status };
}

/** A POST with a chunked body. */
function chunked(name: string, body: string, status = 400): HostileRequest {
  return post(name, "Transfer-Encoding: chunked\r\n", body, CHUNKS, status);
}

/** A first line, and no more than it needs. */
function line(name: string, first: string, rule: string, status = 400): HostileRequest {
  return { name, bytes: `${first}\r\nHost: a\r\n\r\n`, rule, status };
}

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  post(
    "Content-Length and Transfer-Encoding",
    "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
    `0\r\n\r\n${SMUGGLED}`,
    FRAMING,
  ),
  post(
    "Transfer-Encoding and Content-Length",
    "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    `0\r\n\r\n${SMUGGLED}`,
    FRAMING,
  ),
  post("two different lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello", LENGTH),
  post("the same length twice", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello", LENGTH),
  post("a list of lengths", "Content-Length: 5, 5\r\n", "hello", LENGTH),
  post("a length with a plus", "Content-Length: +5\r\n", "hello", LENGTH),
  post("a negative length", "Content-Length: -5\r\n", "hello", LENGTH),
  post("a length in hexadecimal", "Content-Length: 0x5\r\n", "hello", LENGTH),
  post("a length with a fraction", "Content-Length: 5.0\r\n", "hello", LENGTH),
  post("a length with an underscore", "Content-Length: 1_0\r\n", "hellohello", LENGTH),
  post("an empty length", "Content-Length:\r\n", "hello", LENGTH),
  post("two numbers for a length", "Content-Length: 5 5\r\n", "hello", LENGTH),
  post("a length in quotes", 'Content-Length: "5"\r\n', "hello", LENGTH),
  post("a length behind a vertical tab", "Content-Length: \x0b5\r\n", "hello", LENGTH),
  post("a length before a no-break space", "Content-Length: 5\xa0\r\n", "hello", LENGTH),
  post("a length beyond 2^53", "Content-Length: 9007199254740993\r\n", "hello", LENGTH, 413),
  post(
    "a length of twenty digits",
    "Content-Length: 99999999999999999999\r\n",
    "hello",
    LENGTH,
    413,
  ),
  post(
    "a length beyond 2^64 that wraps to 5",
    "Content-Length: 18446744073709551621\r\n",
    "hello",
    LENGTH,
    413,
  ),
  post("a coding that is not known", "Transfer-Encoding: xchunked\r\n", "5", FRAMING, 501),
  post("identity", "Transfer-Encoding: identity\r\n", "hello", FRAMING, 501),
  post("gzip before chunked", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n", FRAMING, 501),
  post(
    "chunked before identity",
    "Transfer-Encoding: chunked, identity\r\n",
    "0\r\n\r\n",
    FRAMING,
    501,
  ),
  post(
    "chunked twice in a list",
    "Transfer-Encoding: chunked, chunked\r\n",
    "0\r\n\r\n",
    FRAMING,
    501,
  ),
  post(
    "chunked in two lines",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "0\r\n\r\n",
    FRAMING,
  ),
  post("chunked with a parameter", "Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n", FRAMING, 501),
  post("chunked in quotes", 'Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n", FRAMING, 501),
  post("chunked behind a vertical tab", "Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n", FRAMING),
  post("a tab before chunked", "Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n", FRAMING, 501),
  post("a comma behind chunked", "Transfer-Encoding: chunked,\r\n", "0\r\n\r\n", FRAMING, 501),
  post("a comma before chunked", "Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n", FRAMING, 501),
  post("a NUL behind chunked", "Transfer-Encoding: chunked\0\r\n", "0\r\n\r\n", FRAMING),
  post("an empty Transfer-Encoding", "Transfer-Encoding:\r\n", "0\r\n\r\n", FRAMING, 501),
  post(
    "a space before the colon of Transfer-Encoding",
    "Transfer-Encoding : chunked\r\n",
    "0\r\n\r\n",
    FIELDS,
  ),
  post("a tab before the colon of Content-Length", "Content-Length\t: 5\r\n", "hello", FIELDS),
  {
    name: "chunked in HTTP/1.0",
    bytes: `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    rule: FRAMING,
    status: 400,
  },
  chunked("a chunk size with a sign", `+5\r\nhello\r\n0\r\n\r\n`),
  chunked("a chunk size with 0x", `0x5\r\nhello\r\n0\r\n\r\n`),
  chunked("a space before a chunk size", ` 5\r\nhello\r\n0\r\n\r\n`),
  chunked("a space behind a chunk size", `5 \r\nhello\r\n0\r\n\r\n`),
  chunked("a tab behind a chunk size", `5\t\r\nhello\r\n0\r\n\r\n`),
  chunked("a chunk size of seventeen digits", `00000000000000005\r\nhello\r\n0\r\n\r\n`),
  chunked("a negative chunk size", `-5\r\nhello\r\n0\r\n\r\n`),
  chunked("an underscore in a chunk size", `0_5\r\nhello\r\n0\r\n\r\n`),
  chunked("an empty chunk size", `\r\nhello\r\n0\r\n\r\n`),
  chunked("a chunk size that overflows", `fffffffffffffffff\r\nhello\r\n0\r\n\r\n`),
  chunked("a chunk size that wraps to 5", `10000000000000005\r\nhello\r\n0\r\n\r\n`),
  chunked("a bare LF behind a chunk size", `5\nhello\r\n0\r\n\r\n`),
  chunked("a bare CR behind a chunk size", `5\rhello\r\n0\r\n\r\n`),
  chunked("a chunk without its CRLF", `5\r\nhello0\r\n\r\n`),
  chunked("a chunk that ends with a bare LF", `5\r\nhello\n0\r\n\r\n`),
  chunked("more data than the chunk said", `5\r\nhello!!\r\n0\r\n\r\n`),
  chunked("a bare LF in a chunk extension", `5;a\nb\r\nhello\r\n0\r\n\r\n`),
  chunked("a control in a chunk extension", `5;a=\x01\r\nhello\r\n0\r\n\r\n`),
  chunked("a chunk extension of 40,000 bytes", `5;${"a".repeat(40_000)}\r\nhello\r\n0\r\n\r\n`),
  chunked("a last chunk that ends with bare LFs", `5\r\nhello\r\n0\n\n`),
  chunked("a trailer with a space before its colon", `0\r\nA : b\r\n\r\n`),
  chunked("a trailer line that is folded", `0\r\nA: b\r\n c\r\n\r\n`),
  chunked("Content-Length in a trailer's place without a colon", `0\r\nContent-Length\r\n\r\n`),
  chunked("Content-Length in a trailer", `0\r\nContent-Length: 5\r\n\r\n`),
  chunked("Transfer-Encoding in a trailer", `0\r\nTransfer-Encoding: chunked\r\n\r\n`),
  chunked("Host in a trailer", `0\r\nHost: b\r\n\r\n`),
  chunked("a NUL in a trailer", `0\r\nA: \0\r\n\r\n`),
  chunked("a bare LF behind a trailer", `0\r\nA: b\n\r\n`),
  chunked("a bare CR in a trailer", `0\r\nA: b\rc\r\n\r\n`),
  chunked("an empty name in a trailer", `0\r\n: b\r\n\r\n`),
  chunked("40,000 bytes of trailers", `0\r\n${`A: ${"a".repeat(96)}\r\n`.repeat(400)}\r\n`, 431),
  { name: "bare LFs", bytes: `GET / HTTP/1.1\nHost: a\n\n`, rule: LINES, status: 400 },
  {
    name: "a bare LF in the head",
    bytes: `GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n`,
    rule: LINES,
    status: 400,
  },
  {
    name: "a bare CR in a value",
    bytes: `GET / HTTP/1.1\r\nHost: a\r\nX: b\rC: d\r\n\r\n`,
    rule: LINES,
    status: 400,
  },
  {
    name: "a bare CR for a line's end",
    bytes: `GET / HTTP/1.1\rHost: a\r\r`,
    rule: LINES,
    status: 400,
  },
  {
    name: "a bare LF in front",
    bytes: `\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`,
    rule: LINES,
    status: 400,
  },
  {
    name: "two empty lines in front",
    bytes: `\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`,
    rule: LINES,
    status: 400,
  },
  { name: "CR CR LF", bytes: `GET / HTTP/1.1\r\nHost: a\r\n\r\r\n`, rule: LINES, status: 400 },
  get("a folded line", "X: b\r\n c\r\n", FIELDS),
  get("a field that begins with a space", " X: b\r\n", FIELDS),
  get("a NUL in a value", "X: \0\r\n", FIELDS),
  get("a control in a value", "X: \x01\r\n", FIELDS),
  get("DEL in a value", "X: \x7f\r\n", FIELDS),
  get("a NUL in a name", "X\0: b\r\n", FIELDS),
  get("a space before a colon", "X : b\r\n", FIELDS),
  get("a space in a name", "X Y: b\r\n", FIELDS),
  get("an empty name", ": b\r\n", FIELDS),
  get("no colon", "oops\r\n", FIELDS),
  get("quotes in a name", '"X": b\r\n', FIELDS),
  get("a byte over 0x7f in a name", "X\xe4: b\r\n", FIELDS),
  get("a slash in a name", "X/Y: b\r\n", FIELDS),
  get("100,000 fields", "A:b\r\n".repeat(100_000), BOUND, 431),
  get("a field of 100,000 bytes", `A: ${"a".repeat(100_000)}\r\n`, BOUND, 431),
  line("a request line of 100,000 bytes", `GET /${"a".repeat(100_000)} HTTP/1.1`, BOUND, 414),
  { name: "no Host", bytes: "GET / HTTP/1.1\r\n\r\n", rule: HOST, status: 400 },
  get("two Hosts", "Host: b\r\n", HOST),
  get("the same Host twice", "Host: a\r\n", HOST),
  ...([
    ["an empty Host with a port", ":80"],
    ["a Host with a path", "a/b"],
    ["a Host with a user", "u@a"],
    ["a Host with a space", "a b"],
    ["a list of Hosts", "a, b"],
    ["a Host with a port that is no number", "a:b"],
    ["a Host with a port of six digits", "a:100000"],
    ["a Host with a bracket that never closes", "[::1"],
    ["a Host with %00", "a%00b"],
    ["a Host with a byte over 0x7f", "\xe4"],
    ["a Host with an empty label", "a..b"],
    ["a Host in brackets that is no address", "[zz]"],
    ["a Host with a backslash", "a\\b"],
    ["a Host with a port beyond 65535", "a:65536"],
  ] as const).map(([name, host]) => ({
    name,
    bytes: `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    rule: HOST,
    status: 400,
  })),
  { name: "an empty Host", bytes: "GET / HTTP/1.1\r\nHost:\r\n\r\n", rule: HOST, status: 400 },
  {
    name: "two Hosts in HTTP/1.0",
    bytes: "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    rule: HOST,
    status: 400,
  },
  line("no version: HTTP/0.9", "GET /", VERSION),
  line("HTTP/1.2", "GET / HTTP/1.2", VERSION, 505),
  line("HTTP/2.0", "GET / HTTP/2.0", VERSION, 505),
  line("HTTP/1.10", "GET / HTTP/1.10", VERSION, 505),
  line("HTTP/01.1", "GET / HTTP/01.1", VERSION, 505),
  line("http/1.1 in lower case", "GET / http/1.1", VERSION),
  line("a version with a sign", "GET / HTTP/+1.1", VERSION),
  {
    name: "the preface of HTTP/2",
    bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    rule: VERSION,
    status: 505,
  },
  {
    name: "a TLS hello",
    bytes: "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
    rule: FIRST_LINE,
    status: 400,
  },
  line("a method in lower case", "get / HTTP/1.1", FIRST_LINE),
  line("a method in mixed case", "Get / HTTP/1.1", FIRST_LINE),
  line("a method with a byte over 0x7f", "G\xc9T / HTTP/1.1", FIRST_LINE),
  line("a method of 10,000 bytes", `${"A".repeat(10_000)} / HTTP/1.1`, BOUND, 414),
  line("an empty method", " / HTTP/1.1", FIRST_LINE),
  line("a method with a slash", "GE/T / HTTP/1.1", FIRST_LINE),
  line("a method with a NUL", "GE\0T / HTTP/1.1", FIRST_LINE),
  line("two spaces behind the method", "GET  / HTTP/1.1", FIRST_LINE),
  line("two spaces before the version", "GET /  HTTP/1.1", FIRST_LINE),
  line("a tab for a space", "GET\t/ HTTP/1.1", FIRST_LINE),
  line("a space in the target", "GET /a b HTTP/1.1", FIRST_LINE),
  line("a space behind the version", "GET / HTTP/1.1 ", FIRST_LINE),
  line("a fragment", "GET /a#b HTTP/1.1", TARGET),
  line("a control in the target", "GET /a\x01 HTTP/1.1", TARGET),
  line("a NUL in the target", "GET /a\0b HTTP/1.1", TARGET),
  line("%00 in the path", "GET /a%00b HTTP/1.1", TARGET),
  line("a percent sign alone", "GET /a%zz HTTP/1.1", TARGET),
  line("a path above the root", "GET /../etc/passwd HTTP/1.1", TARGET),
  line("an encoded path above the root", "GET /%2e%2e/%2e%2e/etc HTTP/1.1", TARGET),
  line("encoded slashes and dots above the root", "GET /a/..%2f..%2fetc HTTP/1.1", TARGET),
  line("dots above the root, then more", "GET /a/../../a HTTP/1.1", TARGET),
  line("a byte over 0x7f in the path", "GET /\xe4 HTTP/1.1", TARGET),
  line("UTF-8 in the path", "GET /\xc3\xa4 HTTP/1.1", TARGET),
  line("UTF-8 in the query", "GET /?\xc3\xa4 HTTP/1.1", TARGET),
  line("a target without a slash", "GET a HTTP/1.1", TARGET),
  line("* for a GET", "GET * HTTP/1.1", TARGET),
  line("CONNECT", "CONNECT a:443 HTTP/1.1", TARGET, 405),
  line("an authority for a GET", "GET a:80 HTTP/1.1", TARGET),
  line("a URL without a host", "GET http:///a HTTP/1.1", TARGET),
  line("a URL with a user", "GET http://u:p@a/ HTTP/1.1", TARGET),
  line("a URL with a port beyond 65535", "GET http://a:99999/ HTTP/1.1", TARGET),
  line("a URL with a fragment", "GET http://a/#b HTTP/1.1", TARGET),
  line("a URL of ftp", "GET ftp://a/ HTTP/1.1", TARGET),
  get("Expect twice", "Expect: 100-continue\r\nExpect: 100-continue\r\n", "RFC 9110, 10.1.1"),
  get("a list of expectations", "Expect: 100-continue, x\r\n", "RFC 9110, 10.1.1", 417),
  get("an empty Expect", "Expect:\r\n", "RFC 9110, 10.1.1", 417),
  get("options in Connection without a comma", "Connection: a b\r\n", "RFC 9110, 7.6.1"),
  get("Authorization twice", "Authorization: a\r\nAuthorization: b\r\n", "RFC 9110, 5.3"),
  get("an unknown expectation", "Expect: 200-maybe\r\n", "RFC 9110, 10.1.1", 417),
];

const OK = "HTTP/1.1 200 OK\r\n";

function head(name: string, bytes: string, rule: string): HostileResponse {
  return { name, bytes, rule, outcome: "502" };
}

/** A head with field lines, and what follows it. */
function fields(name: string, lines: string, rule: string, rest = ""): HostileResponse {
  return head(name, `${OK}${lines}\r\n${rest}`, rule);
}

/** What is wrong comes with the head, so nobody has been told anything yet. */
function body(
  name: string,
  text: string,
  outcome: HostileResponse["outcome"] = "502",
): HostileResponse {
  const bytes = `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n${text}`;
  return { name, bytes, rule: CHUNKS, outcome };
}

export const HOSTILE_RESPONSES: readonly HostileResponse[] = [
  head("no status line", "garbage\r\n\r\n", FIRST_LINE),
  head("HTTP/0.9: a body alone", "<html>hello</html>", VERSION),
  head("HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", VERSION),
  head("ICY", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n", VERSION),
  head("a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("status 000", "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("a status with a sign", "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("status 600", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("no status", "HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("two spaces before the status", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("a tab before the status", "HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("http/1.1 in lower case", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", VERSION),
  head("HTTP/1.10", "HTTP/1.10 200 OK\r\nContent-Length: 0\r\n\r\n", VERSION),
  head("HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", VERSION),
  head("a space in front", " HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("an empty line in front", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("a request in its place", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", FIRST_LINE),
  head("a TLS alert", "\x15\x03\x01\0\x02\x02\x46\r\n\r\n", FIRST_LINE),
  head("status 099", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("a NUL in the reason", "HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n", FIRST_LINE),
  head("a bare CR in the reason", "HTTP/1.1 200 O\rX: y\r\nContent-Length: 0\r\n\r\n", LINES),
  head("two lengths", `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, LENGTH),
  head("the same length twice", `${OK}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, LENGTH),
  head("a list of lengths", `${OK}Content-Length: 5, 5\r\n\r\nhello`, LENGTH),
  head("a negative length", `${OK}Content-Length: -5\r\n\r\nhello`, LENGTH),
  head("a length with a plus", `${OK}Content-Length: +5\r\n\r\nhello`, LENGTH),
  head("a length in hexadecimal", `${OK}Content-Length: 0x5\r\n\r\nhello`, LENGTH),
  fields("a length with a fraction", "Content-Length: 5.0\r\n", LENGTH, "hello"),
  fields("a length with an underscore", "Content-Length: 1_0\r\n", LENGTH, "hellohello"),
  fields("an empty length", "Content-Length:\r\n", LENGTH, "hello"),
  fields("two numbers for a length", "Content-Length: 5 5\r\n", LENGTH, "hello"),
  fields("a length in quotes", 'Content-Length: "5"\r\n', LENGTH, "hello"),
  fields("a length behind a vertical tab", "Content-Length: \x0b5\r\n", LENGTH, "hello"),
  fields("a length beyond 2^53", "Content-Length: 9007199254740993\r\n", LENGTH, "hello"),
  fields("a length that wraps to 5", "Content-Length: 18446744073709551621\r\n", LENGTH, "hello"),
  fields(
    "Transfer-Encoding and Content-Length",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    FRAMING,
    "5\r\nhello\r\n0\r\n\r\n",
  ),
  fields("identity", "Transfer-Encoding: identity\r\n", FRAMING, "hello"),
  fields("chunked before identity", "Transfer-Encoding: chunked, identity\r\n", FRAMING, "hello"),
  fields(
    "chunked twice in a list",
    "Transfer-Encoding: chunked, chunked\r\n",
    FRAMING,
    "0\r\n\r\n",
  ),
  fields("chunked with a parameter", "Transfer-Encoding: chunked;q=1\r\n", FRAMING, "0\r\n\r\n"),
  fields("chunked in quotes", 'Transfer-Encoding: "chunked"\r\n', FRAMING, "0\r\n\r\n"),
  fields(
    "a vertical tab before chunked",
    "Transfer-Encoding: \x0bchunked\r\n",
    FRAMING,
    "0\r\n\r\n",
  ),
  fields("a comma behind chunked", "Transfer-Encoding: chunked,\r\n", FRAMING, "0\r\n\r\n"),
  fields("an empty Transfer-Encoding", "Transfer-Encoding:\r\n", FRAMING, "hello"),
  fields(
    "a space before the colon of Transfer-Encoding",
    "Transfer-Encoding : chunked\r\n",
    FIELDS,
    "0\r\n\r\n",
  ),
  fields("a tab before the colon of Content-Length", "Content-Length\t: 5\r\n", FIELDS, "hello"),
  head("a length that overflows", `${OK}Content-Length: 99999999999999999999\r\n\r\nhello`, LENGTH),
  head(
    "Content-Length and Transfer-Encoding",
    `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    FRAMING,
  ),
  head("a coding that is not known", `${OK}Transfer-Encoding: xchunked\r\n\r\nhello`, FRAMING),
  head("gzip before chunked", `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, FRAMING),
  head(
    "chunked twice",
    `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    FRAMING,
  ),
  head(
    "chunked in HTTP/1.0",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    FRAMING,
  ),
  head("a folded line", `${OK}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`, FIELDS),
  head("a space before a colon", `${OK}X : a\r\nContent-Length: 0\r\n\r\n`, FIELDS),
  fields("a control in a value", "X: \x01\r\n", FIELDS),
  fields("DEL in a value", "X: \x7f\r\n", FIELDS),
  fields("a NUL in a name", "X\0: b\r\n", FIELDS),
  fields("a space in a name", "X Y: b\r\n", FIELDS),
  fields("quotes in a name", '"X": b\r\n', FIELDS),
  fields("a slash in a name", "X/Y: b\r\n", FIELDS),
  fields("a byte over 0x7f in a name", "X\xe4: b\r\n", FIELDS),
  fields("a field that begins with a space", " X: b\r\n", FIELDS),
  fields("a bare LF in the head", "A: b\nX: b\r\n", LINES),
  fields("CR CR LF", "A: b\r\n\r", LINES),
  fields("100,000 fields", "A:b\r\n".repeat(100_000), BOUND),
  head("no colon", `${OK}oops\r\nContent-Length: 0\r\n\r\n`, FIELDS),
  head("an empty name", `${OK}: a\r\nContent-Length: 0\r\n\r\n`, FIELDS),
  head("a NUL in a value", `${OK}X: \0\r\nContent-Length: 0\r\n\r\n`, FIELDS),
  head("a bare CR in a value", `${OK}X: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n`, LINES),
  head("bare LFs", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", LINES),
  head(
    "a head of 100,000 bytes",
    `${OK}X: ${"a".repeat(100_000)}\r\nContent-Length: 0\r\n\r\n`,
    BOUND,
  ),
  head(
    "an interim response with a length",
    `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
    "RFC 9110, 8.6",
  ),
  head("101 without an Upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\nhello", "RFC 9110, 7.8"),
  body("a space before a chunk size", " 5\r\nhello\r\n0\r\n\r\n"),
  body("a space behind a chunk size", "5 \r\nhello\r\n0\r\n\r\n"),
  body("a tab behind a chunk size", "5\t\r\nhello\r\n0\r\n\r\n"),
  body("an underscore in a chunk size", "0_5\r\nhello\r\n0\r\n\r\n"),
  body("an empty chunk size", "\r\nhello\r\n0\r\n\r\n"),
  body("a chunk size that wraps to 5", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
  body("a negative chunk size", "-5\r\nhello\r\n0\r\n\r\n"),
  body("a bare CR behind a chunk size", "5\rhello\r\n0\r\n\r\n"),
  body("a chunk that ends with a bare LF", "5\r\nhello\n0\r\n\r\n"),
  body("a bare LF in a chunk extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
  body("a control in a chunk extension", "5;a=\x01\r\nhello\r\n0\r\n\r\n"),
  body("a chunk extension of 40,000 bytes", `5;${"a".repeat(40_000)}\r\nhello\r\n0\r\n\r\n`),
  body("a last chunk that ends with bare LFs", "0\n\n"),
  body("a trailer with a space before its colon", "0\r\nA : b\r\n\r\n"),
  body("a trailer line that is folded", "0\r\nA: b\r\n c\r\n\r\n"),
  body("Content-Length in a trailer", "0\r\nContent-Length: 5\r\n\r\n"),
  body("Transfer-Encoding in a trailer", "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
  body("a NUL in a trailer", "0\r\nA: \0\r\n\r\n"),
  body("40,000 bytes of trailers", `0\r\n${`A: ${"a".repeat(96)}\r\n`.repeat(400)}\r\n`, "cut"),
  body("a chunk size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
  body("a chunk size with a sign", "+5\r\nhello\r\n0\r\n\r\n"),
  body("a chunk size that overflows", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
  body("a chunk without its CRLF", "5\r\nhello0\r\n\r\n"),
  body("a bare LF behind a chunk size", "5\nhello\r\n0\r\n\r\n"),
  body("more data than the chunk said", "5\r\nhello!!\r\n0\r\n\r\n"),
  body("an end in the middle of a chunk", "5\r\nhe", "cut"),
  body("an end before the last chunk", "", "cut"),
  {
    name: "an end before Content-Length",
    bytes: `${OK}Content-Length: 50\r\n\r\nhello`,
    rule: LENGTH,
    outcome: "cut",
  },
];
