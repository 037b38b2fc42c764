/**
 * One workload, all contenders: alternating rounds, and the ratios pair by pair.
 *
 * @module
 */
import type { Cleanup } from "./cleanup.ts";
import { readCpuMs, readMachineCpuMs, readMemory, readOwnCpuMs } from "./proc.ts";
import type { Cores, Program } from "./programs.ts";
import { type Spread, spread } from "./stats.ts";
import type { LoadWorkload, Workload } from "./workloads.ts";
import { runWrk, writeScript } from "./wrk.ts";

/** One of the proxies of a run; the first contender is the one the ratios are about. */
export interface Contender {
  readonly name: string;
  /** `host:port` where V8's inspector of its program listens, if it was told to. */
  readonly inspectorAt?: string | undefined;
  start(workload: Workload): Promise<Program>;
}

/** Figures by name; a round that went wrong has none. */
export type Metric =
  | "requestsPerSecond"
  | "p50Ms"
  | "p99Ms"
  | "p99Times"
  | "cpuMicrosPerRequest"
  | "rssBytes"
  | "peakRssBytes"
  | "bytesPerConnection"
  | "startMs";

export type Figures = Readonly<Partial<Record<Metric, number>>>;

/** What one contender did in one workload. */
export interface Standing {
  readonly contender: string;
  /** One entry a round; undefined where the round was invalid. */
  readonly rounds: readonly (Figures | undefined)[];
  readonly figures: Readonly<Partial<Record<Metric, Spread>>>;
  /** The first contender's figure divided by this one's, of the same round. */
  readonly ratios: Readonly<Partial<Record<Metric, Spread>>>;
  /** Share of a core that the proxy had, median: well under 1 and the load was the limit. */
  readonly busy: number | undefined;
  /** Cores that programs other than ours had meanwhile, median. */
  readonly disturbed: number | undefined;
}

export interface Result {
  readonly workload: string;
  readonly about: string;
  readonly standings: readonly Standing[];
  /** Why rounds were invalid. */
  readonly problems: readonly string[];
}

/** What a measurement needs from the run around it. */
export interface Bench {
  readonly cores: Cores;
  readonly cleanup: Cleanup;
  readonly folder: string;
  readonly rounds: number;
  readonly seconds: number;
  /** The origin's process. */
  readonly originPid: number;
  /** Tells the person who waits. */
  say(line: string): void;
}

/** Above this many cores' worth of other programs a figure says little. */
export const DISTURBED = 0.1;

interface Round {
  readonly figures: Figures;
  readonly busy?: number;
  readonly disturbed?: number;
  readonly problems: readonly string[];
}

/** All contenders run throughout; only one is under load at a time. */
export async function measureLoad(
  bench: Bench,
  workload: LoadWorkload,
  contenders: readonly Contender[],
): Promise<Result> {
  const script = await writeScript(workload, bench.folder);
  const programs = await startAll(contenders, workload);
  const load = (program: Program, seconds: number) =>
    runWrk(workload, script, program.address, seconds, bench.cores.rest, bench.cleanup);
  try {
    for (const program of programs.values()) await load(program, Math.min(2, bench.seconds));
    return await inRounds(bench, workload, contenders, async (contender) => {
      const program = programs.get(contender);
      if (!program) throw new Error(`${contender.name} was not started`);
      const before = await readCpu(bench, program);
      const { problems, ...measured } = await load(program, bench.seconds);
      const after = await readCpu(bench, program);
      const proxyMs = after.proxyMs - before.proxyMs;
      const othersMs = after.machineMs - before.machineMs - (after.oursMs - before.oursMs);
      return {
        figures: {
          requestsPerSecond: measured.requestsPerSecond,
          p50Ms: measured.p50Ms,
          p99Ms: measured.p99Ms,
          cpuMicrosPerRequest: proxyMs * 1_000 / measured.requests,
          ...await readMemory(program.pid),
        },
        busy: proxyMs / 1_000 / measured.seconds,
        disturbed: Math.max(0, othersMs / 1_000 / measured.seconds),
        problems,
      };
    });
  } finally {
    await Promise.all(programs.values().map((program) => program.stop()));
  }
}

