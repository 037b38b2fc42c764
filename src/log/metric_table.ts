/**
 * Everything that `/metrics` says: the one table that the listener and the manual go by.
 *
 * @module
 */

/** What Prometheus is told of a metric. */
export interface Metric {
  readonly type: "counter" | "gauge" | "histogram";
  /** What is counted or measured: `requests`, `bytes`, `seconds`; `1` for what is yes or no. */
  readonly unit: string;
  readonly labels: readonly string[];
  /** One sentence, or a few. */
  readonly help: string;
}

const PEER = ["upstream", "peer"];

/** By name, in the order in which they are told. */
export const METRICS = {
  sluice_build_info: {
    type: "gauge",
    unit: "1",
    labels: ["version", "deno"],
    help: "Always 1; the labels say which versions run.",
  },
  sluice_start_time_seconds: {
    type: "gauge",
    unit: "seconds",
    labels: [],
    help: "When the process started, since 1970.",
  },
  sluice_uptime_seconds: {
    type: "gauge",
    unit: "seconds",
    labels: [],
    help: "How long the process has been running.",
  },
  sluice_ready: {
    type: "gauge",
    unit: "1",
    labels: [],
    help: "1 while new traffic should be sent here, 0 while the process starts or drains.",
  },
  sluice_workers: {
    type: "gauge",
    unit: "workers",
    labels: [],
    help: "Workers that run.",
  },
  sluice_resident_memory_bytes: {
    type: "gauge",
    unit: "bytes",
    labels: [],
    help: "Memory of the process that is in RAM.",
  },
  sluice_config_generation: {
    type: "gauge",
    unit: "configurations",
    labels: [],
    help: "Number of the configuration in force: 1 for the first, one more with each reload.",
  },
  sluice_reloads_total: {
    type: "counter",
    unit: "reloads",
    labels: ["result"],
    help: "Times the configuration was read again: `ok`, or `failed` with the old one kept.",
  },
  sluice_last_reload_successful: {
    type: "gauge",
    unit: "1",
    labels: [],
    help: "0 if the last reload failed, else 1.",
  },
  sluice_last_reload_timestamp_seconds: {
    type: "gauge",
    unit: "seconds",
    labels: [],
    help: "When the configuration in force was read, since 1970.",
  },
  sluice_connections_accepted_total: {
    type: "counter",
    unit: "connections",
    labels: [],
    help: "Connections of clients that were accepted.",
  },
  sluice_connections_refused_total: {
    type: "counter",
    unit: "pauses",
    labels: [],
    help:
      "Times that accepting had to pause because `worker_connections` were in use: one for each " +
      "100 ms of it.",
  },
  sluice_connections: {
    type: "gauge",
    unit: "connections",
    labels: ["state"],
    help:
      "Connections that are open. Of clients: `reading` a request head, `writing` (also while " +
      "the response is being prepared), `idle` between requests. To peers: `upstream_active`, " +
      "`upstream_idle`.",
  },
  sluice_http_requests_total: {
    type: "counter",
    unit: "requests",
    labels: ["server", "class"],
    help: "Requests of clients that have ended, by the class of the status they were answered " +
      "with: `1xx` to `5xx`, `none` where the client left before.",
  },
  sluice_http_received_bytes_total: {
    type: "counter",
    unit: "bytes",
    labels: ["server"],
    help: "Bytes of requests, heads and bodies, counted when a request ends.",
  },
  sluice_http_sent_bytes_total: {
    type: "counter",
    unit: "bytes",
    labels: ["server"],
    help: "Bytes of responses, heads and bodies, counted when a request ends.",
  },
  sluice_http_request_duration_seconds: {
    type: "histogram",
    unit: "seconds",
    labels: ["server"],
    help: "From the first byte of a request to the end of its response: `$request_time`.",
  },
  sluice_upstream_requests_total: {
    type: "counter",
    unit: "requests",
    labels: [...PEER, "class"],
    help: "Attempts at a peer, by the class of the status that it answered with; `none` where no " +
      "answer came.",
  },
  sluice_upstream_failures_total: {
    type: "counter",
    unit: "failures",
    labels: [...PEER, "reason"],
    help: "Attempts at a peer that failed, by the condition of `next_upstream` they fall under.",
  },
  sluice_upstream_retries_total: {
    type: "counter",
    unit: "requests",
    labels: PEER,
    help: "Attempts at a peer that were followed by one at another peer.",
  },
  sluice_upstream_stale_total: {
    type: "counter",
    unit: "requests",
    labels: PEER,
    help: "Attempts whose idle connection the peer had just closed: no failures of the peer.",
  },
  sluice_upstream_connections_opened_total: {
    type: "counter",
    unit: "connections",
    labels: PEER,
    help: "Attempts on a connection that was opened for it.",
  },
  sluice_upstream_connections_reused_total: {
    type: "counter",
    unit: "connections",
    labels: PEER,
    help: "Attempts on a connection that had been idle (`keepalive`).",
  },
  sluice_upstream_sent_bytes_total: {
    type: "counter",
    unit: "bytes",
    labels: PEER,
    help: "Bytes sent to a peer.",
  },
  sluice_upstream_received_bytes_total: {
    type: "counter",
    unit: "bytes",
    labels: PEER,
    help: "Bytes received from a peer.",
  },
  sluice_upstream_connect_seconds: {
    type: "histogram",
    unit: "seconds",
    labels: PEER,
    help: "How long it took to connect, where a connection was opened: `$upstream_connect_time`.",
  },
  sluice_upstream_header_seconds: {
    type: "histogram",
    unit: "seconds",
    labels: PEER,
    help: "How long it took to the end of the answer's head: `$upstream_header_time`.",
  },
  sluice_upstream_response_seconds: {
    type: "histogram",
    unit: "seconds",
    labels: PEER,
    help: "How long it took to the end of the answer: `$upstream_response_time`.",
  },
  sluice_upstream_peer_state: {
    type: "gauge",
    unit: "1",
    labels: [...PEER, "state"],
    help:
      "1 for the state that a peer is in: `up`, `down`, `draining`, `unavailable` (max_fails), " +
      "`unhealthy` (health_check), `checking`, `ejected` (outlier).",
  },
  sluice_upstream_peer_active: {
    type: "gauge",
    unit: "requests",
    labels: PEER,
    help: "Requests that a peer is working on.",
  },
  sluice_upstream_peer_weight: {
    type: "gauge",
    unit: "1",
    labels: PEER,
    help: "A peer's weight.",
  },
  sluice_upstream_queued: {
    type: "gauge",
    unit: "requests",
    labels: ["upstream"],
    help: "Requests that wait for a peer (`queue`).",
  },
  sluice_upstream_checks_total: {
    type: "counter",
    unit: "checks",
    labels: [...PEER, "result"],
    help: "Active health checks: `passed` or `failed`. For peers that are checked.",
  },
  sluice_limit_requests_total: {
    type: "counter",
    unit: "requests",
    labels: ["kind", "zone", "result"],
    help:
      "Requests that `limit_req` or `limit_conn` (the kind) has looked at, each by the zone that " +
      "decided: `passed`, `delayed`, `rejected`, and with `dry_run` `delayed_dry_run`, `rejected_dry_run`.",
  },
  sluice_shed_requests_total: {
    type: "counter",
    unit: "requests",
    labels: ["budget"],
    help: "Requests that were answered with 503 since a budget was nearly spent (`shed_load`): " +
      "`memory` (buffer_memory), `temp_disk`.",
  },
  sluice_buffer_memory_bytes: {
    type: "gauge",
    unit: "bytes",
    labels: ["worker"],
    help: "Memory that buffers have taken, held or free.",
  },
  sluice_buffer_memory_max_bytes: {
    type: "gauge",
    unit: "bytes",
    labels: ["worker"],
    help: "What it may grow to (`buffer_memory`).",
  },
  sluice_buffer_cells: {
    type: "gauge",
    unit: "cells",
    labels: ["worker", "size", "state"],
    help: "Buffers by their size in bytes: `held` or `free`.",
  },
  sluice_buffer_refusals_total: {
    type: "counter",
    unit: "refusals",
    labels: ["worker"],
    help: "Times that there was no free buffer, so that reading had to wait.",
  },
  sluice_buffer_waiting: {
    type: "gauge",
    unit: "waiters",
    labels: ["worker"],
    help: "Who waits for a free buffer right now.",
  },
  sluice_temp_files: {
    type: "gauge",
    unit: "files",
    labels: ["worker"],
    help: "Temp files that hold request and response bodies.",
  },
  sluice_temp_file_bytes: {
    type: "gauge",
    unit: "bytes",
    labels: ["worker"],
    help: "What they take on disk.",
  },
  sluice_temp_disk_max_bytes: {
    type: "gauge",
    unit: "bytes",
    labels: [],
    help: "What those of all workers may take together (`temp_disk`); 0 for no bound.",
  },
  sluice_log_lines_lost_total: {
    type: "counter",
    unit: "lines",
    labels: ["worker", "log"],
    help: "Log lines that could not be written.",
  },
  sluice_log_broken: {
    type: "gauge",
    unit: "1",
    labels: ["worker", "log"],
    help: "1 while a log cannot be written.",
  },
} as const satisfies Readonly<Record<string, Metric>>;

/** A name of {@linkcode METRICS}. */
export type MetricName = keyof typeof METRICS;
