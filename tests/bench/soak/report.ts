/**
 * What a soak has shown: its verdict in words, as JSON and as plots.
 *
 * @module
 */
import { OUTCOME_CLASSES, type OutcomeClass, type Tally } from "./clients.ts";
import { drawPlots } from "./plots.ts";

/** The state of everything at one moment. Times are those since the moment before, NaN without any. */
export interface Sample {
  readonly atMs: number;
  readonly requests: number;
  readonly failures: number;
  readonly outcomes: Readonly<Record<OutcomeClass, number>>;
  readonly running: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Time on a processor since the start of the process. */
  readonly cpuMs: number;
  readonly descriptors: number;
  /** Of the buffer pool, as the admin listener tells it. */
  readonly poolBytes: number;
  readonly heldBytes: number;
  readonly heldCells: number;
  readonly waitingForBuffers: number;
  readonly tempFiles: number;
  readonly tempBytes: number;
  readonly connections: number;
  readonly clients: number;
  /** Connections to origins. */
  readonly idle: number;
  /** Of small requests. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** The same from the origin, without the proxy between: what the machine makes of it. */
  readonly directP50Ms: number;
  readonly directP99Ms: number;
  /** From the signal until the new configuration was in force: the slowest. */
  readonly reloadMs: number;
}

/** Something that has to hold at the end. */
export interface Check {
  readonly name: string;
  readonly isGood: boolean;
  readonly detail: string;
}

/** All that is reported of a run. */
export interface Report {
  readonly command: string;
  readonly revision: string;
  readonly seed: number;
  readonly minutes: number;
  readonly startedAt: string;
  readonly requests: number;
  readonly clients: number;
  readonly certainRequests: number;
  readonly failures: number;
  readonly outcomes: Readonly<Record<OutcomeClass, number>>;
  readonly downloadedBytes: number;
  readonly uploadedBytes: number;
  readonly kills: number;
  readonly reloads: number;
  readonly refusedReloads: number;
  readonly serverCpuShare: number;
  readonly peakRssBytes: number;
  readonly checks: readonly Check[];
  readonly firstFailures: readonly string[];
  readonly tallies: Record<string, Record<string, number>>;
  readonly samples: readonly Sample[];
}

/** The value that `share` of the sorted values are below. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function talliesOf(tallies: ReadonlyMap<string, Tally>): Report["tallies"] {
  return Object.fromEntries(
    [...tallies].sort(([a], [b]) => a < b ? -1 : 1).map(([kind, { outcomes, failures }]) => [
      kind,
      { ...Object.fromEntries(outcomes), ...(failures > 0 ? { FAILURES: failures } : {}) },
    ]),
  );
}

export async function writeReport(dir: string, report: Report): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeTextFile(`${dir}/soak.json`, JSON.stringify(report, null, 1));
  await Deno.writeTextFile(`${dir}/soak.svg`, drawPlots(titleOf(report), report.samples));
  await Deno.writeTextFile(`${dir}/soak.md`, `# Soak\n\n${toText(report)}\n![Plots](soak.svg)\n`);
}

function titleOf({ minutes, seed, revision }: Report): string {
  return `Soak: ${minutes} minutes, seed ${seed}, ${revision}`;
}

export function toText(report: Report): string {
  const { checks, tallies, firstFailures } = report;
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  return [
    `\`${report.command}\` at ${report.revision}, seed ${report.seed}, ${report.startedAt}`,
    "",
    `${report.clients} clients, ${report.requests} requests, of which ` +
    `${report.certainRequests} must not fail; ${report.failures} failures. ` +
    `${mb(report.downloadedBytes)} down, ${mb(report.uploadedBytes)} up, ` +
    `${report.kills} times an origin was killed, ${report.reloads} reloads and ` +
    `${report.refusedReloads} of a wrong configuration; ` +
    `${(report.serverCpuShare * 100).toFixed(0)} % of a core, peak ${mb(report.peakRssBytes)}`,
    "",
    ...checks.map(({ name, isGood, detail }) => `- ${isGood ? "ok  " : "FAIL"} ${name}: ${detail}`),
    "",
    `How they ended: ${
      OUTCOME_CLASSES.map((name) => `${name} ${report.outcomes[name]}`).join(", ")
    }`,
    "",
    "| requests | outcomes |",
    "| --- | --- |",
    ...Object.entries(tallies).map(([kind, outcomes]) =>
      `| ${kind} | ${Object.entries(outcomes).map(([what, n]) => `${what} ${n}`).join(", ")} |`
    ),
    "",
    ...(firstFailures.length === 0 ? [] : ["The first failures:", "", "```"]),
    ...firstFailures.slice(0, 40),
    ...(firstFailures.length === 0 ? [] : ["```", ""]),
  ].join("\n");
}
