/**
 * Connections to clients of all workers: for `stub_status`, which any of them may be asked for.
 *
 * @module
 */
import type { ConnectionNumbers } from "../http/mod.ts";
import { Counters, Word, type Zones } from "../zone/mod.ts";

/** Slots of what a worker that ends has counted, and of what it has now. */
const TOTALS = ["accepted", "requests"] as const;
const GAUGES = ["reading", "writing", "waiting"] as const;

/** As one worker writes and reads them. */
export class TeamNumbers {
  readonly #lastConnection: Word;
  readonly #totals: Counters;
  readonly #gauges: Counters;
  /** Workers before this one have had its column: what they counted stays in it. */
  readonly #before: readonly number[];

  constructor(zones: Zones) {
    this.#lastConnection = new Word(zones.open("connections", { kind: "words", slots: 1 }), 0);
    const totals = zones.open("clients in all", { kind: "totals", slots: TOTALS.length });
    this.#totals = new Counters(totals);
    this.#gauges = new Counters(zones.open("clients", { kind: "gauges", slots: GAUGES.length }));
    this.#before = [...this.#totals.own];
  }

  nextConnection(): number {
    return (this.#lastConnection.add(1) + 1) >>> 0;
  }

  /** Writes down what this worker has. */
  publish(own: ConnectionNumbers): void {
    for (const [slot, name] of TOTALS.entries()) {
      this.#totals.own[slot] = this.#before[slot]! + own[name];
    }
    for (const [slot, name] of GAUGES.entries()) this.#gauges.own[slot] = own[name];
  }

  /** What all workers have written down. */
  sum(): ConnectionNumbers {
    return {
      accepted: this.#totals.sum(0),
      requests: this.#totals.sum(1),
      reading: this.#gauges.sum(0),
      writing: this.#gauges.sum(1),
      waiting: this.#gauges.sum(2),
    };
  }
}
