/** Directives about the health of a group's peers. @module */
import { directive, type Settings, type Table } from "../directive.ts";
import { percent } from "../types.ts";

export const healthDirectives = {
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
