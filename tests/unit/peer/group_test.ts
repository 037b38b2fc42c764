import { assertEquals, assertThrows } from "@std/assert";
import type {
  BalanceConf,
  OutlierConf,
  PeerServerConf,
  ResolverConf,
  UpstreamGroupConf,
} from "../../../src/peer/conf.ts";
import { CannotChange, PeerGroup } from "../../../src/peer/group.ts";
import type { Endpoint } from "../../../src/peer/name_source.ts";
import { EJECTED, Selection, UNHEALTHY } from "../../../src/peer/peer.ts";
import { PeerStates } from "../../../src/peer/peer_state.ts";
import { Zones } from "../../../src/zone/mod.ts";
import { assertQuiet, testContext } from "../../support/scripted_transport.ts";
import { peerConf } from "./peer_conf.ts";

const RESOLVER: ResolverConf = {
  servers: [],
  validMs: undefined,
  timeoutMs: 1_000,
  ipv4: true,
  ipv6: true,
};

function named(weight = 1): PeerServerConf {
  return {
    ...peerConf({ weight }),
    name: "a.test:80",
    address: {
      transport: "name",
      hostname: "a.test",
      port: 80,
      isFollowed: true,
      service: undefined,
    },
  };
}

function groupOf(...peers: readonly PeerServerConf[]): PeerGroup {
  return groupFrom({ peers }).group;
}

/** A group, and what it says. */
function groupFrom(
  settings: Partial<UpstreamGroupConf> & Pick<UpstreamGroupConf, "peers">,
): { group: PeerGroup; said: string[] } {
  const keepalive = { connections: 1, requests: 10, timeMs: 1_000, timeoutMs: 1_000 };
  const said: string[] = [];
  const conf: UpstreamGroupConf = { name: "app", keepalive, resolver: RESOLVER, ...settings };
  const report = (level: string, text: string) => void said.push(`${level}: ${text}`);
  return { group: new PeerGroup(conf, testContext().deadlines, report), said };
}

/** Names of the peers that requests get, in their order; all are given back well. */
function walk(group: PeerGroup, requests: number, boundTo = ""): (string | undefined)[] {
  const selection = new Selection();
  selection.boundTo = boundTo;
  return Array.from({ length: requests }, () => {
    group.begin(selection, 0);
    const peer = group.balancer.get(selection, 0);
    if (peer !== undefined) group.balancer.free(selection, peer, "ok", 0);
    return peer?.name;
  });
}

function at(...hostnames: readonly string[]): Endpoint[] {
  return hostnames.map((hostname) => ({ hostname, service: undefined }));
}

function namesOf(group: PeerGroup): string[] {
  return group.balancer.peers.map(({ name }) => name);
}

Deno.test("group: a name is as many peers as it has addresses, in its server's place", () => {
  const server = named(3);
  const [first, last] = [peerConf(), peerConf()];
  const group = groupOf(first, server, last);
  assertEquals(namesOf(group), [first.name, last.name]);
  assertEquals(group.place(server, at("192.0.2.7", "2001:db8::1", "192.0.2.7")), true);
  assertEquals(namesOf(group), [first.name, "192.0.2.7:80", "[2001:db8::1]:80", last.name]);
  assertEquals(group.balancer.peers.map(({ conf }) => conf.weight), [1, 3, 3, 1]);
});

Deno.test("group: peers whose addresses stay keep their state; a request's walk goes on over the new ones", () => {
  const server = named();
  const group = groupOf(server);
  group.place(server, at("192.0.2.1", "192.0.2.2"));
  const [one, two] = group.balancer.peers;
  one!.fails = 5;
  const selection = new Selection();
  group.balancer.begin(selection);
  const peer = group.balancer.get(selection, 0)!;
  assertEquals(group.place(server, at("192.0.2.3", "192.0.2.1")), true);
  assertEquals(namesOf(group), ["192.0.2.3:80", "192.0.2.1:80"]);
  assertEquals([group.balancer.peers[1] === one, one!.fails, two!.isGone, one!.isGone], [
    true,
    5,
    true,
    false,
  ]);
  group.balancer.free(selection, peer, "ok", 0);
  assertEquals(peer.connections, 0);
  assertEquals(group.place(server, at("192.0.2.3", "192.0.2.1")), false, "nothing new");
});

Deno.test("group: a service's ports, weights and backups, and their changes", () => {
  const server = named();
  const group = groupOf(server);
  const service = (port: number, weight: number, isBackup: boolean): Endpoint => ({
    hostname: "192.0.2.1",
    service: { port, weight, isBackup },
  });
  group.place(server, [service(81, 2, false), service(82, 1, true)]);
  const [first] = group.balancer.peers;
  assertEquals(
    group.balancer.peers.map(({ name, conf }) => [name, conf.weight, conf.isBackup]),
    [["192.0.2.1:81", 2, false], ["192.0.2.1:82", 1, true]],
  );
  assertEquals(group.place(server, [service(81, 5, false), service(82, 1, true)]), true);
  assertEquals([group.balancer.peers[0] === first, first!.conf.weight], [true, 5]);
});

