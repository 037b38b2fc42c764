/**
 * What has to hold at the end of a soak.
 *
 * @module
 */
import { driftOf, highestTenth, isFlat, median, slopeAnHour } from "../../support/flatness.ts";
import type { Traffic } from "./clients.ts";
import { type PairLog, readBugs, readPairLog } from "./proxy_logs.ts";
import type { Check, Sample } from "./report.ts";
import { isAtRest, ownDescriptors, restLine } from "./rest.ts";
import type { Sampler } from "./sampler.ts";
import type { ServerSample } from "./server.ts";

/** A run that is shorter shows how V8's heap finds its size, and no more than that. */
const FLATNESS_FROM_MS = 10 * 60_000;
/**
 * V8 gives memory back every ten or fifteen minutes, and takes it again: how far it rises shows when
 * each third is as long.
 */
const RISE_FROM_MS = 50 * 60_000;
/**
 * When the origin itself takes so many times as long as it usually does, the machine is busy with
 * other things: clients pile up, and what is measured is not the proxy.
 */
const BUSY_FACTOR = 3;
/** With fewer calm samples nothing can be said. */
const CALM_SHARE_MIN = 0.5;
/** What is kept must not grow. */
const KEPT_GROWTH_MAX = 0.1;
/** What is in use depends on who happens to be there, the heap on when it was last collected. */
const USED_GROWTH_MAX = 0.25;
/** Times depend on what else the machine does. */
const TIME_GROWTH_MAX = 0.5;
/** One in five samples has one, and it takes as long as it waits for a core. */
const RELOAD_GROWTH_MAX = 1;
const MB = 1e6;

/** What is judged. */
export interface Judged {
  /** Where the logs and the temporary files are. */
  readonly dir: string;
  readonly traffic: Traffic;
  readonly sampler: Sampler;
  /** The proxy at rest, before the traffic and after it. */
  readonly before: ServerSample;
  readonly after: ServerSample;
  /** After a collection. */
  readonly collected: ServerSample;
  readonly stopped: ServerSample;
}

export async function judge(judged: Judged): Promise<Check[]> {
  return [
    ...judgeRequests(judged.traffic, await readPairLog(`${judged.dir}/pair.log`)),
    ...judgeRest(judged),
    ...judgeFlatness(judged.sampler.samples),
    judgeHeap(judged),
    ...await judgeFiles(judged.dir),
  ];
}

function judgeRequests(traffic: Traffic, pair: PairLog): Check[] {
  return [
    {
      name: "no request failed that must not",
      isGood: traffic.failures === 0,
      detail: `${traffic.failures} failures of ${traffic.requests} requests`,
    },
    {
      name: "none failed unsent while a peer lived",
      isGood: pair.unsentFailures.length === 0 && pair.takenOver > 0,
      detail: `${pair.requests} to a group whose peers are killed, ` +
        `${pair.takenOver} taken over by the other peer, ${pair.unsentFailures.length} failed` +
        pair.unsentFailures.slice(0, 10).map((line) => `\n    ${line}`).join(""),
    },
  ];
}

function judgeRest({ before, after, stopped }: Judged): Check[] {
  return [
    {
      name: "at rest only idle connections hold cells and deadlines",
      isGood: isAtRest(after),
      detail: restLine(after) +
        (isAtRest(after)
          ? ""
          : after.outstanding.slice(0, 20).map((line) => `\n    ${line}`).join("")),
    },
    {
      name: "descriptors as before, without idle connections",
      isGood: ownDescriptors(after) === ownDescriptors(before),
      detail: `${ownDescriptors(before)} before, ${ownDescriptors(after)} after`,
    },
    {
      name: "stopped, it holds nothing",
      isGood: stopped.outstanding.length === 0 && stopped.connections === 0,
      detail: stopped.outstanding.join("; ") || "nothing",
    },
  ];
}

interface FlatLine {
  readonly name: string;
  readonly unit: string;
  readonly growthMax: number;
  readonly value: (sample: Sample, before: Sample | undefined) => number;
  /** @default {median} */
  readonly typical?: (values: readonly number[]) => number;
  /** How long a run has to be. @default {FLATNESS_FROM_MS} */
  readonly fromMs?: number;
}

