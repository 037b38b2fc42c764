/**
 * `limit_conn`: how many requests at once, by any key.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import { type KeyTable, NO_ROOM, type ZoneLayout } from "../zone/mod.ts";
import type { LimitConnectionsConf, LimitConnZoneConf } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { LimitCounts } from "./limit_counts.ts";
import type { LimitStatus } from "./limit_requests.ts";
import { refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import type { Step, StepResult } from "./step.ts";

/** The zone that counts need. @param bytes Memory that it may take: 12 for a key, and 4 a worker. */
export function countsLayout(bytes: number): ZoneLayout {
  return { kind: "keys", size: { bytes }, words: 0, counts: 1 };
}

interface Limit {
  readonly zone: string;
  readonly counts: LimitCounts;
  readonly key: Template<Request>;
  readonly table: KeyTable;
  readonly connections: number;
}

/** A request that is counted, until it has been answered. */
export class CountedRequest {
  readonly #table: KeyTable;
  readonly #entry: number;

  constructor(table: KeyTable, entry: number) {
    this.#table = table;
    this.#entry = entry;
  }

  release(): void {
    this.#table.release(this.#entry);
  }
}

/** The counts of a zone. */
export type CountsOf = (zone: LimitConnZoneConf) => KeyTable;

export class LimitConnections implements Step {
  readonly #limits: readonly Limit[];
  readonly #conf: LimitConnectionsConf;

  constructor(conf: LimitConnectionsConf, variables: Variables, countsOf: CountsOf) {
    this.#conf = conf;
    this.#limits = conf.limits.map(({ zone, connections }) => ({
      zone: zone.name,
      counts: new LimitCounts("limit_conn", zone.name),
      key: variables.compile(byteText(zone.key)),
      table: countsOf(zone),
      connections,
    }));
  }

  run(request: Request): StepResult {
    if (request.limitConnStatus !== "") return "go on"; // once, whereto it is led
    const nowMs = request.worker.sharedNowMs;
    let counted: CountedRequest[] | undefined;
    for (const limit of this.#limits) {
      const { key, table, connections } = limit;
      const text = key.render(request);
      if (text === "") continue; // this limit is not for such requests
      const entry = table.claim(text, nowMs, connections);
      if (entry < 0) {
        for (const one of counted ?? []) one.release();
        return this.#reject(request, limit, entry === NO_ROOM);
      }
      (counted ??= []).push(new CountedRequest(table, entry));
    }
    if (counted === undefined) return "go on";
    request.counted = counted;
    return this.#settle(request, this.#limits[0]!, "PASSED");
  }

  #reject(request: Request, limit: Limit, isOver: boolean): StepResult {
    const { zone } = limit;
    const { dryRun, logLevel, status } = this.#conf;
    const how = dryRun ? ", dry run," : "";
    if (isOver) request.report(logLevel, `limiting connections${how} by zone "${zone}"`);
    else request.report("alert", `limit_conn${how} no place for another key in zone "${zone}"`);
    if (dryRun) return this.#settle(request, limit, "REJECTED_DRY_RUN");
    this.#settle(request, limit, "REJECTED");
    refuse(request, status);
    return "ended";
  }

  #settle(request: Request, { counts }: Limit, status: Exclude<LimitStatus, "">): StepResult {
    counts.add(request, status);
    request.limitConnStatus = status;
    return "go on";
  }
}
