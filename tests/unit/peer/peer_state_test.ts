import { assertEquals } from "@std/assert";
import { DRAINING, Peer, UNHEALTHY } from "../../../src/peer/peer.ts";
import { PeerStates } from "../../../src/peer/peer_state.ts";
import { Zones } from "../../../src/zone/mod.ts";
import { peerConf } from "./peer_conf.ts";

/** One peer as each of two workers has it, and the main thread's zones. */
function pair(conf = {}): { one: Peer; two: Peer; zones: Zones; again: () => Peer } {
  const zones = new Zones({ columns: 3 });
  new PeerStates(zones, 1);
  const states = [1, 2].map((column) =>
    new PeerStates(new Zones({ columns: 3, column, shared: zones.share() }), 1)
  );
  const peerOf = (worker: number) =>
    new Peer(peerConf(conf), states[worker]!.open("app", "p", 0, 0));
  return { one: peerOf(0), two: peerOf(1), zones, again: () => peerOf(1) };
}

Deno.test("a peer of two workers: max_conns bounds the connections of both", () => {
  const { one, two } = pair({ maxConns: 2 });
  assertEquals([one.connect(), two.connect(), one.connect(), two.connect()], [
    true,
    true,
    false,
    false,
  ]);
  assertEquals([one.connections, one.isFull, two.isFull], [2, true, true]);
  one.disconnect();
  assertEquals([two.connect(), two.connections], [true, 2]);
});

Deno.test("a peer of two workers: failures of both count in one window", () => {
  const { one, two } = pair({ maxFails: 2, failTimeoutMs: 1_000 });
  assertEquals([one.fail(10), two.fail(20)], [1, 2]);
  assertEquals([one.isFailedAt(30), two.isFailedAt(30), one.failedAtMs], [true, true, 20]);
  two.comeBack(40);
  assertEquals([one.fails, one.isFailedAt(50)], [0, false]);
});

Deno.test("a peer of two workers: what checks say bars it for both, what it is told for itself alone", () => {
  const { one, two } = pair();
  one.bar(UNHEALTHY, true);
  assertEquals([one.bars, two.bars], [UNHEALTHY, UNHEALTHY]);
  two.bar(DRAINING, true); // each is told by its own configuration
  assertEquals([one.bars, two.bars], [UNHEALTHY, UNHEALTHY | DRAINING]);
});

Deno.test("a peer of two workers: one that ends gives its connections back; its place finds the state", () => {
  const { one, two, zones, again } = pair({ maxFails: 1 });
  one.connect();
  two.connect();
  two.connect();
  two.fail(5);
  zones.clearColumn(2);
  assertEquals(one.connections, 1);
  const next = again();
  next.awaitCheck();
  assertEquals([next.connections, next.fails, next.bars], [1, 1, 0], "it is not new");
});

Deno.test("peers with one address in a group, and of other groups, have states of their own", () => {
  const states = new PeerStates(new Zones({ columns: 2 }), 1);
  const peers = [["a", 0], ["a", 1], ["b", 0]] as const;
  const all = peers.map(([group, n]) => new Peer(peerConf(), states.open(group, "p", n, 0)));
  all[0]!.connect();
  assertEquals(all.map(({ connections }) => connections), [1, 0, 0]);
});
