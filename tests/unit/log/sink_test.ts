import { assert, assertEquals } from "@std/assert";
import { LogSink, type LogSinkConf } from "../../../src/log/sink.ts";
import { ScriptedTarget } from "./scripted_writer.ts";

const BUFFERED: LogSinkConf = { bufferBytes: 100, flushMs: 1000 };
const UNBUFFERED: LogSinkConf = { bufferBytes: 0, flushMs: 0 };
const encode = (text: string) => new TextEncoder().encode(text);

function lines(from: number, to: number): string {
  let text = "";
  for (let n = from; n <= to; n++) text += `line ${n}\n`;
  return text;
}

function append(sink: LogSink, from: number, to = from): void {
  for (let n = from; n <= to; n++) sink.append(encode(`line ${n}\n`));
}

/** Lets the writes that the script lets through settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

Deno.test("log sink: nothing is armed or written while there is nothing to write", () => {
  const target = new ScriptedTarget();
  new LogSink(target, BUFFERED);
  assertEquals([target.armed, target.writes], [[], []]);
});

Deno.test("log sink: lines wait for the timer, in one write", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, BUFFERED);
  append(sink, 1, 3);
  assertEquals([target.armed, target.writes], [[1000], []]);
  target.fireTimers();
  await settle();
  assertEquals([target.armed, target.writes], [[], [lines(1, 3)]]);
});

Deno.test("log sink: a full buffer is written at once", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, BUFFERED);
  append(sink, 1, 20);
  await settle();
  assertEquals(target.text, lines(1, 14)); // 103 bytes; the rest gathers again
  await sink.close();
  assertEquals(target.text, lines(1, 20));
});

Deno.test("log sink: one write is in flight, what comes meanwhile goes out together", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, UNBUFFERED);
  target.stall();
  append(sink, 1, 5);
  target.go();
  await settle();
  assertEquals(target.writes, [lines(1, 1), lines(2, 5)]);
  assertEquals(target.armed, []);
});

Deno.test("log sink: writes that take one byte at a time write everything in order", async () => {
  const target = new ScriptedTarget();
  target.atMostBytes = 1;
  const sink = new LogSink(target, UNBUFFERED);
  append(sink, 1, 10);
  await sink.close();
  assertEquals(target.text, lines(1, 10));
});

Deno.test("log sink: a disk that stands still loses lines, and the log says how many", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, { bufferBytes: 1000, flushMs: 1000 });
  target.stall();
  const line = encode("x".repeat(999) + "\n");
  for (let n = 0; n < 10_000; n++) sink.append(line);
  const lost = sink.linesLost;
  assert(lost > 1000 && lost < 9000, `lost ${lost}`);
  target.go();
  await settle();
  sink.append(encode("after\n"));
  await sink.close();
  const written = target.text.split("\n").slice(0, -1);
  assertEquals(written.filter((text) => text.startsWith("x")).length, 10_000 - lost);
  assertEquals(written.slice(-2), [`${lost} lines lost`, "after"]);
  assertEquals(target.reports, []);
});

for (let k = 1; k <= 6; k++) {
  for (const afterBytes of [0, 3]) {
    Deno.test(`log sink: write ${k} fails after ${afterBytes} bytes: the log goes on, and says so`, async () => {
      const target = new ScriptedTarget();
      const sink = new LogSink(target, UNBUFFERED);
      target.failures.set(k, afterBytes);
      for (let n = 1; n <= 9; n++) {
        append(sink, n);
        await settle();
      }
      await sink.close();
      const half = afterBytes === 0 ? "" : "lin\n";
      assertEquals(target.text, `${lines(1, k - 1)}${half}1 lines lost\n${lines(k + 1, 9)}`);
      assertEquals(target.reports, [
        "Cannot write the log test.log, its lines are lost: disk full",
        "The log test.log works again",
      ]);
      assertEquals(sink.linesLost, 1);
    });
  }
}

Deno.test("log sink: a disk that stays full is reported once, and again when it works", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, UNBUFFERED);
  for (let call = 1; call <= 20; call++) target.failures.set(call, 0);
  for (let n = 1; n <= 30; n++) {
    append(sink, n);
    await settle();
  }
  await sink.close();
  assertEquals(target.reports.length, 2);
  assertEquals(target.text.match(/\d+ lines lost/g)?.join(), "20 lines lost");
});

Deno.test("log sink: written lines and lost ones are all the lines, whichever writes fail", async () => {
  for (let pattern = 0; pattern < 256; pattern++) {
    const target = new ScriptedTarget();
    const sink = new LogSink(target, UNBUFFERED);
    for (let bit = 0; bit < 8; bit++) if ((pattern >> bit) & 1) target.failures.set(bit + 1, 0);
    for (let n = 1; n <= 12; n++) {
      append(sink, n);
      if (n % 3 !== 0) await settle();
    }
    await sink.close();
    const written = target.text.match(/^line \d+$/gm)?.length ?? 0;
    const told = [...target.text.matchAll(/^(\d+) lines lost$/gm)]
      .reduce((sum, [, count]) => sum + Number(count), 0);
    assertEquals(written + told, 12, target.text);
  }
});

Deno.test("log sink: reopen leaves the lines before it in the old file", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, BUFFERED);
  append(sink, 1);
  const reopened = sink.reopen();
  append(sink, 2);
  await reopened;
  assertEquals([target.writes, target.opened, target.closed], [[lines(1, 1)], 2, 1]);
  await sink.close();
  assertEquals([target.text, target.closed], [lines(1, 2), 2]);
});

Deno.test("log sink: when reopening fails the old file stays in use", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, UNBUFFERED);
  target.openFails = true;
  await sink.reopen();
  append(sink, 1);
  await sink.close();
  assertEquals([target.text, target.closed], [lines(1, 1), 1]);
  assertEquals(target.reports, [
    "Cannot reopen the log test.log, the old file stays in use: no such folder",
  ]);
});

Deno.test("log sink: close writes all, disarms, and can be called twice", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, BUFFERED);
  append(sink, 1, 2);
  await Promise.all([sink.close(), sink.close()]);
  append(sink, 3);
  assertEquals([target.text, target.armed, target.closed], [lines(1, 2), [], 1]);
});

Deno.test("log sink: of two logs in one sink the one in a hurry is obeyed", async () => {
  const target = new ScriptedTarget();
  const sink = new LogSink(target, BUFFERED);
  sink.obey([BUFFERED, UNBUFFERED]);
  append(sink, 1);
  await settle();
  assertEquals(target.text, lines(1, 1));
});
