import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type HeapNode, sizesByFunction } from "./allocations.ts";
import type { Result } from "./measure.ts";
import { parseOptions } from "./options.ts";
import { sharesOf } from "./profile.ts";
import { BenchError } from "./programs.ts";
import { toTables } from "./report.ts";
import { spread } from "./stats.ts";
import { parseCounts } from "./strace.ts";
import { toSvg } from "./svg.ts";

Deno.test("spread: the median of an even number lies between the two in the middle", () => {
  assertEquals(spread([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
  assertEquals(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  assertEquals(spread([]), { median: NaN, min: NaN, max: NaN });
});

Deno.test("strace -c: calls are found with and without an error column", () => {
  const counts = parseCounts(
    `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.00    0.610000           6    100000           sendto
 39.00    0.390000           3    100100       100 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           4    200100       100 total
`,
  );
  assertEquals([...counts], [["sendto", 100000], ["recvfrom", 100100]]);
});

Deno.test("heap profile: a function's bytes are summed over all that call it", () => {
  const node = (functionName: string, selfSize: number, ...children: HeapNode[]): HeapNode => ({
    callFrame: { functionName, url: "file:///a/src/wire/head.ts" },
    selfSize,
    children,
  });
  const head = node("(root)", 0, node("a", 10, node("b", 5)), node("", 3, node("b", 7)));
  assertEquals(
    [...sizesByFunction(head)].toSorted(),
    [["(anonymous) wire/head.ts", 3], ["a wire/head.ts", 10], ["b wire/head.ts", 12]],
  );
});

Deno.test("profile: shares are of the time that the thread had something to do", () => {
  const frames = [["(idle)", ""], ["op_write", ""], ["read", "ext:deno_net/01_net.js"], [
    "find",
    "file:///a/src/http/router.ts",
  ]];
  const nodes = frames.map(([functionName = "", url = ""], id) => ({
    id,
    callFrame: { functionName, url },
  }));
  const { byPlace, byFunction } = sharesOf({ nodes, samples: [0, 1, 0, 1, 2, 3, 0] });
  assertEquals([...byPlace], [["op_write", 0.5], ["Deno's own JavaScript", 0.25], [
    "src/http",
    0.25,
  ]]);
  assertEquals(byFunction.get("find http/router.ts"), 0.25);
});

Deno.test("options: an unknown workload is refused with the known ones", async () => {
  const failure = await assertRejects(() => parseOptions(["--only", "smal"]), BenchError);
  assertStringIncludes(failure.message, "small-256");
});

Deno.test("options: a value may follow = or stand alone", async () => {
  const { rounds, seconds, workloads } = await parseOptions([
    "--rounds=9",
    "--seconds",
    "2",
    "--only=1k,64k-unbuffered",
  ]);
  assertEquals([rounds, seconds], [9, 2]);
  assertEquals(workloads.map(({ name }) => name), ["1k", "64k-unbuffered"]);
});

Deno.test("options: rounds must be a whole number from 1", async () => {
  await assertRejects(() => parseOptions(["--rounds", "0"]), BenchError);
});

Deno.test("options: what a feature costs is asked for by its name, and not of two revisions", async () => {
  const { cost } = await parseOptions(["--cost", "access-log,maps"]);
  assertEquals(cost, ["access-log", "maps"]);
  const failure = await assertRejects(() => parseOptions(["--cost", "log"]), BenchError);
  assertStringIncludes(failure.message, "limit-req");
  await assertRejects(() => parseOptions(["--cost", "maps", "--against", "HEAD"]), BenchError);
});

Deno.test("report: a ratio has its spread, an idle core its mark, an invalid round its line", () => {
  const table = toTables([RESULT]);
  assertStringIncludes(table, "0.80 (0.75-0.85)");
  assertStringIncludes(table, "0.50 *");
  assertStringIncludes(table, "!! INVALID ROUND, left out: small, round 2, nginx: 3 read errors");
});

Deno.test("chart: text is escaped", () => {
  assertStringIncludes(toSvg([RESULT], "a <b> & c"), "a &lt;b> &amp; c");
});

const RESULT: Result = {
  workload: "small",
  about: "",
  standings: [{
    contender: "sluice",
    rounds: [],
    figures: { requestsPerSecond: { median: 80_000, min: 75_000, max: 85_000 } },
    ratios: {},
    busy: 1,
    disturbed: 0,
  }, {
    contender: "nginx",
    rounds: [],
    figures: { requestsPerSecond: { median: 100_000, min: 100_000, max: 100_000 } },
    ratios: { requestsPerSecond: { median: 0.8, min: 0.75, max: 0.85 } },
    busy: 0.5,
    disturbed: 0,
  }],
  problems: ["small, round 2, nginx: 3 read errors"],
};
