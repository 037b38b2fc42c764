import { assert, assertEquals, assertMatch } from "@std/assert";
import { RequestHead } from "../../../src/wire/mod.ts";
import { Random } from "../../support/random.ts";
import { latin1Bytes } from "../../support/scripted_transport.ts";
import { halves, MAX_FIELDS, readRequest } from "./reading.ts";

const HOST = "Host: example.org\r\n";

const GOOD: Readonly<Record<string, string>> = {
  "the smallest": `GET / HTTP/1.1\r\n${HOST}\r\n`,
  "HTTP/1.0 without Host": "GET /x HTTP/1.0\r\n\r\n",
  "an empty line before it": `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`,
  "a query": `GET /a/b?c=d&e=/../%2e#`.slice(0, -1) + ` HTTP/1.1\r\n${HOST}\r\n`,
  "a length, and a body behind it":
    `POST /form HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello GET /`,
  "chunks": `PUT /x HTTP/1.1\r\n${HOST}Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n`,
  "absolute-form": "GET http://User.Example:8080/a?b HTTP/1.1\r\nHost: other\r\n\r\n",
  "absolute-form without path": "GET HTTP://a.b?q HTTP/1.1\r\nHost: x\r\n\r\n",
  "asterisk-form": `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  "IPv6 host": "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
  "a method of its own": `M-SEARCH / HTTP/1.1\r\n${HOST}\r\n`,
  "options of Connection":
    `GET / HTTP/1.1\r\n${HOST}Connection: keep-alive, Upgrade,,X-Mine\r\nX-Mine: 1\r\nUpgrade: websocket\r\n\r\n`,
  "Expect": `PUT / HTTP/1.1\r\n${HOST}Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n`,
  "space around values":
    `GET / HTTP/1.1\r\nHost:  example.org  \r\nX:\r\nY: \r\nZ:\t a b\tc \t\r\n\r\n`,
  "obs-text": `GET / HTTP/1.1\r\n${HOST}X: \xe4\xff\x80\r\n\r\n`,
  "underscores": `GET / HTTP/1.1\r\n${HOST}Content_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n`,
  "many fields": `GET / HTTP/1.1\r\n${HOST}${"A: b\r\n".repeat(MAX_FIELDS - 1)}\r\n`,
};

for (const [name, text] of Object.entries(GOOD)) {
  Deno.test(`request: ${name} reads the same in one piece, in two at every place, in bytes`, () => {
    const whole = readRequest([text]);
    assertEquals(whole.verdict, "complete");
    for (const pieces of halves(text)) assertEquals(readRequest(pieces), whole);
    assertEquals(readRequest([...text]), whole);
    assertEquals(readRequest([...text], 33), whole, "at another offset");
    const random = new Random(text.length);
    for (let round = 0; round < 20; round++) {
      let at = 0;
      const pieces = random.pieces(text.length, 12).map((size) => text.slice(at, at += size));
      assertEquals(readRequest(pieces), whole);
    }
    assertEquals(readRequest([text.slice(0, headBytes(text) - 1)]).verdict, "incomplete");
  });
}

function headBytes(text: string): number {
  return text.indexOf("\r\n\r\n") + 4;
}

/** What is refused: a request, the status, what the reason says. */
const BAD: readonly (readonly [name: string, text: string, status: number, reason: RegExp])[] = [
  // framing
  ["both lengths", post("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400, /both/],
  [
    "both lengths, the other way",
    post("Transfer-Encoding: chunked\r\nContent-Length: 5"),
    400,
    /both/,
  ],
  ["a repeated length", post("Content-Length: 5\r\nContent-Length: 6"), 400, /more than one/],
  ["the same length twice", post("Content-Length: 5\r\nContent-Length: 5"), 400, /more than one/],
  ["a list of lengths", post("Content-Length: 5, 5"), 400, /illegal Content-Length/],
  ["a length with a sign", post("Content-Length: +5"), 400, /illegal Content-Length/],
  ["a negative length", post("Content-Length: -5"), 400, /illegal Content-Length/],
  ["a hexadecimal length", post("Content-Length: 0x5"), 400, /illegal Content-Length/],
  ["a length with a fraction", post("Content-Length: 5.0"), 400, /illegal Content-Length/],
  ["a length with space in it", post("Content-Length: 1 2"), 400, /illegal Content-Length/],
  ["an empty length", post("Content-Length:"), 400, /illegal Content-Length/],
  ["a huge length", post("Content-Length: 9999999999999999"), 413, /too large/],
  [
    "a length beyond all numbers",
    post(`Content-Length: ${"9".repeat(400)}`),
    413,
    /Content-Length/,
  ],
  [
    "a long length that is no number",
    post(`Content-Length: ${"5, ".repeat(10)}5`),
    400,
    /Content-Length/,
  ],
  ["gzip, chunked", post("Transfer-Encoding: gzip, chunked"), 501, /unknown Transfer-Encoding/],
  ["chunked, gzip", post("Transfer-Encoding: chunked, gzip"), 501, /unknown/],
  ["chunked twice in a list", post("Transfer-Encoding: chunked, chunked"), 501, /unknown/],
  ["identity", post("Transfer-Encoding: identity"), 501, /unknown/],
  ["chunked with a parameter", post("Transfer-Encoding: chunked;q=1"), 501, /unknown/],
  ["an empty coding", post("Transfer-Encoding:"), 501, /unknown/],
  ["a coding in quotes", post('Transfer-Encoding: "chunked"'), 501, /unknown/],
  ["xchunked", post("Transfer-Encoding: xchunked"), 501, /unknown/],
  ["a tab before chunked", post("Transfer-Encoding:\tchunked"), 501, /unknown/],
  ["a tab behind chunked", post("Transfer-Encoding: chunked\t"), 501, /unknown/],
  ["a tab before a length", post("Content-Length: \t5"), 400, /Content-Length/],
  ["a tab behind a length", post("Content-Length:5 \t"), 400, /Content-Length/],
  ["chunked and a control", post("Transfer-Encoding: \x0bchunked"), 400, /control/],
  ["chunked and nbsp", post("Transfer-Encoding: chunked\xa0"), 501, /unknown/],
  [
    "chunked on two lines",
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    400,
    /more than one/,
  ],
  [
    "chunked and identity",
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    400,
    /more than one/,
  ],
  [
    "chunked in HTTP/1.0",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    400,
    /HTTP\/1\.0/,
  ],
  ["an unknown expectation", post("Expect: 200-ok"), 417, /Expect/],
  ["an expectation with more", post("Expect: 100-continue, x"), 417, /Expect/],
  // lines
  ["a bare LF behind the request line", `GET / HTTP/1.1\n${HOST}\r\n`, 400, /malformed/],
  ["a bare LF behind a field", `GET / HTTP/1.1\r\n${HOST}A: b\n\r\n`, 400, /bare LF/],
  ["a bare LF as the empty line", `GET / HTTP/1.1\r\n${HOST}\nx\n`, 400, /no name/],
  ["a bare CR in the request line", `GET / HTTP/1.1\rx\n${HOST}\r\n`, 400, /bare CR/],
  ["a bare CR in the target", `GET /\r HTTP/1.1\r\n${HOST}\r\n`, 400, /no HTTP version/],
  ["a bare CR in a value", `GET / HTTP/1.1\r\n${HOST}A: b\rc\r\n\r\n`, 400, /bare CR/],
  ["a bare CR in a name", `GET / HTTP/1.1\r\n${HOST}A\r: b\r\n\r\n`, 400, /no colon/],
  ["a bare CR before the body", `GET / HTTP/1.1\r\n${HOST}\rx\n`, 400, /bare CR/],
  ["a bare CR before the request", `\rGET / HTTP/1.1\r\n${HOST}\r\n`, 400, /bare CR/],
  ["two empty lines before the request", `\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, 400, /method/],
  ["a bare LF before the request", `\nGET / HTTP/1.1\r\n${HOST}\r\n`, 400, /method/],
  ["NUL in a value", field("A: b\0c"), 400, /control/],
  ["NUL in a name", field("A\0: b"), 400, /illegal byte in a field name/],
  ["DEL in a value", field("A: \x7f"), 400, /control/],
  ["ESC in a value", field("A: \x1b[1m"), 400, /control/],
  ["a folded line", field("A: b\r\n c"), 400, /folded/],
  ["a line folded with a tab", field("A: b\r\n\tc"), 400, /folded/],
  ["a first field that is folded", `GET / HTTP/1.1\r\n ${HOST}\r\n`, 400, /folded/],
  ["space before the colon", field("Content-Length : 5"), 400, /space before/],
  ["tab before the colon", field("Transfer-Encoding\t: chunked"), 400, /space before/],
  ["an empty name", field(": b"), 400, /no name/],
  ["no colon", field("just text"), 400, /space before|no colon/],
  ["no colon at all", field("just"), 400, /no colon/],
  ["a name beyond ASCII", field("\xc4: b"), 400, /no name|illegal byte/],
  ["a name in quotes", field('"A": b'), 400, /no name|illegal byte/],
  ["a name with a slash", field("A/B: c"), 400, /illegal byte/],
  ["a hundred and one fields", field("A: b\r\n".repeat(MAX_FIELDS) + "A: b"), 431, /too many/],
  // Host
  ["no Host", "GET / HTTP/1.1\r\n\r\n", 400, /no Host/],
  ["absolute-form without Host", "GET http://a/ HTTP/1.1\r\n\r\n", 400, /no Host/],
  [
    "two Expects",
    field("Expect: 100-continue\r\nExpect: 100-continue"),
    400,
    /more than one Expect/,
  ],
  ...[
    "Authorization",
    "Content-Range",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
  ].map((name) =>
    [
      `two lines of ${name}`,
      field(`${name}: a\r\nX: y\r\n${name.toUpperCase()}: b`),
      400,
      new RegExp(`more than one ${name}`, "i"),
    ] as const
  ),
  ["a tab before Host", "GET / HTTP/1.1\r\nHost:\ta\r\n\r\n", 400, /tab around Host/],
  ["a tab behind Host", "GET / HTTP/1.1\r\nHost: a\t\r\n\r\n", 400, /tab around Host/],
  ["two Hosts", `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400, /more than one Host/],
  ["two Hosts in HTTP/1.0", `GET / HTTP/1.0\r\n${HOST}host: b\r\n\r\n`, 400, /more than one Host/],
  ...[
    "",
    "a b",
    "a/b",
    "a?b",
    "a#b",
    "a@b",
    "user:pw@b",
    "a:b",
    "a:80:80",
    "a:123456",
    "a:-1",
    "::1",
    "[]",
    "[::1]x",
    "[::1]:x",
    "[fe80::1%25eth0]",
    "[g::1]",
    "\xe4.org",
    "a\\b",
    "<a>",
    '"a"',
    "a%2fb",
    ":80",
    ".",
    "..",
    ".a",
    "a..b",
    "a..",
    "a,b",
    "a;b",
    "a=b",
    "a&b",
    "a$b",
    "$(x)",
    "a'b",
    "a*b",
    "a:65536",
    "a:99999",
    "[:]",
    "[.]",
    "[1]",
    "[:::]",
    "[::1::2]",
    "[1:2:3:4:5:6:7:8:9]",
    "[12345::]",
    "[::1.2.3]",
    "[::1",
    "[::1]:65536",
  ].map((host) =>
    [`Host "${host}"`, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 400, /Host/] as const
  ),
  ["an absolute-form with a user", `GET http://u@a/ HTTP/1.1\r\n${HOST}\r\n`, 400, /Host/],
  ["an absolute-form without host", `GET http:///x HTTP/1.1\r\n${HOST}\r\n`, 400, /Host/],
  ["an absolute-form that is short", `GET http:// HTTP/1.1\r\n${HOST}\r\n`, 400, /Host/],
  [
    "an absolute-form with a good target and a bad Host",
    `GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n`,
    400,
    /Host/,
  ],
  // target
  ["an empty target", `GET  HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  ["a target without slash", `GET x HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  ["an asterisk with GET", `GET * HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  ["another scheme", `GET ftp://a/ HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  ["a scheme without slashes", `GET http:/a HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  ["a fragment", `GET /a#b HTTP/1.1\r\n${HOST}\r\n`, 400, /fragment/],
  ["a fragment in the query", `GET /?a#b HTTP/1.1\r\n${HOST}\r\n`, 400, /fragment/],
  ["a target beyond ASCII", `GET /\xe4 HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  ["NUL in the target", `GET /\0 HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  ["a tab in the target", `GET /\t HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  ["a space in the target", `GET /a b HTTP/1.1\r\n${HOST}\r\n`, 400, /malformed/],
  ["two spaces before the version", `GET /  HTTP/1.1\r\n${HOST}\r\n`, 400, /malformed/],
  ["authority-form", `CONNECT a:443 HTTP/1.1\r\n${HOST}\r\n`, 405, /CONNECT/],
  ["authority-form with GET", `GET a:443 HTTP/1.1\r\n${HOST}\r\n`, 400, /target/],
  // method
  ["a method in lower case", `get / HTTP/1.1\r\n${HOST}\r\n`, 400, /method/],
  ["a method in mixed case", `Get / HTTP/1.1\r\n${HOST}\r\n`, 400, /method/],
  ["no method", ` / HTTP/1.1\r\n${HOST}\r\n`, 400, /method/],
  ["a tab behind the method", `GET\t/ HTTP/1.1\r\n${HOST}\r\n`, 400, /method/],
  ["a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, /method/],
  // version
  ["HTTP/0.9", "GET /\r\n", 400, /no HTTP version/],
  ["HTTP/0.9 with a space", "GET / \r\n", 400, /malformed/],
  ["HTTP/1.2", `GET / HTTP/1.2\r\n${HOST}\r\n`, 505, /version/],
  ["HTTP/2.0", `GET / HTTP/2.0\r\n${HOST}\r\n`, 505, /version/],
  ["HTTP/3", `GET / HTTP/3\r\n${HOST}\r\n`, 505, /version/],
  ["HTTP/0.1", `GET / HTTP/0.1\r\n${HOST}\r\n`, 505, /version/],
  ["HTTP/1.10", `GET / HTTP/1.10\r\n${HOST}\r\n`, 505, /version/],
  ["HTTP/1.", `GET / HTTP/1.\r\n${HOST}\r\n`, 400, /malformed/],
  ["HTTP/1", `GET / HTTP/1\r\n${HOST}\r\n`, 400, /malformed/],
  ["http/1.1", `GET / http/1.1\r\n${HOST}\r\n`, 400, /malformed/],
  ["HTTP/1.1 and a space", `GET / HTTP/1.1 \r\n${HOST}\r\n`, 400, /malformed/],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, /version/],
  // Connection
  ["too many options in Connection", field(`Connection: ${"a,".repeat(33)}`), 400, /options/],
  [
    "too many options on many lines",
    field("Connection: a\r\n".repeat(33) + "B: c"),
    400,
    /options/,
  ],
  ["a Connection that is no list", field("Connection: close;x"), 400, /Connection/],
  ["a Connection in quotes", field('Connection: "close"'), 400, /Connection/],
  ["options of Connection without a comma", field("Connection: close keep-alive"), 400, /Conn/],
  ["the same with a tab", field("Connection: keep-alive,\ta \tb"), 400, /Connection/],
];

function post(fields: string): string {
  return `POST / HTTP/1.1\r\n${HOST}${fields}\r\n\r\nhello`;
}

function field(lines: string): string {
  return `GET / HTTP/1.1\r\n${HOST}${lines}\r\n\r\n`;
}

for (const [name, text, status, reason] of BAD) {
  Deno.test(`request refused: ${name}: ${status}`, () => {
    const whole = readRequest([text]);
    assertMatch(whole.verdict, new RegExp(`^${status} `));
    assertMatch(whole.verdict, reason);
    for (const pieces of halves(text)) assertEquals(readRequest(pieces), whole);
    assertEquals(readRequest([...text]), whole);
  });
}

Deno.test("a refused head stays refused: nothing is understood from a part of it", () => {
  for (const [name, text] of BAD) {
    const head = new RequestHead(MAX_FIELDS);
    const bytes = latin1Bytes(text);
    head.begin(bytes, 0);
    for (let end = 0; end <= bytes.length; end++) {
      try {
        assertEquals(head.parse(end), false, name);
      } catch {
        break;
      }
    }
  }
});

/** A complete head, and the head itself. */
function parsed(text: string): RequestHead {
  const head = new RequestHead(MAX_FIELDS);
  const bytes = latin1Bytes(text);
  head.begin(bytes, 0);
  assert(head.parse(bytes.length));
  return head;
}

Deno.test("an absolute target's host rules over the Host field", () => {
  const head = parsed("GET https://A.example:8443/x?y HTTP/1.1\r\nHost: b.example\r\n\r\n");
  assertEquals([head.host(), head.path(), head.query()], ["A.example", "/x", "y"]);
});

Deno.test("keepalive: HTTP/1.1 unless close is said, HTTP/1.0 only if keep-alive is", () => {
  const cases: readonly [string, boolean][] = [
    [`GET / HTTP/1.1\r\n${HOST}\r\n`, true],
    [`GET / HTTP/1.1\r\n${HOST}Connection: x, CLOSE\r\n\r\n`, false],
    [`GET / HTTP/1.1\r\n${HOST}Connection: keep-alive\r\nConnection: close\r\n\r\n`, false],
    ["GET / HTTP/1.0\r\n\r\n", false],
    ["GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true],
    ["GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false],
  ];
  for (const [text, allows] of cases) assertEquals(parsed(text).allowsKeepalive, allows, text);
});

Deno.test("fields that Connection nominates are ours alone, but for those that security rests on", () => {
  const names = [
    ["X-Mine", true],
    ["x-other", true],
    ["X-Forwarded-For", false],
    ["X-Forwarded-Anything", false],
    ["Forwarded", false],
    ["Via", false],
    ["X-Real-IP", false],
    ["Authorization", false],
    ["Cookie", false],
    ["Proxy-Authorization", false],
    ["Origin", false],
    ["Sec-Fetch-Site", false],
    ["X-Auth-Token", false],
    ["X-Api-Key", false],
    ["X-CSRF-Token", false],
    ["X-Client-IP", false],
    ["X-Original-URL", false],
    ["Content-Encoding", false],
    ["Range", false],
    ["If-Match", false],
    ["Host", false],
    ["Content-Length", false],
    ["Content-Type", false],
    ["Expect", false],
  ] as const;
  for (const [name, isOurs] of names) {
    const value = { Host: "x", "Content-Length": "0", Expect: "100-continue" }[name as string];
    const line = `${name}: ${value ?? "1"}\r\n`;
    const hosts = name === "Host" ? "" : HOST;
    for (
      const lines of [
        `Connection: a, ${name.toUpperCase()}\r\n${line}`,
        `${line}Connection: ${name}\r\n`,
      ]
    ) {
      const { fields } = parsed(`GET / HTTP/1.1\r\n${hosts}${lines}\r\n`);
      const index = fields.find(latin1Bytes(name.toLowerCase()));
      assertEquals(fields.id(index) < 11, isOurs, `${name} in ${lines}`);
    }
  }
});

Deno.test("a path is plain unless it has an escape, a doubled slash or a segment with a dot in front", () => {
  const cases: readonly [string, boolean][] = [
    ["/", true],
    ["/a/b.c/d", true],
    ["/a/b?x=/../%2e//", true],
    ["//", false],
    ["/a//b", false],
    ["/a/./b", false],
    ["/a/..", false],
    ["/.hidden", false],
    ["/a%20b", false],
    ["http://h/a.b", true],
    ["http://h", false],
    ["http://h?x", false],
    ["http://h/../a", false],
    ["http://h.//a", false],
  ];
  for (const [target, isPlain] of cases) {
    assertEquals(parsed(`GET ${target} HTTP/1.1\r\n${HOST}\r\n`).isPathPlain, isPlain, target);
  }
});

Deno.test("hosts that are names or addresses, with and without a port", () => {
  const hosts = ["a", "A-b_c.d~e", "1.2.3.4:0", "a:65535", "a:", "[::]", "[::1]:443"];
  for (const host of [...hosts, "[1:2:3:4:5:6:7:8]", "[::ffff:1.2.3.4]", "xn--bcher-kva.example"]) {
    const head = parsed(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertEquals(head.host(), host.replace(/:\d*$/, (port) => host.endsWith("]") ? port : ""));
  }
});

Deno.test("the dot behind a host is none of it", () => {
  for (const [text, host] of [["a.", "a"], ["a.b.:80", "a.b"], ["a.b", "a.b"]] as const) {
    assertEquals(parsed(`GET / HTTP/1.1\r\nHost: ${text}\r\n\r\n`).host(), host);
    assertEquals(parsed(`GET http://${text}/ HTTP/1.1\r\nHost: x\r\n\r\n`).host(), host);
  }
});

Deno.test("a head is used again without a trace of the one before", () => {
  const head = new RequestHead(MAX_FIELDS);
  const first = latin1Bytes(
    `PUT http://a:1/%2e?q HTTP/1.0\r\n${HOST}Content-Length: 5\r\nConnection: keep-alive, close, upgrade\r\nUpgrade: x\r\n\r\n`,
  );
  head.begin(first, 0);
  assert(head.parse(first.length));
  const second = latin1Bytes("GET / HTTP/1.1\r\nHost: b\r\n\r\n");
  head.begin(second, 0);
  assert(head.parse(second.length));
  assertEquals([head.method, head.path(), head.query(), head.host()], ["GET", "/", "", "b"]);
  assertEquals([head.minorVersion, head.contentLength, head.upgradeIndex], [1, -1, -1]);
  assertEquals([head.saysClose, head.saysKeepAlive, head.saysUpgrade], [false, false, false]);
  assertEquals([head.isPathPlain, head.fields.count, head.hasBody], [true, 1, false]);
});

Deno.test("32 options of Connection are read, request after request", () => {
  const text = `GET / HTTP/1.1\r\n${HOST}Connection: ${"a, ".repeat(31)}close\r\n\r\n`;
  const bytes = latin1Bytes(text);
  const head = new RequestHead(MAX_FIELDS);
  for (let times = 0; times < 3; times++) {
    head.begin(bytes, 0);
    assert(head.parse(bytes.length));
    assert(head.saysClose);
  }
});

Deno.test("a dribbled line is scanned again only when it is complete", () => {
  const head = new RequestHead(MAX_FIELDS);
  const text = `GET /${"a".repeat(60_000)} HTTP/1.1\r\n${HOST}X: ${"b".repeat(60_000)}\r\n\r\n`;
  const bytes = latin1Bytes(text);
  const startMs = performance.now();
  head.begin(bytes, 0);
  let isComplete = false;
  for (let end = 0; end <= bytes.length; end++) isComplete = head.parse(end);
  assert(isComplete);
  assert(performance.now() - startMs < 2_000, "it takes quadratic time");
});