const FLAT_LINES: readonly FlatLine[] = [
  {
    name: "resident memory",
    unit: "MB",
    growthMax: USED_GROWTH_MAX,
    value: ({ rssBytes }) => rssBytes / MB,
  },
  {
    name: "how far resident memory rises",
    unit: "MB",
    growthMax: KEPT_GROWTH_MAX,
    value: ({ rssBytes }) => rssBytes / MB,
    typical: highestTenth,
    fromMs: RISE_FROM_MS,
  },
  {
    name: "heap",
    unit: "MB",
    growthMax: USED_GROWTH_MAX,
    value: ({ heapBytes }) => heapBytes / MB,
  },
  {
    name: "memory of the pool",
    unit: "MB",
    growthMax: KEPT_GROWTH_MAX,
    value: ({ poolBytes }) => poolBytes / MB,
  },
  {
    name: "memory in use of the pool",
    unit: "MB",
    growthMax: USED_GROWTH_MAX,
    value: ({ heldBytes }) => heldBytes / MB,
  },
  {
    name: "descriptors",
    unit: "",
    growthMax: USED_GROWTH_MAX,
    value: ({ descriptors }) => descriptors,
  },
  {
    name: "connections",
    unit: "",
    growthMax: USED_GROWTH_MAX,
    value: ({ connections }) => connections,
  },
  {
    name: "processor time a request",
    unit: "ms",
    growthMax: USED_GROWTH_MAX,
    value: (sample, before) =>
      before === undefined
        ? NaN
        : (sample.cpuMs - before.cpuMs) / (sample.requests - before.requests),
  },
  {
    name: "p50, by that of the origin itself",
    unit: "times",
    growthMax: TIME_GROWTH_MAX,
    value: ({ p50Ms, directP50Ms }) => p50Ms / directP50Ms,
  },
  {
    name: "p99, by that of the origin itself",
    unit: "times",
    growthMax: TIME_GROWTH_MAX,
    value: ({ p99Ms, directP99Ms }) => p99Ms / directP99Ms,
  },
  {
    name: "time of a reload, by p50 of the origin itself",
    unit: "times",
    growthMax: RELOAD_GROWTH_MAX,
    value: ({ reloadMs, directP50Ms }) => reloadMs / directP50Ms,
  },
  {
    name: "errors a second that may be",
    unit: "",
    growthMax: TIME_GROWTH_MAX,
    value: (sample, before) =>
      before === undefined
        ? NaN
        : (mayFail(sample) - mayFail(before)) / ((sample.atMs - before.atMs) / 1_000),
  },
];

function mayFail({ outcomes }: Sample): number {
  return outcomes["502"] + outcomes["504"] + outcomes.cut;
}

/** Whether the lines of the plots are flat, as far as the machine let them. */
export function judgeFlatness(samples: readonly Sample[]): Check[] {
  const lastedMs = samples.at(-1)?.atMs ?? 0;
  const usualMs = median(samples.map(({ directP50Ms }) => directP50Ms));
  const isCalm = samples.map(({ directP50Ms }) => directP50Ms <= BUSY_FACTOR * usualMs);
  const calm = isCalm.filter((calm) => calm).length;
  const lines = FLAT_LINES.map(({ name, unit, growthMax, value, typical, fromMs }) => {
    const isLong = lastedMs >= (fromMs ?? FLATNESS_FROM_MS);
    const values = samples.map((sample, n) => isCalm[n] ? value(sample, samples[n - 1]) : NaN);
    const drift = driftOf(values, typical);
    return {
      name: `flat: ${name}`,
      isGood: !isLong || isFlat(drift, growthMax),
      detail: `${drift.before.toFixed(2)} ${unit} in the first third after the warm-up, ` +
        `${drift.after.toFixed(2)} in the last: ${(drift.share * 100).toFixed(1)} %, ` +
        `at most ${growthMax * 100}` +
        (unit === "MB" ? `; by the line that fits ${anHour(values, samples)} an hour` : "") +
        (isLong ? "" : " (too short to judge)"),
    };
  });
  return [
    {
      name: "the machine was calm enough to judge what is flat",
      isGood: lastedMs < FLATNESS_FROM_MS || calm >= samples.length * CALM_SHARE_MIN,
      detail: `${calm} of ${samples.length} samples, in which the origin itself takes at most ` +
        `${BUSY_FACTOR} times its usual ${usualMs.toFixed(2)} ms`,
    },
    ...lines,
  ];
}

function anHour(values: readonly number[], samples: readonly Sample[]): string {
  return slopeAnHour(values, samples.map(({ atMs }) => atMs)).toFixed(2);
}

function judgeHeap({ sampler, collected }: Judged): Check {
  const heaps = [...sampler.collected, collected.heapBytes];
  const mb = (bytes: number) => (bytes / MB).toFixed(2);
  return {
    name: "flat: heap after a collection",
    isGood: collected.heapBytes <= (heaps[0] ?? NaN) * (1 + KEPT_GROWTH_MAX),
    detail: `${heaps.map(mb).join(", ")} MB at the end of each quarter; ` +
      `resident ${mb(collected.rssBytes)} MB, slabs ${mb(collected.pool.slabBytes)} MB`,
  };
}

async function judgeFiles(dir: string): Promise<Check[]> {
  const left = Array.from(Deno.readDirSync(`${dir}/temp`), ({ name }) => name);
  const bugs = await readBugs(`${dir}/error.log`);
  return [
    {
      name: "no temporary file is left",
      isGood: left.length === 0,
      detail: left.join(" ") || "none",
    },
    {
      name: "the error log tells of no bug",
      isGood: bugs.length === 0,
      detail: bugs.length === 0 ? "none" : `${bugs.length}: ${bugs.slice(0, 5).join("\n    ")}`,
    },
  ];
}
