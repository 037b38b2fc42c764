import { assertEquals } from "@std/assert";
import { balancerOf } from "../../../src/peer/balancer_of.ts";
import type { BalanceConf, PeerConf } from "../../../src/peer/conf.ts";
import { ConsistentHash } from "../../../src/peer/consistent_hash.ts";
import { addText, CRC_START, crcOf } from "../../../src/peer/crc32.ts";
import { Hash } from "../../../src/peer/hash.ts";
import { addressBytes, IpHash } from "../../../src/peer/ip_hash.ts";
import { LeastConn } from "../../../src/peer/least_conn.ts";
import { LeastTime } from "../../../src/peer/least_time.ts";
import { PeakEwma } from "../../../src/peer/peak_ewma.ts";
import { type Balancer, Peer, type PeerVerdict, Selection } from "../../../src/peer/peer.ts";
import type { CustomBalancer } from "../../../src/peer/custom_balancer.ts";
import { RandomPeer } from "../../../src/peer/random.ts";
import { RandomTwoLeastTime } from "../../../src/peer/random_two_least_time.ts";
import { RoundRobin } from "../../../src/peer/round_robin.ts";
import { withRandom } from "../../support/random.ts";
import { peerConf } from "./peer_conf.ts";

function peersOf(...confs: readonly Partial<PeerConf>[]): Peer[] {
  return confs.map((conf, at) => {
    const name = `192.0.2.${at + 1}:80`;
    return new Peer(peerConf({ name, written: name, ...conf }));
  });
}

/** Index of a request's peer, which stays with it. */
function take(balancer: Balancer, key = "", selection = new Selection()): number {
  selection.key = key;
  balancer.begin(selection);
  const peer = balancer.get(selection, 0);
  return peer === undefined ? -1 : balancer.peers.indexOf(peer);
}

/** The peers that one request gets, each of which fails, until there is none. */
function walk(balancer: Balancer, key: string): number[] {
  const selection = new Selection();
  selection.key = key;
  balancer.begin(selection);
  const found: number[] = [];
  for (let peer; (peer = balancer.get(selection, 0)) !== undefined;) {
    found.push(balancer.peers.indexOf(peer));
    balancer.free(selection, peer, "next", 0);
  }
  return found;
}

Deno.test("crc32: the check value of its catalogue, in one part or two", () => {
  assertEquals(crcOf(addText(CRC_START, "123456789")), 0xcbf43926);
  assertEquals(crcOf(addText(addText(CRC_START, "1234"), "56789")), 0xcbf43926);
  assertEquals(crcOf(CRC_START), 0);
});

Deno.test("least_conn: the fewest connections for the weight; who is tied takes turns", () => {
  const balancer = new LeastConn(peersOf({}, { weight: 3 }, {}));
  const taken = Array.from({ length: 10 }, () => take(balancer));
  assertEquals(balancer.peers.map(({ connections }) => connections), [2, 6, 2], `${taken}`);
  const [first] = balancer.peers;
  balancer.free(new Selection(), first!, "ok", 0);
  assertEquals(take(balancer), 0);
});

Deno.test("least_conn: max_conns and backups", () => {
  const balancer = new LeastConn(peersOf({ maxConns: 1 }, { maxConns: 2 }, { isBackup: true }));
  const taken = Array.from({ length: 4 }, () => take(balancer));
  assertEquals(taken.toSorted(), [0, 1, 1, 2]);
});

Deno.test("a request's walk visits every peer once, however its first one was chosen", () => {
  const rows = [{}, { weight: 5 }, {}, { weight: 2 }, { isDown: true }];
  const balancers: readonly Balancer[] = [
    new LeastConn(peersOf(...rows)),
    new IpHash(peersOf(...rows)),
    new Hash(peersOf(...rows)),
    new ConsistentHash(peersOf(...rows)),
    new RandomPeer(peersOf(...rows), false),
    new RandomPeer(peersOf(...rows), true),
  ];
  for (const balancer of balancers) {
    for (const key of ["192.0.2.7", "2001:db8::1", "unix:", "", "/a"]) {
      assertEquals(walk(balancer, key).toSorted(), [0, 1, 2, 3], balancer.constructor.name);
    }
    assertEquals(balancer.peers.map(({ connections }) => connections), [0, 0, 0, 0, 0]);
  }
});

Deno.test("no peer, or none that is not down: there is none to choose", () => {
  for (const rows of [[], [{ isDown: true }], [{ isDown: true }, { isDown: true }]]) {
    assertEquals(take(new LeastConn(peersOf(...rows)), "a"), -1);
    assertEquals(take(new IpHash(peersOf(...rows)), "192.0.2.1"), -1);
    assertEquals(take(new Hash(peersOf(...rows)), "a"), -1);
    assertEquals(take(new ConsistentHash(peersOf(...rows)), "a"), -1);
    assertEquals(take(new RandomPeer(peersOf(...rows), true), "a"), -1);
  }
});

