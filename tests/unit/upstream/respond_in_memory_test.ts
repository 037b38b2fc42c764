import { assertEquals, assertRejects } from "@std/assert";
import { Chain } from "../../../src/buffer/mod.ts";
import { readYaml } from "../../../src/config/mod.ts";
import { Failure } from "../../../src/event/mod.ts";
import { Peer, UpstreamConn } from "../../../src/peer/mod.ts";
import type { UpstreamConf } from "../../../src/upstream/conf.ts";
import type { Downstream, InMemory } from "../../../src/upstream/downstream.ts";
import { Exchange } from "../../../src/upstream/exchange.ts";
import { awaitHeader, processHeader } from "../../../src/upstream/process_header.ts";
import { respondInMemory } from "../../../src/upstream/respond_in_memory.ts";
import {
  assertQuiet,
  CLOSED,
  latin1Text,
  type ReadStep,
  RESET,
  scriptedConn,
  type TestContext,
  testContext,
} from "../../support/scripted_transport.ts";

const LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
  "3;x=y\r\n012\r\n7\r\n3456789\r\n0\r\nT: r\r\n\r\n";
const TO_EOF = "HTTP/1.0 200 OK\r\n\r\n0123456789";

/** What is read of a script: the status and the body that were handed over. */
async function gather(
  context: TestContext,
  reads: readonly ReadStep[],
  { maxBytes = 10, keepsBody = true, failsAt = 0 } = {},
): Promise<{ status: number; body: string; isReusable: boolean }> {
  const exchange = new Exchange(context);
  const { conn } = scriptedConn(context, { reads, failsAt });
  const buf = context.pool.acquire(1024, "test")!;
  const upstream = new UpstreamConn(conn, peer(), buf, 0);
  const kept = new Chain();
  let status = 0;
  let body = "";
  const memory: InMemory = {
    maxBytes,
    keepsBody,
    keep(head, chain) {
      ({ status } = head);
      kept.append(chain);
    },
  };
  exchange.conf = conf();
  exchange.downstream = { report() {}, memory } as unknown as Downstream;
  exchange.upstream = upstream;
  exchange.beginAttempt("peer");
  try {
    awaitHeader(exchange);
    await exchange.driver.run(processHeader(exchange));
    await exchange.driver.run(respondInMemory(exchange, memory));
    for (let cell = kept.first; cell !== undefined; cell = cell.next) {
      body += latin1Text(cell.data());
    }
    return { status, body, isReusable: exchange.body.isDone && !exchange.hasExtraData };
  } finally {
    kept.releaseAll();
    upstream.close();
    await Promise.resolve();
    for (let turns = 0; context.pool.stats().heldCells > 0 && turns < 10; turns++) {
      await Promise.resolve(); // a pending read settles later
    }
  }
}

function peer(): Peer {
  return new Peer({
    name: "peer",
    address: { transport: "tcp", hostname: "192.0.2.1", port: 80 },
    weight: 1,
    maxFails: 1,
    failTimeoutMs: 1,
    maxConns: 0,
    isBackup: false,
    isDown: false,
  });
}

function conf(): UpstreamConf {
  const { listeners } = readYaml(
    'servers: [{ listen: "127.0.0.1:0", locations: { /: { proxy: { pass: "http://127.0.0.1:1" } } } }]',
    "test.yaml",
  );
  const { action } = listeners[0]!.servers[0]!.locations[0]!;
  if (action.kind !== "proxy") throw new Error("not a proxy");
  return action.upstream;
}

for (const [name, text] of Object.entries({ LENGTH, CHUNKED, TO_EOF })) {
  const ending: readonly ReadStep[] = text === TO_EOF ? [CLOSED] : [];

  Deno.test(`respond_in_memory: ${name}, split in two at every byte`, async () => {
    const context = testContext();
    for (let at = 1; at < text.length; at++) {
      const found = await gather(context, [text.slice(0, at), text.slice(at), ...ending]);
      assertEquals(found, { status: 200, body: "0123456789", isReusable: true });
    }
    assertQuiet(context);
  });

  Deno.test(`respond_in_memory: ${name}, byte by byte`, async () => {
    const context = testContext();
    const found = await gather(context, [...text, ...ending]);
    assertEquals(found, { status: 200, body: "0123456789", isReusable: true });
    assertQuiet(context);
  });

  Deno.test(`respond_in_memory: ${name} over the bound by one byte is an error, wherever it is split`, async () => {
    const context = testContext();
    for (let at = 1; at <= text.length; at++) {
      const reads = [text.slice(0, at), text.slice(at)].filter((part) => part !== "");
      await assertRejects(
        () => gather(context, [...reads, ...ending], { maxBytes: 9 }),
        Failure,
        "too big a body",
      );
    }
    assertQuiet(context);
  });

  Deno.test(`respond_in_memory: ${name} over the bound is none where nobody wants the body`, async () => {
    const context = testContext();
    for (let at = 1; at < text.length; at++) {
      const reads = [text.slice(0, at), text.slice(at), ...ending];
      const found = await gather(context, reads, { maxBytes: 9, keepsBody: false });
      assertEquals([found.status, found.body], [200, ""]);
    }
    assertQuiet(context);
  });

  Deno.test(`respond_in_memory: ${name}, the k-th read fails, for every k`, async () => {
    const context = testContext();
    for (let failsAt = 1; failsAt <= text.length; failsAt++) {
      await assertRejects(() => gather(context, [...text, ...ending], { failsAt }), Failure);
    }
    assertQuiet(context);
  });
}

Deno.test("respond_in_memory: a body that is cut short is never handed over", async () => {
  const context = testContext();
  for (const ending of [CLOSED, RESET] as const) {
    for (const text of [LENGTH, CHUNKED]) {
      const start = text.indexOf("\r\n\r\n") + 4;
      for (let at = start; at < text.length; at++) {
        await assertRejects(() => gather(context, [text.slice(0, at), ending]), Failure);
      }
    }
  }
  assertQuiet(context);
});

Deno.test("respond_in_memory: a large body takes the cells that it needs, and no more", async () => {
  const context = testContext();
  const size = 200_000;
  const body = "x".repeat(size);
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`;
  const pieces = Array.from({ length: 20 }, (_, at) => body.slice(at * 10_000, (at + 1) * 10_000));
  const found = await gather(context, [head, ...pieces], { maxBytes: size });
  assertEquals([found.status, found.body.length, found.isReusable], [200, size, true]);
  assertQuiet(context);
});
