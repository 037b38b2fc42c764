/**
 * The names among a group's servers, looked up when the server starts, and followed at
 * run time where that is asked for.
 *
 * @module
 */
import { AGAIN, type Deadlines, type Expirable, NEVER } from "../event/mod.ts";
import type { LogLevel } from "../log/mod.ts";
import type { HostAddress, PeerServerConf, UpstreamGroupConf } from "./conf.ts";
import type { PeerGroup } from "./group.ts";
import type { Endpoint } from "./name_source.ts";
import { type Resolution, type Resolver, RETRY_MS } from "./resolver.ts";
import { Unresolved } from "./unresolved.ts";

/** The start of a server waits this long for names; after that it goes on without them. */
export const START_PATIENCE_MS = 5_000;
/** A name is not asked for more often than this, whatever its answer says. */
const PERIOD_MIN_MS = 1_000;

/** One server that is a name. */
interface Followed {
  readonly server: PeerServerConf;
  readonly address: HostAddress;
  readonly resolver: Resolver;
  /** When to ask again, in ms of the clock. */
  nextAtMs: number;
  /** It had an address. */
  isKnown: boolean;
  /** It was told that it cannot be looked up. */
  isFailing: boolean;
}

/** Keeps the peers of one group at what its names stand for. */
export class FollowedNames implements Expirable {
  slot = -1;
  readonly #group: PeerGroup;
  readonly #deadlines: Deadlines;
  readonly #report: (level: LogLevel, message: string) => void;
  readonly #names: readonly Followed[];
  #startedAtMs = 0;
  /** Those whose first answer is waited for. */
  readonly #unanswered = new Set<Followed>();
  #onStarted: (() => void) | undefined;
  #isClosed = false;

  /** @param resolverOf The system's, or one for names that are followed. */
  constructor(
    conf: UpstreamGroupConf,
    group: PeerGroup,
    deadlines: Deadlines,
    resolverOf: (address: HostAddress) => Resolver,
    report: (level: LogLevel, message: string) => void,
  ) {
    this.#group = group;
    this.#deadlines = deadlines;
    this.#report = report;
    this.#names = conf.peers.flatMap((server) => {
      const { address } = server;
      if (address.transport !== "name") return [];
      const resolver = resolverOf(address);
      return [{ server, address, resolver, nextAtMs: NEVER, isKnown: false, isFailing: false }];
    });
  }

  /** Looks all names up. Resolves when each was answered once, or that took too long. */
  start(): Promise<void> {
    if (this.#names.length === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onStarted = resolve;
    for (const name of this.#names) this.#unanswered.add(name);
    this.#startedAtMs = this.#deadlines.stamp();
    this.#deadlines.add(this);
    this.#deadlines.notice(this.#startedAtMs + START_PATIENCE_MS);
    for (const name of this.#names) this.#ask(name);
    return promise;
  }

  expire(nowMs: number): number {
    for (const name of this.#names) {
      if (nowMs >= name.nextAtMs) this.#ask(name);
    }
    const patienceEndMs = this.#startedAtMs + START_PATIENCE_MS;
    if (nowMs >= patienceEndMs) this.#started();
    const nextMs = Math.min(...this.#names.map(({ nextAtMs }) => nextAtMs));
    return this.#onStarted === undefined ? nextMs : Math.min(nextMs, patienceEndMs);
  }

  /** Asks no more. */
  close(): void {
    this.#isClosed = true;
    this.#deadlines.remove(this);
    this.#started();
  }

  toString(): string {
    return `names of upstream ${this.#group.name}`;
  }

  #ask(name: Followed): void {
    name.nextAtMs = NEVER; // until it is answered
    const { hostname, service } = name.address;
    const resolution = name.resolver.lookUp({
      name: service ?? hostname,
      isService: service !== undefined,
    });
    if (resolution.blocked === undefined) this.#take(name, resolution);
    else resolution.arm(() => this.#take(name, resolution));
  }

  #take(name: Followed, resolution: Resolution): void {
    if (this.#isClosed) return;
    const nowMs = this.#deadlines.nowMs;
    try {
      const answer = resolution.answer();
      if (answer === AGAIN) return;
      this.#place(name, answer.endpoints);
      name.nextAtMs = name.address.isFollowed
        ? Math.max(answer.untilMs, nowMs + PERIOD_MIN_MS)
        : NEVER;
    } catch (error) {
      if (!(error instanceof Unresolved)) throw error;
      this.#miss(name, error);
      name.nextAtMs = nowMs + RETRY_MS;
    }
    this.#deadlines.notice(name.nextAtMs);
    this.#unanswered.delete(name);
    if (this.#unanswered.size === 0) this.#started();
  }

  #place(name: Followed, endpoints: readonly Endpoint[]): void {
    const { server, isKnown, isFailing } = name;
    name.isKnown = true;
    name.isFailing = false;
    this.#group.unresolved = undefined;
    const isChanged = this.#group.place(server, endpoints);
    if (!isFailing && !(isKnown && isChanged)) return;
    const places = endpoints.map(({ hostname }) => hostname).join(", ");
    this.#report("notice", `${server.name} of upstream "${this.#group.name}" is now ${places}`);
  }

  /** It has no address, and had none; or it is known that it has none any more. */
  #miss(name: Followed, error: Unresolved): void {
    const { server, isFailing, isKnown } = name;
    if (isKnown && !error.isFinal) return; // it is not known to be wrong what it was
    this.#group.unresolved = error;
    this.#group.place(server, []);
    if (isFailing) return;
    name.isFailing = true;
    this.#report(
      "warn",
      `${error.message} in upstream "${this.#group.name}", which has no peer for it until it is`,
    );
  }

  #started(): void {
    const onStarted = this.#onStarted;
    this.#onStarted = undefined;
    onStarted?.();
  }
}
