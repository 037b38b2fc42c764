/**
 * How Sluice is started where it is ours to say.
 *
 * @module
 */
import denoJson from "../../deno.json" with { type: "json" };

const found = /--v8-flags=(\S+)/.exec(denoJson.tasks.start.command);
if (found === null) throw new Error("Cannot find the flags of V8 in the task `start` of deno.json");

/** Flags of V8 that `deno task start`, the image and the unit set; comma-separated. */
export const SHIPPED_V8_FLAGS = found[1]!;
