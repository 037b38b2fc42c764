import { assertEquals } from "@std/assert";
import { HealthChecks } from "../../../src/control/health_checks.ts";
import type { Connect } from "../../../src/event/mod.ts";
import type { HealthCheckConf, UpstreamGroupConf } from "../../../src/peer/conf.ts";
import { PeerGroup } from "../../../src/peer/group.ts";
import { DOWN, UNHEALTHY } from "../../../src/peer/peer.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  type ReadStep,
  ScriptedTransport,
  SILENCE,
  testContext,
} from "../../support/scripted_transport.ts";
import { peerConf } from "../peer/peer_conf.ts";

const CONF: HealthCheckConf = {
  type: "http",
  method: "GET",
  path: "/",
  host: "app",
  headers: [],
  statuses: [[200, 299]],
  body: undefined,
  intervalMs: 5_000,
  jitterMs: 1_000,
  timeoutMs: 2_000,
  fails: 2,
  passes: 1,
  port: undefined,
  tls: undefined,
  isMandatory: false,
  keepaliveTimeMs: 0,
};
const WELL = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const ILL = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

/** Checks of peers on ports 1, 2 …, each of which answers what `answers` says at the time. */
function checksOf(ports: readonly number[], conf: Partial<HealthCheckConf> = {}) {
  const answers = new Map<number, ReadStep>();
  /** Ports and moments of the checks. */
  const asked: [port: number, atMs: number][] = [];
  const said: string[] = [];
  const connect: Connect = (address) => {
    const port = address.transport === "tcp" ? address.port : 0;
    asked.push([port, context.clock.nowMs()]);
    const transport = new ScriptedTransport({ reads: [answers.get(port) ?? WELL] });
    return Promise.resolve({ transport, remote: { hostname: "192.0.2.1", port } });
  };
  const context = testContext({ connect });
  const groupConf: UpstreamGroupConf = {
    name: "app",
    peers: ports.map(peerAt),
    keepalive: { connections: 1, requests: 1, timeMs: 1, timeoutMs: 1 },
    resolver: { servers: [], validMs: undefined, timeoutMs: 1, ipv4: true, ipv6: true },
    healthCheck: { ...CONF, ...conf },
  };
  const report = (level: string, text: string) => void said.push(`${level}: ${text}`);
  const group = new PeerGroup(groupConf, context.deadlines, report);
  const checks = new HealthChecks(group, groupConf.healthCheck!, undefined, context, () => 0.5);
  return { context, answers, asked, said, group, checks };
}

function peerAt(port: number) {
  const address = { transport: "tcp", hostname: "192.0.2.1", port } as const;
  return peerConf({ name: `p${port}`, address });
}

Deno.test("health checks: all peers at once, sooner for the second time, then at the interval and the jitter", async () => {
  const { context, asked, said, checks } = checksOf([1, 2]);
  checks.start();
  await context.clock.advance(12_000);
  assertEquals(asked.map(([port, atMs]) => [port, Math.round(atMs / 100) / 10]), [
    [1, 1],
    [2, 1],
    [1, 5.3],
    [2, 5.3],
    [1, 10.8],
    [2, 10.8],
  ]);
  assertEquals(said, []);
  await checks.close();
  await settled();
  assertQuiet(context);
});

Deno.test("health checks: a peer that answers late has failed, and is asked again in its time", async () => {
  const { context, answers, asked, said, group, checks } = checksOf([1]);
  answers.set(1, SILENCE);
  checks.start();
  await context.clock.advance(9_000);
  assertEquals(said, ["warn: peer p1 of app is unhealthy: no answer within 2000 ms (2 of 2)"]);
  assertEquals([asked.length, group.peers[0]!.bars], [2, UNHEALTHY]);
  answers.delete(1);
  await context.clock.advance(5_000);
  assertEquals(said.slice(1), ["notice: peer p1 of app is healthy: 1 passed in a row"]);
  await checks.close();
  await settled();
  assertQuiet(context);
});

Deno.test("health checks: peers that come are checked at once, those that go no more", async () => {
  const { context, answers, asked, group, checks, said } = checksOf([1, 2], { fails: 1 });
  checks.start();
  await context.clock.advance(100);
  answers.set(3, ILL);
  group.add(peerAt(3));
  await context.clock.advance(100);
  assertEquals(asked.map(([port]) => port), [1, 2, 3]);
  answers.set(1, SILENCE);
  await context.clock.advance(5_500); // one check hangs
  group.remove("p1");
  await context.clock.advance(8_000);
  assertEquals(asked.slice(3).map(([port]) => port), [1, 2, 3, 2, 3]);
  assertEquals(said.filter((text) => text.includes("p1")), []);
  await checks.close();
  await settled();
  assertQuiet(context);
});

Deno.test("health checks: who is down is not asked until it is up", async () => {
  const { context, asked, group, checks } = checksOf([1]);
  group.change("p1", { isDown: true });
  checks.start();
  await context.clock.advance(6_000);
  assertEquals([asked.length, group.peers[0]!.bars], [0, DOWN]);
  group.change("p1", { isDown: false });
  await context.clock.advance(6_000);
  assertEquals(asked.length, 1);
  await checks.close();
  assertQuiet(context);
});

Deno.test("health checks: closing ends what runs, without a word", async () => {
  const { context, answers, said, checks } = checksOf([1, 2], { fails: 1 });
  answers.set(1, SILENCE);
  answers.set(2, "HTTP/1.1 ");
  checks.start();
  await context.clock.advance(500);
  await checks.close();
  await checks.close();
  await settled();
  assertEquals(said, []);
  assertQuiet(context);
});
