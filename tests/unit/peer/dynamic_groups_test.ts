import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Deadlines } from "../../../src/event/mod.ts";
import { DYNAMIC_GROUPS_MAX, DynamicGroups } from "../../../src/peer/dynamic_groups.ts";
import { Resolver } from "../../../src/peer/resolver.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { peerConf } from "./peer_conf.ts";

function groups(): DynamicGroups {
  const deadlines = new Deadlines(new ManualClock());
  const resolver = { servers: [], validMs: undefined, timeoutMs: 1_000, ipv4: true, ipv6: true };
  const { name: _name, address: _address, ...peer } = peerConf();
  const keepalive = { connections: 1, requests: 1, timeMs: 1, timeoutMs: 1 };
  return new DynamicGroups(
    { ...peer, keepalive, resolver },
    new Resolver(resolver, deadlines, () => {}, () => new Promise(() => {})),
    deadlines,
    () => {},
  );
}

Deno.test("dynamic groups: one for each address, so that its connections are kept", () => {
  const dynamic = groups();
  const one = dynamic.ofHost("192.0.2.1", 80);
  assertStrictEquals(dynamic.ofHost("192.0.2.1", 80), one);
  assert(dynamic.ofHost("192.0.2.1", 81) !== one);
  assertEquals(one.balancer.peers.map(({ name }) => name), ["192.0.2.1:80"]);
  assertEquals(one.onDemand, undefined, "an address is known");
  assertEquals(dynamic.ofSocket("/run/a.sock").name, "unix:/run/a.sock");
  const named = dynamic.ofHost("a.test", 80);
  assertEquals([named.balancer.peers.length, named.onDemand?.isDue(0)], [0, true]);
});

Deno.test("dynamic groups: bounded, the longest unused is closed", () => {
  const dynamic = groups();
  const first = dynamic.ofHost("192.0.2.1", 1);
  const second = dynamic.ofHost("192.0.2.1", 2);
  for (let port = 3; port <= DYNAMIC_GROUPS_MAX; port++) dynamic.ofHost("192.0.2.1", port);
  assertStrictEquals(dynamic.ofHost("192.0.2.1", 1), first);
  let closed = false;
  second.close = () => void (closed = true);
  dynamic.ofHost("192.0.2.1", DYNAMIC_GROUPS_MAX + 1);
  assertEquals(dynamic.count, DYNAMIC_GROUPS_MAX);
  assert(closed);
  assertStrictEquals(dynamic.ofHost("192.0.2.1", 1), first);
});
