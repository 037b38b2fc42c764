/**
 * What a request allocates: bytes of V8's heap, by function, and promises. V8's inspector counts
 * both in the running proxy: bytes by its sampling profiler, collected or not, promises by a hook
 * that Deno's core has. Memory outside of the heap (cells of the pool) is not seen, nor are
 * workers beyond the first.
 *
 * @module
 */
import { inspectEach, type Inspector } from "./inspector.ts";
import type { Bench, Contender } from "./measure.ts";
import type { LoadWorkload } from "./workloads.ts";

/** A sample every so many bytes: a load of a second has thousands. */
const SAMPLED_BYTES = 16_384;
/** Functions with a smaller share are summed up. */
const SHARE_WORTH_A_LINE = 0.02;

/** A node of V8's sampling heap profile. */
export interface HeapNode {
  readonly callFrame: { readonly functionName: string; readonly url: string };
  /** Bytes that it allocated itself. */
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

interface Counted {
  readonly bytesOf: ReadonlyMap<string, number>;
  readonly promises: number;
}

/** Returns a table: bytes by function and promises, a column a contender that has an inspector. */
export async function countAllocations(
  bench: Bench,
  workload: LoadWorkload,
  contenders: readonly Contender[],
): Promise<string> {
  const inspected = await inspectEach(bench, workload, contenders, count);
  return toTable(workload.name, inspected.map(({ name }) => name), inspected.map(({ of }) => of));
}

async function count(inspector: Inspector, load: () => Promise<number>): Promise<Counted> {
  await inspector.call("HeapProfiler.enable");
  await inspector.call("HeapProfiler.startSampling", {
    samplingInterval: SAMPLED_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  const sampled = await load();
  const { profile } = await inspector.call("HeapProfiler.stopSampling") as {
    readonly profile: { readonly head: HeapNode };
  };
  // Last, since promises with a hook on them are slow, and never taken off again.
  await inspector.evaluate(
    "globalThis.promisesMade = 0; " +
      "Deno[Deno.internal].core.setPromiseHooks(() => { globalThis.promisesMade++; }); 0",
  );
  const hooked = await load();
  const promises = await inspector.evaluate("globalThis.promisesMade");
  const bytesOf = [...sizesByFunction(profile.head)]
    .map(([name, bytes]) => [name, bytes / sampled] as const);
  return { bytesOf: new Map(bytesOf), promises: promises / hooked };
}

/** Bytes by `function file`. */
export function sizesByFunction(head: HeapNode): Map<string, number> {
  const sizes = new Map<string, number>();
  const left = [head];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    const { functionName, url } = node.callFrame;
    const name = `${functionName || "(anonymous)"} ${url.split("/").slice(-2).join("/")}`.trim();
    if (node.selfSize > 0) sizes.set(name, (sizes.get(name) ?? 0) + node.selfSize);
    left.push(...node.children);
  }
  return sizes;
}

function toTable(
  workload: string,
  contenders: readonly string[],
  counted: readonly Counted[],
): string {
  const total = (of: (name: string) => boolean) =>
    counted.map(({ bytesOf }) =>
      [...bytesOf].reduce((sum, [name, bytes]) => of(name) ? sum + bytes : sum, 0)
    );
  const all = total(() => true);
  const names = [...new Set(counted.flatMap(({ bytesOf }) => [...bytesOf.keys()]))];
  const most = (name: string) =>
    Math.max(...counted.map(({ bytesOf }, at) => (bytesOf.get(name) ?? 0) / (all[at] ?? 1)));
  const isWorthALine = (name: string) => most(name) >= SHARE_WORTH_A_LINE;
  const line = (name: string, values: readonly number[], digits = 0) =>
    name.padEnd(56) + values.map((value) => value.toFixed(digits).padStart(14)).join("") + "\n";

  let table = `\nallocated a request, ${workload}`.padEnd(57) +
    contenders.map((name) => name.padStart(14)).join("") + "\n";
  table += line("promises", counted.map(({ promises }) => promises), 2);
  table += line("bytes", all);
  for (const name of names.filter(isWorthALine).toSorted((a, b) => most(b) - most(a))) {
    table += line(`  ${name}`, counted.map(({ bytesOf }) => bytesOf.get(name) ?? 0));
  }
  return table + line("  others", total((name) => !isWorthALine(name)));
}
