/**
 * `outlier_detection`: a peer whose answers are worse than the others' is ejected for a
 * while, and for a longer one each time. (The rules and their names are Envoy's.)
 *
 * @module
 */
import type { Deadlines, Expirable } from "../event/mod.ts";
import type { LogLevel } from "../log/mod.ts";
import type { OutlierConf } from "./conf.ts";
import { DOWN, EJECTED, type Peer } from "./peer.ts";

/** How an attempt at a peer ended. */
export interface AttemptEnd {
  /** 0: the client ended it before its answer. */
  readonly status: number;
  /** A class of `next_upstream`, if it is one. */
  readonly failure: string | undefined;
  /** It broke on an idle connection that the peer had closed: that says nothing of it. */
  readonly isStale: boolean;
}

/** What one worker has seen of a peer; kept with it over a reload. */
export class PeerRecord {
  /** In a row, up to now. */
  answers5xx = 0;
  gatewayFailures = 0;
  errors = 0;
  /** In this interval. */
  succeeded = 0;
  failed = 0;
  /** Why it was ejected here the last time; empty: it never was. */
  why = "";

  /** Share of this interval's attempts that succeeded. */
  get successRate(): number {
    return this.succeeded / this.total;
  }

  get total(): number {
    return this.succeeded + this.failed;
  }

  /** Nothing of late counts any more. */
  forget(): void {
    this.answers5xx =
      this.gatewayFailures =
      this.errors =
      this.succeeded =
      this.failed =
        0;
  }
}

/** The part of a group that is watched. */
export interface Watched {
  readonly name: string;
  readonly peers: readonly Peer[];
  readonly report: (level: LogLevel, message: string) => void;
}

/** Watches the peers of one group. */
export class OutlierDetection implements Expirable {
  slot = -1;
  readonly #conf: OutlierConf;
  readonly #group: Watched;
  readonly #deadlines: Deadlines;
  #intervalEndMs: number;
  #isClosed = false;

