import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  BadMessage,
  CHUNK_HEADROOM,
  CHUNK_TAILROOM,
  chunkEnd,
  FieldLines,
  frameChunk,
  HeadWriter,
  LAST_CHUNK_BYTES,
  writeTrailers,
} from "../../../src/wire/mod.ts";
import { latin1Bytes, latin1Text } from "../../support/scripted_transport.ts";
import { readChunks } from "./reading.ts";

function writing(room: number, write: (writer: HeadWriter) => void) {
  const bytes = new Uint8Array(room + 20).fill(0x55);
  const writer = new HeadWriter();
  writer.begin(bytes, 10, 10 + room);
  write(writer);
  assert(bytes.subarray(0, 10).every((byte) => byte === 0x55), "wrote in front");
  assert(bytes.subarray(10 + room).every((byte) => byte === 0x55), "wrote behind");
  return { writer, text: latin1Text(bytes.slice(10, writer.at)) };
}

const LONG = latin1Bytes("x".repeat(100));
const PARTS: Readonly<Record<string, readonly [(writer: HeadWriter) => void, string]>> = {
  constant: [(writer) => writer.constant(latin1Bytes("HTTP/1.1 ")), "HTTP/1.1 "],
  "a long constant": [(writer) => writer.constant(LONG), "x".repeat(100)],
  "a short range": [(writer) => writer.range(latin1Bytes("abcdef"), 2, 4), "cd"],
  "a long range": [(writer) => writer.range(LONG, 3, 60), "x".repeat(57)],
  "an empty range": [(writer) => writer.range(LONG, 3, 3), ""],
  text: [(writer) => writer.text("a: b \xff\t"), "a: b \xff\t"],
  value: [(writer) => writer.value("a: b \xff\t"), "a: b \xff\t"],
  crlf: [(writer) => writer.crlf(), "\r\n"],
  decimal: [(writer) => writer.decimal(1024), "1024"],
};

for (const [name, [write, expected]] of Object.entries(PARTS)) {
  Deno.test(`HeadWriter: ${name} is written where there is room, and nothing where there is not`, () => {
    const fitting = writing(expected.length, write);
    assertEquals([fitting.text, fitting.writer.hasOverflowed], [expected, false]);
    assertEquals(fitting.writer.room, 0);
    for (let room = 0; room < expected.length; room++) {
      const { text, writer } = writing(room, write);
      assertEquals([text, writer.hasOverflowed], ["", true]);
    }
  });
}

Deno.test("HeadWriter: numbers of every length", () => {
  for (const value of [0, 1, 9, 10, 99, 100, 65_536, 2 ** 32, 2 ** 40 + 1, 999_999_999_999_999]) {
    assertEquals(writing(20, (writer) => writer.decimal(value)).text, String(value));
  }
});

Deno.test("HeadWriter: no text can end a line or be something else than a byte", () => {
  for (
    const text of [
      "a\rb",
      "a\nb",
      "a\0b",
      "\u0100",
      "a\u{1f600}",
      "\uff0d",
      "\u010d\u010a",
      "\x01",
      "\x1b[1m",
      "\x7f",
    ]
  ) {
    const error = assertThrows(() => writing(20, (writer) => writer.text(text)));
    assert(error instanceof BadMessage);
    assertEquals(error.status, 500);
  }
});

Deno.test("HeadWriter: a value's controls are escaped, and it is no less strict otherwise", () => {
  const written = writing(40, (writer) => writer.value("a\r\nX: b\0\x7f\t%"));
  assertEquals([written.text, written.writer.hasOverflowed], ["a%0D%0AX: b%00%7F\t%", false]);
  assert(
    writing(5, (writer) => writer.value("a\r\nb")).writer.hasOverflowed,
    "escaped it is longer",
  );
  for (const text of ["\u0100", "\u010d\u010a", "\n\u0100"]) {
    assertThrows(() => writing(40, (writer) => writer.value(text)), BadMessage);
  }
});

Deno.test("HeadWriter: begins anew after an overflow", () => {
  const writer = new HeadWriter();
  const bytes = new Uint8Array(4);
  writer.begin(bytes, 0, 2);
  writer.text("abc");
  assert(writer.hasOverflowed);
  writer.begin(bytes, 0, 4);
  writer.text("abc");
  assertEquals([writer.hasOverflowed, latin1Text(bytes.slice(0, writer.at))], [false, "abc"]);
});

Deno.test("a chunk is framed around its data in place, and decodes to it", () => {
  for (const size of [1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65_535, 65_536, 1_048_576]) {
    for (const isLast of [false, true]) {
      const bytes = new Uint8Array(CHUNK_HEADROOM + size + CHUNK_TAILROOM).fill(0x55);
      const end = CHUNK_HEADROOM + size;
      const start = frameChunk(bytes, CHUNK_HEADROOM, end, isLast);
      const framed = latin1Text(bytes.slice(start, chunkEnd(end, isLast)));
      assert(start >= 0 && framed.startsWith(`${size.toString(16)}\r\n`));
      assertEquals(bytes.subarray(0, start).every((byte) => byte === 0x55), true);
      const { verdict, meaning } = readChunks([framed, isLast ? "" : latin1Text(LAST_CHUNK_BYTES)]);
      assertEquals(verdict, "complete");
      assertEquals((meaning as { body: string }).body.length, size);
    }
  }
});

Deno.test("trailers bring nothing that security rests on, frames or routes", () => {
  const bad = "Host Content-Length Transfer-Encoding Connection Authorization Cookie Range " +
    "X-Forwarded-For Content-Encoding Cache-Control X-Auth-User Set-Cookie";
  const good = "X-Checksum: 1\r\nContent-Digest: 2\r\nServer-Timing: 3\r\n";
  const text = bad.split(" ").map((name) => `${name}: x\r\n`).join("") + good;
  const bytes = new TextEncoder().encode(text);
  const lines = new FieldLines(bytes, 100, 0);
  for (let at = 0; at < bytes.length;) at = lines.add(at, bytes.length);
  const into = new Uint8Array(bytes.length + 8);
  const end = writeTrailers(lines, into, 0);
  assertEquals(new TextDecoder().decode(into.subarray(0, end)), `0\r\n${good}\r\n`);
});
