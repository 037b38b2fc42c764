/**
 * A worker that hammers one table of keys with the others, and ends between two turns of its
 * event loop where it is terminated, with what it holds: Deno does not end a thread that does not
 * come back there. What it is granted it writes down, for the test to judge.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { KeyTable, NO_ENTRY, type SharedZone, Zones } from "../../src/zone/mod.ts";
import { HAMMER_LAYOUT, type HammerOrder, type HammerReport } from "./zone_hammer.ts";
import { Random } from "../support/random.ts";

/** Between two looks at whether it is time to end. */
const STEPS_AT_ONCE = 500;

const worker = globalThis as unknown as {
  onmessage: (event: MessageEvent<HammerOrder>) => Promise<void>;
  postMessage(report: HammerReport): void;
};

worker.onmessage = async ({ data }) => {
  const table = tableOf(data.shared, data.columns, data.column);
  const holders = new Int32Array(data.holders);
  const random = new Random(data.seed);
  const held: { readonly entry: number; readonly key: number }[] = [];
  const report: HammerReport = { granted: 0, over: 0, withoutEntry: 0, steps: 0 };

  const letOneGo = () => {
    const at = random.integer(0, held.length - 1);
    const { entry, key } = held[at]!;
    held[at] = held[held.length - 1]!;
    held.length--;
    Atomics.sub(holders, key, 1); // before it is given back, so that it is never too many
    table.release(entry);
  };

  while (Atomics.load(holders, data.keys) === 0) {
    for (let step = 0; step < STEPS_AT_ONCE; step++) {
      if (held.length > 0 && (held.length > data.holds || random.chance(0.5))) letOneGo();
      const key = random.integer(0, data.keys - 1);
      const entry = table.claim(`key ${key}`, report.steps, data.limit);
      report.steps++;
      if (entry === NO_ENTRY) report.withoutEntry++;
      if (entry < 0) continue;
      report.granted++;
      if (Atomics.add(holders, key, 1) >= data.limit) report.over++;
      held.push({ entry, key });
    }
    Atomics.add(holders, data.keys + 1 + data.column, 1);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  while (held.length > 0) letOneGo();
  worker.postMessage(report);
};

function tableOf(shared: readonly SharedZone[], columns: number, column: number): KeyTable {
  return new KeyTable(new Zones({ columns, column, shared }).open("hammer", HAMMER_LAYOUT));
}
