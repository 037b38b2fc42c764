/**
 * `balance: NAME`: a balancer that the embedding program has written.
 *
 * @module
 */
import { BaseBalancer, mayTry, type OnPeerDisabled } from "./base.ts";
import type { LogLevel } from "../log/mod.ts";
import type { Peer, PeerVerdict, Selection } from "./peer.ts";
import { inTurn } from "./round_robin.ts";

/** A peer of a group, as a balancer sees it. What it shows is how things are right now. */
export interface BalancerPeer {
  /** As in the configuration, or the address that its name stands for: `127.0.0.1:9001`. */
  readonly name: string;
  /** What `sticky` calls it: its `route`, or a hash of its name. */
  readonly route: string;
  /** Its `weight`; less of it while it comes back by `slow_start`. */
  readonly weight: number;
  /** It is to be used only when no other peer can be. */
  readonly isBackup: boolean;
  /** Requests that it is working on. */
  readonly connections: number;
}

/** What a peer is chosen for. */
export interface BalancerRequest {
  /** What the text behind the name in `balance` is for this request; empty without one. */
  readonly key: string;
  /** Peers that the request has been to in vain, in order. */
  readonly tried: readonly BalancerPeer[];
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: number;
}

/** How a request ended at a peer. */
export interface BalancerResult {
  /** Whether it failed there in a way that `max_fails` counts. */
  readonly isFailed: boolean;
  /** Milliseconds to the head of its answer; -1: it gave none. */
  readonly headerMs: number;
  /** Milliseconds in all. */
  readonly responseMs: number;
}

/** The balancer of one group. */
export interface PeerChooser {
  /**
   * Returns one of the candidates; `undefined` leaves it to round robin. It has to be
   * quick, and cannot wait for anything: every request waits for it.
   *
   * @param candidates Peers that may be used for this request now, at least one: those that
   * are down, out, full, or were tried already are not among them, and backups only when
   * there is nobody else.
   */
  choose(candidates: readonly BalancerPeer[], request: BalancerRequest): BalancerPeer | undefined;
  /** Told how a request ended at the peer that was chosen for it. */
  done?(peer: BalancerPeer, result: BalancerResult): void;
}

/**
 * Makes the balancer of a group: once for each group that names it in its `balance`, and
 * again whenever its peers come, go or change.
 *
 * What it throws, it and what it has made, is one line in the error log (one a second at
 * most), and round robin chooses instead; so it does where something else than one of the
 * candidates is returned.
 */
export type CustomBalancer = (peers: readonly BalancerPeer[]) => PeerChooser;

/** Says at most this often that a balancer does not work. */
const SILENCE_MS = 1_000;

/** Lets a balancer of the program choose; where it fails, it is whose turn it is. */
export class Custom extends BaseBalancer {
  readonly #name: string;
  readonly #report: (level: LogLevel, message: string) => void;
  readonly #views: ReadonlyMap<Peer, View>;
  readonly #chooser: PeerChooser | undefined;
  #silentUntilMs = -Infinity;

  constructor(
    peers: readonly Peer[],
    name: string,
    make: CustomBalancer,
    report: (level: LogLevel, message: string) => void,
    onDisabled?: OnPeerDisabled,
  ) {
    super(peers, onDisabled);
    this.#name = name;
    this.#report = report;
    this.#views = new Map(peers.map((peer) => [peer, new View(peer)]));
    try {
      this.#chooser = make([...this.#views.values()]);
    } catch (error) {
      this.#complain("cannot be made", error, 0);
    }
  }

  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    return this.#choose(peers, selection, nowMs) ?? inTurn(peers, selection, nowMs);
  }

  override free(selection: Selection, peer: Peer, verdict: PeerVerdict, nowMs: number): void {
    super.free(selection, peer, verdict, nowMs);
    const view = this.#views.get(peer);
    if (view === undefined || this.#chooser?.done === undefined) return;
    const { headerMs, responseMs } = selection;
    try {
      this.#chooser.done(view, { isFailed: verdict === "failed", headerMs, responseMs });
    } catch (error) {
      this.#complain("failed in done()", error, nowMs);
    }
  }

  #choose(peers: readonly Peer[], selection: Selection, nowMs: number): Peer | undefined {
    if (this.#chooser === undefined) return undefined;
    const candidates: View[] = [];
    for (const peer of peers) {
      if (!mayTry(peer, selection, nowMs)) continue;
      const view = this.#views.get(peer)!;
      view.nowMs = nowMs;
      candidates.push(view);
    }
    if (candidates.length === 0) return undefined;
    const tried = selection.tried.flatMap((peer) => this.#views.get(peer) ?? []);
    try {
      const chosen = this.#chooser.choose(candidates, { key: selection.key, tried, nowMs });
      if (chosen === undefined) return undefined;
      const found = candidates.find((view) => view === chosen);
      if (found !== undefined) return found.peer;
      this.#complain("chose", "something that is none of the candidates", nowMs);
    } catch (error) {
      this.#complain("failed in choose()", error, nowMs);
    }
    return undefined;
  }

  #complain(what: string, error: unknown, nowMs: number): void {
    if (nowMs < this.#silentUntilMs) return;
    this.#silentUntilMs = nowMs + SILENCE_MS;
    const why = error instanceof Error ? `: ${error.stack ?? error.message}` : ` ${error}`;
    this.#report("error", `balancer ${this.#name} ${what}${why}; round robin chooses instead`);
  }
}

class View implements BalancerPeer {
  readonly #peer: Peer;
  nowMs = 0;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** For the balancer alone. */
  get peer(): Peer {
    return this.#peer;
  }

  get name(): string {
    return this.#peer.name;
  }

  get route(): string {
    return this.#peer.id;
  }

  get weight(): number {
    return this.#peer.conf.weight * this.#peer.shareAt(this.nowMs);
  }

  get isBackup(): boolean {
    return this.#peer.conf.isBackup;
  }

  get connections(): number {
    return this.#peer.connections;
  }
}
