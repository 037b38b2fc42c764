/**
 * `panic_threshold`: when most peers are out, the few that are left would fall under the
 * load of all, or it is the checks that are wrong. Then the health of peers is ignored.
 *
 * @module
 */
import type { LogLevel } from "../log/mod.ts";
import { DOWN, DRAINING, type Peer } from "./peer.ts";

/** The rule for one group. */
export class PanicRule {
  readonly #threshold: number;
  readonly #groupName: string;
  readonly #report: (level: LogLevel, message: string) => void;
  #isOn = false;

  /** @param threshold From 0 to 1. */
  constructor(
    threshold: number,
    groupName: string,
    report: (level: LogLevel, message: string) => void,
  ) {
    this.#threshold = threshold;
    this.#groupName = groupName;
    this.#report = report;
  }

  /** Whether health is ignored now. Says so in the log when that changes. */
  holds(peers: readonly Peer[], nowMs: number): boolean {
    let [total, healthy] = [0, 0];
    let hasBackup = false;
    for (const peer of peers) {
      if ((peer.bars & (DOWN | DRAINING)) !== 0) continue;
      const isHealthy = peer.bars === 0 && !peer.isFailedAt(nowMs);
      if (peer.conf.isBackup) {
        hasBackup ||= isHealthy; // that is what it is for
      } else {
        total++;
        if (isHealthy) healthy++;
      }
    }
    const isOn = !hasBackup && healthy < total * this.#threshold;
    if (isOn !== this.#isOn) {
      this.#isOn = isOn;
      const share = `${healthy} of ${total} peers of ${this.#groupName} are healthy`;
      if (isOn) this.#report("warn", `${share}: panic, health is ignored`);
      else this.#report("notice", `${share}: no panic any more`);
    }
    return isOn;
  }
}
