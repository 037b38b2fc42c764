/**
 * A status as `/status` tells it: names instead of slots, snake_case, times in seconds.
 *
 * @module
 */
import {
  BUCKET_BOUNDS_MS,
  FAILURE_KINDS,
  histogramIn,
  LIMIT_SLOTS,
  PEER_SLOTS,
  PROCESS_SLOTS,
  type RowCopy,
  SERVER_SLOTS,
  STATUS_CLASSES,
} from "../log/mod.ts";
import type { GroupStatus, PeerStatus, Status, WorkerStatus } from "./control.ts";

/** How long something took. */
export interface TimesJson {
  readonly count: number;
  readonly sum_seconds: number;
  /** How many were at most `le` seconds, and more than the bucket before; `le` null: the rest. */
  readonly buckets: readonly { readonly le: number | null; readonly count: number }[];
}

/** One server's requests. */
export interface ServerJson {
  readonly name: string;
  readonly requests: Readonly<Record<string, number>>;
  readonly received_bytes: number;
  readonly sent_bytes: number;
  readonly duration: TimesJson;
}

/** One peer: as it is now, and what was counted of it. */
export interface PeerJson {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly weight: number;
  readonly backup: boolean;
  readonly active: number;
  readonly max_conns: number;
  readonly fails: number;
  readonly checks?: {
    readonly passed: number;
    readonly failed: number;
  };
  /** Attempts by the class of the answer. */
  readonly requests: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
  readonly retries: number;
  readonly connections: {
    readonly opened: number;
    readonly reused: number;
    readonly stale: number;
  };
  readonly sent_bytes: number;
  readonly received_bytes: number;
  readonly connect: TimesJson;
  readonly header: TimesJson;
  readonly response: TimesJson;
}

/** One group. */
export interface GroupJson {
  readonly name: string;
  readonly queued: number;
  readonly peers: readonly PeerJson[];
}

/** What `/status` says. */
export interface StatusJson {
  readonly version: string;
  readonly pid: number;
  readonly readiness: string;
  readonly started: string;
  readonly uptime_seconds: number;
  readonly config: {
    readonly path: string;
    readonly generation: number;
    readonly reloads_ok: number;
    readonly reloads_failed: number;
    readonly last_reload: string | null;
    readonly last_error: string;
  };
  readonly connections: {
    readonly accepted: number;
    readonly refused: number;
    readonly reading: number;
    readonly writing: number;
    readonly idle: number;
    readonly upstream_idle: number;
    readonly open: number;
  };
  /** Requests that were answered with 503 since a budget was nearly spent. */
  readonly shed: { readonly memory: number; readonly temp_disk: number };
  readonly servers: readonly ServerJson[];
  readonly upstreams: readonly GroupJson[];
  readonly limits: readonly {
    readonly kind: string;
    readonly zone: string;
    readonly passed: number;
    readonly delayed: number;
    readonly rejected: number;
    readonly delayed_dry_run: number;
    readonly rejected_dry_run: number;
  }[];
  readonly workers: readonly WorkerJson[];
}

/** One worker's memory, files and logs. */
export interface WorkerJson {
  readonly id: number;
  readonly buffers: {
    readonly memory_bytes: number;
    readonly memory_max_bytes: number;
    readonly held_bytes: number;
    readonly refusals: number;
    readonly waiting: number;
    readonly cells: readonly {
      readonly size_bytes: number;
      readonly held: number;
      readonly free: number;
    }[];
  };
  readonly temp_files: {
    readonly open: number;
    readonly bytes: number;
    /** Of all workers together (`temp_disk`); 0: no bound. */
    readonly bytes_max: number;
  };
  readonly logs: readonly {
    readonly name: string;
    readonly lines_lost: number;
    readonly broken: boolean;
  }[];
}

/** Puts names to what a status says. */
export function statusJson(status: Status): StatusJson {
  const { reloads, counts, workers } = status;
  return {
    version: status.version,
    pid: status.pid,
    readiness: status.readiness,
    started: new Date(status.startedAtMs).toISOString(),
    uptime_seconds: (status.nowMs - status.startedAtMs) / 1_000,
    config: {
      path: status.configPath,
      generation: reloads.generation,
      reloads_ok: reloads.ok,
      reloads_failed: reloads.failed,
      last_reload: timeOf(reloads.lastAtMs),
      last_error: reloads.lastError,
    },
    connections: {
      accepted: counts.process[PROCESS_SLOTS.accepted] ?? 0,
      refused: counts.process[PROCESS_SLOTS.refused] ?? 0,
      reading: sum(workers, ({ connections }) => connections.reading),
      writing: sum(workers, ({ connections }) => connections.writing),
      idle: sum(workers, ({ connections }) => connections.idle),
      upstream_idle: sum(workers, ({ connections }) => connections.upstreamIdle),
      open: sum(workers, ({ connections }) => connections.open),
    },
    shed: {
      memory: counts.process[PROCESS_SLOTS.shedForMemory] ?? 0,
      temp_disk: counts.process[PROCESS_SLOTS.shedForTempDisk] ?? 0,
    },
    servers: counts.servers.map(serverJson),
    upstreams: groupsJson(status),
    limits: counts.limits.map(({ labels: [kind = "", zone = ""], values }) => ({
      kind,
      zone,
      passed: values[LIMIT_SLOTS.passed] ?? 0,
      delayed: values[LIMIT_SLOTS.delayed] ?? 0,
      rejected: values[LIMIT_SLOTS.rejected] ?? 0,
      delayed_dry_run: values[LIMIT_SLOTS.delayedDryRun] ?? 0,
      rejected_dry_run: values[LIMIT_SLOTS.rejectedDryRun] ?? 0,
    })),
    workers: workers.map(workerJson),
  };
}

