/** Directives about the health of a group's peers. @module */
import { directive, type Settings, type Table } from "../directive.ts";
import { parameters, withoutParameters } from "../parameters.ts";
import { integer, percent, scalarType, time } from "../types.ts";
import { healthCheck } from "./health_check.ts";

/** A number with a part behind the point. */
const factor = scalarType(
  "number",
  'a number such as "1.9"',
  (text) => /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined,
);

export const outlierParameters = {
  consecutive5xx: directive({
    name: "consecutive_5xx",
    contexts: ["upstream"],
    type: integer(),
    default: "5",
    doc:
      "Failures in a row for which a peer is ejected: answers of 500 and above, and errors. 0: " +
      "never, here and for the next two.",
  }),
  consecutiveGatewayFailures: directive({
    name: "consecutive_gateway_failure",
    contexts: ["upstream"],
    type: integer(),
    default: "0",
    doc: "Likewise of 502, 503, 504 and errors.",
  }),
  consecutiveErrors: directive({
    name: "consecutive_errors",
    contexts: ["upstream"],
    type: integer(),
    default: "0",
    doc: "Likewise of errors alone: no usable answer, as `error`, `timeout` and `invalid_header` " +
      "of `next_upstream` say it.",
  }),
  intervalMs: directive({
    name: "interval",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "10s",
    doc: "How often the peers' shares of successes are compared.",
  }),
  successRateMinimumHosts: directive({
    name: "success_rate_minimum_hosts",
    contexts: ["upstream"],
    type: integer({ min: 2 }),
    default: "5",
    doc: "Peers that need enough requests in an interval for that.",
  }),
  successRateRequestVolume: directive({
    name: "success_rate_request_volume",
    contexts: ["upstream"],
    type: integer({ min: 1 }),
    default: "100",
    doc: "How many are enough.",
  }),
  successRateStdevFactor: directive({
    name: "success_rate_stdev_factor",
    contexts: ["upstream"],
    type: factor,
    default: "1.9",
    doc:
      "A peer is ejected that is more than so many standard deviations below the mean; 0: none is.",
  }),
  baseEjectionMs: directive({
    name: "base_ejection_time",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "30s",
    doc:
      "How long, times how often it has been ejected; each interval that it is in takes one off.",
  }),
  maxEjectionMs: directive({
    name: "max_ejection_time",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "300s",
    doc: "How long at most.",
  }),
  maxEjectedShare: directive({
    name: "max_ejection_percent",
    contexts: ["upstream"],
    type: percent(),
    default: "10%",
    doc: "How many of the peers at most; one may always be, but never the last one.",
  }),
} satisfies Table;

export const retryBudgetParameters = {
  share: directive({
    name: "percent",
    contexts: ["upstream"],
    type: percent(),
    doc: "Of the requests of the last 10 s.",
  }),
  minPerSecond: directive({
    name: "min_per_second",
    contexts: ["upstream"],
    type: integer(),
    default: "10",
    doc: "Retries that are always allowed, on average over those 10 s.",
  }),
} satisfies Table;

export const healthDirectives = {
  healthCheck: directive({
    name: "health_check",
    contexts: ["upstream"],
    merge: "own",
    type: healthCheck,
    example: {
      yaml: "{ path: /healthz, interval: 5s, fails: 3, passes: 2 }",
      nginx: "path=/healthz interval=5s fails=3 passes=2",
    },
    doc: "Requests of our own that tell whether a peer is well, once a process whatever its " +
      "workers. A peer that fails `fails` of them in a row gets no requests, until it passes " +
      "`passes`; both is said in the log, with the reason. One check tries a peer at a time. " +
      "Peers that are `down` are not checked. nginx sells the like (`health_check` in a location, " +
      "`match`); free nginx has none.",
  }),
  outliers: directive({
    name: "outlier_detection",
    contexts: ["upstream"],
    merge: "own",
    type: withoutParameters(
      parameters(
        outlierParameters,
        [],
        "parameters such as {consecutive_5xx: 5, base_ejection_time: 30s}, or on",
      ),
    ),
    example: {
      yaml: "{ consecutive_5xx: 5, base_ejection_time: 30s }",
      nginx: "consecutive_5xx=5 base_ejection_time=30s",
    },
    doc:
      "A peer is ejected that fails too often in a row, or clearly more often than the others: " +
      "it gets no requests for a while, and for a longer one each time. `max_fails` takes a peer " +
      "out for failures as such; this does for bad answers too, and for being worse than others. " +
      "With several workers each looks at its own requests, and what one ejects is out for all. The parameters are Envoy's.",
  }),
  retryBudget: directive({
    name: "retry_budget",
    contexts: ["upstream"],
    merge: "own",
    type: parameters(
      retryBudgetParameters,
      ["percent"],
      'a share such as "20%", or {percent, min_per_second}',
    ),
    example: { yaml: "{ percent: 20%, min_per_second: 10 }", nginx: "20% min_per_second=10" },
    doc:
      "How many requests may be tried again at another peer (`next_upstream`), so that a group " +
      "that fails as a whole is not asked several times as much. A request that is not tried " +
      "again for it says `retry budget spent` in `$upstream_failure`. A request on an idle " +
      "connection that the peer had closed is no retry. Each worker has a budget of its own. Without it only `next_upstream_tries` " +
      "and the number of peers bound them.",
  }),
  panicThreshold: directive({
    name: "panic_threshold",
    contexts: ["upstream"],
    merge: "own",
    type: percent(),
    example: { yaml: "50%", nginx: "50%" },
    doc: "When less than this share of the peers is healthy, health is ignored: requests go to " +
      "all peers, whatever `max_fails`, `health_check` and `outlier_detection` say of them, " +
      "since the few that are left would fall under the load of all. Not while a `backup` can be " +
      "used. Peers that are `down` or drain do not count. Without it there is no panic.",
  }),
} satisfies Table;

export type HealthSettings = Settings<typeof healthDirectives>;