  constructor(conf: OutlierConf, group: Watched, deadlines: Deadlines) {
    this.#conf = conf;
    this.#group = group;
    this.#deadlines = deadlines;
    this.#intervalEndMs = deadlines.nowMs + conf.intervalMs;
    deadlines.add(this);
    deadlines.notice(this.#intervalEndMs);
  }

  /** Takes in how an attempt ended. */
  note(peer: Peer, end: AttemptEnd, nowMs: number): void {
    const record = peer.record ??= new PeerRecord();
    if (this.#isClosed || end.isStale || !count(record, end)) return;
    const why = this.#tooManyInRow(record);
    if (why !== undefined && (peer.bars & EJECTED) === 0) this.#eject(peer, record, why, nowMs);
  }

  /** Goes on with peers that another group has watched. */
  takeOver(): void {
    for (const { bars, ejectedUntilMs } of this.#group.peers) {
      if ((bars & EJECTED) !== 0) this.#deadlines.notice(ejectedUntilMs);
    }
  }

  expire(nowMs: number): number {
    if (nowMs >= this.#intervalEndMs) {
      this.#compare(nowMs);
      this.#intervalEndMs = nowMs + this.#conf.intervalMs;
    }
    // Also those that another worker has ejected: it may be gone.
    let nextMs = this.#intervalEndMs;
    for (const peer of this.#group.peers) {
      if ((peer.bars & EJECTED) === 0) continue;
      if (nowMs >= peer.ejectedUntilMs) this.#letBack(peer, nowMs);
      else nextMs = Math.min(nextMs, peer.ejectedUntilMs);
    }
    return nextMs;
  }

  close(): void {
    this.#isClosed = true;
    this.#deadlines.remove(this);
  }

  toString(): string {
    return `outlier detection of ${this.#group.name}`;
  }

  #tooManyInRow({ answers5xx, gatewayFailures, errors }: PeerRecord): string | undefined {
    const { consecutive5xx, consecutiveGatewayFailures, consecutiveErrors } = this.#conf;
    if (consecutiveErrors > 0 && errors >= consecutiveErrors) return `${errors} errors in a row`;
    if (consecutiveGatewayFailures > 0 && gatewayFailures >= consecutiveGatewayFailures) {
      return `${gatewayFailures} gateway failures in a row`;
    }
    if (consecutive5xx > 0 && answers5xx >= consecutive5xx) return `${answers5xx} 5xx in a row`;
    return undefined;
  }

  /** At the end of an interval: whose share of successes is far below the others'? */
  #compare(nowMs: number): void {
    const { successRateMinimumHosts, successRateRequestVolume, successRateStdevFactor } =
      this.#conf;
    const busy = this.#group.peers.flatMap((peer) => {
      const { record } = peer;
      const isBusy = record !== undefined && record.total > 0 &&
        record.total >= successRateRequestVolume;
      return isBusy ? [{ peer, record, rate: record.successRate }] : [];
    });
    if (successRateStdevFactor > 0 && busy.length > 1 && busy.length >= successRateMinimumHosts) {
      const mean = busy.reduce((sum, { rate }) => sum + rate, 0) / busy.length;
      const variance = busy.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / busy.length;
      const least = mean - successRateStdevFactor * Math.sqrt(variance);
      for (const { peer, record, rate } of busy) {
        if (rate >= least || (peer.bars & EJECTED) !== 0) continue;
        const why = `${percentText(rate)} of ${record.total} succeeded, of all ` +
          `${percentText(mean)}, least allowed ${percentText(least)}`;
        this.#eject(peer, record, why, nowMs);
      }
    }
    for (const { record } of this.#group.peers) {
      if (record !== undefined) record.succeeded = record.failed = 0;
    }
  }

  #eject(peer: Peer, record: PeerRecord, why: string, nowMs: number): void {
    const { baseEjectionMs, maxEjectionMs, intervalMs } = this.#conf;
    record.forget();
    if (!this.#mayEject()) return;
    const timeMs = peer.eject(nowMs, baseEjectionMs, maxEjectionMs, intervalMs);
    if (timeMs === 0) return; // another worker was faster
    record.why = why;
    this.#deadlines.notice(nowMs + timeMs);
    const { name } = this.#group;
    const text = `peer ${peer.name} of ${name} is ejected for ${timeMs / 1_000} s: ${why}`;
    this.#group.report("warn", text);
  }

  /** One may always be, but never the last one. */
  #mayEject(): boolean {
    const peers = this.#group.peers.filter(({ bars }) => (bars & DOWN) === 0);
    const ejected = peers.filter(({ bars }) => (bars & EJECTED) !== 0).length;
    const most = Math.max(1, Math.floor(peers.length * this.#conf.maxEjectedShare));
    return ejected < Math.min(most, peers.length - 1);
  }

  #letBack(peer: Peer, nowMs: number): void {
    peer.record?.forget();
    if (!peer.bar(EJECTED, false)) return; // another worker was faster
    peer.comeBack(nowMs);
    this.#group.report("notice", `peer ${peer.name} of ${this.#group.name} is no longer ejected`);
  }
}

/** Returns whether it was one more failure. */
function count(record: PeerRecord, { status, failure }: AttemptEnd): boolean {
  const isError = failure === "error" || failure === "timeout" || failure === "invalid_header";
  if (!isError && status === 0) return false; // the client left: that is nobody's failure
  const isFailure = isError || status >= 500;
  const isOfGateway = isError || (status >= 502 && status <= 504);
  record.answers5xx = isFailure ? record.answers5xx + 1 : 0;
  record.gatewayFailures = isOfGateway ? record.gatewayFailures + 1 : 0;
  record.errors = isError ? record.errors + 1 : 0;
  if (isFailure) record.failed++;
  else record.succeeded++;
  return isFailure;
}

function percentText(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
