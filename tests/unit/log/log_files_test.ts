import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { LogPath } from "../../../src/log/conf.ts";
import { LogFiles } from "../../../src/log/log_files.ts";
import { ScriptedTarget } from "./scripted_writer.ts";

const CONF = { bufferBytes: 1000, flushMs: 1000 };

function scripted(): { files: LogFiles; targets: Map<LogPath, ScriptedTarget> } {
  const targets = new Map<LogPath, ScriptedTarget>();
  const files = new LogFiles((path) => {
    const target = new ScriptedTarget();
    targets.set(path, target);
    return target;
  });
  return { files, targets };
}

Deno.test("log files: logs with one path share its sink, others do not", async () => {
  const { files } = scripted();
  const sink = files.open({ file: "a.log" }, CONF);
  assertStrictEquals(files.open({ file: "a.log" }, CONF), sink);
  assert(files.open({ file: "b.log" }, CONF) !== sink);
  assert(files.open({ file: "stdout" }, CONF) !== files.open("stdout", CONF));
  await files.close();
});

Deno.test("log files: reopen and close reach every file", async () => {
  const { files, targets } = scripted();
  for (const file of ["a", "b"]) {
    files.open({ file }, CONF).append(new TextEncoder().encode(`${file}\n`));
  }
  await files.reopen();
  assertEquals([...targets.values()].map(({ text, opened }) => [text, opened]), [["a\n", 2], [
    "b\n",
    2,
  ]]);
  await files.close();
  assertEquals([...targets.values()].map(({ closed }) => closed), [2, 2]);
});
