import { assertEquals } from "@std/assert";
import { type SharedNumber, TempSpace } from "../../../src/buffer/mod.ts";

/** The part that one of several workers has. */
class Part implements SharedNumber {
  own = 0;
  readonly #parts: Part[];

  constructor(parts: Part[]) {
    this.#parts = parts;
    parts.push(this);
  }

  add(amount: number): void {
    this.own += amount;
  }

  sum(): number {
    return this.#parts.reduce((sum, { own }) => sum + own, 0);
  }
}

Deno.test("TempSpace: without a bound there is always room", () => {
  const space = new TempSpace();
  assertEquals([space.take(Number.MAX_SAFE_INTEGER), space.hasRoomFor(1)], [true, true]);
});

Deno.test("TempSpace: workers share one bound, and each knows what is its own", () => {
  const parts: Part[] = [];
  const [one, other] = [new TempSpace(new Part(parts)), new TempSpace(new Part(parts))];
  one.maxBytes = other.maxBytes = 100;
  assertEquals([one.take(60), other.take(41), other.take(40)], [true, false, true]);
  assertEquals([one.bytes, other.bytes], [60, 40]);
  assertEquals(one.take(1), false);
  other.give(40);
  assertEquals(one.take(1), true);
  assertEquals(other.outstanding(), []);
  assertEquals(one.outstanding(), ["0 temp files of 61 bytes"]);
});

Deno.test("TempSpace: a share is of all there is, whoever has taken it", () => {
  const space = new TempSpace();
  space.maxBytes = 100;
  assertEquals([space.take(51, 0.5), space.take(50, 0.5)], [false, true]);
  assertEquals([space.hasRoomFor(40, 0.9), space.hasRoomFor(41, 0.9)], [true, false]);
  assertEquals([space.take(50), space.hasRoomFor(1)], [true, false]);
});
