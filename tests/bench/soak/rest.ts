/**
 * What the proxy holds when nobody asks anything of it.
 *
 * @module
 */
import type { ServerSample } from "./server.ts";

/** Deadlines that are registered: the pool has one line of its own, unless it names the holders. */
function deadlinesOf({ outstanding }: ServerSample): readonly string[] {
  return outstanding.filter((line) => !/^\d+ (?:cells|bytes)\b/.test(line));
}

/** Whether nothing is held but by idle connections to origins. */
export function isAtRest(stats: ServerSample): boolean {
  const { clients, connections, idle, pool } = stats;
  return clients === 0 && connections === idle && pool.heldCells === idle &&
    deadlinesOf(stats).length === idle;
}

/** Those of others than idle connections to origins. */
export function ownDescriptors({ descriptors, idle }: ServerSample): number {
  return descriptors - idle;
}

export function restLine(stats: ServerSample): string {
  const { clients, connections, idle, pool, descriptors } = stats;
  return `${clients} clients, ${connections} connections, ${idle} idle, ${pool.heldCells} cells, ` +
    `${deadlinesOf(stats).length} deadlines, ${descriptors} descriptors`;
}
