import { assert, assertEquals } from "@std/assert";
import { Peer, type PeerVerdict, RoundRobin, Selection } from "../../../src/peer/mod.ts";
import type { PeerConf } from "../../../src/peer/conf.ts";
import { type Random, withRandom } from "../../support/random.ts";
import { peerConf } from "./peer_conf.ts";

/**
 * nginx's algorithm written down a second time, from its description: peers as plain rows,
 * addressed by index, primaries and backups as two lists that are walked one after the other.
 * What nginx has not: where nobody is left, those on trial are walked too.
 */
class Model {
  readonly rows: {
    readonly conf: PeerConf;
    current: number;
    effective: number;
    fails: number;
    accessed: number;
    checked: number;
    conns: number;
  }[];

  constructor(confs: readonly PeerConf[]) {
    this.rows = confs.map((conf) => ({
      conf,
      current: 0,
      effective: conf.weight,
      fails: 0,
      accessed: -1e12,
      checked: -1e12,
      conns: 0,
    }));
  }

  /** Index of the peer chosen, or -1. `walk` is what one request has tried. */
  get(walk: { tried: number[]; onBackup: boolean }, now: number): number {
    if (this.rows.length === 1) {
      const [row] = this.rows;
      const isFull = row!.conf.maxConns !== 0 && row!.conns >= row!.conf.maxConns;
      if (row!.conf.isDown || isFull || walk.tried.length > 0) return -1;
      row!.conns++;
      walk.tried.push(0);
      return 0;
    }
    let chosen = walk.onBackup ? -1 : this.#turn(false, walk.tried, now);
    if (chosen < 0 && this.rows.some(({ conf }) => conf.isBackup)) {
      walk.onBackup = true;
      chosen = this.#turn(true, walk.tried, now);
    }
    if (chosen < 0) chosen = this.#turn(false, walk.tried, now, true);
    if (chosen < 0) chosen = this.#turn(true, walk.tried, now, true);
    if (chosen < 0) return -1;
    this.rows[chosen]!.conns++;
    walk.tried.push(chosen);
    return chosen;
  }

  free(index: number, isFailed: boolean, now: number): void {
    const row = this.rows[index]!;
    row.conns--;
    if (this.rows.length === 1) return;
    if (!isFailed) {
      if (row.accessed < row.checked) row.fails = 0;
      return;
    }
    row.fails++;
    row.accessed = now;
    row.checked = now;
    if (row.conf.maxFails > 0) {
      row.effective -= Math.trunc(row.conf.weight / row.conf.maxFails);
      if (row.effective < 0) row.effective = 0;
    }
  }

  #turn(
    isBackup: boolean,
    tried: readonly number[],
    now: number,
    joinsTrials = false,
  ): number {
    const usable = this.rows.map((_, index) => index).filter((index) => {
      const { conf, fails, accessed, checked, conns } = this.rows[index]!;
      const isOut = conf.maxFails > 0 && fails >= conf.maxFails &&
        now - checked <= conf.failTimeoutMs &&
        !(joinsTrials && checked > accessed && conns < 8);
      const isFull = conf.maxConns > 0 && conns >= conf.maxConns;
      return conf.isBackup === isBackup && !tried.includes(index) && !conf.isDown && !isOut &&
        !isFull;
    });
    if (usable.length === 0) return -1;
    let total = 0;
    for (const index of usable) {
      const row = this.rows[index]!;
      row.current += row.effective;
      total += row.effective;
      row.effective = Math.min(row.conf.weight, row.effective + 1);
    }
    const best = usable.reduce((winner, index) =>
      this.rows[index]!.current > this.rows[winner]!.current ? index : winner
    );
    const row = this.rows[best]!;
    row.current -= total;
    if (now - row.checked > row.conf.failTimeoutMs) row.checked = now;
    return best;
  }
}

function groupOf(...confs: Partial<PeerConf>[]) {
  const peers = confs.map((conf) => new Peer(peerConf(conf)));
  const disabled: Peer[] = [];
  const balancer = new RoundRobin(peers, (peer) => disabled.push(peer));
  const letters = new Map(peers.map((peer, index) => [peer, "abcdefgh"[index]!]));
  const nameOf = (peer: Peer | undefined) => peer === undefined ? "-" : letters.get(peer)!;
  return { peers, balancer, disabled, nameOf };
}

/** The peers of `count` requests that all go well at once. */
function turns({ balancer, nameOf }: ReturnType<typeof groupOf>, count: number, nowMs = 0): string {
  let names = "";
  for (let at = 0; at < count; at++) {
    const selection = new Selection();
    balancer.begin(selection);
    const peer = balancer.get(selection, nowMs);
    names += nameOf(peer);
    if (peer !== undefined) balancer.free(selection, peer, "ok", nowMs);
  }
  return names;
}

/** One request that fails at every peer it is given. */
function failing({ balancer, nameOf }: ReturnType<typeof groupOf>, nowMs = 0): string {
  const selection = new Selection();
  balancer.begin(selection);
  let names = "";
  for (let peer = balancer.get(selection, nowMs); peer; peer = balancer.get(selection, nowMs)) {
    names += nameOf(peer);
    balancer.free(selection, peer, "failed", nowMs);
  }
  return names;
}