Deno.test("group: peers are added and removed while it is used; who is there finishes", () => {
  const [one, two] = [peerConf(), peerConf()];
  const group = groupOf(one);
  group.add(two);
  assertEquals(walk(group, 3), [one.name, two.name, one.name]);
  const [first] = group.peers;
  group.remove(one.name);
  assertEquals([first!.isGone, namesOf(group)], [true, [two.name]]);
});

Deno.test("group: what cannot be changed is said with the reason", () => {
  const server = named();
  const one = peerConf();
  const group = groupOf(one, server);
  group.place(server, at("192.0.2.7"));
  for (
    const [change, message] of [
      [() => group.add(one), `Cannot add ${one.name} to upstream "app": it has that peer`],
      [
        () => group.add(server),
        'Cannot add a.test:80 to upstream "app": need an IP address or a unix socket',
      ],
      [
        () => group.remove("x:1"),
        `Cannot remove x:1 of upstream "app": need one of ${one.name}, 192.0.2.7:80`,
      ],
      [
        () => group.remove("192.0.2.7:80"),
        'Cannot remove 192.0.2.7:80 of upstream "app": it is an address of a.test:80: it can be ' +
        "down or drained",
      ],
      [
        () => group.change("x:1", { weight: 2 }),
        `Cannot change x:1 of upstream "app": need one of ${one.name}, 192.0.2.7:80`,
      ],
    ] as const
  ) assertThrows(change, CannotChange, message);
});

Deno.test("group: weights, down and drain change at run time", () => {
  const [one, two] = [peerConf({ route: "a" }), peerConf({ route: "b" })];
  const group = groupOf(one, two);
  group.change(one.name, { weight: 2 });
  assertEquals(walk(group, 3), [one.name, two.name, one.name]);
  group.change(one.name, { isDraining: true });
  assertEquals(walk(group, 2), [two.name, two.name]);
  assertEquals(walk(group, 1, "a"), [one.name], "it is bound to it");
  group.change(one.name, { isDraining: false, isDown: true });
  assertEquals(walk(group, 1, "a"), [two.name]);
  group.change(one.name, { isDown: false });
  assertEquals(walk(group, 3).filter((name) => name === one.name).length, 2);
});

Deno.test("group: a weight that an operator gave stays when the name is looked up again", () => {
  const server = named(1);
  const group = groupOf(server, peerConf());
  group.place(server, at("192.0.2.7"));
  group.change("192.0.2.7:80", { weight: 5 });
  group.place(server, at("192.0.2.7", "192.0.2.8"));
  assertEquals(group.peers.map(({ conf }) => conf.weight), [5, 1, 1]);
});

Deno.test("group: a peer that is unhealthy or ejected gets no request, not even the only one", () => {
  const [one, two] = [peerConf({ route: "a" }), peerConf()];
  const group = groupOf(one, two);
  group.peers[0]!.bar(UNHEALTHY, true);
  assertEquals(walk(group, 2, "a"), [two.name, two.name]);
  group.peers[0]!.bar(EJECTED, true);
  group.peers[0]!.bar(UNHEALTHY, false);
  assertEquals(walk(group, 1), [two.name]);
  group.peers[0]!.bar(EJECTED, false);
  assertEquals(new Set(walk(group, 2)).size, 2);

  const single = groupOf(peerConf());
  single.peers[0]!.bar(UNHEALTHY, true);
  assertEquals(walk(single, 1), [undefined]);
});

Deno.test("group: too few healthy peers are a panic: all are used, and the log says so once", () => {
  const peers = [peerConf(), peerConf(), peerConf({ isDown: true }), peerConf()];
  const { group, said } = groupFrom({ peers, panicThreshold: 0.5 });
  const [one, two, , three] = group.peers;
  one!.bar(UNHEALTHY, true);
  assertEquals(new Set(walk(group, 4)).size, 2);
  two!.fails = 1;
  two!.checkedAtMs = 0;
  assertEquals(new Set(walk(group, 6)), new Set([one!.name, two!.name, three!.name]));
  one!.bar(UNHEALTHY, false);
  two!.fails = 0;
  walk(group, 1);
  assertEquals(said, [
    "warn: 1 of 3 peers of app are healthy: panic, health is ignored",
    "notice: 2 of 3 peers of app are healthy: no panic any more",
  ]);
});

