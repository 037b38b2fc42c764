/**
 * What is counted: rows of numbers that the log phase adds to, and that are read only when
 * somebody asks.
 *
 * A row belongs to one server, one peer or one limit, and is held by it: counting is an
 * addition to a typed array, without a look-up. Rows are kept by their labels, so that a new
 * configuration goes on with the rows of the old one. Each worker has its own, which nobody
 * else writes; the main thread adds up copies.
 *
 * @module
 */
import { HISTOGRAM_SLOTS, observe } from "./histogram.ts";

/** Status classes as slots: 0 where there was no status, 1 for 1xx, and so on. */
export const STATUS_CLASSES = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** How an attempt fails, as slots: the conditions of `proxy_next_upstream`. */
export const FAILURE_KINDS = [
  "error",
  "timeout",
  "invalid_header",
  "http_403",
  "http_404",
  "http_429",
  "http_500",
  "http_502",
  "http_503",
  "http_504",
] as const;

/** One of {@linkcode FAILURE_KINDS}. */
export type FailureKindName = (typeof FAILURE_KINDS)[number];

/** Slots of a row of the process. */
export const PROCESS_SLOTS = {
  /** Connections of clients. */
  accepted: 0,
  /** Times that accepting had to pause: `worker_connections` are in use, or descriptors. */
  refused: 1,
  /** Requests that were not begun, or not gone on with, since a budget is spent. */
  shedForMemory: 2,
  shedForTempDisk: 3,
  size: 4,
} as const;

/** Slots of a server's row. */
export const SERVER_SLOTS = {
  /** One a status class. */
  responses: 0,
  receivedBytes: STATUS_CLASSES.length,
  sentBytes: STATUS_CLASSES.length + 1,
  /** A histogram: from the first byte of the request to the last of the response. */
  duration: STATUS_CLASSES.length + 2,
  size: STATUS_CLASSES.length + 2 + HISTOGRAM_SLOTS,
} as const;

const PEER_TIMES = STATUS_CLASSES.length + FAILURE_KINDS.length + 6;

/** Slots of a peer's row. */
export const PEER_SLOTS = {
  /** One a status class: attempts, by what the peer answered. */
  responses: 0,
  /** One a kind. */
  failures: STATUS_CLASSES.length,
  /** Attempts that were followed by one at another peer. */
  retried: STATUS_CLASSES.length + FAILURE_KINDS.length,
  /** Attempts whose idle connection the peer had closed: no failures. */
  stale: STATUS_CLASSES.length + FAILURE_KINDS.length + 1,
  /** Attempts on a new connection, and on one that was idle. */
  opened: STATUS_CLASSES.length + FAILURE_KINDS.length + 2,
  reused: STATUS_CLASSES.length + FAILURE_KINDS.length + 3,
  sentBytes: STATUS_CLASSES.length + FAILURE_KINDS.length + 4,
  receivedBytes: STATUS_CLASSES.length + FAILURE_KINDS.length + 5,
  /** Histograms: to the connection, to the head of the answer, to its end. */
  connectTime: PEER_TIMES,
  headerTime: PEER_TIMES + HISTOGRAM_SLOTS,
  responseTime: PEER_TIMES + 2 * HISTOGRAM_SLOTS,
  size: PEER_TIMES + 3 * HISTOGRAM_SLOTS,
} as const;

/** Slots of a limit's row. */
export const LIMIT_SLOTS = {
  passed: 0,
  delayed: 1,
  rejected: 2,
  /** What would have been delayed or rejected (`dry_run`). */
  delayedDryRun: 3,
  rejectedDryRun: 4,
  size: 5,
} as const;

/** Rows of one kind at once; what comes after them shares one, with `other` for labels. */
const ROWS_MAX = 4_096;

/** A row that was read: labels in the order of its kind, values by slot. */
export interface RowCopy {
  readonly labels: readonly string[];
  readonly values: readonly number[];
}

