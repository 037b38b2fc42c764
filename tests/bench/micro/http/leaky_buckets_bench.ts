/** `limit_req`: a request poured into the bucket of its key. @module */
import { bucketsLayout, LeakyBuckets } from "../../../../src/http/leaky_buckets.ts";
import { Zone, Zones } from "../../../../src/zone/mod.ts";

const ZONE_BYTES = 10 << 20;
const RATE = 1_000_000;
/** Clients: as many as one worker has in a busy second. */
const KEYS = Array.from(
  { length: 1_024 },
  (_, at) => `\x0a\x00${String.fromCharCode(at >> 8, at & 0xff)}`,
);
const SOME_MS = 1_700_000_000_000;

for (const columns of [1, 2]) {
  const layout = bucketsLayout(ZONE_BYTES);
  const zone = columns === 1 ? Zone.alone(layout) : new Zones({ columns }).open("all", layout);
  const buckets = new LeakyBuckets(zone, RATE);
  let turn = 0;
  Deno.bench(`limit_req: poured, ${columns} worker(s)`, { group: "limit_req" }, () => {
    turn++;
    buckets.pour(KEYS[turn & 1_023]!, SOME_MS + (turn >> 6), Infinity);
  });
}
