/**
 * What the running process lets its operator see and do: the border between whoever asks
 * (the admin listener, a signal, the command line) and the process that answers.
 *
 * Everything that is told is plain data, which JSON can carry and workers can post.
 *
 * @module
 */
import type { CellStats, SlabPoolStats } from "../buffer/mod.ts";
import type { CountsCopy } from "../log/mod.ts";

/** What the running process lets its operator see and do. */
export interface Control {
  /** Everything there is to see. */
  status(): Promise<Status>;
  /** Whether new traffic should be sent here: `serving`, and no other state. */
  readiness(): Readiness;
  /** Reads the configuration again; a wrong one changes nothing. Never rejects. */
  reload(): Promise<Outcome>;
  /** Opens the log files again, after a rotation. Never rejects. */
  reopen(): Promise<Outcome>;
  /** Adds a peer to a group, beside those of the configuration. */
  addPeer(group: string, peer: NewPeer): Promise<PeerOutcome>;
  /** Changes a peer of a group while it runs. */
  changePeer(group: string, peer: string, change: PeerChange): Promise<PeerOutcome>;
  /** Takes a peer out of a group: what it is working on is finished. */
  removePeer(group: string, peer: string): Promise<PeerOutcome>;
}

/** How it went. `message` is for a person, and says what is wrong if something is. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** Likewise; `why` tells apart what an asker can do about it. */
export type PeerOutcome =
  | {
    readonly ok: true;
    /** The peer's name. */
    readonly name: string;
  }
  | {
    readonly ok: false;
    /** No such group or peer; the change makes no sense; or it collides with what is there. */
    readonly why: "not_found" | "invalid" | "conflict";
    readonly message: string;
  };

/** Where the process stands in its life. */
export type Readiness = "starting" | "serving" | "draining";

/** A peer that is not in the configuration. */
export interface NewPeer extends PeerChange {
  /** `127.0.0.1:9001`, `[::1]:80`, `unix:/run/app.sock`. */
  readonly address: string;
  /** Used only when no other peer can be. */
  readonly backup?: boolean;
}

/** What can be changed of a peer; what is not there stays as it is. */
export interface PeerChange {
  /** 1 or more. */
  readonly weight?: number;
  /** Connections at once; 0 for no bound. */
  readonly maxConns?: number;
  /** Never used. */
  readonly down?: boolean;
  /** Used for requests that are bound to it, and no others. */
  readonly drain?: boolean;
}

/** All of a process. */
export interface Status {
  /** Of Sluice. */
  readonly version: string;
  readonly pid: number;
  readonly readiness: Readiness;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** The configuration file; empty for one that came from elsewhere. */
  readonly configPath: string;
  readonly reloads: ReloadsStatus;
  /** One a worker. */
  readonly workers: readonly WorkerStatus[];
  /** What all workers have counted since the start, those that are gone included. */
  readonly counts: CountsCopy;
  readonly upstreams: readonly GroupStatus[];
}

/** How often the configuration was read again. */
export interface ReloadsStatus {
  /** The first configuration is 1; each reload that succeeds adds one. */
  readonly generation: number;
  readonly ok: number;
  readonly failed: number;
  /** Of the last one, whether it succeeded; milliseconds since 1970, 0 if there was none. */
  readonly lastAtMs: number;
  readonly lastOkAtMs: number;
  /** Why the last one failed; empty if it did not. */
  readonly lastError: string;
}

/** One worker, as it is right now. */
export interface WorkerStatus {
  readonly id: number;
  readonly connections: ConnectionsStatus;
  readonly buffers: SlabPoolStats;
  readonly cells: readonly CellStats[];
  /** Requests and connections that wait for a free buffer. */
  readonly waitingForBuffers: number;
  readonly tempFiles: {
    readonly open: number;
    readonly bytes: number;
    /** Of all workers together (`temp_disk`); 0: no bound. */
    readonly maxBytes: number;
  };
  readonly logs: readonly LogStatus[];
}

/** Connections by what they are doing. */
export interface ConnectionsStatus {
  /** To clients and to peers. */
  readonly open: number;
  /** To clients: reading a request head, writing (or preparing) a response, or idle between requests. */
  readonly reading: number;
  readonly writing: number;
  readonly idle: number;
  /** To peers, waiting for a request. */
  readonly upstreamIdle: number;
}

/** One log file or stream. */
export interface LogStatus {
  readonly name: string;
  /** Lines lost since it was opened. */
  readonly linesLost: number;
  /** Its latest write failed. */
  readonly isBroken: boolean;
}

/** One group of peers. */
export interface GroupStatus {
  readonly name: string;
  readonly peers: readonly PeerStatus[];
  /** Requests that wait for a peer (`queue`). */
  readonly queued: number;
}

/** Whether a peer is used, and why not. */
export type PeerState =
  | "up"
  | "down"
  | "draining"
  /** Out after `max_fails`. */
  | "unavailable"
  /** Out after active checks. */
  | "unhealthy"
  /** Not checked yet, and not used before it is. */
  | "checking"
  /** Out as an outlier. */
  | "ejected";

/** One peer. */
export interface PeerStatus {
  /** What it is asked for by: as written, or the address that its name stands for. */
  readonly name: string;
  readonly state: PeerState;
  /** Why it is in that state, where there is more to say; else empty. */
  readonly reason: string;
  readonly weight: number;
  readonly isBackup: boolean;
  /** Requests that it is working on. */
  readonly active: number;
  /** 0: no bound. */
  readonly maxConns: number;
  /** Failures in the current window of `fail_timeout`. */
  readonly fails: number;
  /** Its active checks; undefined where there are none. */
  readonly checks?: {
    readonly passed: number;
    readonly failed: number;
  };
}
