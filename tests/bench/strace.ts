/**
 * System calls a request, counted by strace.
 *
 * @module
 */
import { type Bench, type Contender, startAll } from "./measure.ts";
import { BenchError, delay, pinnedArgs, type Program } from "./programs.ts";
import type { LoadWorkload } from "./workloads.ts";
import { runWrk, writeScript } from "./wrk.ts";

/** Rarer calls are summed up. */
const WORTH_A_LINE = 0.005;
const ATTACHED_WITHIN_MS = 5_000;

/** Returns a table: a line a system call, a column a contender. */
export async function countSystemCalls(
  bench: Bench,
  workload: LoadWorkload,
  contenders: readonly Contender[],
): Promise<string> {
  const script = await writeScript(workload, bench.folder);
  const programs = await startAll(contenders, workload);
  const counts: Map<string, number>[] = [];
  try {
    for (const program of programs.values()) {
      const load = (seconds: number) =>
        runWrk(workload, script, program.address, seconds, bench.cores.rest, bench.cleanup);
      await load(1);
      const tracer = await attach(bench, program);
      const { requests } = await load(bench.seconds);
      const calls = await tracer.detach();
      counts.push(new Map([...calls].map(([name, count]) => [name, count / requests])));
    }
  } finally {
    await Promise.all(programs.values().map((program) => program.stop()));
  }
  return toTable(workload.name, contenders.map(({ name }) => name), counts);
}

interface Tracer {
  /** Calls by name since it was attached. */
  detach(): Promise<Map<string, number>>;
}

async function attach(bench: Bench, program: Program): Promise<Tracer> {
  const file = `${bench.folder}/strace-${program.pid}`;
  const args = ["-c", "-f", "-o", file, "-p", String(program.pid)];
  const child = new Deno.Command("/bin/sh", {
    args: pinnedArgs(bench.cores.rest, "strace", args),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const detach = bench.cleanup.add(async () => {
    // It writes its table on SIGINT; the traced process goes on.
    child.kill("SIGINT");
    await child.status;
  });
  const deadlineMs = performance.now() + ATTACHED_WITHIN_MS;
  while (!await isTraced(program.pid)) {
    if (performance.now() > deadlineMs) {
      throw new BenchError(`Cannot trace ${program.name}: strace may not attach to its process`);
    }
    await delay(10);
  }
  return {
    detach: async () => {
      await detach();
      return parseCounts(await Deno.readTextFile(file));
    },
  };
}

async function isTraced(pid: number): Promise<boolean> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return /^TracerPid:\s*[1-9]/m.test(status);
}

/** Lines of `strace -c`: share, seconds, microseconds a call, calls, errors or nothing, name. */
export function parseCounts(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, calls, name] = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/.exec(line) ??
      [];
    if (name !== undefined && name !== "total") counts.set(name, Number(calls));
  }
  return counts;
}

function toTable(
  workload: string,
  contenders: readonly string[],
  counts: readonly Map<string, number>[],
): string {
  const names = [...new Set(counts.flatMap((count) => [...count.keys()]))];
  const columns = (name: string) => counts.map((count) => count.get(name) ?? 0);
  const line = (name: string, values: readonly number[]) =>
    name.padEnd(20) + values.map((value) => value.toFixed(3).padStart(14)).join("") + "\n";
  const isWorthALine = (name: string) => Math.max(...columns(name)) >= WORTH_A_LINE;
  const sum = (some: readonly string[]) =>
    counts.map((count) => some.reduce((total, name) => total + (count.get(name) ?? 0), 0));

  let table = `\nsystem calls a request, ${workload}`.padEnd(21) + "\n" + " ".repeat(20) +
    contenders.map((name) => name.padStart(14)).join("") + "\n";
  const common = names.filter(isWorthALine)
    .toSorted((a, b) => Math.max(...columns(b)) - Math.max(...columns(a)));
  for (const name of common) table += line(name, columns(name));
  table += line("others", sum(names.filter((name) => !isWorthALine(name))));
  return table + line("all", sum(names));
}
