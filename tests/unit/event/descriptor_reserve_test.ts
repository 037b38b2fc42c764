import { assertEquals } from "@std/assert";
import { DescriptorReserve, type Held } from "../../../src/event/descriptor_reserve.ts";

/** A process that has room for `free` descriptors. */
class Table {
  constructor(public free: number) {}

  readonly open = (): Held => {
    if (this.free === 0) throw new Error("Too many open files (os error 24)");
    this.free--;
    return { close: () => void this.free++ };
  };
}

Deno.test("reserve: it is held, let go and taken back when there is room again", () => {
  const table = new Table(10);
  const reserve = new DescriptorReserve(4, table.open);
  assertEquals([reserve.isFull, table.free], [true, 6]);
  table.free = 0;
  reserve.release();
  assertEquals([reserve.isFull, table.free], [false, 4]);
  table.free = 7;
  assertEquals([reserve.refill(), reserve.isFull, table.free], [false, false, 7]);
  table.free = 8;
  assertEquals([reserve.refill(), reserve.isFull, table.free], [true, true, 4]);
});

Deno.test("reserve: where nothing may be opened there is none, and nobody waits for it", () => {
  const reserve = new DescriptorReserve(4, () => {
    throw new Deno.errors.NotCapable("no");
  });
  assertEquals(reserve.isFull, true);
  reserve.release();
  assertEquals(reserve.isFull, true);
});
