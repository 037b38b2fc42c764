/**
 * What a worker holds and what its peers are doing, read out when somebody asks.
 *
 * @module
 */
import type { ClientConnection } from "../downstream/mod.ts";
import type { ConnContext } from "../event/mod.ts";
import type { LogFiles } from "../log/mod.ts";
import { DOWN, DRAINING, EJECTED, type Peer, type PeerGroup, UNHEALTHY } from "../peer/mod.ts";
import type { GroupStatus, PeerState, PeerStatus, WorkerStatus } from "./control.ts";

/** What a worker's status is read from. */
export interface Reported {
  readonly id: number;
  readonly context: ConnContext;
  readonly clients: Iterable<ClientConnection>;
  readonly logFiles: LogFiles;
  /** Connections to peers that are idle. */
  readonly upstreamIdle: number;
}

/** One worker, as it is right now. Its time grows with the connections: some 10 ms for 100,000. */
export function workerStatus(
  { id, context, clients, logFiles, upstreamIdle }: Reported,
): WorkerStatus {
  const { pool, tempSpace, counters } = context;
  const doing = { idle: 0, reading: 0, writing: 0 };
  for (const client of clients) doing[client.doing] += 1;
  return {
    id,
    connections: { open: counters.open, ...doing, upstreamIdle },
    buffers: pool.stats(),
    cells: pool.cellStats(),
    waitingForBuffers: pool.waiting,
    tempFiles: {
      open: tempSpace.files,
      bytes: tempSpace.bytes,
      maxBytes: Number.isFinite(tempSpace.maxBytes) ? tempSpace.maxBytes : 0,
    },
    logs: Array.from(
      logFiles.logs,
      ({ name, linesLost, isBroken }) => ({ name, linesLost, isBroken }),
    ),
  };
}

/** One group, as one worker sees it. */
export function groupStatus(group: PeerGroup, nowMs: number): GroupStatus {
  return {
    name: group.name,
    peers: group.peers.map((peer) => peerStatus(peer, nowMs)),
    queued: group.queue?.count ?? 0,
  };
}

function peerStatus(peer: Peer, nowMs: number): PeerStatus {
  const { weight, isBackup, maxConns } = peer.conf;
  const { health } = peer;
  return {
    name: peer.name,
    state: stateOf(peer, nowMs),
    reason: reasonOf(peer, nowMs),
    weight,
    isBackup,
    active: peer.connections,
    maxConns,
    fails: peer.fails,
    ...(health === undefined ? {} : { checks: { passed: health.passed, failed: health.failed } }),
  };
}

function reasonOf({ bars, health, record, ejectedUntilMs }: Peer, nowMs: number): string {
  if ((bars & UNHEALTHY) !== 0) return health?.lastFailure ?? "";
  if ((bars & EJECTED) === 0) return "";
  const time = `for ${Math.max(0, Math.ceil((ejectedUntilMs - nowMs) / 1_000))} s more`;
  return record === undefined || record.why === "" ? time : `${record.why}, ${time}`;
}

function stateOf(peer: Peer, nowMs: number): PeerState {
  const { bars, health } = peer;
  if ((bars & DOWN) !== 0) return "down";
  if ((bars & DRAINING) !== 0) return "draining";
  if ((bars & UNHEALTHY) !== 0) {
    return health !== undefined && health.isWell === undefined ? "checking" : "unhealthy";
  }
  if ((bars & EJECTED) !== 0) return "ejected";
  return peer.isFailedAt(nowMs) ? "unavailable" : "up";
}
