/**
 * A status as Prometheus reads it: the text format 0.0.4.
 *
 * @module
 */
import {
  BUCKET_BOUNDS_MS,
  FAILURE_KINDS,
  HISTOGRAM_SLOTS,
  histogramIn,
  LIMIT_SLOTS,
  type Metric,
  type MetricName,
  METRICS,
  PEER_SLOTS,
  PROCESS_SLOTS,
  type RowCopy,
  SERVER_SLOTS,
  STATUS_CLASSES,
} from "../log/mod.ts";
import type { GroupStatus, PeerState, PeerStatus, Status, WorkerStatus } from "./control.ts";

/** The type of a body in this format. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** All metrics, in the order of their table. */
export function prometheusText(status: Status): string {
  return (Object.keys(METRICS) as MetricName[]).map((name) => {
    const { type, help }: Metric = METRICS[name];
    const samples = SAMPLES[name](status);
    if (samples.length === 0) return "";
    return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n` +
      samples.map((sample) => lineOf(name, METRICS[name].labels, sample)).join("");
  }).join("");
}

/** One number, or a histogram's slots, with the values of the metric's labels. */
type Sample = readonly [labels: readonly string[], value: number | readonly number[]];

function lineOf(name: string, labels: readonly string[], [values, value]: Sample): string {
  const pairs = labels.map((label, at) => `${label}="${escapeValue(values[at] ?? "")}"`);
  if (typeof value === "number") return `${name}${braced(pairs)} ${value}\n`;
  const { buckets, count, sumMs } = histogramIn(value, 0);
  let sum = 0;
  let text = "";
  buckets.forEach((inBucket, at) => {
    sum += inBucket;
    const boundMs = BUCKET_BOUNDS_MS[at];
    const bound = boundMs === undefined ? "+Inf" : String(boundMs / 1_000);
    text += `${name}_bucket${braced([...pairs, `le="${bound}"`])} ${sum}\n`;
  });
  return `${text}${name}_sum${braced(pairs)} ${sumMs / 1_000}\n` +
    `${name}_count${braced(pairs)} ${count}\n`;
}

function braced(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

const PEER_STATES: readonly PeerState[] = [
  "up",
  "down",
  "draining",
  "unavailable",
  "unhealthy",
  "checking",
  "ejected",
];

/** Where each metric comes from. */
const SAMPLES: Readonly<Record<MetricName, (status: Status) => readonly Sample[]>> = {
  sluice_build_info: ({ version }) => [[[version, Deno.version.deno], 1]],
  sluice_start_time_seconds: ({ startedAtMs }) => one(startedAtMs / 1_000),
  sluice_uptime_seconds: ({ startedAtMs, nowMs }) => one((nowMs - startedAtMs) / 1_000),
  sluice_ready: ({ readiness }) => one(readiness === "serving" ? 1 : 0),
  sluice_workers: ({ workers }) => one(workers.length),
  sluice_resident_memory_bytes: () => one(Deno.memoryUsage().rss),
  sluice_config_generation: ({ reloads }) => one(reloads.generation),
  sluice_reloads_total: ({ reloads: { ok, failed } }) => [[["ok"], ok], [["failed"], failed]],
  sluice_last_reload_successful: ({ reloads }) => one(reloads.lastError === "" ? 1 : 0),
  sluice_last_reload_timestamp_seconds: ({ reloads, startedAtMs }) =>
    one((reloads.lastOkAtMs === 0 ? startedAtMs : reloads.lastOkAtMs) / 1_000),
  sluice_connections_accepted_total: ({ counts }) =>
    one(counts.process[PROCESS_SLOTS.accepted] ?? 0),
  sluice_connections_refused_total: ({ counts }) => one(counts.process[PROCESS_SLOTS.refused] ?? 0),
  sluice_connections: ({ workers }) => {
    const sum = (of: (worker: WorkerStatus) => number) =>
      workers.reduce((total, worker) => total + of(worker), 0);
    const states = ["reading", "writing", "idle"] as const;
    return [
      ...states.map((state): Sample => [[state], sum(({ connections }) => connections[state])]),
      [
        ["upstream_active"],
        sum(({ connections: { open, reading, writing, idle, upstreamIdle } }) =>
          Math.max(0, open - reading - writing - idle - upstreamIdle)
        ),
      ],
      [["upstream_idle"], sum(({ connections }) => connections.upstreamIdle)],
    ];
  },
  sluice_http_requests_total: ({ counts }) =>
    byClass(counts.servers, SERVER_SLOTS.responses, STATUS_CLASSES),
  sluice_http_received_bytes_total: ({ counts }) =>
    slot(counts.servers, SERVER_SLOTS.receivedBytes),
  sluice_http_sent_bytes_total: ({ counts }) => slot(counts.servers, SERVER_SLOTS.sentBytes),
  sluice_http_request_duration_seconds: ({ counts }) =>
    histogram(counts.servers, SERVER_SLOTS.duration),
  sluice_upstream_requests_total: ({ counts }) =>
    byClass(counts.peers, PEER_SLOTS.responses, STATUS_CLASSES),
  sluice_upstream_failures_total: ({ counts }) =>
    byClass(counts.peers, PEER_SLOTS.failures, FAILURE_KINDS),
  sluice_upstream_retries_total: ({ counts }) => slot(counts.peers, PEER_SLOTS.retried),
  sluice_upstream_stale_total: ({ counts }) => slot(counts.peers, PEER_SLOTS.stale),
  sluice_upstream_connections_opened_total: ({ counts }) => slot(counts.peers, PEER_SLOTS.opened),
  sluice_upstream_connections_reused_total: ({ counts }) => slot(counts.peers, PEER_SLOTS.reused),
  sluice_upstream_sent_bytes_total: ({ counts }) => slot(counts.peers, PEER_SLOTS.sentBytes),
  sluice_upstream_received_bytes_total: ({ counts }) =>
    slot(counts.peers, PEER_SLOTS.receivedBytes),
  sluice_upstream_connect_seconds: ({ counts }) => histogram(counts.peers, PEER_SLOTS.connectTime),
  sluice_upstream_header_seconds: ({ counts }) => histogram(counts.peers, PEER_SLOTS.headerTime),
  sluice_upstream_response_seconds: ({ counts }) =>
    histogram(counts.peers, PEER_SLOTS.responseTime),
  sluice_upstream_peer_state: ({ upstreams }) =>
    eachPeer(
      upstreams,
      (labels, peer) =>
        PEER_STATES.map((state): Sample => [[...labels, state], peer.state === state ? 1 : 0]),
    ),
  sluice_upstream_peer_active: ({ upstreams }) =>
    eachPeer(upstreams, (labels, { active }) => [[labels, active]]),
  sluice_upstream_peer_weight: ({ upstreams }) =>
    eachPeer(upstreams, (labels, { weight }) => [[labels, weight]]),
  sluice_upstream_queued: ({ upstreams }) =>
    upstreams.map(({ name, queued }): Sample => [[name], queued]),
  sluice_upstream_checks_total: ({ upstreams }) =>
    eachPeer(
      upstreams,
      (labels, { checks }) =>
        checks === undefined
          ? []
          : [[[...labels, "passed"], checks.passed], [[...labels, "failed"], checks.failed]],
    ),
  sluice_limit_requests_total: ({ counts }) =>
    byClass(counts.limits, LIMIT_SLOTS.passed, [
      "passed",
      "delayed",
      "rejected",
      "delayed_dry_run",
      "rejected_dry_run",
    ]),
  sluice_shed_requests_total: ({ counts }) => [
    [["memory"], counts.process[PROCESS_SLOTS.shedForMemory] ?? 0],
    [["temp_disk"], counts.process[PROCESS_SLOTS.shedForTempDisk] ?? 0],
  ],
  sluice_buffer_memory_bytes: ({ workers }) => each(workers, ({ buffers }) => buffers.slabBytes),
  sluice_buffer_memory_max_bytes: ({ workers }) => each(workers, ({ buffers }) => buffers.maxBytes),
  sluice_buffer_cells: ({ workers }) =>
    workers.flatMap(({ id, cells }) =>
      cells.flatMap(({ sizeBytes, cells, free }): Sample[] => [
        [[String(id), String(sizeBytes), "held"], cells - free],
        [[String(id), String(sizeBytes), "free"], free],
      ])
    ),
  sluice_buffer_refusals_total: ({ workers }) => each(workers, ({ buffers }) => buffers.refusals),
  sluice_buffer_waiting: ({ workers }) => each(workers, (worker) => worker.waitingForBuffers),
  sluice_temp_files: ({ workers }) => each(workers, ({ tempFiles }) => tempFiles.open),
  sluice_temp_file_bytes: ({ workers }) => each(workers, ({ tempFiles }) => tempFiles.bytes),
  sluice_temp_disk_max_bytes: ({ workers }) => one(workers[0]?.tempFiles.maxBytes ?? 0),
  sluice_log_lines_lost_total: ({ workers }) =>
    workers.flatMap(({ id, logs }) =>
      logs.map(({ name, linesLost }): Sample => [[String(id), name], linesLost])
    ),
  sluice_log_broken: ({ workers }) =>
    workers.flatMap(({ id, logs }) =>
      logs.map(({ name, isBroken }): Sample => [[String(id), name], isBroken ? 1 : 0])
    ),
};

function one(value: number): readonly Sample[] {
  return [[[], value]];
}

function slot(rows: readonly RowCopy[], at: number): readonly Sample[] {
  return rows.map(({ labels, values }): Sample => [labels, values[at] ?? 0]);
}

/** One sample for each of `names`, which are slots one behind the other. */
function byClass(
  rows: readonly RowCopy[],
  first: number,
  names: readonly string[],
): readonly Sample[] {
  return rows.flatMap(({ labels, values }) =>
    names.map((name, at): Sample => [[...labels, name], values[first + at] ?? 0])
  );
}

function histogram(rows: readonly RowCopy[], at: number): readonly Sample[] {
  return rows.map(({ labels, values }): Sample => [labels, values.slice(at, at + HISTOGRAM_SLOTS)]);
}

function each(
  workers: readonly WorkerStatus[],
  of: (worker: WorkerStatus) => number,
): readonly Sample[] {
  return workers.map((worker): Sample => [[String(worker.id)], of(worker)]);
}

/** A server that a group names twice is told of once: its labels are the same. */
function eachPeer(
  groups: readonly GroupStatus[],
  of: (labels: readonly string[], peer: PeerStatus) => readonly Sample[],
): readonly Sample[] {
  return groups.flatMap(({ name, peers }) => {
    const byName = new Map(peers.toReversed().map((peer) => [peer.name, peer]));
    return [...byName.values()].reverse().flatMap((peer) => of([name, peer.name], peer));
  });
}
