import { assertEquals, assertThrows } from "@std/assert";
import { SlabPool, TempFile, TempSpace } from "../../../src/buffer/mod.ts";
import { Deadlines, SpareFiles } from "../../../src/event/mod.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { MemoryFile } from "../../support/memory_file.ts";
import { latin1Bytes, latin1Text } from "../../support/scripted_transport.ts";

/** Spare files of which the test sees all that were ever opened. */
class Scene {
  readonly clock = new ManualClock();
  readonly deadlines = new Deadlines(this.clock);
  readonly space = new TempSpace();
  readonly opened: MemoryFile[] = [];
  readonly files: SpareFiles;
  readonly #pool = new SlabPool({ maxBytes: 8 << 20, debug: true });

  constructor(newFile = (): MemoryFile => new MemoryFile()) {
    this.files = new SpareFiles(this.deadlines, this.space, () => {
      const file = newFile();
      this.opened.push(file);
      return { file, path: "" };
    });
  }

  open(folder = "/a"): TempFile {
    return new TempFile(folder, this.files.open, this.space);
  }

  write(file: TempFile, text: string): void {
    const buf = this.#pool.acquire(text.length, "test")!;
    buf.cell.set(latin1Bytes(text));
    buf.last = text.length;
    try {
      file.write(buf);
    } finally {
      buf.release();
    }
  }

  read(file: TempFile): string {
    const buf = this.#pool.acquire(1024, "test")!;
    file.read(buf);
    const text = latin1Text(buf.data());
    buf.release();
    return text;
  }

  /** Which of the files are closed, in the order of their opening. */
  get closed(): boolean[] {
    return this.opened.map(({ isClosed }) => isClosed);
  }

  /** What is left when the worker ends: nothing. */
  end(): void {
    this.files.close();
    assertEquals(this.closed, this.opened.map(() => true));
    assertEquals([this.deadlines.outstanding(), this.clock.armedCount], [[], 0]);
    assertEquals([this.#pool.outstanding(), this.space.outstanding()], [[], []]);
  }
}

Deno.test("spare files: the next body is written over the one before it, and reads nothing of that", () => {
  const scene = new Scene();
  const first = scene.open();
  scene.write(first, "secrets of somebody else");
  assertEquals(scene.read(first), "secrets of somebody else");
  first.close();

  const second = scene.open();
  assertEquals(scene.opened.length, 1);
  assertEquals([second.size, scene.read(second)], [0, ""]);
  scene.write(second, "mine");
  assertEquals([scene.read(second), scene.read(second)], ["mine", ""]);
  second.rewind();
  assertEquals([scene.read(second), second.bytesOnDisk], ["mine", 4]);
  second.close();
  scene.end();
});

Deno.test("spare files: none is used by two at a time, or in another folder than its own", () => {
  const scene = new Scene();
  const files = [scene.open(), scene.open(), scene.open("/b")];
  assertEquals(scene.opened.length, 3);
  files[2]!.close();
  const other = scene.open("/a");
  assertEquals(scene.opened.length, 4);
  for (const file of [...files.slice(0, 2), other]) file.close();
  scene.end();
});

Deno.test("spare files: one is closed when it is a second old, waiting or not", async () => {
  const scene = new Scene();
  const [early, late] = [scene.open(), scene.open()];
  early.close();
  assertEquals(scene.deadlines.outstanding(), ["1 spare temp files"]);
  await scene.clock.advance(999);
  assertEquals(scene.closed, [false, false]);
  await scene.clock.advance(1);
  assertEquals(scene.closed, [true, false]);
  assertEquals(scene.deadlines.outstanding(), []);
  scene.deadlines.stamp();
  late.close();
  assertEquals(scene.closed, [true, true]);
  scene.end();
});

Deno.test("spare files: no more than 16 wait, and none that is larger than 2 MiB", () => {
  const scene = new Scene();
  for (const file of Array.from({ length: 20 }, () => scene.open())) file.close();
  assertEquals(scene.closed.filter((isClosed) => !isClosed).length, 16);
  const large = scene.open();
  for (const bytes of [1 << 20, 1 << 20, 1]) scene.write(large, "x".repeat(bytes));
  large.close();
  assertEquals(scene.closed.filter((isClosed) => !isClosed).length, 15);
  scene.end();
});

Deno.test("spare files: on a disk that is full those that wait are closed, and the write goes on", () => {
  let freeBytes = 8;
  const scene = new Scene(() =>
    new class extends MemoryFile {
      override writeSync(from: Uint8Array): number {
        if (from.length > freeBytes) throw new Error("No space left on device (os error 28)");
        freeBytes -= from.length;
        return super.writeSync(from);
      }
      override close(): void {
        freeBytes += this.largestBytes;
        super.close();
      }
    }()
  );
  const [first, second] = [scene.open(), scene.open()];
  scene.write(first, "12345");
  first.close();
  scene.write(second, "1234567");
  assertEquals([scene.closed, scene.read(second)], [[true, false], "1234567"]);
  assertThrows(() => scene.write(second, "89"), Error, "No space left");
  second.close();
  assertEquals(scene.closed, [true, true]); // the next holder's writes would fail too
  scene.end();
});

Deno.test("spare files: one that comes back when all are closed is closed", () => {
  const scene = new Scene();
  const file = scene.open();
  scene.files.close();
  assertEquals(scene.closed, [false]);
  file.close();
  scene.end();
});

Deno.test("spare files: temp_disk knows of those that wait, and has them closed when it runs short", () => {
  const scene = new Scene();
  scene.space.maxBytes = 80;
  const [small, large] = [scene.open(), scene.open()];
  scene.write(small, "12345678");
  scene.write(large, "123456789012");
  large.close(); // more than an eighth of it
  assertEquals([scene.closed, scene.space.bytes], [[false, true], 8]);
  small.close(); // 8 of it, that count twice while it comes back
  assertEquals([scene.closed, scene.space.bytes], [[true, true], 0]);

  const third = scene.open();
  scene.write(third, "1234");
  third.close();
  assertEquals([scene.closed[2], scene.space.bytes], [false, 4]);
  const all = scene.open("/b");
  scene.write(all, "x".repeat(80));
  assertEquals([scene.closed[2], scene.space.bytes], [true, 80]);
  all.close();
  scene.end();
});
