import { assert, assertEquals } from "@std/assert";
import { type Buf, SlabPool } from "../../../src/buffer/mod.ts";
import { type BodyFilter, MultipartFilter, RangeFilter } from "../../../src/downstream/mod.ts";
import type { ByteRange } from "../../../src/wire/mod.ts";
import { withRandom } from "../../support/random.ts";

/** Sends `body` through a filter in pieces. Returns what comes out, and how often the end was told. */
function run(
  filter: BodyFilter,
  body: Uint8Array,
  pieces: readonly number[],
  pool: SlabPool,
): { readonly out: number[]; readonly ends: number } {
  const out: number[] = [];
  const lent: Buf[] = [];
  let ends = 0;
  let at = 0;
  for (const [index, size] of pieces.entries()) {
    const from = pool.acquire(Math.max(1, size), "test")!;
    from.cell.set(body.subarray(at, at + size));
    from.last = size;
    at += size;
    filter.filter(from, index === pieces.length - 1, (piece, isLast) => {
      out.push(...piece.data());
      if (isLast) ends++;
      if (piece.size === 0) return;
      piece.lendData(); // as a connection does
      lent.push(piece);
    });
    if (from.isLent) {
      from.settleWrite();
      lent.splice(lent.indexOf(from), 1);
    } else {
      assertEquals(from.size, 0);
    }
    for (const buf of lent.splice(0)) buf.settleWrite();
    from.release();
  }
  return { out, ends };
}

Deno.test("RangeFilter: any range of a body in any pieces is those bytes, and ends once", async () => {
  await withRandom((random) => {
    const pool = new SlabPool({ maxBytes: 1 << 20, debug: true });
    for (let turn = 0; turn < 300; turn++) {
      const body = random.bytes(random.integer(1, 200));
      const start = random.integer(0, body.length - 1);
      const end = random.integer(start + 1, body.length);
      const filter = new RangeFilter({ start, end });

      const { out, ends } = run(filter, body, random.pieces(body.length, 50), pool);

      assertEquals(out, [...body.subarray(start, end)]);
      assertEquals(ends, 1);
      assert(filter.isSatisfied);
    }
    assertEquals(pool.outstanding(), []);
    return Promise.resolve();
  });
});

Deno.test("MultipartFilter: any ascending ranges of a body in any pieces are its parts, and end once", async () => {
  await withRandom((random) => {
    const pool = new SlabPool({ maxBytes: 1 << 20, debug: true });
    for (let turn = 0; turn < 300; turn++) {
      const body = random.bytes(random.integer(1, 10_000));
      const ranges: ByteRange[] = [];
      for (let at = 0; at < body.length;) {
        const start = random.integer(at, body.length - 1);
        const end = random.integer(start + 1, Math.min(body.length, start + 6_000));
        ranges.push({ start, end });
        at = random.chance(0.2) ? end : end + random.integer(0, 300);
      }
      const heads = ranges.map((_, at) => new TextEncoder().encode(`<${at}>`));
      const tail = new TextEncoder().encode("<end>");
      const filter = new MultipartFilter(ranges, heads, tail, pool);

      const { out, ends } = run(filter, body, random.pieces(body.length, 3_000), pool);

      const expected = ranges.flatMap(({ start, end }, at) => [
        ...heads[at]!,
        ...body.subarray(start, end),
      ]);
      assertEquals(out, [...expected, ...tail]);
      assertEquals(ends, 1);
    }
    assertEquals(pool.outstanding(), []);
    return Promise.resolve();
  });
});