Deno.test("ip_hash: the bytes of an address that count", () => {
  const cases: readonly (readonly [string, readonly number[]])[] = [
    ["10.20.30.40", [10, 20, 30]],
    ["unix:", [0, 0, 0]],
    ["", [0, 0, 0]],
    ["::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ["2001:db8::ff:1", [32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 1]],
    ["::ffff:10.1.2.3", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3]],
    ["fe80::1%eth0", [254, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
  ];
  for (const [address, bytes] of cases) {
    assertEquals(addressBytes(address), bytes, address);
  }
});

Deno.test("a key stays with its peer, also when the request before went elsewhere", () => {
  const selection = new Selection();
  for (const balancer of [new Hash(peersOf({}, {}, {})), new ConsistentHash(peersOf({}, {}, {}))]) {
    const first = take(balancer, "/one", selection);
    const seen = new Set(
      Array.from({ length: 20 }, (_, at) => take(balancer, `/${at}`, selection)),
    );
    assertEquals([seen.size, take(balancer, "/one", selection)], [3, first]);
  }
});

Deno.test("hash consistent: the peers of one name share its points, in turn", () => {
  const written = "app.test:80";
  const balancer = new ConsistentHash(peersOf({ written }, { written }, {}));
  const taken = Array.from({ length: 200 }, (_, at) => take(balancer, `/${at}`));
  const share = taken.filter((at) => at < 2);
  assertEquals(Math.abs(share.filter((at) => at === 0).length * 2 - share.length) <= 1, true);
});

Deno.test("random: shares are as the weights", async () => {
  await withRandom((random) => {
    const peers = peersOf({}, { weight: 3 }, {});
    const balancer = new RandomPeer(peers, false, undefined, () => random.fraction());
    const counts = [0, 0, 0];
    for (let at = 0; at < 5_000; at++) counts[take(balancer)]!++;
    for (const [at, share] of [0.2, 0.6, 0.2].entries()) {
      assertEquals(Math.abs(counts[at]! / 5_000 - share) < 0.04, true, `${counts}`);
    }
  });
});

Deno.test("random two: of two that differ, the one with fewer connections for its weight", () => {
  const drawn = [0, 0, 0.5, 0.99];
  const peers = peersOf({}, { weight: 2 }, {});
  const balancer = new RandomPeer(peers, true, undefined, () => drawn.shift()!);
  peers[0]!.connect();
  peers[1]!.connect();
  assertEquals(take(balancer), 1, "drawn: the first, the first again, the second");
  assertEquals(drawn, [0.99]);
});

Deno.test("a request that is bound to a peer goes there while it can, drained or not", () => {
  const rows = [{ route: "a" }, { route: "b", isDraining: true }, { route: "c", maxConns: 1 }];
  const balancers = [
    new RoundRobin(peersOf(...rows)),
    new LeastConn(peersOf(...rows)),
    new ConsistentHash(peersOf(...rows)),
  ];
  for (const balancer of balancers) {
    const bound = (id: string): number => {
      const selection = new Selection();
      selection.boundTo = id;
      return take(balancer, "key", selection);
    };
    assertEquals([bound("b"), bound("b"), bound("a"), bound("c")], [1, 1, 0, 2]);
    assertEquals([bound("c"), bound("nobody's")], [0, 0], "full, or unknown: a balancer's choice");
    assertEquals(
      [take(balancer, "x"), take(balancer, "y")],
      [0, 0],
      "unbound: not the drained one",
    );
  }
});

Deno.test("a bound request whose peer fails goes on to others, and not back", () => {
  const balancer = new RoundRobin(peersOf({ route: "a" }, { route: "b" }, { isBackup: true }));
  const selection = new Selection();
  selection.boundTo = "b";
  balancer.begin(selection);
  const names: number[] = [];
  for (let peer; (peer = balancer.get(selection, 0)) !== undefined;) {
    names.push(balancer.peers.indexOf(peer));
    balancer.free(selection, peer, "failed", 0);
  }
  assertEquals(names, [1, 0, 2]);
});

Deno.test("drain: the only peer of a group takes nothing either", () => {
  assertEquals(take(new RoundRobin(peersOf({ isDraining: true }))), -1);
});

Deno.test("slow_start: a peer that was out gets its share by degrees", () => {
  const balancer = new RoundRobin(peersOf({}, { slowStartMs: 10_000 }));
  const [, slow] = balancer.peers;
  const ask = (nowMs: number, verdict: PeerVerdict = "ok"): number => {
    const selection = new Selection();
    balancer.begin(selection);
    const peer = balancer.get(selection, nowMs)!;
    balancer.free(selection, peer, peer === slow ? verdict : "ok", nowMs);
    return peer === slow ? 1 : 0;
  };
  const shareAt = (nowMs: number) => {
    let count = 0;
    for (let at = 0; at < 1_000; at++) count += ask(nowMs);
    return count / 1_000;
  };
  assertEquals(shareAt(0), 0.5);
  while (ask(1_000, "failed") === 0);
  assertEquals([slow!.fails, shareAt(5_000)], [1, 0]);
  while (ask(11_001) === 0); // its trial
  const near = (share: number, expected: number) =>
    assertEquals(Math.abs(share - expected) < 0.01, true, `${share} is not ${expected}`);
  near(shareAt(11_001), 0.01 / 1.01);
  near(shareAt(13_501), 0.25 / 1.25);
  near(shareAt(16_001), 1 / 3);
  near(shareAt(21_001), 0.5);
  assertEquals(slow!.backAtMs, -Infinity);
});

Deno.test("slow_start: with least_conn a peer that is back takes fewer connections", () => {
  const balancer = new LeastConn(peersOf({}, { slowStartMs: 10_000 }));
  balancer.peers[1]!.backAtMs = 0;
  for (let at = 0; at < 60; at++) {
    const selection = new Selection();
    balancer.begin(selection);
    balancer.get(selection, 2_000);
  }
  assertEquals(balancer.peers.map(({ connections }) => connections), [50, 10]);
});

Deno.test("a peer's id: its route, else the MD5 of its address", () => {
  const [one, two] = peersOf({ route: "a" }, { name: "127.0.0.1:8080" });
  assertEquals([one!.id, two!.id], ["a", "5958c386bf5e9109ac10d2a628645aea"]);
});

/** Lets each peer answer in its time, one request after another; returns how many each got. */
function serve(
  balancer: Balancer,
  timesMs: readonly number[],
  count: number,
  fromMs = 0,
): number[] {
  const counts = timesMs.map(() => 0);
  let nowMs = fromMs;
  for (let at = 0; at < count; at++) {
    const selection = new Selection();
    balancer.begin(selection);
    const peer = balancer.get(selection, nowMs)!;
    const index = balancer.peers.indexOf(peer);
    const takenMs = timesMs[index]!;
    nowMs += takenMs;
    selection.headerMs = takenMs / 2;
    selection.responseMs = takenMs;
    balancer.free(selection, peer, "ok", nowMs);
    counts[index]!++;
  }
  return counts;
}

Deno.test("least_time: the quickest peer, once each has been asked", () => {
  for (const isToHead of [true, false]) {
    const balancer = new LeastTime(peersOf({}, {}, {}), isToHead);
    assertEquals(serve(balancer, [20, 4, 10], 100), [1, 98, 1]);
  }
});

Deno.test("least_time: connections and weights count too", () => {
  const balancer = new LeastTime(peersOf({}, { weight: 2 }), true);
  for (const peer of balancer.peers) peer.averageMs = 10;
  const taken = Array.from({ length: 9 }, () => take(balancer));
  assertEquals(taken.filter((at) => at === 1).length, 6, `${taken}`);
});

Deno.test("least_time and ewma: a peer whose first answer is waited for is not thought quick", () => {
  for (const balancer of [new LeastTime(peersOf({}, {}), true), new PeakEwma(peersOf({}, {}))]) {
    const [, known] = balancer.peers;
    known!.averageMs = 200;
    assertEquals([take(balancer), take(balancer), take(balancer)], [0, 1, 1]);
  }
});

Deno.test("least_time: what had no answer changes no average", () => {
  const balancer = new LeastTime(peersOf({ maxFails: 0 }, {}), true);
  const [peer] = balancer.peers;
  peer!.averageMs = 10;
  const selection = new Selection();
  selection.headerMs = -1;
  balancer.begin(selection);
  peer!.connect();
  balancer.free(selection, peer!, "failed", 0);
  assertEquals(peer!.averageMs, 10);
});

Deno.test("ewma: a peer that is slow once is left alone, and is asked again in time", () => {
  const balancer = new PeakEwma(peersOf({}, {}));
  assertEquals(serve(balancer, [2, 4], 10), [9, 1]);
  assertEquals(serve(balancer, [500, 4], 50, 100), [1, 49]);
  const later = serve(balancer, [2, 4], 200, 60_000);
  assertEquals(later[0]! > 150, true, `${later}`);
});

Deno.test("ewma: failing quickly is not being quick", () => {
  const balancer = new PeakEwma(peersOf({ maxFails: 0 }, { maxFails: 0 }));
  const [peer] = balancer.peers;
  peer!.averageMs = 50;
  const selection = new Selection();
  balancer.begin(selection);
  selection.headerMs = selection.responseMs = 1;
  peer!.connect();
  balancer.free(selection, peer!, "failed", 0);
  assertEquals(peer!.averageMs, 50);
});

Deno.test("random two least_time: of two, the one that answers sooner", () => {
  const peers = peersOf({}, {}, {});
  const draws = [0, 0.5, 0.5, 0.99, 0, 0.99];
  for (const isToHead of [true, false]) {
    const balancer = new RandomTwoLeastTime(peers, isToHead, undefined, () => draws.shift()!);
    const selection = new Selection();
    [20, 10, 30].forEach((ms, at) => {
      const peer = peers[at]!;
      peer.averageMs = 0;
      peer.connect();
      selection.headerMs = isToHead ? ms : 1;
      selection.responseMs = isToHead ? 1 : ms;
      balancer.free(selection, peer, "ok", 0);
    });
    const taken = [0, 1, 2].map(() => {
      const at = take(balancer);
      peers[at]!.disconnect();
      return at;
    });
    assertEquals(taken, [1, 1, 0]);
    draws.push(0, 0.5, 0.5, 0.99, 0, 0.99);
  }
});

/** A balancer of a program over these peers, and what it says. */
function customOf(
  peers: readonly Peer[],
  make: CustomBalancer,
): { balancer: Balancer; said: string[] } {
  const said: string[] = [];
  const conf: BalanceConf = { kind: "custom", name: "mine", key: "$arg_k" };
  const balancer = balancerOf(conf, peers, undefined, {
    balancers: { mine: make },
    report: (level, text) => void said.push(`${level}: ${text.replace(/\n.*(?=;)/s, "")}`),
  });
  return { balancer, said };
}

Deno.test("custom balancer: it chooses among the peers that may be used, and is told the end", () => {
  const peers = peersOf({ weight: 3, route: "a" }, { isDown: true }, {}, { isBackup: true });
  const seen: unknown[] = [];
  const { balancer, said } = customOf(peers, (all) => {
    seen.push(all.map(({ name, weight, isBackup }) => [name, weight, isBackup]));
    return {
      choose(candidates, { key, tried, nowMs }) {
        seen.push([key, candidates.map(({ name }) => name), tried.map(({ name }) => name), nowMs]);
        return candidates.at(-1);
      },
      done: (peer, result) => void seen.push([peer.route, peer.connections, result]),
    };
  });
  const [one, two, three, backup] = peers.map(({ name }) => name);
  const selection = new Selection();
  selection.key = "k";
  balancer.begin(selection);
  for (const name of [three, one, backup]) {
    const peer = balancer.get(selection, 5)!;
    assertEquals(peer.name, name);
    selection.headerMs = -1;
    selection.responseMs = 7;
    balancer.free(selection, peer, "failed", 5);
  }
  assertEquals(balancer.get(selection, 5), undefined);
  const result = { isFailed: true, headerMs: -1, responseMs: 7 };
  assertEquals(seen, [
    [[one, 3, false], [two, 1, false], [three, 1, false], [backup, 1, true]],
    ["k", [one, three], [], 5],
    [peers[2]!.id, 0, result],
    ["k", [one], [three], 5],
    ["a", 0, result],
    ["k", [backup], [three, one], 5],
    [peers[3]!.id, 0, result],
  ]);
  assertEquals(said, []);
});

Deno.test("custom balancer: what it throws is a line in the log, and round robin chooses", () => {
  const cases: readonly (readonly [CustomBalancer, string])[] = [
    [() => {
      throw new Error("no");
    }, "cannot be made: Error: no"],
    [() => ({
      choose() {
        throw new Error("no");
      },
    }), "failed in choose(): Error: no"],
    [
      () => ({ choose: () => ({ name: "x" }) as unknown as undefined }),
      "chose something that is none of the candidates",
    ],
    [() => ({
      choose: () => undefined,
      done() {
        throw new Error("no");
      },
    }), "failed in done(): Error: no"],
  ];
  for (const [make, text] of cases) {
    const peers = peersOf({}, {});
    const { balancer, said } = customOf(peers, make);
    const taken = [0, 1, 2, 3].map(() => {
      const at = take(balancer);
      balancer.free(new Selection(), peers[at]!, "ok", 0);
      return at;
    });
    assertEquals(taken, [0, 1, 0, 1]);
    assertEquals(said, [`error: balancer mine ${text}; round robin chooses instead`]);
  }
});
