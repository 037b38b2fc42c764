import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type Buf, CELL_SIZES, SlabPool } from "../../../src/buffer/mod.ts";
import { leakTest } from "../../support/leak_check.ts";
import { withRandom } from "../../support/random.ts";

const MIB = 1 << 20;

leakTest("a request is rounded up to the next size of cell", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 64 * MIB, debug: true }));
  const sizes: readonly [number, number][] = [
    [0, 1024],
    [1, 1024],
    [1024, 1024],
    [1025, 4096],
    [4096, 4096],
    [4097, 8192],
    [16384, 16384],
    [16385, 32768],
    [65535, 65536],
    [65536, 65536],
    [65537, 73728],
    [73729, 73729],
    [1_000_001, 1_000_001],
  ];
  for (const [asked, got] of sizes) {
    const buf = pool.acquire(asked, "test");
    assertEquals(buf?.cell.length, got);
    buf?.release();
  }
});

leakTest("cells never overlap", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 8 * MIB }));
  const bufs = CELL_SIZES.flatMap((size) => [1, 2, 3].map(() => pool.acquire(size, "test")!));
  bufs.forEach((buf, index) => buf.cell.fill(index + 1));
  bufs.forEach((buf, index) => assert(buf.cell.every((byte) => byte === index + 1)));
  bufs.forEach((buf) => buf.release());
});

leakTest("the bound holds for every mix of sizes, and all comes back", async (watch) => {
  const maxBytes = 3 * MIB + 5000;
  await withRandom((random) => {
    const pool = watch(new SlabPool({ maxBytes }));
    const held: Buf[] = [];
    let refusals = 0;
    for (let step = 0; step < 5_000; step++) {
      if (random.chance(0.55)) {
        const largest = random.pick([1024, 4096, 65536, 300_000]);
        const sizeBytes = random.integer(1, largest);
        const buf = pool.acquire(sizeBytes, "test");
        if (buf === undefined) refusals++;
        else {
          assert(buf.cell.length >= sizeBytes);
          held.push(buf);
        }
      } else {
        held.splice(random.integer(0, Math.max(0, held.length - 1)), 1)[0]?.release();
      }
      const stats = pool.stats();
      assert(stats.slabBytes <= maxBytes, "past the bound");
      assertEquals(stats.heldCells, held.length);
      assertEquals(stats.heldBytes, held.reduce((sum, buf) => sum + buf.cell.length, 0));
      assertEquals(stats.refusals, refusals);
      assertEquals(new Set(held).size, held.length, "one cell, two holders");
    }
    held.forEach((buf) => buf.release());
    assertEquals(pool.stats().heldBytes, 0);
  });
});

leakTest("when the bound is reached a larger free cell serves", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 2 * 65536 }));
  const [large, held] = [pool.acquire(65536, "test")!, pool.acquire(65536, "test")!];
  assertEquals(pool.acquire(1, "test"), undefined);
  assertEquals(pool.stats().refusals, 1);
  large.release();
  const small = pool.acquire(1, "test");
  assertEquals(small?.cell.length, 65536);
  assertEquals(pool.acquire(1, "test"), undefined);
  small?.release();
  const again = pool.acquire(65536, "test");
  assertEquals(again, large);
  again?.release();
  held.release();
});

leakTest(
  "memory that small cells have taken serves large ones when it is free, and back",
  (watch) => {
    const pool = watch(new SlabPool({ maxBytes: 4 * MIB, debug: true }));
    for (const size of [1024, 65536, 4096, 32768, 1024]) {
      const held: Buf[] = [];
      for (let buf = pool.acquire(size, "burst"); buf !== undefined;) {
        assertEquals(buf.cell.length, size);
        held.push(buf);
        buf = pool.acquire(size, "burst");
      }
      assertEquals(held.length, 4 * MIB / size);
      held.forEach((buf, index) => buf.cell.fill(index % 251));
      held.forEach((buf, index) => assert(buf.cell.every((byte) => byte === index % 251)));
      held.forEach((buf) => buf.release());
      assertEquals(pool.stats().slabBytes, 4 * MIB);
    }
    const big = pool.acquire(2 * MIB, "on its own");
    assertEquals(big?.cell.length, 2 * MIB);
    big?.release();
  },
);