/** The groups of a status, and what was counted of their peers. */
export function groupsJson({ upstreams, counts }: Status): GroupJson[] {
  const rows = new Map(counts.peers.map((row) => [row.labels.join("\0"), row]));
  return upstreams.map(({ name, queued, peers }: GroupStatus) => ({
    name,
    queued,
    peers: peers.map((peer) => peerJson(peer, rows.get(`${name}\0${peer.name}`))),
  }));
}

/** A peer, with what was counted of it. */
export function peerJson(peer: PeerStatus, row: RowCopy | undefined): PeerJson {
  const values = row?.values ?? [];
  const { checks } = peer;
  return {
    name: peer.name,
    state: peer.state,
    reason: peer.reason,
    weight: peer.weight,
    backup: peer.isBackup,
    active: peer.active,
    max_conns: peer.maxConns,
    fails: peer.fails,
    ...(checks === undefined ? {} : { checks }),
    requests: byName(STATUS_CLASSES, values, PEER_SLOTS.responses),
    failures: byName(FAILURE_KINDS, values, PEER_SLOTS.failures),
    retries: values[PEER_SLOTS.retried] ?? 0,
    connections: {
      opened: values[PEER_SLOTS.opened] ?? 0,
      reused: values[PEER_SLOTS.reused] ?? 0,
      stale: values[PEER_SLOTS.stale] ?? 0,
    },
    sent_bytes: values[PEER_SLOTS.sentBytes] ?? 0,
    received_bytes: values[PEER_SLOTS.receivedBytes] ?? 0,
    connect: timesJson(values, PEER_SLOTS.connectTime),
    header: timesJson(values, PEER_SLOTS.headerTime),
    response: timesJson(values, PEER_SLOTS.responseTime),
  };
}

function serverJson({ labels: [name = ""], values }: RowCopy): ServerJson {
  return {
    name,
    requests: byName(STATUS_CLASSES, values, SERVER_SLOTS.responses),
    received_bytes: values[SERVER_SLOTS.receivedBytes] ?? 0,
    sent_bytes: values[SERVER_SLOTS.sentBytes] ?? 0,
    duration: timesJson(values, SERVER_SLOTS.duration),
  };
}

function workerJson(worker: WorkerStatus): WorkerJson {
  const { id, buffers, cells, waitingForBuffers, tempFiles, logs } = worker;
  return {
    id,
    buffers: {
      memory_bytes: buffers.slabBytes,
      memory_max_bytes: buffers.maxBytes,
      held_bytes: buffers.heldBytes,
      refusals: buffers.refusals,
      waiting: waitingForBuffers,
      cells: cells.map(({ sizeBytes, cells, free }) => ({
        size_bytes: sizeBytes,
        held: cells - free,
        free,
      })),
    },
    temp_files: {
      open: tempFiles.open,
      bytes: tempFiles.bytes,
      bytes_max: tempFiles.maxBytes,
    },
    logs: logs.map(({ name, linesLost, isBroken }) => ({
      name,
      lines_lost: linesLost,
      broken: isBroken,
    })),
  };
}

function timesJson(values: readonly number[], at: number): TimesJson {
  const { buckets, count, sumMs } = histogramIn(values, at);
  return {
    count,
    sum_seconds: sumMs / 1_000,
    buckets: buckets.map((count, bucket) => {
      const boundMs = BUCKET_BOUNDS_MS[bucket];
      return { le: boundMs === undefined ? null : boundMs / 1_000, count };
    }),
  };
}

function byName(
  names: readonly string[],
  values: readonly number[],
  first: number,
): Record<string, number> {
  return Object.fromEntries(names.map((name, at) => [name, values[first + at] ?? 0]));
}

function sum(workers: readonly WorkerStatus[], of: (worker: WorkerStatus) => number): number {
  return workers.reduce((total, worker) => total + of(worker), 0);
}

/** 0 stands for never. */
function timeOf(ms: number): string | null {
  return ms === 0 ? null : new Date(ms).toISOString();
}
