/**
 * What all workers know of a peer as one: its connections, its window of failures, whether its
 * checks have it out, or what it answered, when it came back. With several workers it lies in a zone, an entry a peer.
 *
 * ```
 * words    0 whether the rest has been begun   1 fails        2 bars      3 ejections
 * doubles  2 failed at    3 checked at         4 back at      5 ejected until: ms of the clock
 * counts   0 connections of each worker        1 whether a worker has the peer
 * ```
 *
 * Each worker weighs for itself (the turns of round robin, averages): the sums come out the
 * same, and a turn takes no look at what the others do.
 *
 * @module
 */
import { KeyTable, type ZoneLayout, type Zones } from "../zone/mod.ts";

const CONNECTIONS = 0;
const HOLDS = 1;

/** The fewest peers that there is room for: groups made by requests come and go. */
const PEERS_MIN = 4_096;
/** Peers that are not in the configuration (names, groups of requests), for each that is. */
const ROOM = 4;

function layoutOf(entries: number): ZoneLayout {
  return { kind: "keys", size: { entries }, words: 12, counts: 2 };
}

/** The state of one peer. */
export interface PeerState {
  /** Whether this one was the first to have it. */
  readonly isNew: boolean;
  /** Connections in use now. */
  readonly connections: number;
  /** Failures in the current window. */
  fails: number;
  /** Bits that all know of. */
  readonly bars: number;
  /** How often it was ejected, but for the times that were forgiven since. */
  ejections: number;
  /** In ms of the clock, -Infinity for never. */
  failedAtMs: number;
  checkedAtMs: number;
  backAtMs: number;
  /** When its ejection ends, or the last one ended. */
  ejectedUntilMs: number;
  /** Sets a bit, or clears it; returns whether it was the other way before. */
  bar(bit: number, isBarred: boolean): boolean;
  /** Counts a connection, unless there are `limit` already (0: no bound). */
  connect(limit: number): boolean;
  disconnect(): void;
  /** Counts a failure, and returns how many there are with it. */
  fail(): number;
  /** This worker does not have the peer any more. */
  release(): void;
}

/** Of a peer that one thread alone has. It is asked for at each choice: plain fields cost least. */
export class OwnState implements PeerState {
  readonly isNew = true;
  connections = 0;
  fails = 0;
  bars = 0;
  failedAtMs = -Infinity;
  checkedAtMs = -Infinity;
  backAtMs = -Infinity;
  ejections = 0;
  ejectedUntilMs = -Infinity;

  bar(bit: number, isBarred: boolean): boolean {
    const before = this.bars;
    this.bars = isBarred ? before | bit : before & ~bit;
    return this.bars !== before;
  }

  /** Whoever chose the peer has seen that there is room. */
  connect(_limit: number): boolean {
    this.connections++;
    return true;
  }

  disconnect(): void {
    this.connections--;
  }

  fail(): number {
    return ++this.fails;
  }

  release(): void {}
}

/** The states of all peers of a configuration. */
export class PeerStates {
  /** Undefined: there is one thread. */
  readonly #table: KeyTable | undefined;

  /** @param peers As many as the configuration has. */
  constructor(zones: Zones, peers: number) {
    if (zones.columns === 1) return;
    let entries = PEERS_MIN;
    while (entries < peers * ROOM) entries *= 2;
    this.#table = new KeyTable(zones.open("peers", layoutOf(entries)));
  }

  /**
   * The state of a peer, as it is known already if anybody has it. Where there is no room for
   * more (groups made by requests have thousands of peers at once) it is one of this worker's own.
   *
   * @param occurrence Tells apart servers of a group with the same address.
   */
  open(group: string, name: string, occurrence: number, nowMs: number): PeerState {
    const table = this.#table;
    if (table === undefined) return new OwnState();
    const entry = table.claim(`${group}\0${name}\0${occurrence}`, nowMs, Infinity, HOLDS);
    return entry < 0 ? new OwnState() : new SharedState(table, entry);
  }
}

/** Of a peer that several workers have. */
class SharedState implements PeerState {
  readonly isNew: boolean;
  readonly #table: KeyTable;
  readonly #entry: number;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #counts: Int32Array;
  /** Where its words and doubles begin, and where this worker counts its connections. */
  readonly #at: number;
  readonly #doubleAt: number;
  readonly #countAt: number;

  /** Takes over what is counted in {@linkcode HOLDS}. */
  constructor(table: KeyTable, entry: number) {
    this.#table = table;
    this.#entry = entry;
    this.#words = table.words;
    this.#doubles = table.doubles;
    this.#counts = table.counts;
    this.#at = table.at(entry, 0);
    this.#doubleAt = table.doubleAt(entry, 0);
    this.#countAt = table.countAt(entry, CONNECTIONS);
    this.isNew = Atomics.compareExchange(this.#words, this.#at, 0, 1) === 0;
    if (!this.isNew) return;
    this.failedAtMs =
      this.checkedAtMs =
      this.backAtMs =
      this.ejectedUntilMs =
        -Infinity;
  }

  /** This worker does not have the peer any more; connections that it still counts keep it. */
  release(): void {
    this.#table.release(this.#entry, HOLDS);
  }

  get connections(): number {
    return this.#table.sum(this.#entry, CONNECTIONS);
  }

  connect(limit: number): boolean {
    if (limit > 0) return this.#table.claimAt(this.#entry, limit, CONNECTIONS);
    this.#counts[this.#countAt]! += 1; // nobody else writes there
    return true;
  }

  disconnect(): void {
    this.#counts[this.#countAt]! -= 1;
  }

  get fails(): number {
    return this.#words[this.#at + 1]!;
  }

  set fails(fails: number) {
    Atomics.store(this.#words, this.#at + 1, fails);
  }

  fail(): number {
    return Atomics.add(this.#words, this.#at + 1, 1) + 1;
  }

  get bars(): number {
    return this.#words[this.#at + 2]!;
  }

  bar(bit: number, isBarred: boolean): boolean {
    const before = isBarred
      ? Atomics.or(this.#words, this.#at + 2, bit)
      : Atomics.and(this.#words, this.#at + 2, ~bit);
    return ((before & bit) !== 0) !== isBarred;
  }

  get ejections(): number {
    return this.#words[this.#at + 3]!;
  }

  set ejections(ejections: number) {
    Atomics.store(this.#words, this.#at + 3, ejections);
  }

  get failedAtMs(): number {
    return this.#doubles[this.#doubleAt + 2]!;
  }

  set failedAtMs(atMs: number) {
    this.#doubles[this.#doubleAt + 2] = atMs;
  }

  get checkedAtMs(): number {
    return this.#doubles[this.#doubleAt + 3]!;
  }

  set checkedAtMs(atMs: number) {
    this.#doubles[this.#doubleAt + 3] = atMs;
  }

  get backAtMs(): number {
    return this.#doubles[this.#doubleAt + 4]!;
  }

  set backAtMs(atMs: number) {
    this.#doubles[this.#doubleAt + 4] = atMs;
  }

  get ejectedUntilMs(): number {
    return this.#doubles[this.#doubleAt + 5]!;
  }

  set ejectedUntilMs(atMs: number) {
    this.#doubles[this.#doubleAt + 5] = atMs;
  }
}
