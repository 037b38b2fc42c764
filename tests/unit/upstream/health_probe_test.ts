/** One check of a peer, over scripted connections: in every piece, and with every step failing. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { SlabPool } from "../../../src/buffer/mod.ts";
import { type Connect, PLAIN_DIAL } from "../../../src/event/mod.ts";
import type { HealthCheckConf } from "../../../src/peer/conf.ts";
import { HealthProbe, HealthQuestion, SKIPPED } from "../../../src/upstream/health_probe.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  CLOSED,
  type ReadStep,
  type Script,
  ScriptedTransport,
  testContext,
} from "../../support/scripted_transport.ts";

const CONF: HealthCheckConf = {
  type: "http",
  method: "GET",
  path: "/healthz",
  host: "app",
  headers: [],
  statuses: [[200, 299]],
  body: { text: "ready", isNegated: false, regex: undefined },
  intervalMs: 5_000,
  jitterMs: 0,
  timeoutMs: 1_000,
  fails: 1,
  passes: 1,
  port: undefined,
  tls: undefined,
  isMandatory: false,
  keepaliveTimeMs: 0,
};
const ADDRESS = { transport: "tcp", hostname: "192.0.2.1", port: 80 } as const;
const CHUNKED = "HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n" +
  "Transfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n";
const LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready";

/** A probe of a peer that plays a script on each connection, or refuses it where there is none. */
function probeOf(
  conf: Partial<HealthCheckConf>,
  scripts: readonly (Script | undefined)[],
  options: { readonly pool?: SlabPool } = {},
) {
  const transports: ScriptedTransport[] = [];
  const connect: Connect = () => {
    const script = scripts[transports.length];
    const transport = new ScriptedTransport(script ?? {});
    transports.push(transport);
    if (script === undefined) return Promise.reject(new Deno.errors.ConnectionRefused("refused"));
    return Promise.resolve({ transport, remote: ADDRESS });
  };
  const context = testContext({ connect, ...options });
  const question = new HealthQuestion({ ...CONF, ...conf });
  const probe = new HealthProbe(question, ADDRESS, PLAIN_DIAL, context);
  return { probe, context, transports };
}

Deno.test("health probe: an answer in two pieces, split at every byte, and byte by byte", async () => {
  for (const answer of [CHUNKED, LENGTH, "HTTP/1.0 200 OK\r\n\r\nready"]) {
    const splits = Array.from({ length: answer.length }, (_, at): ReadStep[] => [
      answer.slice(0, at),
      answer.slice(at),
      CLOSED,
    ]);
    const bytewise: ReadStep[] = [...answer, CLOSED];
    for (const reads of [...splits, bytewise]) {
      const { probe, context } = probeOf({}, [{ reads }]);
      assertEquals(await probe.check(), undefined, JSON.stringify(reads.map(String)));
      await settled();
      assertQuiet(context);
    }
  }
});

Deno.test("health probe: whichever operation fails, the check fails or has passed, and nothing is held", async () => {
  for (const answer of [CHUNKED, LENGTH]) {
    let failures = 0;
    for (let k = 1; k < 12; k++) {
      const { probe, context } = probeOf({}, [{
        reads: [answer.slice(0, 20), answer.slice(20)],
        failsAt: k,
      }]);
      const found = await probe.check();
      assert(found === undefined || typeof found === "string" && found !== "", `${k}`);
      if (found !== undefined) failures++;
      await settled();
      assertQuiet(context);
    }
    assertEquals(failures, 3, "one write, two reads");
  }
});

Deno.test("health probe: a connection that is refused", async () => {
  const { probe, context } = probeOf({}, [undefined]);
  const found = await probe.check();
  assert(typeof found === "string" && found.includes("refused"), String(found));
  assertQuiet(context);
});

Deno.test("health probe: without a descriptor there is no check", async () => {
  const error = Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });
  const context = testContext({ connect: () => Promise.reject(error) });
  const probe = new HealthProbe(new HealthQuestion(CONF), ADDRESS, PLAIN_DIAL, context);
  assertEquals(await probe.check(), SKIPPED);
  assertQuiet(context);
});

Deno.test("health probe: without buffer memory there is no check", async () => {
  const pool = new SlabPool({ maxBytes: 4_096, debug: true });
  const { probe, context } = probeOf({}, [{ reads: [LENGTH] }], { pool });
  assertEquals(await probe.check(), SKIPPED);
  assertQuiet(context);
});

Deno.test("health probe: an interruption ends it at any step", async () => {
  for (let pieces = 0; pieces < LENGTH.length; pieces += 7) {
    const { probe, context } = probeOf({}, [{ reads: [LENGTH.slice(0, pieces)] }]);
    const check = probe.check();
    await settled();
    probe.interrupt(new Error("over"));
    await assertRejects(() => check, Error, "over");
    await settled();
    assertQuiet(context);
  }
});

Deno.test("health probe: no more of a body is looked at than 256 KB", async () => {
  const body = "x".repeat(70_000);
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
  const { probe, context, transports } = probeOf({}, [
    { reads: [head, body, body, body, body, body, body] },
  ]);
  assertEquals(await probe.check(), 'its body has no "ready"');
  assert(transports[0]!.isClosed);
  await settled();
  assertQuiet(context);
});

Deno.test("health probe: a text that is split between two reads, within a character, is found", async () => {
  const bytes = new TextEncoder().encode("it is bereit: äöü");
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  for (let at = 1; at < bytes.length; at++) {
    const reads = [head, bytes.slice(0, at), bytes.slice(at)];
    const body = { text: "äöü", isNegated: false, regex: undefined };
    const { probe } = probeOf({ body }, [{ reads }]);
    assertEquals(await probe.check(), undefined, `${at}`);
  }
});

Deno.test("health probe: a kept connection is used again; one that broke meanwhile is replaced", async () => {
  const { probe, context, transports } = probeOf({ keepaliveTimeMs: 10_000 }, [
    { reads: [LENGTH, LENGTH, CLOSED] },
    { reads: [LENGTH, LENGTH] },
    { reads: [LENGTH] },
  ]);
  for (const connections of [1, 1, 2, 2]) {
    assertEquals(await probe.check(), undefined);
    assertEquals([transports.length, probe.hasIdle], [connections, true]);
  }
  await context.clock.advance(10_000); // too old now
  context.deadlines.stamp();
  assertEquals(await probe.check(), undefined);
  assertEquals(transports.map(({ isClosed }) => isClosed), [true, true, false]);
  probe.close();
  await settled();
  assertQuiet(context);
});

Deno.test("health probe: a kept connection that answers badly is a failure, and not asked again", async () => {
  const { probe, context, transports } = probeOf({ keepaliveTimeMs: 10_000 }, [
    { reads: [LENGTH, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"] },
  ]);
  assertEquals(await probe.check(), undefined);
  assertEquals(await probe.check(), "status 500, expected 2xx");
  assertEquals(transports.length, 1);
  probe.close();
  await settled();
  assertQuiet(context);
});
