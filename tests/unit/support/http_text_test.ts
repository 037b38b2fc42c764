import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { bytesOf, EndedEarly, Inbox } from "../../support/inbox.ts";
import {
  NotHttp,
  parseRequestHead,
  parseResponseHead,
  readChunked,
  readResponseHead,
} from "../../support/http_text.ts";

Deno.test("parseRequestHead: takes a head apart and keeps repeated fields", () => {
  const head = parseRequestHead("GET /a?b HTTP/1.1\r\nHost: x\r\nVia: 1\r\nvia:  2 \r\n\r\n");

  assertEquals([head.method, head.target, head.version], ["GET", "/a?b", "HTTP/1.1"]);
  assertEquals(head.fields.get("VIA"), "1, 2");
  assertEquals(head.fields.list.length, 3);
  assertEquals(head.fields.get("nothing"), undefined);
});

const BAD_HEADS = {
  "a bare LF": "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
  "a space before the colon": "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
  "a folded line": "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
  "no space after the status": "HTTP/1.1 200\r\n\r\n",
  "a NUL": "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
};

for (const [what, text] of Object.entries(BAD_HEADS)) {
  Deno.test(`parseResponseHead: refuses ${what}`, () => {
    assertThrows(() => parseResponseHead(text), NotHttp);
  });
}

// The parts of a stream can be cut anywhere.
Deno.test("readChunked: gives one answer wherever the bytes are split", async () => {
  const bytes = bytesOf("3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nSum: 13\r\n\r\n");
  for (let at = 0; at <= bytes.length; at++) {
    const inbox = new Inbox();
    inbox.push(bytes.subarray(0, at));
    const reading = readChunked(inbox);
    inbox.push(bytes.subarray(at));

    const { body, chunkSizes, trailers } = await reading;

    assertEquals(new TextDecoder().decode(body), "abc0123456789", `split at ${at}`);
    assertEquals(chunkSizes, [3, 10]);
    assertEquals(trailers.get("sum"), "13");
    assertEquals(inbox.sizeBytes, 0);
  }
});

Deno.test("readChunked: refuses a chunk without its CRLF and a size that is no number", async () => {
  for (const text of ["3\r\nabcd\r\n", "0x3\r\nabc\r\n", "\r\n", "-1\r\n"]) {
    const inbox = new Inbox();
    inbox.push(bytesOf(text));
    await assertRejects(() => readChunked(inbox), NotHttp);
  }
});

Deno.test("readResponseHead: an end in the middle tells how much had come", async () => {
  const inbox = new Inbox();
  inbox.push(bytesOf("HTTP/1.1 2"));
  inbox.end("reset");

  const error = await assertRejects(() => readResponseHead(inbox), EndedEarly);

  assertEquals(error.ending, "reset");
  assertEquals(error.partial.length, 10);
});

Deno.test("Inbox: a delimiter across chunks is found, what follows it stays", async () => {
  const inbox = new Inbox();
  const reading = inbox.through("\r\n\r\n", "a head");
  for (const part of ["a\r", "\n", "\r", "\nrest"]) inbox.push(bytesOf(part));

  assertEquals(await reading, bytesOf("a\r\n\r\n"));
  assertEquals(await inbox.some(), bytesOf("rest"));
});