/** What rows are of: the fields of {@linkcode CountsCopy}. */
export type RowKind = "process" | "servers" | "peers" | "limits";

/** Told of each new row, so that others can read what it counts: it is in shared memory then. */
export type OnRow = (
  kind: RowKind,
  labels: readonly string[],
  values: Float64Array<SharedArrayBuffer>,
) => void;

/** Rows of one kind, by their labels. */
export class Rows {
  readonly #slots: number;
  readonly #labelCount: number;
  readonly #make: (slots: number, labels: readonly string[]) => Float64Array;
  readonly #rows = new Map<string, { readonly labels: readonly string[]; values: Float64Array }>();

  /** @param make Makes a row. @default {Float64Array} */
  constructor(
    slots: number,
    labelCount: number,
    make: (slots: number, labels: readonly string[]) => Float64Array = (slots) =>
      new Float64Array(slots),
  ) {
    this.#slots = slots;
    this.#labelCount = labelCount;
    this.#make = make;
  }

  /** The row of these labels, made when it is first asked for. Hold it: this is a look-up. */
  of(...labels: readonly string[]): Float64Array {
    const key = labels.join("\0");
    const known = this.#rows.get(key);
    if (known !== undefined) return known.values;
    if (this.#rows.size >= ROWS_MAX) {
      const others = Array<string>(this.#labelCount).fill("other");
      return this.#rows.get(others.join("\0"))?.values ?? this.#add(others);
    }
    return this.#add(labels);
  }

  /** All rows, copied. */
  read(): RowCopy[] {
    return [...this.#rows.values()].map(({ labels, values }) => ({ labels, values: [...values] }));
  }

  #add(labels: readonly string[]): Float64Array {
    const values = this.#make(this.#slots, labels);
    this.#rows.set(labels.join("\0"), { labels, values });
    return values;
  }
}

/** What one worker has counted, as plain data that may be posted between threads. */
export interface CountsCopy {
  /** By {@linkcode PROCESS_SLOTS}. */
  readonly process: readonly number[];
  /** By {@linkcode SERVER_SLOTS}; labels: server. */
  readonly servers: readonly RowCopy[];
  /** By {@linkcode PEER_SLOTS}; labels: upstream, peer. */
  readonly peers: readonly RowCopy[];
  /** By {@linkcode LIMIT_SLOTS}; labels: kind (`limit_req`, `limit_conn`), zone. */
  readonly limits: readonly RowCopy[];
}

/** Everything that one worker counts. */
export class Counts {
  readonly process: Float64Array;
  readonly servers: Rows;
  readonly peers: Rows;
  readonly limits: Rows;

  /** @param onRow Others read along; else rows are this thread's own. */
  constructor(onRow?: OnRow) {
    const makeFor = (kind: RowKind) => (slots: number, labels: readonly string[]) => {
      if (onRow === undefined) return new Float64Array(slots);
      const values = new Float64Array(new SharedArrayBuffer(slots * 8));
      onRow(kind, labels, values);
      return values;
    };
    this.process = makeFor("process")(PROCESS_SLOTS.size, []);
    this.servers = new Rows(SERVER_SLOTS.size, 1, makeFor("servers"));
    this.peers = new Rows(PEER_SLOTS.size, 2, makeFor("peers"));
    this.limits = new Rows(LIMIT_SLOTS.size, 2, makeFor("limits"));
  }

  read(): CountsCopy {
    return {
      process: [...this.process],
      servers: this.servers.read(),
      peers: this.peers.read(),
      limits: this.limits.read(),
    };
  }
}

/** Rows that other threads count in, read along: see {@linkcode OnRow}. */
export class CountedElsewhere {
  #rows: Record<RowKind, { readonly labels: readonly string[]; readonly values: Float64Array }[]> =
    { process: [], servers: [], peers: [], limits: [] };

