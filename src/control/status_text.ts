/**
 * A status for a terminal: what the status page shows, as lines.
 *
 * @module
 */
import type { StatusJson, TimesJson } from "./status_json.ts";

/** An earlier look, for what happens a second. */
export interface Earlier {
  readonly status: StatusJson;
  /** How long ago it was. */
  readonly seconds: number;
}

/** The lines, at most `columns` characters each. Without an earlier look there are no rates. */
export function statusLines(
  status: StatusJson,
  earlier: Earlier | undefined,
  columns: number,
): string[] {
  // One of another process says nothing of this one.
  const before = earlier?.status.started === status.started ? earlier : undefined;
  const lines = [
    ...headLines(status),
    "",
    ...table(
      ["SERVER", "REQ/S", "P50", "P99", "2XX", "3XX", "4XX", "5XX", "NONE", "RECEIVED", "SENT"],
      serverRows(status, before),
    ),
    "",
    ...table(
      ["PEER", "STATE", "WEIGHT", "ACTIVE", "REQ/S", "REQUESTS", "FAILED", "P50", "P99", "REUSED"],
      peerRows(status, before),
    ),
  ];
  return lines.map((line) => printable(line).slice(0, columns));
}

function headLines(
  { version, pid, readiness, config, connections, workers, ...rest }: StatusJson,
): string[] {
  const { reading, writing, idle, accepted, upstream_idle } = connections;
  const sum = (of: (worker: StatusJson["workers"][number]) => number) =>
    workers.reduce((total, worker) => total + of(worker), 0);
  const lost = sum(({ logs }) => logs.reduce((lines, log) => lines + log.lines_lost, 0));
  const from = config.path === "" ? "" : ` (${config.path})`;
  return [
    `sluice ${version}, pid ${pid}, ${readiness}, up ${age(rest.uptime_seconds)}, ` +
    `configuration ${config.generation}${from}`,
    ...(config.last_error === "" ? [] : [`the last reload failed: ${config.last_error}`]),
    `clients: ${reading} reading, ${writing} at work, ${idle} idle, ${count(accepted)} accepted; ` +
    `idle connections to peers: ${upstream_idle}`,
    `buffers: ${bytes(sum(({ buffers }) => buffers.held_bytes))} held, ` +
    `${bytes(sum(({ buffers }) => buffers.memory_bytes))} taken, ` +
    `${sum(({ buffers }) => buffers.waiting)} waiting; ` +
    `temp files: ${sum(({ temp_files }) => temp_files.open)}, ` +
    `${bytes(sum(({ temp_files }) => temp_files.bytes))}; log lines lost: ${count(lost)}`,
  ];
}

function serverRows(status: StatusJson, before: Earlier | undefined): string[][] {
  return status.servers.map(({ name, requests, duration, received_bytes, sent_bytes }) => {
    const old = before?.status.servers.find((server) => server.name === name);
    const times = between(old?.duration, duration);
    return [
      name,
      rate(total(requests), old && total(old.requests), before),
      time(quantile(times, 0.5)),
      time(quantile(times, 0.99)),
      ...["2xx", "3xx", "4xx", "5xx", "none"].map((kind) => count(requests[kind] ?? 0)),
      bytes(received_bytes),
      bytes(sent_bytes),
    ];
  });
}

function peerRows(status: StatusJson, before: Earlier | undefined): string[][] {
  return status.upstreams.flatMap(({ name, queued, peers }) => {
    const group = before?.status.upstreams.find((group) => group.name === name);
    return [
      [name + (queued === 0 ? "" : `, ${queued} waiting`)],
      ...peers.map((peer) => {
        const old = group?.peers.find(({ name }) => name === peer.name);
        const times = between(old?.response, peer.response);
        const { opened, reused } = peer.connections;
        return [
          `  ${peer.name}`,
          peer.state,
          peer.weight + (peer.backup ? " backup" : ""),
          peer.max_conns === 0 ? String(peer.active) : `${peer.active}/${peer.max_conns}`,
          rate(total(peer.requests), old && total(old.requests), before),
          count(total(peer.requests)),
          count(total(peer.failures)),
          time(quantile(times, 0.5)),
          time(quantile(times, 0.99)),
          opened + reused === 0 ? "-" : `${Math.round(100 * reused / (opened + reused))}%`,
        ];
      }),
    ];
  });
}

/** Columns as wide as they have to be: texts to the left, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const isText = (column: number) => column === 0 || head[column] === "STATE";
  const widths = head.map((_, column) =>
    Math.max(...all.filter((row) => row.length > 1).map((row) => row[column]?.length ?? 0))
  );
  return all.map((row) =>
    row.length === 1
      ? row[0]!
      : row.map((text, column) =>
        isText(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)
      ).join("  ").trimEnd()
  );
}

/** What was counted since the earlier look; all of it without one. */
function between(old: TimesJson | undefined, { buckets }: TimesJson): TimesJson["buckets"] {
  return buckets.map(({ le, count }, at) => ({
    le,
    count: Math.max(0, count - (old?.buckets[at]?.count ?? 0)),
  }));
}

/** By its place within its bucket; undefined where nothing was counted. */
function quantile(buckets: TimesJson["buckets"], share: number): number | undefined {
  const all = buckets.reduce((sum, { count }) => sum + count, 0);
  if (all === 0) return undefined;
  let [seen, from] = [0, 0];
  for (const { le, count } of buckets) {
    if (count > 0 && seen + count >= all * share) {
      return le === null ? from : from + (le - from) * (all * share - seen) / count;
    }
    seen += count;
    from = le ?? from;
  }
  return from;
}

function rate(now: number, old: number | undefined, before: Earlier | undefined): string {
  if (before === undefined) return "-";
  return count(Math.max(0, now - (old ?? 0)) / before.seconds);
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function count(value: number): string {
  if (value >= 1e7) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e5) return `${(value / 1e3).toFixed(1)}k`;
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

function bytes(value: number): string {
  let [rest, unit] = [value, 0];
  for (; rest >= 1024 && unit < UNITS.length - 1; unit++) rest /= 1024;
  return `${rest < 10 && unit > 0 ? rest.toFixed(1) : Math.round(rest)} ${UNITS[unit]}`;
}

function time(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  return seconds >= 1 ? `${seconds.toFixed(1)} s` : `${(seconds * 1_000).toFixed(1)} ms`;
}

function age(seconds: number): string {
  const [days, hours, minutes] = [86_400, 3_600, 60].map((size) => Math.floor(seconds / size));
  if (days! > 0) return `${days} d ${hours! % 24} h`;
  if (hours! > 0) return `${hours} h ${minutes! % 60} min`;
  return minutes! > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

/** Names come from a configuration and from requests: nothing of them steers a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
