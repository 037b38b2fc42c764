import { assertEquals } from "@std/assert";
import type { PeerServerConf, UpstreamGroupConf } from "../../../src/peer/conf.ts";
import { FollowedNames, START_PATIENCE_MS } from "../../../src/peer/followed_names.ts";
import { PeerGroup } from "../../../src/peer/group.ts";
import type { NameSource } from "../../../src/peer/name_source.ts";
import { Resolver } from "../../../src/peer/resolver.ts";
import { Unresolved } from "../../../src/peer/unresolved.ts";
import { Deadlines } from "../../../src/event/mod.ts";
import { ManualClock, settled } from "../../support/manual_clock.ts";
import { peerConf } from "./peer_conf.ts";

const RESOLVER = {
  servers: [],
  validMs: undefined,
  timeoutMs: 60_000,
  ipv4: true,
  ipv6: true,
};

type Saying = readonly string[] | number | "silence";

/** A group of names, with a source that says what is in `says`; lifetimes are 10 s. */
class Bench {
  readonly clock = new ManualClock();
  readonly deadlines = new Deadlines(this.clock);
  readonly says: Record<string, Saying>;
  readonly asked: string[] = [];
  readonly reports: string[] = [];
  readonly group: PeerGroup;
  readonly names: FollowedNames;
  readonly resolver: Resolver;
  isStarted = false;

  constructor(says: Record<string, Saying>, isFollowed = true) {
    this.says = says;
    const peers = Object.keys(says).map((hostname): PeerServerConf => ({
      ...peerConf(),
      name: `${hostname}:80`,
      address: { transport: "name", hostname, port: 80, isFollowed, service: undefined },
    }));
    const keepalive = { connections: 1, requests: 1, timeMs: 1, timeoutMs: 1 };
    const conf: UpstreamGroupConf = { name: "app", peers, keepalive, resolver: RESOLVER };
    const report = (level: string, message: string) => this.reports.push(`${level}: ${message}`);
    this.group = new PeerGroup(conf, this.deadlines, () => {});
    this.resolver = new Resolver(RESOLVER, this.deadlines, report, this.#source);
    this.names = new FollowedNames(conf, this.group, this.deadlines, () => this.resolver, report);
  }

  readonly #source: NameSource = ({ name }) => {
    this.asked.push(name);
    const saying = this.says[name]!;
    if (saying === "silence") return new Promise(() => {});
    if (typeof saying === "number") return Promise.reject(new Unresolved(name, saying));
    const endpoints = saying.map((hostname) => ({ hostname, service: undefined }));
    return Promise.resolve({ endpoints, ttlMs: 10_000 });
  };

  async start(): Promise<void> {
    this.names.start().then(() => this.isStarted = true);
    await settled();
  }

  get peers(): string {
    return this.group.balancer.peers.map(({ name }) => name).join(" ");
  }

  close(): void {
    this.names.close();
    this.resolver.close();
    assertEquals([this.deadlines.outstanding(), this.clock.armedCount], [[], 0]);
  }
}

Deno.test("names: a group has its peers when the start is over, and follows them by their lifetime", async () => {
  const bench = new Bench({ "a.test": ["192.0.2.1"], "b.test": ["192.0.2.2", "192.0.2.3"] });
  await bench.start();
  assertEquals([bench.isStarted, bench.peers], [true, "192.0.2.1:80 192.0.2.2:80 192.0.2.3:80"]);
  bench.says["b.test"] = ["192.0.2.3"];
  await bench.clock.advance(9_999);
  assertEquals(bench.asked.length, 2);
  await bench.clock.advance(20);
  assertEquals([bench.asked.length, bench.peers], [4, "192.0.2.1:80 192.0.2.3:80"]);
  assertEquals(bench.reports, ['notice: b.test:80 of upstream "app" is now 192.0.2.3']);
  bench.close();
});

Deno.test("names: without resolve they are looked up once", async () => {
  const bench = new Bench({ "a.test": ["192.0.2.1"] }, false);
  await bench.start();
  await bench.clock.advance(3_600_000);
  assertEquals([bench.asked.length, bench.peers], [1, "192.0.2.1:80"]);
  bench.close();
});

Deno.test("names: one that cannot be looked up at start is asked for again until it can, with or without resolve", async () => {
  for (const isFollowed of [true, false]) {
    const bench = new Bench({ "a.test": 3 }, isFollowed);
    await bench.start();
    assertEquals([bench.isStarted, bench.peers], [true, ""]);
    assertEquals(bench.group.whyEmpty, "a.test could not be resolved (3: Host not found)");
    await bench.clock.advance(3_100);
    assertEquals(bench.asked.length, 4);
    bench.says["a.test"] = ["192.0.2.1"];
    await bench.clock.advance(1_100);
    assertEquals([bench.peers, bench.group.whyEmpty], ["192.0.2.1:80", undefined]);
    assertEquals(bench.reports, [
      'warn: a.test could not be resolved (3: Host not found) in upstream "app", ' +
      "which has no peer for it until it is",
      'notice: a.test:80 of upstream "app" is now 192.0.2.1',
    ]);
    bench.close();
  }
});

Deno.test("names: the start does not wait for a silent resolver for ever", async () => {
  const bench = new Bench({ "a.test": "silence", "b.test": ["192.0.2.2"] });
  await bench.start();
  await bench.clock.advance(START_PATIENCE_MS - 1);
  assertEquals([bench.isStarted, bench.peers], [false, "192.0.2.2:80"]);
  await bench.clock.advance(20);
  assertEquals(bench.isStarted, true);
  bench.close();
});

Deno.test("names: a failing resolver takes no peer away, a name that is gone does", async () => {
  const bench = new Bench({ "a.test": ["192.0.2.1"] });
  await bench.start();
  bench.says["a.test"] = 2;
  await bench.clock.advance(30_000);
  assertEquals(bench.peers, "192.0.2.1:80");
  bench.says["a.test"] = 3;
  await bench.clock.advance(2_000);
  assertEquals([bench.peers, bench.group.whyEmpty !== undefined], ["", true]);
  bench.close();
});
