/**
 * The plots of a soak.
 *
 * @module
 */
import type { OutcomeClass } from "./clients.ts";
import type { Sample } from "./report.ts";

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

const OUTCOME_COLORS: Readonly<Record<OutcomeClass, string>> = {
  answered: "#3b6fb6",
  left: "#999",
  refused: "#8a63b0",
  "502": "#c0562f",
  "503": "#d17fb0",
  "504": "#c9a227",
  cut: "#2f8f4e",
  failed: "#d00",
};

const outcomeLines = (names: readonly OutcomeClass[]): Line[] =>
  names.map((name) => ({
    name,
    color: OUTCOME_COLORS[name],
    value: perSecond(({ outcomes }) => outcomes[name]),
  }));

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
      { name: "taken", color: "#999", value: ({ poolBytes }) => poolBytes / 1e6 },
      { name: "in use", color: "#2f8f4e", value: ({ heldBytes }) => heldBytes / 1e6 },
      { name: "temp files", color: "#c0562f", value: ({ tempBytes }) => tempBytes / 1e6 },
    ],
  },
  {
    title: "descriptors, connections, cells, temp files",
    lines: [
      { name: "descriptors", color: "#3b6fb6", value: ({ descriptors }) => descriptors },
      { name: "connections", color: "#c0562f", value: ({ connections }) => connections },
      { name: "cells in use", color: "#2f8f4e", value: ({ heldCells }) => heldCells },
      { name: "temp files", color: "#c9a227", value: ({ tempFiles }) => tempFiles },
      { name: "waiting for a cell", color: "#d00", value: (s) => s.waitingForBuffers },
    ],
  },
  {
    title: "latency of small requests, ms",
    lines: [
      { name: "p99", color: "#c0562f", value: ({ p99Ms }) => p99Ms },
      { name: "p50", color: "#3b6fb6", value: ({ p50Ms }) => p50Ms },
      { name: "p99 direct", color: "#e0b8a8", value: ({ directP99Ms }) => directP99Ms },
      { name: "p50 direct", color: "#a8c0e0", value: ({ directP50Ms }) => directP50Ms },
    ],
  },
  {
    title: "processor time of the proxy, share of a core",
    lines: [{ name: "share", color: "#3b6fb6", value: perSecond(({ cpuMs }) => cpuMs / 1_000) }],
  },
  {
    title: "a reload until it is in force, ms",
    lines: [{ name: "slowest", color: "#8a63b0", value: ({ reloadMs }) => reloadMs }],
  },
  { title: "requests a second", lines: outcomeLines(["answered", "left"]) },
  {
    title: "errors a second: what has to be refused, what may fail, what must not (failed)",
    lines: outcomeLines(["refused", "502", "503", "504", "cut", "failed"]),
  },
];

/** More points than this in a line would only be noise: those that lie together become their mean. */
const POINTS_MAX = 300;

const WIDTH = 960;
const LEFT = 60;
const RIGHT = 170;
const PANEL_HEIGHT = 130;
const PANEL_GAP = 50;
const TOP = 70;

/** All of a run's samples as SVG. */
export function drawPlots(title: string, samples: readonly Sample[]): string {
  const height = TOP + PANELS.length * (PANEL_HEIGHT + PANEL_GAP);
  const lastMs = samples.at(-1)?.atMs ?? 1;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" \
viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="22" font-size="15" font-weight="600">${title}</text>
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
    thin(samples.map((sample, n) => [sample.atMs, value(sample, samples[n - 1])]))
  );
  const values = series.flat().map(([, value]) => value).filter(Number.isFinite);
  const greatest = Math.max(...values, 1e-9) * 1.1;
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
      const points = series[n]!.flatMap(([atMs, value]) =>
        Number.isFinite(value) ? [`${x(atMs)},${y(value)}`] : []
      );
      return `<polyline points="${
        points.join(" ")
      }" fill="none" stroke="${color}" stroke-width="1.3"/>`;
    }),
    ...lines.map(({ name, color }, n) => {
      const last = series[n]!.findLast(([, value]) => Number.isFinite(value))?.[1] ?? NaN;
      return `<text x="${LEFT + width + 12}" y="${top + 14 + 16 * n}" fill="${color}">${name} ${
        short(last)
      }</text>`;
    }),
  ].join("\n");
}

type Point = readonly [atMs: number, value: number];

function thin(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / POINTS_MAX);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, n) => {
    const group = points.slice(n * size, (n + 1) * size);
    return [
      group[0]![0],
      mean(group.map(([, value]) => value).filter(Number.isFinite)),
    ];
  });
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