leakTest("a slab of which one cell is held, or lent to a read, is not carved anew", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 65536, debug: true }));
  const cells = Array.from({ length: 64 }, () => pool.acquire(1024, "small")!);
  const [first, ...others] = cells;
  others.forEach((buf) => buf.release());
  assertEquals(pool.acquire(65536, "large"), undefined);
  first!.lendRoom();
  first!.release();
  assertEquals(pool.acquire(65536, "large"), undefined);
  first!.settleRead(5);
  const large = pool.acquire(65536, "large");
  assertEquals(large?.cell.length, 65536);
  large?.release();
});

leakTest(
  "in a small pool a few held cells of each size leave most of it to large ones",
  (watch) => {
    const pool = watch(new SlabPool({ maxBytes: 2 * MIB }));
    const held = CELL_SIZES.map((size) => pool.acquire(size, "one of each")!);
    const large: Buf[] = [];
    for (let buf = pool.acquire(73_728, "large"); buf !== undefined;) {
      large.push(buf);
      buf = pool.acquire(73_728, "large");
    }
    assert(large.length >= 14, `only ${large.length} large cells, of ${2 * MIB} bytes`);
    for (const buf of [...held, ...large]) buf.release();
  },
);

leakTest("a bound of less than one cell refuses everything", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 1023 }));
  for (const size of [1, ...CELL_SIZES, 100_000]) assertEquals(pool.acquire(size, "t"), undefined);
});

leakTest("a slab that does not fit whole is cut to what fits", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 3 * 1024 + 1 }));
  const bufs = [1, 2, 3].map(() => pool.acquire(1024, "test"));
  assertEquals(pool.acquire(1024, "test"), undefined);
  assertEquals(pool.stats().slabBytes, 3072);
  bufs.forEach((buf) => buf!.release());
});

leakTest("an oversize cell lives alone and is the collector's when released", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 200_000 }));
  const big = pool.acquire(150_000, "test")!;
  assertEquals(pool.stats().slabBytes, 150_000);
  assertEquals(pool.acquire(65_536, "test"), undefined);
  big.release();
  assertEquals(pool.stats().slabBytes, 0);
  const next = pool.acquire(150_000, "test");
  assert(next !== undefined && next !== big);
  next.release();
});

leakTest("released cells are used again, the warmest first", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: MIB }));
  const [a, b] = [pool.acquire(1, "test")!, pool.acquire(1, "test")!];
  a.release();
  b.release();
  const again = pool.acquire(1, "test");
  assertEquals(again, b);
  again?.release();
});

leakTest("who asked first for room is called first, once", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 2048 }));
  const [a, b] = [pool.acquire(1, "test")!, pool.acquire(1, "test")!];
  const woken: string[] = [];
  pool.onRoom(() => woken.push("first"));
  pool.onRoom(() => woken.push("second"));
  a.release();
  assertEquals(woken, ["first"]);
  b.release();
  pool.acquire(1, "test")!.release();
  assertEquals(woken, ["first", "second"]);
});

leakTest("who is called and wants more than came back passes the turn on, once round", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 65536 + 2048, debug: true }));
  const big = pool.acquire(65536, "big")!;
  const [a, b] = [pool.acquire(1024, "a")!, pool.acquire(1024, "b")!];
  const calls = { large: 0, small: 0 };
  let got: Buf | undefined;
  const wantLarge = (): void => {
    calls.large++;
    const buf = pool.acquire(65536, "large");
    if (buf === undefined) pool.onRoom(wantLarge);
    else buf.release();
  };
  pool.onRoom(wantLarge);
  pool.onRoom(wantLarge);
  pool.onRoom(() => {
    calls.small++;
    got = pool.acquire(1024, "small");
  });
  a.release();
  assertEquals([calls, got], [{ large: 2, small: 1 }, a]);
  b.release();
  assertEquals(calls, { large: 4, small: 1 });
  big.release();
  assertEquals(calls.large, 6);
  got?.release();
});

