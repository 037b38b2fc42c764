import { assertEquals } from "@std/assert";
import { NO_VARIABLES, Variables } from "../../../src/http/configured_variables.ts";
import { BadMessage, bytesOf, latin1, RequestHead } from "../../../src/wire/mod.ts";
import { answeredRequest } from "../../support/answered_request.ts";

const NAMES = ["request", "request_uri", "http_host", "http_user_agent", "http_x_twice"];

/** Heads, and for which of {@linkcode NAMES} there are bytes. */
const HEADS: readonly (readonly [head: string, names: readonly string[]])[] = [
  ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", NAMES],
  ["\r\nPROPFIND /a?b=c HTTP/1.0\r\nHost: a\r\nUser-Agent:  x y \r\n\r\n", NAMES],
  [
    "GET / HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n",
    NAMES.filter((name) => name !== "http_x_twice"),
  ],
  [
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    NAMES.filter((name) => name !== "request_uri"),
  ],
  [
    "GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n",
    NAMES.filter((name) => name !== "request_uri"),
  ],
  // The line was refused: what is behind its target may be anything, or not there.
  ["GET /a HTTP/3.0\r\nHost: a\r\n\r\n", NAMES.filter((name) => name !== "request")],
  ["GET /a", NAMES.filter((name) => name !== "request" && name !== "request_uri")],
];

Deno.test("a variable's bytes are those of its string, or there are none", () => {
  const variables = new Variables();
  for (const [text, names] of HEADS) {
    const request = answeredRequest(parsed(text));
    const found = NAMES.filter((name) => {
      const span = { bytes: new Uint8Array(), start: 0, end: 0 };
      if (!variables.spans(name)!(request, span)) return false;
      const expected = variables.lookup(name)!(request);
      assertEquals(latin1(span.bytes, span.start, span.end), expected, `$${name} of ${text}`);
      return true;
    });
    assertEquals(found, names, text);
  }
});

Deno.test("a variable that the configuration sets has no bytes: they would be the client's", () => {
  const settable = [{ name: "http_host", warnsUnset: false }];
  const variables = new Variables({ ...NO_VARIABLES, settable });
  assertEquals(variables.spans("http_host"), undefined);
  assertEquals(variables.spans("status"), undefined);
});

function parsed(text: string): RequestHead {
  const head = new RequestHead(100);
  const bytes = bytesOf(text);
  head.begin(bytes, 0);
  try {
    head.parse(bytes.length);
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
  }
  return head;
}
