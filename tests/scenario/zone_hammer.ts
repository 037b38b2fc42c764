/**
 * What the hammering test and its workers tell each other.
 *
 * @module
 */
import type { SharedZone, ZoneLayout } from "../../src/zone/mod.ts";

/** 64 entries, with two words and one count each. */
export const HAMMER_LAYOUT: ZoneLayout = {
  kind: "keys",
  size: { entries: 64 },
  words: 2,
  counts: 1,
};

/** What a worker is told to do. */
export interface HammerOrder {
  readonly shared: readonly SharedZone[];
  readonly columns: number;
  readonly column: number;
  /** Who holds what, a word a key; then: 1 when it is time to end; then rounds done, a word a worker. */
  readonly holders: SharedArrayBuffer;
  readonly keys: number;
  /** Counts at once on one key, over all workers. */
  readonly limit: number;
  /** Counts that one worker holds at once, about. */
  readonly holds: number;
  readonly seed: number;
}

/** What a worker says at its end. */
export interface HammerReport {
  granted: number;
  /** Granted although `limit` held it already. */
  over: number;
  /** Refused because all entries were held. */
  withoutEntry: number;
  steps: number;
}
