/** Directives about the health of a group's peers. @module */
import { directive, type Settings, type Table } from "../directive.ts";
import { percent } from "../types.ts";
import { healthCheck } from "./health_check.ts";

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
