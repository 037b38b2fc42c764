import { assertEquals } from "@std/assert";
import { SlabPool, WorkingSet } from "../../../src/buffer/mod.ts";

const MIB = 1 << 20;

/** Sizes of the cells that a response gets, one after the other. */
function cellsOf(pool: SlabPool, expectedBytes: number): number[] {
  const set = new WorkingSet(8, 8_192, pool, expectedBytes);
  const sizes: number[] = [];
  for (let buf = set.take(); buf !== undefined; buf = set.take()) {
    sizes.push(buf.cell.length);
    set.in.push(buf);
  }
  set.release();
  return sizes;
}

Deno.test("WorkingSet: buffers 8 8k are two cells of 32 KB, or one for all of a response that is small", () => {
  const pool = new SlabPool({ maxBytes: 4 * MIB, debug: true });
  assertEquals(cellsOf(pool, -1), [32_768, 32_768]);
  assertEquals(cellsOf(pool, 20_000), [32_768, 8_192]);
  assertEquals(cellsOf(pool, 100), [4_096, 4_096]);
  assertEquals(pool.outstanding(), []);
});

Deno.test("WorkingSet: with more than three quarters of the pool held cells are small", () => {
  const pool = new SlabPool({ maxBytes: 4 * MIB, debug: true });
  const held = Array.from({ length: 49 }, () => pool.acquire(65_536, "test")!);
  assertEquals(cellsOf(pool, -1), [8_192, 8_192]);
  assertEquals(cellsOf(pool, 20_000), [8_192, 8_192]);
  assertEquals(cellsOf(pool, 100), [4_096, 4_096]);
  for (const buf of held.splice(0, 2)) buf.release();
  assertEquals(cellsOf(pool, -1), [32_768, 32_768]);
  for (const buf of held) buf.release();
});
