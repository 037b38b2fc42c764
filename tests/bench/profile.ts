/**
 * Where the time of the proxy's main thread goes: the budget of one request. V8's profiler says
 * at what function the thread was, many times a second. Busy neighbours make all of it slower and
 * the shares hold, so this is what to look at on a machine that is not quiet.
 *
 * @module
 */
import { inspectEach, type Inspector } from "./inspector.ts";
import type { Bench, Contender } from "./measure.ts";
import type { LoadWorkload } from "./workloads.ts";

const SAMPLE_EACH_MICROS = 200;
/** Functions with a smaller share have no line. */
const SHARE_WORTH_A_LINE = 0.01;
/** When the thread waits for something to do. */
const IDLE = "(idle)";

/** A part of V8's CPU profile. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  /** The node that the thread was at, of each sample. */
  readonly samples: readonly number[];
}

/** Shares of the time that the thread was not idle. */
export interface Shares {
  /** By folder of `src/`, operation of Deno's, and what else there is. */
  readonly byPlace: ReadonlyMap<string, number>;
  readonly byFunction: ReadonlyMap<string, number>;
}

/** Returns a table, a column a contender that has an inspector. */
export async function profile(
  bench: Bench,
  workload: LoadWorkload,
  contenders: readonly Contender[],
): Promise<string> {
  const inspected = await inspectEach(bench, workload, contenders, look);
  return toTable(workload.name, inspected.map(({ name }) => name), inspected.map(({ of }) => of));
}

async function look(inspector: Inspector, load: () => Promise<number>): Promise<Shares> {
  await inspector.call("Profiler.enable");
  await inspector.call("Profiler.setSamplingInterval", { interval: SAMPLE_EACH_MICROS });
  await inspector.call("Profiler.start");
  await load();
  const { profile } = await inspector.call("Profiler.stop") as { readonly profile: CpuProfile };
  return sharesOf(profile);
}

/** By the function that ran, not by those that had called it. */
export function sharesOf({ nodes, samples }: CpuProfile): Shares {
  const byPlace = new Map<string, number>();
  const byFunction = new Map<string, number>();
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const busy = samples.flatMap((id) => {
    const frame = frames.get(id);
    return frame === undefined || frame.functionName === IDLE ? [] : [frame];
  });
  for (const { functionName, url } of busy) {
    const place = placeOf(functionName, url);
    byPlace.set(place, (byPlace.get(place) ?? 0) + 1 / busy.length);
    const name = `${functionName || "(anonymous)"} ${url.split("/").slice(-2).join("/")}`.trim();
    byFunction.set(name, (byFunction.get(name) ?? 0) + 1 / busy.length);
  }
  return { byPlace, byFunction };
}

function placeOf(functionName: string, url: string): string {
  const folder = /\/src\/([a-z]+)\//.exec(url)?.[1];
  if (folder !== undefined) return `src/${folder}`;
  if (functionName === "(garbage collector)") return "garbage collection";
  if (url.startsWith("ext:")) return "Deno's own JavaScript";
  return functionName.startsWith("op_") ? functionName : "native code outside of operations";
}

function toTable(
  workload: string,
  contenders: readonly string[],
  shares: readonly Shares[],
): string {
  const line = (name: string, values: readonly number[]) =>
    name.padEnd(56) +
    values.map((value) => `${(value * 100).toFixed(1)} %`.padStart(14)).join("") + "\n";
  const lines = (of: (shares: Shares) => ReadonlyMap<string, number>) => {
    const names = [...new Set(shares.flatMap((some) => [...of(some).keys()]))];
    const rows = names.map((name) =>
      [name, shares.map((some) => of(some).get(name) ?? 0)] as const
    );
    return rows.filter(([, values]) => Math.max(...values) >= SHARE_WORTH_A_LINE)
      .toSorted(([, a], [, b]) => Math.max(...b) - Math.max(...a))
      .map(([name, values]) => line(name, values)).join("");
  };
  const title = `where the time goes, ${workload}`.padEnd(56) +
    contenders.map((name) => name.padStart(14)).join("");
  return `\n${title}\n${lines(({ byPlace }) => byPlace)}\n${lines(({ byFunction }) => byFunction)}`;
}
