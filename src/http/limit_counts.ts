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

/** Counts a decision of the limit of `zone`, where anybody can ask for it. */
export function countLimit(
  request: Request,
  kind: "limit_req" | "limit_conn",
  zone: string,
  status: Exclude<LimitStatus, "">,
): void {
  const { counts } = request.worker.context;
  if (counts !== undefined) counts.limits.of(kind, zone)[SLOTS[status]]! += 1;
}
