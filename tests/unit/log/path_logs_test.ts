import { assertEquals } from "@std/assert";
import { compileTemplate, LineFormat, PathLogs } from "../../../src/log/mod.ts";
import type { OpenLogFileCacheConf } from "../../../src/log/conf.ts";
import { ScriptedTarget } from "./scripted_writer.ts";

/** What is known of a request here: the path, and the line. */
type Source = Readonly<Record<"path" | "line", string>>;

const CACHE: OpenLogFileCacheConf = { max: 2, inactiveMs: 100, minUses: 1, validMs: 1_000 };

/** Path logs over scripted files, and a clock that is moved by hand. */
class Stage {
  nowMs = 0;
  readonly files = new Map<string, ScriptedTarget>();
  readonly reports: string[] = [];
  readonly timers: (() => void)[] = [];
  readonly logs: PathLogs<Source>;

  constructor(cache: OpenLogFileCacheConf | undefined) {
    const lookup = (name: string) => (source: Source) => source[name as keyof Source] ?? "";
    this.logs = new PathLogs(
      "$path",
      new LineFormat<Source>("$line", "default", lookup),
      compileTemplate<Source>("$path", lookup),
      cache,
      {
        targetOf: (path) => this.file(path),
        nowMs: () => this.nowMs,
        report: (message) => this.reports.push(message),
        after: (_, fire) => {
          this.timers.push(fire);
          return () => this.timers.splice(this.timers.indexOf(fire), 1);
        },
      },
    );
  }

  file(path: string): ScriptedTarget {
    const file = this.files.get(path) ?? new ScriptedTarget();
    this.files.set(path, file);
    return file;
  }

  /** A line into a file, at a time. */
  async write(path: string, line = "x", nowMs = this.nowMs): Promise<void> {
    this.nowMs = nowMs;
    this.logs.write({ path, line });
    await this.logs.flush();
  }

  /** `opened/closed` of a file. */
  uses(path: string): string {
    const { opened, closed } = this.file(path);
    return `${opened}/${closed}`;
  }
}

Deno.test("path logs: without a cache each line opens its file and closes it", async () => {
  const stage = new Stage(undefined);
  await stage.write("/a", "1");
  await stage.write("/a", "2");
  assertEquals([stage.file("/a").text, stage.uses("/a")], ["1\n2\n", "2/2"]);
  assertEquals(stage.timers.length, 0);
});

Deno.test("path logs: with a cache a file stays open, and the longest unused makes room", async () => {
  const stage = new Stage(CACHE);
  await stage.write("/a");
  await stage.write("/b");
  await stage.write("/a");
  await stage.write("/c");
  assertEquals([stage.uses("/a"), stage.uses("/b"), stage.uses("/c")], ["1/0", "1/1", "1/0"]);
  await stage.logs.close();
  assertEquals([stage.uses("/a"), stage.uses("/c")], ["1/1", "1/1"]);
  assertEquals(stage.timers.length, 0);
});

Deno.test("path logs: one that is not used, or not often enough, is closed", async () => {
  const stage = new Stage({ ...CACHE, minUses: 2 });
  await stage.write("/often");
  await stage.write("/once");
  await stage.write("/often", "x", 90);
  stage.nowMs = 100;
  stage.timers.shift()!();
  await stage.logs.flush();
  assertEquals([stage.uses("/often"), stage.uses("/once")], ["1/0", "1/1"]);
  stage.nowMs = 200;
  stage.timers.shift()!();
  await stage.logs.flush();
  assertEquals(stage.uses("/often"), "1/1");
  assertEquals(stage.timers.length, 0); // nothing is open, so nothing is to be looked at
});

Deno.test("path logs: after a while a file is opened again, lest it was moved", async () => {
  const stage = new Stage(CACHE);
  await stage.write("/a");
  await stage.write("/a", "x", 1_000);
  assertEquals(stage.uses("/a"), "1/0");
  await stage.write("/a", "x", 1_001);
  assertEquals(stage.uses("/a"), "2/1");
  await stage.logs.close();
});

Deno.test("path logs: paths that lead elsewhere, or nowhere, lose their lines; told once each time", async () => {
  const stage = new Stage(CACHE);
  const bad = ["", "/logs/../x", "..", "/a/..", "/a\nb", "/a\0", "/\x7f"];
  for (const path of bad) await stage.write(path);
  assertEquals([stage.files.size, stage.logs.linesLost, stage.reports.length], [0, bad.length, 1]);
  await stage.write("/a..b/..c/d..");
  assertEquals(stage.logs.isBroken, false);
  stage.file("/closed").openFails = true;
  await stage.write("/closed");
  await stage.write("/closed");
  assertEquals(stage.logs.linesLost, bad.length + 2);
  assertEquals(stage.reports[1], "Cannot write the log $path, its lines are lost: no such folder");
  assertEquals(stage.reports.length, 2);
  await stage.logs.close();
});

Deno.test("path logs: while the disk stands still, no more than 64 files wait to be closed", () => {
  const stage = new Stage(undefined);
  stage.file("/a").stall();
  for (let k = 0; k < 100; k++) stage.logs.write({ path: "/a", line: "x" });
  assertEquals(stage.file("/a").opened, 64);
  assertEquals([stage.logs.linesLost, stage.reports.length], [36, 1]);
  stage.file("/a").go();
});

Deno.test("path logs: a path's bytes are UTF-8", async () => {
  const stage = new Stage(undefined);
  await stage.write("/\xc3\xa9");
  assertEquals([...stage.files.keys()], ["/é"]);
});
