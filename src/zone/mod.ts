/**
 * What must be one however many workers there are: peers' states, limits, counters. A zone
 * is a block of memory of a fixed size and a written-down layout (`layout.ts`), shared by
 * all workers or, where there is only one, ordinary. Nothing in it is ever locked: a worker
 * may end at any instruction, and the others go on.
 *
 * - A number that all may change is a {@linkcode Word}: compare, exchange, try again.
 * - A number that is the sum of what each has (connections) has one column per worker, which
 *   only that worker writes: {@linkcode Counters}, and the counts of a {@linkcode KeyTable}.
 *   When a worker ends, what it had is forgotten by clearing its column.
 * - What is known by a text (an address that is limited, a peer) has an entry in a
 *   {@linkcode KeyTable}.
 *
 * @module
 */
export { Counters } from "./counters.ts";
export { KeyTable, NO_ENTRY, NO_ROOM } from "./key_table.ts";
export { type ZoneLayout } from "./layout.ts";
export { Word } from "./word.ts";
export { type SharedZone, Zone, Zones } from "./zone.ts";
