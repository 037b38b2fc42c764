import { assert, assertEquals } from "@std/assert";
import { KeyTable, Zones } from "../../src/zone/mod.ts";
import { eventually } from "../support/in_process.ts";
import { type Random, withRandom } from "../support/random.ts";
import { within } from "../support/within.ts";
import { HAMMER_LAYOUT, type HammerOrder, type HammerReport } from "./zone_hammer.ts";

const WORKERS = 4;

interface Hammering {
  readonly table: KeyTable;
  readonly zones: Zones;
  readonly reports: readonly HammerReport[];
}

/** Longer than a thread that runs is kept from a core, where all the gates run at once; in ms. */
const STILL_MS = 200;

/**
 * Four workers claim and release until each has gone some rounds. `victims` are terminated
 * in the middle.
 */
async function hammer(
  random: Random,
  { keys, limit, holds }: Pick<HammerOrder, "keys" | "limit" | "holds">,
  victims: readonly number[] = [],
): Promise<Hammering> {
  const zones = new Zones({ columns: WORKERS });
  const table = new KeyTable(zones.open("hammer", HAMMER_LAYOUT));
  const shared = zones.share();
  const holders = new SharedArrayBuffer((keys + 1 + WORKERS) * 4);
  const words = new Int32Array(holders);
  const workers: Worker[] = [];
  const done: Promise<HammerReport>[] = [];
  for (let column = 0; column < WORKERS; column++) {
    const worker = new Worker(new URL("./zone_child.ts", import.meta.url), { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<HammerReport>();
    worker.onmessage = ({ data }: MessageEvent<HammerReport>) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    const seed = random.bits();
    const order: HammerOrder = {
      shared,
      columns: WORKERS,
      column,
      holders,
      keys,
      limit,
      holds,
      seed,
    };
    worker.postMessage(order);
    workers.push(worker);
    if (!victims.includes(column)) done.push(promise);
  }
  const rounds = (column: number) => Atomics.load(words, keys + 1 + column);
  const everybody = (count: number) => () => workers.every((_, column) => rounds(column) >= count);
  try {
    await eventually("every worker to have begun", everybody(random.integer(1, 10)));
    for (const victim of victims) {
      workers[victim]!.terminate();
      // It runs on for a moment: nothing tells when it has stopped, but its rounds stand still.
      let before = -1;
      let stillSinceMs = 0;
      await eventually("the terminated worker to stand still", () => {
        if (rounds(victim) !== before) {
          before = rounds(victim);
          stillSinceMs = performance.now();
        }
        return performance.now() - stillSinceMs > STILL_MS;
      });
    }
    const before = workers.map((_, column) => rounds(column));
    const survivors = workers.keys().filter((column) => !victims.includes(column)).toArray();
    await eventually(
      "the others to go on",
      () => survivors.every((column) => rounds(column) >= before[column]! + 8),
    );
    Atomics.store(words, keys, 1);
    const reports = await within(Promise.all(done), "the workers' reports");
    return { table, zones, reports };
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

function sums(table: KeyTable): number[] {
  return Array.from({ length: table.entries }, (_, entry) => table.sum(entry));
}

Deno.test("zones: four workers at one table never hold more than the limit, and lose nothing", () =>
  withRandom(async (random) => {
    const { table, reports } = await hammer(random, { keys: 24, limit: 5, holds: 60 });
    assertEquals(reports.map(({ over }) => over), [0, 0, 0, 0]);
    assertEquals(reports.map(({ withoutEntry }) => withoutEntry), [0, 0, 0, 0]);
    assert(reports.every(({ granted, steps }) => granted > 0 && granted < steps));
    assertEquals(sums(table), sums(table).fill(0));
    assertEquals(table.used, 24, "each key has one entry");
  }));

Deno.test("zones: entries change hands all the time, and no count is lost or left behind", () =>
  withRandom(async (random) => {
    const { table, reports } = await hammer(random, { keys: 500, limit: 3, holds: 10 });
    assert(reports.every(({ granted }) => granted > 0));
    assertEquals(sums(table), sums(table).fill(0));
    assertEquals(table.used, table.entries);
  }));

Deno.test("zones: workers that are terminated anywhere hold up nobody and leave nothing", () =>
  withRandom(async (random) => {
    const victims = [random.integer(0, 1), random.integer(2, 3)];
    const { table, zones } = await hammer(random, { keys: 500, limit: 3, holds: 10 }, victims);
    for (const victim of victims) zones.clearColumn(victim);
    assertEquals(sums(table), sums(table).fill(0));
    for (let key = 0; key < 200; key++) {
      const entry = table.claim(`later ${key}`, 1e6 + key, 1);
      assert(entry >= 0, `key ${key}`);
      assertEquals(table.find(`later ${key}`), entry);
      table.release(entry);
    }
  }));
