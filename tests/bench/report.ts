/**
 * What a run has found, for people and for programs.
 *
 * @module
 */
import { DISTURBED, type Metric, type Result } from "./measure.ts";
import type { Spread } from "./stats.ts";

const COLUMNS: readonly { readonly title: string; readonly metric: Metric }[] = [
  { title: "requests/s", metric: "requestsPerSecond" },
  { title: "p50", metric: "p50Ms" },
  { title: "p99", metric: "p99Ms" },
  { title: "p99 beside", metric: "p99Times" },
  { title: "CPU a request", metric: "cpuMicrosPerRequest" },
  { title: "memory", metric: "rssBytes" },
  { title: "memory each", metric: "bytesPerConnection" },
  { title: "start", metric: "startMs" },
];

/** A core that is less busy than this was not what limited the load. */
const FULLY_BUSY = 0.9;

/** Ratios with their spread, then the figures behind them. */
export function toTables(results: readonly Result[]): string {
  const columns = COLUMNS.filter(({ metric }) =>
    results.some((result) => result.standings.some((standing) => standing.figures[metric]))
  );
  const titles = columns.map(({ title }) => title);
  const ratios: string[][] = [["ratio, median (min-max)", ...titles]];
  const figures: string[][] = [["median", ...titles, "busy", "others"]];
  for (const { workload, standings } of results) {
    const subject = standings[0]?.contender ?? "";
    for (const [i, standing] of standings.entries()) {
      const { contender } = standing;
      figures.push([
        `${workload}: ${contender}`,
        ...columns.map(({ metric }) => figure(metric, standing.figures[metric]?.median)),
        share(standing.busy, (busy) => busy < FULLY_BUSY ? " *" : ""),
        share(standing.disturbed, (others) => others > DISTURBED ? " !" : ""),
      ]);
      if (i === 0) continue;
      ratios.push([
        `${workload}: ${subject} / ${contender}`,
        ...columns.map(({ metric }) => ratio(standing.ratios[metric])),
      ]);
    }
  }
  const problems = results.flatMap((result) => result.problems);
  const notes = [
    "busy: cores the proxy had; * the load or the origin was the limit, CPU a request says more",
    "others: cores that other programs had; ! too many for a figure to be trusted",
    ...problems.map((problem) => `!! INVALID ROUND, left out: ${problem}`),
  ];
  return `\n${align(ratios)}\n${align(figures)}${notes.join("\n")}\n`;
}

function share(value: number | undefined, mark: (value: number) => string): string {
  return value === undefined ? "" : `${value.toFixed(2)}${mark(value)}`;
}

function ratio(value: Spread | undefined): string {
  if (!value || Number.isNaN(value.median)) return "";
  return `${digits(value.median)} (${digits(value.min)}-${digits(value.max)})`;
}

function digits(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

function figure(metric: Metric, value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "";
  switch (metric) {
    case "requestsPerSecond":
      return Math.round(value).toLocaleString("en");
    case "p50Ms":
    case "p99Ms":
      return `${value.toFixed(2)} ms`;
    case "p99Times":
      return `${value.toFixed(2)} x`;
    case "cpuMicrosPerRequest":
      return `${value.toFixed(1)} us`;
    case "rssBytes":
    case "peakRssBytes":
      return `${(value / 1024 / 1024).toFixed(1)} MB`;
    case "bytesPerConnection":
      return `${Math.round(value)} B`;
    case "startMs":
      return `${Math.round(value)} ms`;
  }
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))
      .join("  ").trimEnd() + "\n"
  ).join("");
}
