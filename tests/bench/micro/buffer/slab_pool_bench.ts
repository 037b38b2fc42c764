/** Cells taken and given back. @module */
import { type Buf, CELL_SIZES, Chain, SlabPool } from "../../../../src/buffer/mod.ts";

const HELD = 1_000;

const pool = new SlabPool({ maxBytes: 256 << 20 });
const [smallest] = CELL_SIZES;
const bufs: Buf[] = [];
const chain = new Chain();

Deno.bench("pool: a cell taken and given back", { group: "pool" }, () => {
  take(smallest).release();
});

Deno.bench("pool: one size after the other", { group: "pool" }, () => {
  for (const size of CELL_SIZES) bufs.push(take(size));
  for (const buf of bufs.splice(0)) buf.release();
});

Deno.bench("pool: 1,000 cells taken, then given back in that order", { group: "pool" }, () => {
  for (let count = 0; count < HELD; count++) bufs.push(take(smallest));
  for (const buf of bufs.splice(0)) buf.release();
});

Deno.bench("chain: 8 cells pushed, appended to another, shifted and given back", () => {
  const tail = new Chain();
  for (let count = 0; count < 8; count++) tail.push(take(smallest));
  chain.append(tail);
  chain.releaseAll();
});

function take(sizeBytes: number): Buf {
  const buf = pool.acquire(sizeBytes, "bench");
  if (buf === undefined) throw new Error("the pool has no cell left");
  return buf;
}