/** Calls `once` for each contender in turn, round after round, and compares. */
export async function inRounds(
  bench: Bench,
  workload: { readonly name: string; readonly about: string },
  contenders: readonly Contender[],
  once: (contender: Contender) => Promise<Round>,
): Promise<Result> {
  const rounds: Round[][] = contenders.map(() => []);
  const problems: string[] = [];
  for (let number = 1; number <= bench.rounds; number++) {
    const said: string[] = [];
    for (const [which, contender] of contenders.entries()) {
      const round = await once(contender);
      rounds[which]?.push(round);
      said.push(`${contender.name} ${describe(round)}`);
      for (const problem of round.problems) {
        const line = `${workload.name}, round ${number}, ${contender.name}: ${problem}`;
        bench.say(`!! INVALID ROUND: ${line}`);
        problems.push(line);
      }
    }
    bench.say(`${workload.name} ${number}/${bench.rounds}: ${said.join("; ")}`);
  }
  const standings = contenders.map(({ name }, which) =>
    toStanding(name, rounds[0] ?? [], rounds[which] ?? [])
  );
  return { workload: workload.name, about: workload.about, standings, problems };
}

/** In their order, one after the other: they share a core. */
export async function startAll(
  contenders: readonly Contender[],
  workload: Workload,
): Promise<Map<Contender, Program>> {
  const programs = new Map<Contender, Program>();
  for (const contender of contenders) programs.set(contender, await contender.start(workload));
  return programs;
}

interface Cpu {
  readonly proxyMs: number;
  /** Proxy, origin, load, and the bench itself. */
  readonly oursMs: number;
  readonly machineMs: number;
}

async function readCpu(bench: Bench, program: Program): Promise<Cpu> {
  const [proxyMs, originMs, ownMs, machineMs] = await Promise.all([
    readCpuMs(program.pid),
    readCpuMs(bench.originPid),
    readOwnCpuMs(),
    readMachineCpuMs(),
  ]);
  return { proxyMs, oursMs: proxyMs + originMs + ownMs, machineMs };
}

function toStanding(
  contender: string,
  first: readonly Round[],
  own: readonly Round[],
): Standing {
  const valid = own.map((round) => round.problems.length === 0 ? round.figures : undefined);
  const figures: Partial<Record<Metric, Spread>> = {};
  const ratios: Partial<Record<Metric, Spread>> = {};
  for (const metric of metricsOf(own)) {
    figures[metric] = spread(valid.flatMap((round) => round?.[metric] ?? []));
    ratios[metric] = spread(valid.flatMap((round, i) => {
      const subject = first[i];
      const mine = round?.[metric];
      const theirs = subject?.problems.length === 0 ? subject.figures[metric] : undefined;
      return mine === undefined || theirs === undefined ? [] : [theirs / mine];
    }));
  }
  return {
    contender,
    rounds: valid,
    figures,
    ratios,
    busy: median(own.flatMap((round) => round.busy ?? [])),
    disturbed: median(own.flatMap((round) => round.disturbed ?? [])),
  };
}

function median(values: readonly number[]): number | undefined {
  return values.length > 0 ? spread(values).median : undefined;
}

function metricsOf(rounds: readonly Round[]): Metric[] {
  return Object.keys(rounds[0]?.figures ?? {}) as Metric[];
}

function describe({ figures, disturbed }: Round): string {
  if (figures.p99Times !== undefined) {
    return `p99 ${figures.p99Ms} ms, ${figures.p99Times.toFixed(2)} times what it was`;
  }
  if (figures.bytesPerConnection !== undefined) {
    return `${Math.round(figures.bytesPerConnection)} B each`;
  }
  if (figures.startMs !== undefined) return `${Math.round(figures.startMs)} ms`;
  const rate = Math.round(figures.requestsPerSecond ?? 0).toLocaleString("en");
  const others = (disturbed ?? 0) > DISTURBED ? `, others had ${disturbed?.toFixed(2)} cores` : "";
  return `${rate}/s, p50 ${figures.p50Ms} ms, p99 ${figures.p99Ms} ms${others}`;
}
