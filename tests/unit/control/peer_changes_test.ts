import { assertEquals } from "@std/assert";
import { PeerChanges } from "../../../src/control/peer_changes.ts";
import type { PeerOrder } from "../../../src/control/process_control.ts";
import { peerConf } from "../peer/peer_conf.ts";

const ADDED: PeerOrder = { kind: "add", group: "g", peer: peerConf({ name: "a" }) };
const remove = (name: string): PeerOrder => ({ kind: "remove", group: "g", name });
const weigh = (name: string, weight: number): PeerOrder => ({
  kind: "change",
  group: "g",
  name,
  change: { weight },
});

function after(...orders: PeerOrder[]): PeerOrder[] {
  const changes = new PeerChanges();
  for (const order of orders) changes.add(order);
  return changes.all;
}

Deno.test("changes of a peer, one after the other, are one", () => {
  const down: PeerOrder = { kind: "change", group: "g", name: "a", change: { isDown: true } };
  assertEquals(after(weigh("a", 2), down, weigh("a", 3), weigh("b", 1)), [
    { kind: "change", group: "g", name: "a", change: { weight: 3, isDown: true } },
    weigh("b", 1),
  ]);
});

Deno.test("a peer that was added and removed leaves nothing; one of the configuration is removed", () => {
  assertEquals(after(ADDED, weigh("a", 2), remove("a")), []);
  assertEquals(after(weigh("a", 2), remove("a")), [remove("a")]);
  assertEquals(after(remove("a"), ADDED, weigh("a", 2)), [remove("a"), ADDED, weigh("a", 2)]);
  assertEquals(after(remove("a"), ADDED, remove("a")), [remove("a")]);
});