Deno.test("weights 5, 1, 1 are spread as nginx spreads them", () => {
  const group = groupOf({ weight: 5 }, { weight: 1 }, { weight: 1 });
  assertEquals(turns(group, 14), "aabacaa".repeat(2));
});

Deno.test("equal weights take turns in the order of the configuration", () => {
  assertEquals(turns(groupOf({}, {}, {}), 7), "abcabca");
});

Deno.test("any weights: each peer gets exactly its share of a full round", async () => {
  await withRandom((random) => {
    for (let round = 0; round < 20; round++) {
      const weights = Array.from({ length: random.integer(2, 8) }, () => random.integer(1, 100));
      const group = groupOf(...weights.map((weight) => ({ weight })));
      const names = turns(group, weights.reduce((sum, weight) => sum + weight));
      weights.forEach((weight, index) =>
        assertEquals(names.split("abcdefgh"[index]!).length - 1, weight)
      );
    }
  });
});

Deno.test("a request is given each peer once, then none", () => {
  const group = groupOf({ maxFails: 0 }, { maxFails: 0 }, { maxFails: 0 });
  assertEquals(failing(group), "abc");
  assertEquals(failing(group).length, 3);
});

Deno.test("a peer that failed max_fails times is out for fail_timeout, then on trial", () => {
  const group = groupOf({ maxFails: 2, failTimeoutMs: 1_000, weight: 10 }, { maxFails: 0 });
  failing(group, 0);
  assertEquals(group.disabled, []);
  failing(group, 0);
  assertEquals(group.disabled.map(group.nameOf), ["a"]);
  assertEquals(turns(group, 4, 1_000), "bbbb");
  assert(turns(group, 20, 1_001).includes("a"));
  assertEquals(group.peers[0]!.fails, 0, "the trial went well");
});

Deno.test("a trial that fails takes the peer out again at once", () => {
  const group = groupOf({ maxFails: 3, failTimeoutMs: 1_000, weight: 10 }, { maxFails: 0 });
  for (let at = 0; at < 3; at++) failing(group, 0);
  while (!failing(group, 1_001).includes("a"));
  assertEquals(turns(group, 30, 1_002), "b".repeat(30));
});

Deno.test("one peer on trial gets one request, not all of them", () => {
  const group = groupOf({ maxFails: 1, failTimeoutMs: 1_000, weight: 100 }, { weight: 1 });
  const [a] = group.peers;
  const failed = new Selection();
  group.balancer.begin(failed);
  assertEquals(group.balancer.get(failed, 0), a);
  group.balancer.free(failed, a!, "failed", 0);
  const open: (Peer | undefined)[] = [];
  for (let at = 0; at < 20; at++) { // none of them ends yet
    const selection = new Selection();
    group.balancer.begin(selection);
    open.push(group.balancer.get(selection, 1_001));
  }
  assertEquals(open.filter((peer) => peer === a).length, 1);
});

/** A request begins; it is not said how it ends. */
function begin({ balancer, nameOf }: ReturnType<typeof groupOf>, nowMs: number): string {
  const selection = new Selection();
  balancer.begin(selection);
  return nameOf(balancer.get(selection, nowMs));
}

Deno.test("a peer on trial takes others' requests when their peer fails and nobody else is left", () => {
  const group = groupOf({ maxFails: 1, failTimeoutMs: 1_000 }, { maxFails: 1 });
  const [a, b] = group.peers;
  const first = new Selection();
  group.balancer.begin(first);
  assertEquals(group.balancer.get(first, 0), a);
  group.balancer.free(first, a!, "failed", 0);
  const lost = new Selection();
  group.balancer.begin(lost);
  assertEquals(group.balancer.get(lost, 900), b);
  // Its trial, which does not end; others go elsewhere.
  assertEquals([1, 2, 3, 4].map(() => begin(group, 1_001)).sort().join(""), "abbb");
  group.balancer.free(lost, b!, "failed", 1_002);
  assertEquals(group.balancer.get(lost, 1_002), a);
  assertEquals(begin(group, 1_002), "a", "a new one too");
});

Deno.test("a peer on trial that does not answer holds eight requests, and the others end at once", () => {
  const group = groupOf({ failTimeoutMs: 1_000 }, { failTimeoutMs: 60_000 });
  assertEquals(failing(group, 0), "ab");
  assertEquals(begin(group, 1_000), "-", "its time is not over");
  const names = Array.from({ length: 10 }, () => begin(group, 1_001)).join("");
  assertEquals(names, "aaaaaaaa--");
});

Deno.test("a peer whose trial has failed takes nobody's request", () => {
  const group = groupOf({ failTimeoutMs: 1_000 }, { failTimeoutMs: 60_000 });
  assertEquals(failing(group, 0), "ab");
  assertEquals(failing(group, 1_001), "a");
  assertEquals(begin(group, 1_001), "-");
});

Deno.test("max_fails 0 never takes a peer out", () => {
  const group = groupOf({ maxFails: 0 }, { maxFails: 0 });
  for (let at = 0; at < 50; at++) assertEquals(failing(group, 0).length, 2);
  assertEquals(group.disabled, []);
});

