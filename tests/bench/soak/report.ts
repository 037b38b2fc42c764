/**
 * What a soak has shown: its verdict in words, as JSON and as plots.
 *
 * @module
 */
import type { Tally } from "./clients.ts";

/** The state of everything at one moment. */
export interface Sample {
  readonly atMs: number;
  readonly requests: number;
  readonly failures: number;
  readonly refusals: number;
  readonly running: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly descriptors: number;
  readonly heldCells: number;
  readonly heldBytes: number;
  readonly slabBytes: number;
  readonly connections: number;
  readonly clients: number;
  readonly idle: number;
  /** Of small requests since the sample before; NaN when there were none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
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
  readonly failures: number;
  readonly downloadedBytes: number;
  readonly uploadedBytes: number;
  readonly kills: number;
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

/** From the mean of the second quarter to that of the last, as a share. */
export function growth(samples: readonly Sample[], value: (sample: Sample) => number): {
  readonly before: number;
  readonly after: number;
  readonly share: number;
} {
  const quarter = samples.length / 4;
  const before = mean(samples.slice(quarter, 2 * quarter).map(value));
  const after = mean(samples.slice(3 * quarter).map(value));
  return { before, after, share: after / before - 1 };
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
  await Deno.writeTextFile(`${dir}/soak.svg`, toSvg(report));
  await Deno.writeTextFile(`${dir}/soak.md`, `# Soak\n\n${toText(report)}\n![Plots](soak.svg)\n`);
}

export function toText(report: Report): string {
  const { checks, tallies, firstFailures } = report;
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  return [
    `\`${report.command}\` at ${report.revision}, seed ${report.seed}, ${report.startedAt}`,
    "",
    `${report.clients} clients, ${report.requests} requests, ${report.failures} failures, ` +
    `${mb(report.downloadedBytes)} down, ${mb(report.uploadedBytes)} up, ` +
    `${report.kills} times an origin was killed; ` +
    `${(report.serverCpuShare * 100).toFixed(0)} % of a core, peak ${mb(report.peakRssBytes)}`,
    "",
    ...checks.map(({ name, isGood, detail }) => `- ${isGood ? "ok  " : "FAIL"} ${name}: ${detail}`),
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

interface Line {
  readonly name: string;
  readonly color: string;
  readonly value: (sample: Sample, before: Sample | undefined) => number;
}

interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

const perSecond = (value: (sample: Sample) => number): Line["value"] => (sample, before) =>
  before === undefined
    ? NaN
    : (value(sample) - value(before)) / ((sample.atMs - before.atMs) / 1_000);

const PANELS: readonly Panel[] = [
  {
    title: "memory of the proxy, MB",
    lines: [
      { name: "resident", color: "#3b6fb6", value: ({ rssBytes }) => rssBytes / 1e6 },
      { name: "heap", color: "#c0562f", value: ({ heapBytes }) => heapBytes / 1e6 },
      { name: "external", color: "#999", value: ({ externalBytes }) => externalBytes / 1e6 },
    ],
  },
  {
    title: "buffer pool, MB",
    lines: [
      { name: "slabs", color: "#999", value: ({ slabBytes }) => slabBytes / 1e6 },
      { name: "held", color: "#2f8f4e", value: ({ heldBytes }) => heldBytes / 1e6 },
    ],
  },
  {
    title: "descriptors, connections, cells",
    lines: [
      { name: "descriptors", color: "#3b6fb6", value: ({ descriptors }) => descriptors },
      { name: "connections", color: "#c0562f", value: ({ connections }) => connections },
      { name: "cells held", color: "#2f8f4e", value: ({ heldCells }) => heldCells },
    ],
  },
  {
    title: "latency of small requests, ms",
    lines: [
      { name: "p99", color: "#c0562f", value: ({ p99Ms }) => p99Ms },
      { name: "p50", color: "#3b6fb6", value: ({ p50Ms }) => p50Ms },
    ],
  },
  {
    title: "requests a second",
    lines: [
      { name: "all", color: "#3b6fb6", value: perSecond(({ requests }) => requests) },
      { name: "refused or cut, rightly", color: "#999", value: perSecond((s) => s.refusals) },
      { name: "failures", color: "#d00", value: perSecond(({ failures }) => failures) },
    ],
  },
];

const WIDTH = 960;
const LEFT = 60;
const RIGHT = 170;
const PANEL_HEIGHT = 130;
const PANEL_GAP = 50;
const TOP = 70;

function toSvg({ samples, seed, minutes, revision }: Report): string {
  const height = TOP + PANELS.length * (PANEL_HEIGHT + PANEL_GAP);
  const lastMs = samples.at(-1)?.atMs ?? 1;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" \
viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="22" font-size="15" font-weight="600">Soak: ${minutes} minutes, seed ${seed}, ${revision}</text>
${
    PANELS.map((panel, n) =>
      drawPanel(panel, samples, lastMs, TOP + n * (PANEL_HEIGHT + PANEL_GAP))
    ).join("\n")
  }
</svg>
`;
}

function drawPanel(
  { title, lines }: Panel,
  samples: readonly Sample[],
  lastMs: number,
  top: number,
): string {
  const series = lines.map(({ value }) =>
    samples.map((sample, n) => value(sample, samples[n - 1]))
  );
  const greatest = Math.max(...series.flat().filter(Number.isFinite), 1e-9) * 1.1;
  const width = WIDTH - LEFT - RIGHT;
  const x = (atMs: number) => (LEFT + atMs / lastMs * width).toFixed(1);
  const y = (value: number) => (top + PANEL_HEIGHT * (1 - value / greatest)).toFixed(1);
  const minutes = lastMs / 60_000;
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  return [
    `<text x="${LEFT}" y="${top - 8}" font-weight="600">${title}</text>`,
    ...ticks.map((share) =>
      `<line x1="${LEFT}" x2="${LEFT + width}" y1="${y(greatest * share)}" y2="${
        y(greatest * share)
      }" stroke="#eee"/><text x="${LEFT - 6}" y="${
        Number(y(greatest * share)) + 4
      }" text-anchor="end" fill="#666">${short(greatest * share)}</text>` +
      `<text x="${x(lastMs * share)}" y="${
        top + PANEL_HEIGHT + 14
      }" text-anchor="middle" fill="#666">${(minutes * share).toFixed(1)} min</text>`
    ),
    ...lines.map(({ color }, n) => {
      const points = samples.flatMap(({ atMs }, at) => {
        const value = series[n]![at]!;
        return Number.isFinite(value) ? [`${x(atMs)},${y(value)}`] : [];
      });
      return `<polyline points="${
        points.join(" ")
      }" fill="none" stroke="${color}" stroke-width="1.3"/>`;
    }),
    ...lines.map(({ name, color }, n) => {
      const last = series[n]!.findLast(Number.isFinite) ?? NaN;
      return `<text x="${LEFT + width + 12}" y="${top + 14 + 16 * n}" fill="${color}">${name} ${
        short(last)
      }</text>`;
    }),
  ].join("\n");
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
