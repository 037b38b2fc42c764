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
  const logs = files.hold();
  const sink = logs.open({ file: "a.log" }, CONF);
  assertStrictEquals(logs.open({ file: "a.log" }, CONF), sink);
  assert(logs.open({ file: "b.log" }, CONF) !== sink);
  assert(logs.open({ file: "stdout" }, CONF) !== logs.open("stdout", CONF));
  await logs.close();
});

Deno.test("log files: reopen and close reach every file", async () => {
  const { files, targets } = scripted();
  const logs = files.hold();
  for (const file of ["a", "b"]) {
    logs.open({ file }, CONF).append(new TextEncoder().encode(`${file}\n`));
  }
  await files.reopen();
  assertEquals([...targets.values()].map(({ text, opened }) => [text, opened]), [["a\n", 2], [
    "b\n",
    2,
  ]]);
  await logs.close();
  assertEquals([...targets.values()].map(({ closed }) => closed), [2, 2]);
});

Deno.test("log files: a file stays open as long as one of its holders, and then obeys that one alone", async () => {
  const { files, targets } = scripted();
  const [old, next] = [files.hold(), files.hold()];
  const line = new TextEncoder().encode("a\n");
  old.open({ file: "a" }, { bufferBytes: 0, flushMs: 0 });
  old.open({ file: "gone" }, CONF);
  const sink = next.open({ file: "a" }, CONF);
  await old.close();
  sink.append(line);
  const [a, gone] = [...targets.values()];
  assertEquals([a?.closed, a?.text, gone?.closed], [0, "", 1]);
  await next.close();
  assertEquals([a?.closed, a?.text], [1, "a\n"]);
});
