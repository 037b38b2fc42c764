import { assertEquals } from "@std/assert";
import { type Buf, Chain, SlabPool } from "../../../src/buffer/mod.ts";
import { leakTest } from "../../support/leak_check.ts";

function setUp() {
  const pool = new SlabPool({ maxBytes: 1 << 20, debug: true });
  const make = (sizeBytes: number): Buf => {
    const buf = pool.acquire(1024, "test")!;
    buf.last = sizeBytes;
    return buf;
  };
  return { pool, make };
}

leakTest("a chain gives its Bufs back in the order they came", (watch) => {
  const { pool, make } = setUp();
  watch(pool);
  const bufs = [make(1), make(2), make(3)];
  const chain = new Chain();
  bufs.forEach((buf) => chain.push(buf));
  assertEquals([chain.first, chain.isEmpty, chain.sizeBytes], [bufs[0], false, 6]);
  assertEquals([chain.shift(), chain.shift(), chain.shift(), chain.shift()], [...bufs, undefined]);
  assertEquals([chain.isEmpty, chain.sizeBytes], [true, 0]);
  assertEquals(bufs.map((buf) => buf.next), [undefined, undefined, undefined]);
  bufs.forEach((buf) => buf.release());
});

leakTest("a chain that ran empty can be filled again", (watch) => {
  const { pool, make } = setUp();
  watch(pool);
  const chain = new Chain();
  for (let round = 0; round < 3; round++) {
    const [a, b] = [make(1), make(1)];
    chain.push(a);
    assertEquals(chain.shift(), a);
    chain.push(b);
    chain.push(a);
    assertEquals([chain.shift(), chain.shift(), chain.shift()], [b, a, undefined]);
    [a, b].forEach((buf) => buf.release());
  }
});

leakTest("append moves all of another chain, empty ones included", (watch) => {
  const { pool, make } = setUp();
  watch(pool);
  const [a, b, c, d] = [make(1), make(1), make(1), make(1)];
  const [chain, tail] = [new Chain(), new Chain()];
  chain.append(tail);
  tail.push(a);
  tail.push(b);
  chain.append(tail);
  assertEquals([tail.isEmpty, chain.first], [true, a]);
  tail.push(c);
  chain.append(tail);
  chain.append(tail);
  chain.push(d);
  assertEquals([1, 2, 3, 4, 5].map(() => chain.shift()), [a, b, c, d, undefined]);
  [a, b, c, d].forEach((buf) => buf.release());
});

leakTest("releaseAll gives every Buf back, those being sent once they are", (watch) => {
  const { pool, make } = setUp();
  watch(pool);
  const [a, b] = [make(1), make(1)];
  const chain = new Chain();
  chain.push(a);
  chain.push(b);
  b.lendData();
  chain.releaseAll();
  assertEquals([a.state, b.state, chain.isEmpty], ["pooled", "leaving", true]);
  b.settleWrite();
});
