import { assertEquals } from "@std/assert";
import { PeerHealth } from "../../../src/peer/health.ts";
import { Peer, UNHEALTHY } from "../../../src/peer/peer.ts";
import { peerConf } from "./peer_conf.ts";

const THRESHOLDS = { fails: 3, passes: 2 };

/** What is said after each of some checks: `-` failed, `+` passed. */
function play(health: PeerHealth, checks: string, thresholds = THRESHOLDS): (string | undefined)[] {
  return Array.from(checks, (check, at) => {
    const news = health.note(check === "+" ? undefined : "no", thresholds, at);
    return news && `${news.isWell ? "well" : "ill"}: ${news.why}`;
  });
}

Deno.test("health: so many in a row make a change, and each change is told once", () => {
  const peer = new Peer(peerConf());
  const health = new PeerHealth(peer);
  const silence = undefined;
  assertEquals(play(health, "--+--"), Array(5).fill(silence));
  assertEquals(play(health, "--"), ["ill: no (3 of 3)", silence]);
  assertEquals(peer.bars, UNHEALTHY);
  assertEquals(play(health, "+-+"), Array(3).fill(silence));
  assertEquals(play(health, "++"), ["well: 2 passed in a row", silence]);
  assertEquals(peer.bars, 0);
  assertEquals([health.passed, health.failed, health.lastFailure], [5, 7, "no"]);
});

Deno.test("health: a peer that is barred from the start is let in by the first check that passes", () => {
  const peer = new Peer(peerConf());
  peer.bar(UNHEALTHY, true);
  const health = new PeerHealth(peer);
  assertEquals(health.isWell, undefined);
  assertEquals(play(health, "-+"), [undefined, "well: 1 passed in a row"]);
  assertEquals([peer.bars, health.isWell], [0, true]);
});

Deno.test("health: who comes back does so by slow_start, with its failures forgotten", () => {
  const peer = new Peer(peerConf({ slowStartMs: 1_000, weight: 10, maxFails: 2 }));
  const health = new PeerHealth(peer);
  play(health, "---");
  peer.fails = 2;
  peer.effectiveWeight = 3;
  health.note(undefined, { fails: 1, passes: 1 }, 5_000);
  assertEquals([peer.fails, peer.effectiveWeight, peer.shareAt(5_500)], [0, 10, 0.5]);
});
