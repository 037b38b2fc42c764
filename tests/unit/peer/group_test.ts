import { assertEquals } from "@std/assert";
import type { PeerServerConf, ResolverConf, UpstreamGroupConf } from "../../../src/peer/conf.ts";
import { PeerGroup } from "../../../src/peer/group.ts";
import type { Endpoint } from "../../../src/peer/name_source.ts";
import { Selection } from "../../../src/peer/peer.ts";
import { testContext } from "../../support/scripted_transport.ts";
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
  const keepalive = { connections: 1, requests: 10, timeMs: 1_000, timeoutMs: 1_000 };
  const conf: UpstreamGroupConf = { name: "app", peers, keepalive, resolver: RESOLVER };
  return new PeerGroup(conf, testContext().deadlines, () => {});
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