Deno.test("a single peer is used however often it failed, but not twice for one request", () => {
  const group = groupOf({ maxFails: 1 });
  for (let at = 0; at < 5; at++) assertEquals(failing(group, at), "a");
  assertEquals([group.disabled, group.peers[0]!.fails], [[], 0]);
});

Deno.test("a single peer that is down or full is not used", () => {
  assertEquals(turns(groupOf({ isDown: true }), 1), "-");
  const group = groupOf({ maxConns: 1 });
  const [first, second] = [new Selection(), new Selection()];
  group.balancer.begin(first);
  group.balancer.begin(second);
  const peer = group.balancer.get(first, 0)!;
  assertEquals(group.balancer.get(second, 0), undefined);
  group.balancer.free(first, peer, "ok", 0);
  assertEquals(group.nameOf(group.balancer.get(second, 0)), "a");
});

Deno.test("backups are used when no other peer can be, and only then", () => {
  const group = groupOf({}, { isBackup: true }, {}, { isBackup: true });
  assertEquals(turns(group, 4), "acac");
  assertEquals(failing(group), "acbd");
  assertEquals(turns(group, 2, 1), "--", "all four are out");
  assertEquals(turns(group, 2, 10_001).includes("b"), false, "the primaries are on trial first");
});

Deno.test("a single peer with a backup counts its failures", () => {
  const group = groupOf({}, { isBackup: true });
  assertEquals(failing(group), "ab");
  assertEquals(group.disabled.map(group.nameOf), ["a", "b"]);
});

Deno.test("peers that are down are never used and are no tries", () => {
  const group = groupOf({ isDown: true }, {}, { isDown: true }, {});
  assertEquals(turns(group, 4), "bdbd");
  const selection = new Selection();
  group.balancer.begin(selection);
  assertEquals(selection.triesLeft, 2);
});

Deno.test("max_conns holds, and the turn of who is full goes to another", () => {
  const group = groupOf({ weight: 10, maxConns: 2 }, {});
  const open: string[] = [];
  for (let at = 0; at < 6; at++) {
    const selection = new Selection();
    group.balancer.begin(selection);
    open.push(group.nameOf(group.balancer.get(selection, 0)));
  }
  assertEquals(open.filter((name) => name === "a").length, 2);
  assertEquals(group.peers.map(({ connections }) => connections), [2, 4]);
});

Deno.test("an attempt that was in vain through no fault of the peer is no failure", () => {
  const group = groupOf({}, {});
  const selection = new Selection();
  group.balancer.begin(selection);
  const peer = group.balancer.get(selection, 0)!;
  group.balancer.free(selection, peer, "next", 0);
  assertEquals([peer.fails, selection.triesLeft], [0, 1]);
});

Deno.test("random groups, failures and times: the model of nginx makes every choice the same", async () => {
  await withRandom((random) => {
    for (let round = 0; round < 60; round++) compareWithModel(random);
  });
});

function compareWithModel(random: Random): void {
  const count = random.integer(1, 7);
  const confs = Array.from({ length: count }, (_, index) =>
    peerConf({
      weight: random.integer(1, 100),
      maxFails: random.integer(0, 4),
      failTimeoutMs: random.integer(0, 3) * 1_000,
      maxConns: random.chance(0.2) ? random.integer(1, 3) : 0,
      isDown: random.chance(0.1),
      isBackup: count > 1 && index > 0 && random.chance(0.25),
    }));
  const peers = confs.map((conf) => new Peer(conf));
  const balancer = new RoundRobin(peers);
  const model = new Model(confs);
  const open: { selection: Selection; walk: { tried: number[]; onBackup: boolean }; at: number }[] =
    [];
  const failRate = random.fraction() * 0.7;
  let now = 0;
  for (let step = 0; step < 300; step++) {
    now += random.chance(0.2) ? random.integer(0, 1_500) : 0;
    const ending = random.chance(0.6)
      ? open.splice(random.integer(0, open.length), 1)[0]
      : undefined;
    let next = { selection: new Selection(), walk: { tried: [] as number[], onBackup: false } };
    if (ending !== undefined) {
      const verdict: PeerVerdict = random.chance(failRate) ? "failed" : random.pick(["ok", "next"]);
      balancer.free(ending.selection, peers[ending.at]!, verdict, now);
      model.free(ending.at, verdict === "failed", now);
      if (verdict === "ok") continue;
      next = ending; // the same request asks for another peer
    } else {
      balancer.begin(next.selection);
    }
    const peer = balancer.get(next.selection, now);
    const at = model.get(next.walk, now);
    assertEquals(peer === undefined ? -1 : peers.indexOf(peer), at, `step ${step}`);
    if (at >= 0) open.push({ ...next, at });
    model.rows.forEach((row, index) => {
      const { currentWeight, effectiveWeight, fails, connections } = peers[index]!;
      assertEquals(
        [currentWeight, effectiveWeight, fails, connections],
        [row.current, row.effective, row.fails, row.conns],
      );
    });
  }
}
