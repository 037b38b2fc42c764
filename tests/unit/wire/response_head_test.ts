import { assert, assertEquals, assertMatch } from "@std/assert";
import { ResponseHead } from "../../../src/wire/mod.ts";
import { latin1Bytes } from "../../support/scripted_transport.ts";
import { halves, MAX_FIELDS, readResponse } from "./reading.ts";

const GOOD: Readonly<Record<string, string>> = {
  "the smallest": "HTTP/1.1 200 \r\n\r\n",
  "no reason and no space": "HTTP/1.1 204\r\n\r\n",
  "a reason with obs-text": "HTTP/1.1 404 Nicht da: \xe4\tx\r\n\r\n",
  "HTTP/1.0": "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\nbody",
  "a length": "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: a/b\r\n\r\nabc",
  "chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "an interim response": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
  "an interim response of no bytes": "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n",
  "an upgrade": "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
  "an underscore": "HTTP/1.1 200 OK\r\nX_Y: z\r\n\r\n",
  "status 599": "HTTP/1.1 599 x\r\n\r\n",
};

for (const [name, text] of Object.entries(GOOD)) {
  Deno.test(`response: ${name} reads the same in one piece, in two at every place, in bytes`, () => {
    const whole = readResponse([text]);
    assertEquals(whole.verdict, "complete");
    for (const pieces of halves(text)) assertEquals(readResponse(pieces), whole);
    assertEquals(readResponse([...text]), whole);
    assertEquals(readResponse([...text], 21), whole, "at another offset");
    const headEnd = text.indexOf("\r\n\r\n") + 3;
    assertEquals(readResponse([text.slice(0, headEnd)]).verdict, "incomplete");
  });
}

const BAD: readonly (readonly [name: string, text: string, reason: RegExp])[] = [
  ["HTTP/0.9", "<html>\r\n\r\n", /no HTTP\/1 status line/],
  ["HTTP/2", "HTTP/2 200 OK\r\n\r\n", /no HTTP\/1 status line/],
  ["HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", /version/],
  ["lower case", "http/1.1 200 OK\r\n\r\n", /status line/],
  ["an empty line before it", "\r\nHTTP/1.1 200 OK\r\n\r\n", /status line/],
  ["two spaces", "HTTP/1.1  200 OK\r\n\r\n", /status/],
  ["a tab", "HTTP/1.1\t200 OK\r\n\r\n", /status line/],
  ["status 099", "HTTP/1.1 099 OK\r\n\r\n", /status code/],
  ["status 600", "HTTP/1.1 600 OK\r\n\r\n", /status code/],
  ["status 2000", "HTTP/1.1 2000 OK\r\n\r\n", /status line/],
  ["status 20", "HTTP/1.1 20 OK\r\n\r\n", /status code/],
  ["status -20", "HTTP/1.1 -20 OK\r\n\r\n", /status code/],
  ["status 2x0", "HTTP/1.1 2x0 OK\r\n\r\n", /status code/],
  ["a reason right behind the status", "HTTP/1.1 200OK\r\n\r\n", /status line/],
  ["NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", /status line/],
  ["a bare LF behind the status line", "HTTP/1.1 200 OK\n\r\n\r\n", /status line/],
  ["a bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", /status line/],
  ["an interim response with a length", "HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n", /interim/],
  ["a chunked 101", "HTTP/1.1 101 X\r\nTransfer-Encoding: chunked\r\n\r\n", /interim/],
  ["both lengths", answer("Content-Length: 5\r\nTransfer-Encoding: chunked"), /both/],
  ["two lengths", answer("Content-Length: 5\r\nContent-Length: 5"), /more than one/],
  ["a list of lengths", answer("Content-Length: 5, 5"), /illegal Content-Length/],
  ["a length with a sign", answer("Content-Length: +5"), /illegal Content-Length/],
  ["a huge length", answer("Content-Length: 99999999999999999999"), /too large/],
  ["gzip, chunked", answer("Transfer-Encoding: gzip, chunked"), /unknown/],
  ["identity", answer("Transfer-Encoding: identity"), /unknown/],
  [
    "chunked twice",
    answer("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    /more than/,
  ],
  ["chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", /HTTP\/1\.0/],
  ["a folded field", answer("A: b\r\n c"), /folded/],
  ["space before a colon", answer("Content-Length : 5"), /space before/],
  ["a bare LF behind a field", answer("A: b\nC: d"), /bare LF/],
  ["a bare LF as the empty line", "HTTP/1.1 200 OK\r\nA: b\r\n\nx\r\n\r\n", /no name/],
  ["a bare CR in a value", answer("A: b\rc"), /bare CR/],
  ["NUL in a value", answer("A: \0"), /control/],
  ["an empty name", answer(": b"), /no name/],
  ["too many fields", answer("A: b\r\n".repeat(MAX_FIELDS) + "A: b"), /too many/],
];

function answer(fields: string): string {
  return `HTTP/1.1 200 OK\r\n${fields}\r\n\r\nhello`;
}

for (const [name, text, reason] of BAD) {
  Deno.test(`response refused: ${name}`, () => {
    const whole = readResponse([text]);
    assertMatch(whole.verdict, /^\d{3} /);
    assertMatch(whole.verdict, reason);
    for (const pieces of halves(text)) assertEquals(readResponse(pieces), whole);
    assertEquals(readResponse([...text]), whole);
  });
}

Deno.test("what an interim response is, and when a connection may be kept", () => {
  const cases: readonly [string, boolean, boolean][] = [
    ["HTTP/1.1 100 \r\n\r\n", true, true],
    ["HTTP/1.1 101 \r\n\r\n", false, true],
    ["HTTP/1.1 199 \r\n\r\n", true, true],
    ["HTTP/1.1 200 \r\nConnection: close\r\n\r\n", false, false],
    ["HTTP/1.0 200 \r\n\r\n", false, false],
    ["HTTP/1.0 200 \r\nConnection: keep-alive\r\n\r\n", false, true],
  ];
  for (const [text, isInterim, allowsKeepalive] of cases) {
    const head = new ResponseHead(MAX_FIELDS);
    const bytes = latin1Bytes(text);
    head.begin(bytes, 0);
    assert(head.parse(bytes.length));
    assertEquals([head.isInterim, head.allowsKeepalive], [isInterim, allowsKeepalive], text);
  }
});

Deno.test("heads behind each other in one cell: an interim one, then the final one", () => {
  const bytes = latin1Bytes("HTTP/1.1 100 \r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nC: d\r\n\r\nbody");
  const head = new ResponseHead(MAX_FIELDS);
  head.begin(bytes, 0);
  assert(head.parse(bytes.length));
  assertEquals([head.status, head.fields.value(0)], [100, "b"]);
  head.begin(bytes, head.end);
  assert(head.parse(bytes.length));
  assertEquals([head.status, head.fields.count, head.fields.value(0)], [200, 1, "d"]);
  assertEquals(bytes.length - head.end, 4);
});
