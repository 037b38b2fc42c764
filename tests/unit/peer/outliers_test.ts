import { assertEquals } from "@std/assert";
import type { OutlierConf } from "../../../src/peer/conf.ts";
import { OutlierDetection } from "../../../src/peer/outliers.ts";
import { DOWN, EJECTED, Peer } from "../../../src/peer/peer.ts";
import { assertQuiet, testContext } from "../../support/scripted_transport.ts";
import { peerConf } from "./peer_conf.ts";

const CONF: OutlierConf = {
  consecutive5xx: 3,
  consecutiveGatewayFailures: 0,
  consecutiveErrors: 0,
  intervalMs: 10_000,
  successRateMinimumHosts: 3,
  successRateRequestVolume: 10,
  successRateStdevFactor: 1,
  baseEjectionMs: 30_000,
  maxEjectionMs: 70_000,
  maxEjectedShare: 0.5,
};

const OK = { status: 200, failure: undefined, isStale: false };
const BAD = { ...OK, status: 500 };
const GATEWAY = { ...OK, status: 503, failure: "http_503" };
const ERROR = { ...OK, status: 502, failure: "error" };
const TIMEOUT = { ...OK, status: 504, failure: "timeout" };
const GONE = { ...OK, status: 0 };

function watch(count: number, conf: Partial<OutlierConf> = {}) {
  const context = testContext();
  const said: string[] = [];
  const peers = Array.from({ length: count }, (_, at) => new Peer(peerConf({ name: `p${at}` })));
  const group = {
    name: "app",
    peers,
    report: (level: string, text: string) => void said.push(`${level}: ${text}`),
  };
  const outliers = new OutlierDetection({ ...CONF, ...conf }, group, context.deadlines);
  const note = (at: number, ...ends: readonly (typeof OK | typeof ERROR)[]) => {
    for (const end of ends) outliers.note(peers[at]!, end, context.deadlines.nowMs);
  };
  const ejected = () => peers.flatMap(({ bars, name }) => (bars & EJECTED) === 0 ? [] : [name]);
  return { context, said, peers, outliers, note, ejected };
}

Deno.test("outliers: failures in a row eject a peer; it comes back when its time is over", async () => {
  const { context, said, note, ejected, outliers } = watch(4);
  note(0, BAD, BAD, OK, BAD, BAD);
  assertEquals(ejected(), []);
  note(0, BAD, BAD);
  assertEquals(ejected(), ["p0"]);
  await context.clock.advance(29_000);
  assertEquals(ejected(), ["p0"]);
  await context.clock.advance(1_100);
  assertEquals(ejected(), []);
  assertEquals(said, [
    "warn: peer p0 of app is ejected for 30 s: 3 5xx in a row",
    "notice: peer p0 of app is no longer ejected",
  ]);
  outliers.close();
  assertQuiet(context);
});

Deno.test("outliers: each class of failures has a bound of its own; errors are of each", () => {
  const rows = [
    [{ consecutive5xx: 2 }, [ERROR, GATEWAY], "2 5xx in a row"],
    [
      { consecutiveGatewayFailures: 2 },
      [GATEWAY, BAD, TIMEOUT, GATEWAY],
      "2 gateway failures in a row",
    ],
    [{ consecutiveErrors: 2 }, [ERROR, GATEWAY, ERROR, TIMEOUT], "2 errors in a row"],
    [{ consecutiveErrors: 1 }, [BAD, GATEWAY], undefined],
  ] as const;
  for (const [conf, ends, why] of rows) {
    const { said, note, outliers } = watch(2, { consecutive5xx: 0, ...conf });
    note(0, ...ends);
    const expected = why && [`warn: peer p0 of app is ejected for 30 s: ${why}`];
    assertEquals(said, expected ?? []);
    outliers.close();
  }
});

Deno.test("outliers: a stale connection and a client that leaves say nothing", () => {
  const { note, ejected, outliers } = watch(2);
  note(0, BAD, GONE, { ...ERROR, isStale: true }, BAD, GONE);
  assertEquals(ejected(), []);
  note(0, BAD);
  assertEquals(ejected(), ["p0"]);
  outliers.close();
});

Deno.test("outliers: the next ejection is longer, up to a bound; intervals that go well shorten it", async () => {
  const { context, said, note, outliers } = watch(2);
  const fail = () => note(0, BAD, BAD, BAD);
  const times = () => said.flatMap((text) => / for (\d+) s/.exec(text)?.[1] ?? []);
  fail();
  await context.clock.advance(30_100);
  fail();
  await context.clock.advance(60_100);
  fail();
  assertEquals(times(), ["30", "60", "70"]);
  await context.clock.advance(70_100);
  await context.clock.advance(21_000); // two intervals
  fail();
  assertEquals(times(), ["30", "60", "70", "60"]);
  outliers.close();
});

Deno.test("outliers: a share of the peers at most is ejected, and never the last one", () => {
  const cases = [[4, 0.5, 2], [4, 0.1, 1], [2, 1, 1], [1, 1, 0], [10, 0.35, 3]] as const;
  for (const [count, maxEjectedShare, most] of cases) {
    const { note, ejected, outliers } = watch(count, { maxEjectedShare });
    for (let at = 0; at < count; at++) note(at, BAD, BAD, BAD);
    assertEquals(ejected().length, most, `${count} peers, ${maxEjectedShare}`);
    outliers.close();
  }
});

Deno.test("outliers: peers that are down are none of those that are left", () => {
  const { note, ejected, peers, outliers } = watch(2, { maxEjectedShare: 1 });
  peers[1]!.bar(DOWN, true);
  note(0, BAD, BAD, BAD);
  assertEquals(ejected(), []);
  outliers.close();
});

Deno.test("outliers: who succeeds far less often than the others is ejected at the interval's end", async () => {
  const { context, said, note, ejected, outliers } = watch(4, { consecutive5xx: 0 });
  for (let at = 0; at < 4; at++) note(at, ...Array(20).fill(OK));
  note(3, ...Array(20).fill(BAD));
  assertEquals(ejected(), []);
  await context.clock.advance(10_100);
  assertEquals(said, [
    "warn: peer p3 of app is ejected for 30 s: 50.0 % of 40 succeeded, of all 87.5 %, " +
    "least allowed 65.8 %",
  ]);
  outliers.close();
});

Deno.test("outliers: too few requests, or peers with enough of them, are no comparison", async () => {
  for (const [peers, volume] of [[4, 9], [2, 20]] as const) {
    const { context, note, ejected, outliers } = watch(4, { consecutive5xx: 0 });
    for (let at = 0; at < peers; at++) note(at, ...Array(volume).fill(at === 0 ? BAD : OK));
    await context.clock.advance(10_100);
    assertEquals(ejected(), []);
    outliers.close();
  }
});
