/**
 * The active checks of a process (`health_check`): which peer is asked when, and what is
 * said when its health changes.
 *
 * They run once a process, whatever its workers: all that they touch of a peer is its
 * `health` and its bars.
 *
 * @module
 */
import {
  type ConnContext,
  type DialAddress,
  type Expirable,
  Failure,
  NEVER,
  PLAIN_DIAL,
  type TlsClient,
} from "../event/mod.ts";
import { DOWN, type HealthCheckConf, type Peer, type PeerGroup, PeerHealth } from "../peer/mod.ts";
import { HealthProbe, HealthQuestion, SKIPPED } from "../upstream/mod.ts";

/** One peer's checks. */
interface Checked {
  readonly peer: Peer;
  readonly probe: HealthProbe;
  /** Whether there has been one. */
  hasBegun: boolean;
  /** When the next one begins, in ms of the clock. */
  nextAtMs: number;
  /** When the running one is over at the latest; NEVER: none runs. */
  deadlineMs: number;
  /** Settles when the running one has ended. */
  running: Promise<void> | undefined;
}

/** The checks of one group. */
export class HealthChecks implements Expirable {
  slot = -1;
  readonly #group: PeerGroup;
  readonly #conf: HealthCheckConf;
  readonly #tls: TlsClient | undefined;
  readonly #context: ConnContext;
  readonly #random: () => number;
  readonly #question: HealthQuestion;
  #checked = new Map<Peer, Checked>();
  /** Of peers that are gone: what still runs there. */
  readonly #leaving = new Set<Checked>();
  #isClosed = false;

  /** @param random From 0 to below 1. */
  constructor(
    group: PeerGroup,
    conf: HealthCheckConf,
    tls: TlsClient | undefined,
    context: ConnContext,
    random: () => number = Math.random,
  ) {
    this.#group = group;
    this.#conf = conf;
    this.#tls = tls;
    this.#context = context;
    this.#random = random;
    this.#question = new HealthQuestion(conf);
  }

  /** Begins to check all peers, at once. */
  start(): void {
    this.#context.deadlines.add(this);
    this.#group.onPeersChanged = () => this.#follow();
    this.#follow();
  }

  /** Connections that are kept for further checks. */
  get idleCount(): number {
    return [...this.#checked.values()].filter(({ probe }) => probe.hasIdle).length;
  }

  expire(nowMs: number): number {
    let nextMs = NEVER;
    for (const one of [...this.#checked.values(), ...this.#leaving]) {
      if (one.running !== undefined) {
        if (nowMs >= one.deadlineMs) this.#endLate(one);
        else nextMs = Math.min(nextMs, one.deadlineMs);
        continue;
      }
      if (nowMs >= one.nextAtMs) this.#begin(one, nowMs);
      nextMs = Math.min(nextMs, one.nextAtMs, one.deadlineMs);
    }
    return nextMs;
  }

  /** Ends all checks, and what is kept for them. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#group.onPeersChanged = undefined;
    this.#context.deadlines.remove(this);
    const all = [...this.#checked.values(), ...this.#leaving];
    for (const { probe } of all) probe.interrupt(new Error("the checks have ended"));
    await Promise.all(all.map(({ running }) => running));
    for (const { probe } of all) probe.close();
  }

  toString(): string {
    return `health checks of ${this.#group.name}`;
  }

  /** Checks the peers that there are now. */
  #follow(): void {
    const { nowMs } = this.#context.deadlines;
    const before = this.#checked;
    this.#checked = new Map();
    for (const peer of this.#group.peers) {
      peer.health ??= new PeerHealth(peer);
      this.#checked.set(peer, before.get(peer) ?? this.#newChecked(peer, nowMs));
      before.delete(peer);
    }
    for (const one of before.values()) {
      if (one.running === undefined) one.probe.close();
      else this.#leaving.add(one);
    }
    this.#context.deadlines.notice(nowMs);
  }

  #newChecked(peer: Peer, nowMs: number): Checked {
    const { port, tls, host } = this.#conf;
    const { address } = peer.conf;
    const place: DialAddress = address.transport === "tcp" && port !== undefined
      ? { ...address, port }
      : address;
    const dial = tls === undefined || this.#tls === undefined
      ? PLAIN_DIAL
      : { ...PLAIN_DIAL, tls: { client: this.#tls, name: tls.name === "" ? host : tls.name } };
    const probe = new HealthProbe(this.#question, place, dial, this.#context);
    return {
      peer,
      probe,
      hasBegun: false,
      nextAtMs: nowMs,
      deadlineMs: NEVER,
      running: undefined,
    };
  }

  #begin(one: Checked, nowMs: number): void {
    const { intervalMs, jitterMs, timeoutMs } = this.#conf;
    // The first ones come all at once: from then on the peers' turns are spread by chance.
    const share = one.hasBegun ? 1 : (1 + this.#random()) / 2;
    one.hasBegun = true;
    one.nextAtMs = nowMs + intervalMs * share + this.#random() * jitterMs;
    if ((one.peer.bars & DOWN) !== 0) return; // an operator's word stands
    one.deadlineMs = nowMs + timeoutMs;
    one.running = this.#run(one);
  }

  async #run(one: Checked): Promise<void> {
    try {
      const found = await one.probe.check();
      if (found !== SKIPPED) this.#note(one, found);
    } catch (error) {
      if (error instanceof Failure) this.#note(one, error.message);
      else if (!this.#isClosed) this.#reportBug(one, error);
    }
    one.running = undefined;
    one.deadlineMs = NEVER;
    if (this.#leaving.delete(one)) one.probe.close();
    if (!this.#isClosed) this.#context.deadlines.notice(one.nextAtMs);
  }

  #endLate({ probe }: Checked): void {
    const { timeoutMs } = this.#conf;
    probe.interrupt(new Failure("upstream", "timeout", `no answer within ${timeoutMs} ms`));
  }

  #note({ peer }: Checked, failure: string | undefined): void {
    if (peer.isGone || this.#isClosed) return;
    const news = peer.health!.note(failure, this.#conf, this.#context.deadlines.nowMs);
    if (news === undefined) return;
    const state = news.isWell ? "healthy" : "unhealthy";
    this.#group.report(
      news.isWell ? "notice" : "warn",
      `peer ${peer.name} of ${this.#group.name} is ${state}: ${news.why}`,
    );
    if (news.isWell) this.#group.queue?.wake();
  }

  #reportBug({ peer }: Checked, error: unknown): void {
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    this.#group.report("crit", `a bug in this proxy ended a check of ${peer.name}: ${text}`);
  }
}