  add(kind: RowKind, labels: readonly string[], values: Float64Array): void {
    this.#rows[kind].push({ labels, values });
  }

  read(): CountsCopy {
    const copy = (kind: RowKind): RowCopy[] =>
      this.#rows[kind].map(({ labels, values }) => ({ labels, values: [...values] }));
    return {
      process: sumValues(copy("process").map(({ values }) => values)),
      servers: copy("servers"),
      peers: copy("peers"),
      limits: copy("limits"),
    };
  }
}

/** Adds up what workers have counted. */
export function sumOf(copies: readonly CountsCopy[]): CountsCopy {
  return {
    process: sumValues(copies.map(({ process }) => process)),
    servers: sumRows(copies.flatMap(({ servers }) => servers)),
    peers: sumRows(copies.flatMap(({ peers }) => peers)),
    limits: sumRows(copies.flatMap(({ limits }) => limits)),
  };
}

function sumRows(rows: readonly RowCopy[]): RowCopy[] {
  const byLabels = new Map<string, RowCopy>();
  for (const row of rows) {
    const key = row.labels.join("\0");
    const sum = byLabels.get(key);
    byLabels.set(
      key,
      sum === undefined ? row : {
        labels: row.labels,
        values: sumValues([sum.values, row.values]),
      },
    );
  }
  return [...byLabels.values()];
}

function sumValues(all: readonly (readonly number[])[]): number[] {
  const [first = [], ...others] = all;
  return others.reduce<number[]>(
    (sum, values) => sum.map((value, at) => value + (values[at] ?? 0)),
    [...first],
  );
}

/** Counts a request of a client that has been answered. Times in ms. */
export function countRequest(
  row: Float64Array,
  status: number,
  receivedBytes: number,
  sentBytes: number,
  durationMs: number,
): void {
  row[SERVER_SLOTS.responses + classOf(status)]! += 1;
  row[SERVER_SLOTS.receivedBytes]! += receivedBytes;
  row[SERVER_SLOTS.sentBytes]! += sentBytes;
  observe(row, SERVER_SLOTS.duration, durationMs);
}

/** An attempt at a peer, as it is counted: times in ms, -1 where it did not get there. */
export interface CountedAttempt {
  readonly status: number;
  readonly connectMs: number;
  readonly headerMs: number;
  readonly responseMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly failure: FailureKindName | undefined;
  /** It broke on a connection that had been idle, before a byte of an answer came. */
  readonly isStale: boolean;
}

/**
 * Counts an attempt that has ended, but for `retried`, which the journey knows.
 *
 * @param isReused Its connection had been idle.
 */
export function countAttempt(
  row: Float64Array,
  attempt: CountedAttempt,
  isReused: boolean,
): void {
  const { headerMs, failure, isStale } = attempt;
  // A status of ours, in the place of the peer's, is no answer of it.
  row[PEER_SLOTS.responses + (headerMs < 0 ? 0 : classOf(attempt.status))]! += 1;
  if (isStale && failure === "error") row[PEER_SLOTS.stale]! += 1;
  else if (failure !== undefined) row[PEER_SLOTS.failures + FAILURE_KINDS.indexOf(failure)]! += 1;
  row[PEER_SLOTS.sentBytes]! += attempt.bytesSent;
  row[PEER_SLOTS.receivedBytes]! += attempt.bytesReceived;
  if (isReused) {
    row[PEER_SLOTS.reused]! += 1;
  } else if (attempt.connectMs >= 0) {
    row[PEER_SLOTS.opened]! += 1;
    observe(row, PEER_SLOTS.connectTime, attempt.connectMs);
  }
  if (headerMs < 0) return;
  observe(row, PEER_SLOTS.headerTime, headerMs);
  observe(row, PEER_SLOTS.responseTime, attempt.responseMs);
}

function classOf(status: number): number {
  const statusClass = Math.trunc(status / 100);
  return statusClass < STATUS_CLASSES.length ? statusClass : 0;
}
