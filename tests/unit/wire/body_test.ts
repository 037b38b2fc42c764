import { assert, assertEquals, assertMatch } from "@std/assert";
import { BodyDecoder } from "../../../src/wire/mod.ts";
import { type Random, withRandom } from "../../support/random.ts";
import { latin1Bytes, latin1Text } from "../../support/scripted_transport.ts";
import { halves, readChunks } from "./reading.ts";

const GOOD: readonly (readonly [stream: string, body: string, rest: string])[] = [
  ["0\r\n\r\n", "", ""],
  ["5\r\nhello\r\n0\r\n\r\n", "hello", ""],
  ["5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "hello", "GET / HTTP/1.1\r\n"],
  ["1\r\na\r\n2\r\nbc\r\n003\r\ndef\r\n00\r\n\r\n", "abcdef", ""],
  ["A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""],
  ['3;name=value;x="y z"\r\nabc\r\n0;last\r\n\r\n', "abc", ""],
  ["4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", ""],
  ["2\r\n0\r\r\n0\r\n\r\n", "0\r", ""],
  ["0\r\nA: b\r\nC:\td \r\n\r\nrest", "", "rest"],
  ["000000000001\r\nx\r\n0\r\n\r\n", "x", ""],
];

for (const [stream, body, rest] of GOOD) {
  Deno.test(`chunks ${JSON.stringify(stream)} decode the same however they are cut`, () => {
    const whole = readChunks([stream]);
    const meaning = whole.meaning as { body: string; rest: string };
    assertEquals([whole.verdict, meaning.body, meaning.rest], ["complete", body, rest]);
    for (const pieces of halves(stream)) assertEquals(readChunks(pieces), whole);
    assertEquals(readChunks([...stream]), whole);
    for (let end = 0; end < stream.length - rest.length; end++) {
      assertEquals(readChunks([stream.slice(0, end)]).verdict, "incomplete");
    }
  });
}

const BAD: readonly (readonly [stream: string, status: number, reason: RegExp])[] = [
  ["\r\n", 400, /size/],
  ["x\r\n", 400, /size/],
  ["-1\r\n", 400, /size/],
  ["+1\r\na\r\n", 400, /size/],
  ["0x1\r\na\r\n", 400, /size/],
  [" 1\r\na\r\n", 400, /size/],
  ["1 \r\na\r\n", 400, /size/],
  ["1 ;x\r\na\r\n", 400, /size/],
  ["1\t\r\na\r\n", 400, /size/],
  ["1_0\r\n", 400, /size/],
  ["1.0\r\n", 400, /size/],
  [";x\r\n", 400, /size/],
  ["1\na\r\n", 400, /size/],
  ["1\ra\r\n", 400, /bare CR/],
  ["1;x\na\r\n", 400, /extension/],
  ["1;x\0\r\na\r\n", 400, /extension/],
  ["1;x\ry\r\na\r\n", 400, /bare CR/],
  [`1;${"x".repeat(257)}\r\na\r\n`, 400, /extension/],
  ["ffffffffffffffff\r\n", 400, /too large/],
  ["0000000000001\r\n", 400, /too large/],
  ["1\r\nab\r\n", 400, /longer/],
  ["1\r\na\n0\r\n\r\n", 400, /longer/],
  ["1\r\na\rb", 400, /bare CR/],
  ["1\r\na\r\n\r\n", 400, /size/],
  ["2\r\na\r\n0\r\n\r\n", 400, /longer/],
  ["0\r\n\n", 400, /bare LF|no name|malformed/],
  ["0\r\nA: b\n\r\n", 400, /bare LF/],
  ["0\r\nA: b\n\n", 400, /bare LF/],
  ["0\r\n : b\r\n\r\n", 400, /folded/],
  ["0\r\nA : b\r\n\r\n", 400, /space before/],
  ["0\r\nA: b\r\n c\r\n\r\n", 400, /folded/],
  ["0\r\nA: \0\r\n\r\n", 400, /control/],
  ["0\r\nno colon\r\n\r\n", 400, /space before|colon/],
  ["0\r\n: b\r\n\r\n", 400, /no name/],
  ["0\r\nA: b\rc\r\n\r\n", 400, /bare CR/],
  ["0\r\nA: b\r\ncontent-length: 5\r\n\r\n", 400, /frames or routes/],
  ["0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, /frames or routes/],
  ["0\r\nHost: b\r\n\r\n", 400, /frames or routes/],
  ["0\r\n\rx\r\n\r\n", 400, /no name/],
  [`0\r\n${"A: b\r\n".repeat(101)}\r\n`, 431, /too many/],
  [`0\r\nA: ${"b".repeat(8200)}\r\n\r\n`, 431, /too large/],
];

Deno.test("chunk extensions are bounded by the data that they come with, for the body as a whole", () => {
  const extension = ";" + "x".repeat(255);
  const tiny = `1${extension}\r\na\r\n`;
  assertEquals(readChunks([tiny.repeat(64) + "0\r\n\r\n"]).verdict, "complete");
  assertMatch(readChunks([tiny.repeat(70)]).verdict, /too many chunk extensions/);
  const large = `100${extension}\r\n${"a".repeat(256)}\r\n`;
  assertEquals(readChunks([large.repeat(500) + "0\r\n\r\n"]).verdict, "complete");
});

for (const [stream, status, reason] of BAD) {
  Deno.test(`chunks refused: ${JSON.stringify(stream.slice(0, 40))}: ${status}`, () => {
    const whole = readChunks([stream]);
    assertMatch(whole.verdict, new RegExp(`^${status} `));
    assertMatch(whole.verdict, reason);
    for (const pieces of halves(stream)) assertEquals(readChunks(pieces), whole);
    assertEquals(readChunks([...stream]), whole);
  });
}

/** A chunked body and what it holds, by a writer that knows nothing of the decoder. */
function randomStream(random: Random): { stream: Uint8Array; body: string } {
  let stream = "";
  let body = "";
  for (let count = random.integer(0, 12); count > 0; count--) {
    const data = latin1Text(random.bytes(random.integer(1, random.pick([3, 40, 700]))));
    const size = data.length.toString(16).padStart(random.integer(1, 6), "0");
    const extension = random.chance(0.2) ? `;${"e".repeat(random.integer(0, 30))}` : "";
    stream += `${random.chance(0.5) ? size.toUpperCase() : size}${extension}\r\n${data}\r\n`;
    body += data;
  }
  stream += random.chance(0.3) ? "0\r\nX-Trailer: 1\r\n\r\n" : "0\r\n\r\n";
  return { stream: latin1Bytes(stream), body };
}

Deno.test("random chunkings, cut at random, decode in place to what was written", async () => {
  await withRandom((random) => {
    for (let round = 0; round < 300; round++) {
      const { stream, body } = randomStream(random);
      let at = 0;
      const pieces = random.pieces(stream.length, random.pick([1, 5, 60, 5_000]))
        .map((size) => stream.slice(at, at += size));
      const { verdict, meaning } = readChunks([...pieces, "next"]);
      const got = meaning as { body: string; rest: string };
      assertEquals([verdict, got.body, got.rest], ["complete", body, "next"]);
    }
  });
});

Deno.test("decoding touches no byte outside of what it was given", async () => {
  await withRandom((random) => {
    for (let round = 0; round < 50; round++) {
      const { stream } = randomStream(random);
      const cell = new Uint8Array(stream.length + 64).fill(0x55);
      cell.set(stream, 32);
      const decoder = new BodyDecoder();
      decoder.beginChunked();
      decoder.decode(cell, 32, 32 + stream.length);
      assert(cell.subarray(0, 32).every((byte) => byte === 0x55));
      assert(cell.subarray(32 + stream.length).every((byte) => byte === 0x55));
      assert(decoder.dataEnd <= decoder.restStart);
      assertEquals(decoder.restStart, 32 + stream.length);
    }
  });
});

Deno.test("a body of a known length ends there; what follows is the rest", () => {
  const decoder = new BodyDecoder();
  const bytes = latin1Bytes("hello world");
  decoder.beginLength(7);
  assertEquals([decoder.isDone, decoder.remainingBytes], [false, 7]);
  decoder.decode(bytes, 0, 4);
  assertEquals([decoder.dataEnd, decoder.restStart, decoder.isDone], [4, 4, false]);
  assertEquals([decoder.remainingBytes, decoder.endOfStream()], [3, false]);
  decoder.decode(bytes, 4, 11);
  assertEquals([decoder.dataEnd, decoder.restStart, decoder.isDone], [7, 7, true]);
  decoder.decode(bytes, 7, 11);
  assertEquals([decoder.dataEnd, decoder.restStart], [7, 7]);
  assert(decoder.endOfStream());
});

Deno.test("no body and a length of 0 are done before they begin", () => {
  const decoder = new BodyDecoder();
  for (const begin of [() => decoder.beginNone(), () => decoder.beginLength(0)]) {
    decoder.beginChunked();
    begin();
    assert(decoder.isDone);
    decoder.decode(latin1Bytes("next"), 0, 4);
    assertEquals([decoder.dataEnd, decoder.restStart, decoder.remainingBytes], [0, 0, 0]);
  }
});

Deno.test("a body up to the end of the stream is done only there", () => {
  const decoder = new BodyDecoder();
  decoder.beginToEof();
  decoder.decode(latin1Bytes("any"), 0, 3);
  assertEquals([decoder.dataEnd, decoder.isDone, decoder.remainingBytes], [3, false, -1]);
  assert(decoder.endOfStream());
  assert(decoder.isDone);
});

Deno.test("a chunked body that the stream cuts short is not complete", () => {
  const decoder = new BodyDecoder();
  decoder.beginChunked();
  decoder.decode(latin1Bytes("5\r\nhello\r\n0\r\n"), 0, 13);
  assertEquals([decoder.endOfStream(), decoder.remainingBytes], [false, -1]);
});

Deno.test("a decoder is used again, also after a broken body", () => {
  const decoder = new BodyDecoder();
  for (const broken of ["5;ext\r\nhel", "fff", "0\r\nA: b", "0\r\nA: b\r\n\r\n", "3\r\nabc\r"]) {
    decoder.beginChunked();
    decoder.decode(latin1Bytes(broken), 0, broken.length);
    decoder.beginChunked();
    const bytes = latin1Bytes("2\r\nok\r\n0\r\n\r\n");
    decoder.decode(bytes, 0, bytes.length);
    assertEquals(latin1Text(bytes.subarray(0, decoder.dataEnd)), "ok", broken);
    assertEquals([decoder.isDone, decoder.trailers], [true, undefined]);
  }
});
