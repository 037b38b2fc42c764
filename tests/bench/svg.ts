/**
 * The ratios as a bar chart.
 *
 * @module
 */
import type { Result } from "./measure.ts";
import type { Spread } from "./stats.ts";

const LABEL_WIDTH = 260;
const PLOT_WIDTH = 480;
const VALUE_WIDTH = 150;
const ROW_HEIGHT = 26;
const BAR_HEIGHT = 14;
const TOP = 56;
const BOTTOM = 16;
const LEAST_SCALE = 1.25;

/** Requests a second, Sluice / other: a bar a workload, whiskers from min to max, a line at 1. */
export function toSvg(results: readonly Result[], subtitle: string): string {
  const rows = results.flatMap(({ workload, standings }) =>
    standings.slice(1).flatMap(({ contender, ratios }) => {
      const ratio = ratios.requestsPerSecond;
      if (!ratio || Number.isNaN(ratio.median)) return [];
      return [{ label: `${workload} / ${contender}`, ratio }];
    })
  );
  const scale = PLOT_WIDTH / Math.max(LEAST_SCALE, ...rows.map(({ ratio }) => ratio.max));
  const width = LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH;
  const height = TOP + rows.length * ROW_HEIGHT + BOTTOM;
  const one = LABEL_WIDTH + scale;
  const bottom = height - BOTTOM;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" \
viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="20" font-size="15" font-weight="600">Requests a second, relative to the other (1 = equal, longer is better)</text>
<text x="12" y="38" fill="#666">${escape(subtitle)}</text>
${rows.map(({ label, ratio }, i) => bar(label, ratio, TOP + i * ROW_HEIGHT, scale)).join("\n")}
<line x1="${one}" x2="${one}" y1="${TOP - 8}" y2="${bottom}" stroke="#222" stroke-dasharray="3 3"/>
</svg>
`;
}

function bar(label: string, ratio: Spread, y: number, scale: number): string {
  const at = (value: number) => (LABEL_WIDTH + value * scale).toFixed(1);
  const middle = y + BAR_HEIGHT / 2;
  const color = ratio.median >= 1 ? "#2f8f4e" : "#3b6fb6";
  const text = `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`;
  return `<text x="${LABEL_WIDTH - 10}" y="${y + 12}" text-anchor="end">${escape(label)}</text>\
<rect x="${LABEL_WIDTH}" y="${y}" width="${(ratio.median * scale).toFixed(1)}" \
height="${BAR_HEIGHT}" rx="2" fill="${color}"/>\
<line x1="${at(ratio.min)}" x2="${at(ratio.max)}" y1="${middle}" y2="${middle}" stroke="#111"/>\
<text x="${LABEL_WIDTH + PLOT_WIDTH + 10}" y="${y + 12}">${text}</text>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
