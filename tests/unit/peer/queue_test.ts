import { assertEquals } from "@std/assert";
import { Deadlines } from "../../../src/event/mod.ts";
import { Peer, UNHEALTHY } from "../../../src/peer/peer.ts";
import { PeerQueue, type Place } from "../../../src/peer/queue.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { peerConf } from "./peer_conf.ts";

function setUp(requests = 3, timeoutMs = 1_000) {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  return { clock, deadlines, queue: new PeerQueue({ requests, timeoutMs }, deadlines) };
}

function awake(...places: readonly (Place | undefined)[]): boolean[] {
  return places.map((place) => place!.isAwake);
}

Deno.test("queue: first come, first served; each wakes one, who is awake is not woken again", () => {
  const { queue } = setUp();
  const places = [queue.enter(), queue.enter(), queue.enter()];
  queue.wake();
  assertEquals(awake(...places), [true, false, false]);
  queue.wake();
  assertEquals(awake(...places), [true, true, false]);
  places[0]!.sleep();
  queue.wakeBehind(places[0]!);
  assertEquals(awake(...places), [false, true, true]);
  for (const place of places) queue.leave(place!);
  queue.wake();
  assertEquals(queue.count, 0);
});

Deno.test("queue: it has so many places, and who leaves makes room", () => {
  const { queue } = setUp(2);
  const [one] = [queue.enter(), queue.enter()];
  assertEquals([queue.enter(), queue.count], [undefined, 2]);
  queue.leave(one!);
  assertEquals(queue.enter() !== undefined, true);
});

Deno.test("queue: all whose time is over are woken, and the first looks now and then", async () => {
  const { queue, clock, deadlines } = setUp();
  const one = queue.enter()!;
  await clock.advance(600);
  assertEquals(awake(one), [true], "a peer's fail_timeout may be over");
  one.sleep();
  deadlines.stamp();
  const two = queue.enter()!;
  assertEquals(two.deadlineMs - one.deadlineMs, 600);
  await clock.advance(600);
  assertEquals([one.isAwake, deadlines.nowMs >= one.deadlineMs], [true, true]);
  assertEquals(deadlines.nowMs >= two.deadlineMs, false);
});

Deno.test("queue: an empty one has no deadline", () => {
  const { queue, deadlines } = setUp();
  const place = queue.enter()!;
  assertEquals(deadlines.outstanding(), ["1 requests that wait for a peer"]);
  queue.leave(place);
  queue.leave(place);
  assertEquals(deadlines.outstanding(), []);
});

Deno.test("queue: a peer that is full and out is not worth waiting for", () => {
  const peer = new Peer(peerConf({ maxConns: 1 }));
  peer.connect();
  assertEquals(peer.isFull, true);
  peer.bar(UNHEALTHY, true);
  assertEquals(peer.isFull, false);
});