leakTest("asking for room can be taken back, also after the call", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 1024 }));
  const buf = pool.acquire(1, "test")!;
  const woken: string[] = [];
  const takeBack = pool.onRoom(() => woken.push("first"));
  pool.onRoom(() => woken.push("second"));
  takeBack();
  buf.release();
  takeBack();
  assertEquals(woken, ["second"]);
});

leakTest("whoever is called for room may acquire at once", (watch) => {
  const pool = watch(new SlabPool({ maxBytes: 1024, debug: true }));
  const buf = pool.acquire(1, "first")!;
  let next: Buf | undefined;
  pool.onRoom(() => next = pool.acquire(1, "second"));
  buf.release();
  assertEquals(next, buf);
  assertEquals(buf.state, "owned");
  next?.release();
});

Deno.test("debug: what is held is told with its size, state and holder", () => {
  const pool = new SlabPool({ maxBytes: MIB, debug: true });
  const owned = pool.acquire(1000, "read_request_head")!;
  const leaving = pool.acquire(4000, "relay")!;
  leaving.lendRoom();
  leaving.release();
  const lines = pool.outstanding();
  assertEquals(lines.length, 2);
  assertMatch(lines[0]!, /^1024 bytes \(owned\) by read_request_head.*slab_pool_test\.ts/);
  assertMatch(lines[1]!, /^4096 bytes \(leaving\) by relay/);
  owned.release();
  leaving.settleRead(0);
  assertEquals(pool.outstanding(), []);
});

Deno.test("isScarce: from a bound of held bytes on, and while somebody waits; never without a bound", () => {
  const pool = new SlabPool({ maxBytes: 4 * 4096 });
  const bufs = Array.from({ length: 4 }, () => pool.acquire(4096, "test")!);
  const giveUp = pool.onRoom(() => {});
  assertEquals(pool.isScarce, false);
  pool.scarceFromBytes = 3 * 4096;
  assertEquals(pool.isScarce, true);
  bufs.pop()!.release();
  bufs.pop()!.release();
  assertEquals(pool.isScarce, false);
  const wantsMore = pool.onRoom(() => {});
  assertEquals(pool.isScarce, true);
  wantsMore();
  giveUp();
  assertEquals(pool.isScarce, false);
  for (const buf of bufs) buf.release();
});

Deno.test("without debug what is held is told as a sum", () => {
  const pool = new SlabPool({ maxBytes: MIB });
  const buf = pool.acquire(1000, "x")!;
  assertEquals(pool.outstanding(), ["1 cells, 1024 bytes"]);
  buf.release();
  assertEquals(pool.outstanding(), []);
});

Deno.test("debug: a released cell is poisoned, so that use after release shows", () => {
  const pool = new SlabPool({ maxBytes: MIB, debug: true });
  const buf = pool.acquire(1, "test")!;
  buf.cell.fill(7);
  const { cell } = buf;
  buf.release();
  assert(cell.every((byte) => byte === 0xdd));
});

Deno.test("a double release is refused and the cell is not in the pool twice", () => {
  const pool = new SlabPool({ maxBytes: MIB, debug: true });
  const buf = pool.acquire(1, "test")!;
  buf.release();
  assertThrows(() => buf.release(), Error, "Cannot release a pooled Buf");
  const [a, b] = [pool.acquire(1, "a")!, pool.acquire(1, "b")!];
  assert(a !== b);
  a.release();
  b.release();
  assertEquals(pool.outstanding(), []);
});
