/**
 * What limits have decided, counted by zone for the operator.
 *
 * @module
 */
import { LIMIT_SLOTS } from "../log/mod.ts";
import type { LimitStatus } from "./limit_requests.ts";
import type { Request } from "./request.ts";

const SLOTS: Readonly<Record<Exclude<LimitStatus, "">, number>> = {
  PASSED: LIMIT_SLOTS.passed,
  DELAYED: LIMIT_SLOTS.delayed,
  REJECTED: LIMIT_SLOTS.rejected,
  DELAYED_DRY_RUN: LIMIT_SLOTS.delayedDryRun,
  REJECTED_DRY_RUN: LIMIT_SLOTS.rejectedDryRun,
};

/** Counts what the limit of one zone decides, where anybody can ask for it. */
export class LimitCounts {
  readonly #kind: "limit_req" | "limit_conn";
  readonly #zone: string;
  /** Of the worker that the limit is in; looked up once. */
  #row: Float64Array | undefined;

  constructor(kind: "limit_req" | "limit_conn", zone: string) {
    this.#kind = kind;
    this.#zone = zone;
  }

  add(request: Request, status: Exclude<LimitStatus, "">): void {
    const { counts } = request.worker.context;
    if (counts === undefined) return;
    const row = this.#row ??= counts.limits.of(this.#kind, this.#zone);
    row[SLOTS[status]]! += 1;
  }
}