Deno.test("group: no panic while a backup can be used", () => {
  const [one, backup] = [peerConf(), peerConf({ isBackup: true })];
  const { group } = groupFrom({ peers: [one, backup], panicThreshold: 1 });
  group.peers[0]!.bar(UNHEALTHY, true);
  assertEquals(walk(group, 1), [backup.name]);
  group.peers[1]!.bar(UNHEALTHY, true);
  assertEquals(walk(group, 1), [one.name]);
});

const OUTLIERS: OutlierConf = {
  consecutive5xx: 1,
  consecutiveGatewayFailures: 0,
  consecutiveErrors: 0,
  intervalMs: 20_000,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 0,
  baseEjectionMs: 10_000,
  maxEjectionMs: 10_000,
  maxEjectedShare: 0.5,
};
const BAD = { status: 500, failure: undefined, isStale: false };

for (const kind of ["random", "hash", "ip_hash"] as const) {
  Deno.test(`group: ${kind} goes on by its own weights for requests that a reload has left behind`, () => {
    const balance: BalanceConf = kind === "hash"
      ? { kind, key: "$uri", isConsistent: false }
      : { kind };
    const [heavy, light] = [peerConf({ weight: 30 }), peerConf()];
    const before = groupFrom({ peers: [heavy, light], balance }).group;
    const after = groupFrom({ peers: [{ ...heavy, weight: 1 }, light], balance }).group;
    after.takeOver(before);
    const selection = new Selection();
    const chosen = Array.from({ length: 2_000 }, (_, n) => {
      selection.key = `192.0.${n >> 8}.${n & 255}`;
      before.begin(selection, 0);
      const peer = before.balancer.get(selection, 0)!;
      before.balancer.free(selection, peer, "ok", 0);
      return peer.name;
    });
    const share = chosen.filter((name) => name === heavy.name).length / chosen.length;
    assertEquals(share > 0.9, true, `${share} of them went to the peer of weight 30 of 31`);
  });
}

Deno.test("group: an ejected peer stays so over a reload, and comes back in its time; not without detection", async () => {
  const outliers = OUTLIERS;
  const peers = [peerConf(), peerConf()];
  const context = testContext();
  const said: string[] = [];
  const groupWith = (settings: Partial<UpstreamGroupConf>) => {
    const keepalive = { connections: 1, requests: 10, timeMs: 1_000, timeoutMs: 1_000 };
    const conf = { name: "app", keepalive, resolver: RESOLVER, peers, ...settings };
    return new PeerGroup(conf, context.deadlines, (_, text) => void said.push(text));
  };
  const first = groupWith({ outliers });
  first.outliers!.note(first.peers[0]!, BAD, context.deadlines.nowMs);
  const second = groupWith({ outliers });
  second.takeOver(first);
  first.close();
  assertEquals(walk(second, 2), [peers[1]!.name, peers[1]!.name]);
  await context.clock.advance(11_000);
  assertEquals(new Set(walk(second, 2)).size, 2);
  assertEquals(said.length, 2);

  second.outliers!.note(second.peers[0]!, BAD, context.deadlines.nowMs);
  const third = groupWith({});
  third.takeOver(second);
  second.close();
  assertEquals(new Set(walk(third, 2)).size, 2);
  third.close();
  assertQuiet(context);
});

Deno.test("group: what one worker ejects is out for all, and comes back though that worker has ended", async () => {
  const context = testContext();
  const leader = new Zones({ columns: 3 });
  const peers = [peerConf(), peerConf()];
  const said: string[] = [];
  new PeerStates(leader, peers.length); // who leads makes the zone
  const groups = [1, 2].map((column) => {
    const zones = new Zones({ columns: 3, column, shared: leader.share() });
    const keepalive = { connections: 1, requests: 10, timeMs: 1_000, timeoutMs: 1_000 };
    return new PeerGroup(
      { name: "app", keepalive, resolver: RESOLVER, peers, outliers: OUTLIERS },
      context.deadlines,
      (_, text) => void said.push(text),
      {},
      new PeerStates(zones, peers.length),
    );
  });
  const [first, second] = groups;
  const { nowMs } = context.deadlines;
  first!.outliers!.note(first!.peers[0]!, BAD, nowMs);
  second!.outliers!.note(second!.peers[0]!, BAD, nowMs);
  second!.outliers!.note(second!.peers[1]!, BAD, nowMs);
  assertEquals(walk(second!, 2), [peers[1]!.name, peers[1]!.name]);
  assertEquals(said, [`peer ${peers[0]!.name} of app is ejected for 10 s: 1 5xx in a row`]);
  first!.close();
  await context.clock.advance(21_000);
  assertEquals(said.slice(1), [`peer ${peers[0]!.name} of app is no longer ejected`]);
  assertEquals(new Set(walk(second!, 2)).size, 2);
  second!.close();
  assertQuiet(context);
});
