import { assertEquals, assertRejects } from "@std/assert";
import { gate, Tally, WaitedTooLong, within } from "../../support/within.ts";

Deno.test("within: what comes in time is passed on, and no timer stays", async () => {
  assertEquals(await within(Promise.resolve(7), "seven"), 7);
  await assertRejects(() => within(Promise.reject(new Error("no")), "seven"), Error, "no");
});

Deno.test("within: what does not come is named, as things stood at the end", async () => {
  await assertRejects(
    () => within(new Promise(() => {}), () => "the bell", 1),
    WaitedTooLong,
    "Waited 1 ms for the bell",
  );
});

Deno.test("Tally: the k-th item is there as soon as it was added", async () => {
  const tally = new Tally<string>("request");
  const second = tally.nth(2);
  tally.add("first");
  tally.add("second");

  assertEquals(await second, "second");
  assertEquals(await tally.nth(1), "first");
});

Deno.test("gate: opens once for everybody who waits", async () => {
  const door = gate();
  assertEquals(door.isOpen, false);

  door.open();

  await door.opened;
  assertEquals(door.isOpen, true);
});
