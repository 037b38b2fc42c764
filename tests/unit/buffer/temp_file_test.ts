import { assertEquals, assertThrows } from "@std/assert";
import { SlabPool, TempFile, TempSpace } from "../../../src/buffer/mod.ts";
import { MemoryFile } from "../../support/memory_file.ts";
import { latin1Bytes, latin1Text } from "../../support/scripted_transport.ts";

/** A queue on a file in memory, what is written to it and read from it as text. */
class TextQueue {
  readonly pool = new SlabPool({ maxBytes: 1 << 20, debug: true });
  readonly file: MemoryFile;
  readonly queue: TempFile;
  readonly space = new TempSpace();

  constructor(file: MemoryFile, share = 1) {
    this.file = file;
    this.queue = new TempFile("/tmp", () => ({ file, path: "" }), this.space, share);
  }

  /** Returns what was not written. */
  write(text: string): string {
    const buf = this.pool.acquire(1024, "test")!;
    buf.cell.set(latin1Bytes(text));
    buf.last = text.length;
    try {
      this.queue.write(buf);
    } finally {
      this.left = latin1Text(buf.data());
      buf.release();
    }
    return this.left;
  }

  left = "";

  read(count: number): string {
    const buf = this.pool.acquire(1024, "test")!;
    buf.end = count;
    this.queue.read(buf);
    const text = latin1Text(buf.data());
    buf.release();
    return text;
  }
}

Deno.test("TempFile: gives back in order what was written, however reads and writes alternate", () => {
  for (const pieceBytes of [1, 2, Infinity]) {
    const both = new TextQueue(new MemoryFile(Infinity, pieceBytes));
    const { queue } = both;
    both.write("abc");
    assertEquals(both.read(2), "ab");
    both.write("defg");
    assertEquals([queue.size, queue.bytesOnDisk], [5, 7]);
    assertEquals(both.read(3), "cde");
    both.write("h");
    assertEquals(both.read(9), "fgh");
    assertEquals([queue.size, both.read(1)], [0, ""]);
  }
});

Deno.test("TempFile: a disk that is full takes all of a Buf or nothing", () => {
  const text = new TextQueue(new MemoryFile(5, 2));
  text.write("abc");
  assertThrows(() => text.write("defg"), Error, "No space left");
  assertEquals(text.left, "defg");
  assertEquals(text.read(9), "abc");
});

Deno.test("TempFile: a file that has become shorter is an error, not silence", () => {
  const text = new TextQueue(new MemoryFile());
  text.write("abc");
  text.file.truncateSync(1);
  assertThrows(() => text.read(3), Error, "shorter than what was written");
});

Deno.test("TempFile: its space is used again only when all was read", () => {
  const text = new TextQueue(new MemoryFile());
  text.write("abc");
  text.read(2);
  text.queue.reuse();
  assertEquals(text.queue.bytesOnDisk, 3);
  assertEquals(text.read(1), "c");
  text.queue.reuse();
  assertEquals(text.queue.bytesOnDisk, 0);
  text.write("xy");
  assertEquals(text.read(5), "xy");
  assertEquals(text.file.largestBytes, 3);
});

Deno.test("TempFile: rewind gives all of it again", () => {
  const text = new TextQueue(new MemoryFile());
  text.write("abc");
  assertEquals(text.read(2), "ab");
  text.queue.rewind();
  assertEquals(text.read(9), "abc");
});

Deno.test("TempFile: takes its bytes from the space of all, and gives them back", () => {
  const text = new TextQueue(new MemoryFile(), 0.5);
  text.space.maxBytes = 10;
  assertEquals([text.write("abc"), text.write("def")], ["", "def"]);
  assertEquals([text.space.files, text.space.bytes], [1, 3]);
  assertEquals(text.write("de"), "");
  assertEquals(text.read(9), "abcde");
  text.queue.reuse();
  assertEquals(text.space.bytes, 0);
  assertEquals(text.write("xyz"), "");
  text.queue.close();
  assertEquals(text.space.outstanding(), []);
});

Deno.test("TempFile: what a full disk did not take is not taken from the space", () => {
  const text = new TextQueue(new MemoryFile(5, 2));
  text.write("abc");
  assertThrows(() => text.write("defg"), Error, "No space left");
  assertEquals(text.space.bytes, 3);
});
