/**
 * `limit_req`: how many requests a second, by any key. A request that is too early waits, or
 * is refused if there are too many before it.
 *
 * @module
 */
import type { LogLevel, Template } from "../log/mod.ts";
import type { LimitRequestsConf, LimitReqZoneConf } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { holdUp } from "./hold_up.ts";
import { type LeakyBuckets, NO_BUCKET } from "./leaky_buckets.ts";
import { LimitCounts } from "./limit_counts.ts";
import { refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import type { Step, StepResult } from "./step.ts";

/** What has become of a request at a limit; `$limit_req_status` and `$limit_conn_status`. */
export type LimitStatus =
  | ""
  | "PASSED"
  | "DELAYED"
  | "REJECTED"
  | "DELAYED_DRY_RUN"
  | "REJECTED_DRY_RUN";

interface Limit {
  readonly zone: string;
  readonly counts: LimitCounts;
  readonly key: Template<Request>;
  readonly buckets: LeakyBuckets;
  /** Thousandths of a request. */
  readonly burst: number;
  readonly delay: number;
}

/** The buckets of a zone. */
export type BucketsOf = (zone: LimitReqZoneConf) => LeakyBuckets;

export class LimitRequests implements Step {
  readonly #limits: readonly Limit[];
  readonly #conf: LimitRequestsConf;
  /** The texts of the keys of the current request. */
  readonly #keys: string[] = [];

  constructor(conf: LimitRequestsConf, variables: Variables, bucketsOf: BucketsOf) {
    this.#conf = conf;
    this.#limits = conf.limits.map(({ zone, burst, delay }) => ({
      zone: zone.name,
      counts: new LimitCounts("limit_req", zone.name),
      key: variables.compile(byteText(zone.key)),
      buckets: bucketsOf(zone),
      burst: burst * 1_000,
      delay: delay * 1_000,
    }));
  }

  run(request: Request): StepResult | Promise<StepResult> {
    if (request.limitReqStatus !== "") return "go on"; // once, whereto it is led
    const nowMs = request.worker.sharedNowMs;
    const limits = this.#limits;
    const last = limits.length - 1;
    let at = 0;
    let excess = NO_BUCKET;
    // Nothing is poured in before it is clear that there is room in all of them.
    for (; at <= last; at++) {
      const limit = limits[at]!;
      const { key, buckets, burst } = limit;
      const text = this.#keys[at] = key.render(request);
      if (text === "") continue; // this limit is not for such requests
      excess = at === last ? buckets.pour(text, nowMs, burst) : buckets.look(text, nowMs);
      if (excess === NO_BUCKET) return this.#reject(request, limit, undefined);
      if (excess > burst) return this.#reject(request, limit, excess);
    }
    if (excess === NO_BUCKET) return "go on"; // no key had a text
    return this.#delayIfEarly(request, nowMs, this.#keys[last] === "" ? 0 : excess);
  }

  /** @param lastExcess What was poured into the last one has made of it. */
  #delayIfEarly(
    request: Request,
    nowMs: number,
    lastExcess: number,
  ): StepResult | Promise<StepResult> {
    const limits = this.#limits;
    let longest = limits.at(-1)!;
    let excess = lastExcess;
    let delayMs = delayOf(longest, excess);
    for (let at = limits.length - 2; at >= 0; at--) {
      if (this.#keys[at] === "") continue;
      const limit = limits[at]!;
      const poured = limit.buckets.pour(this.#keys[at]!, nowMs, Infinity);
      const ms = delayOf(limit, poured);
      if (ms <= delayMs) continue;
      [longest, excess, delayMs] = [limit, poured, ms];
    }
    if (delayMs === 0) return this.#settle(request, longest, "PASSED");
    const { dryRun, logLevel } = this.#conf;
    request.report(
      DELAYS_AT[logLevel] ?? logLevel,
      `delaying request${dryRun ? ", dry run" : ""}, excess: ${inRequests(excess)}, ` +
        `by zone "${longest.zone}"`,
    );
    if (dryRun) return this.#settle(request, longest, "DELAYED_DRY_RUN");
    this.#settle(request, longest, "DELAYED");
    return holdUp(request, delayMs);
  }

  /** @param excess Undefined when there was no place for another key. */
  #reject(request: Request, limit: Limit, excess: number | undefined): StepResult {
    const { zone } = limit;
    const { dryRun, logLevel, status } = this.#conf;
    const how = dryRun ? ", dry run" : "";
    if (excess === undefined) {
      request.report("alert", `limit_req${how}: no place for another key in zone "${zone}"`);
    } else {
      request.report(
        logLevel,
        `limiting requests${how}, excess: ${inRequests(excess)} by zone "${zone}"`,
      );
    }
    if (dryRun) return this.#settle(request, limit, "REJECTED_DRY_RUN");
    this.#settle(request, limit, "REJECTED");
    refuse(request, status);
    return "ended";
  }

  #settle(request: Request, { counts }: Limit, status: Exclude<LimitStatus, "">): StepResult {
    counts.add(request, status);
    request.limitReqStatus = status;
    return "go on";
  }
}

/** Delays are told at one level below refusals, as in nginx. */
const DELAYS_AT: Readonly<Partial<Record<LogLevel, LogLevel>>> = {
  error: "warn",
  warn: "notice",
  notice: "info",
};

function delayOf({ delay, buckets: { rate } }: Limit, excess: number): number {
  return excess <= delay ? 0 : Math.floor((excess - delay) * 1_000 / rate);
}

/** `1.042` */
function inRequests(thousandths: number): string {
  return (thousandths / 1_000).toFixed(3);
}
