/**
 * The event pipe over scripted connections and a file in memory: random pieces of both
 * sides, random bounds, disks that fill up, rates; and each side failing at every step.
 */
import { assert, assertEquals } from "@std/assert";
import { readYaml } from "../../../src/config/mod.ts";
import type { Conn } from "../../../src/event/mod.ts";
import { type Peer, UpstreamConn } from "../../../src/peer/mod.ts";
import type { UpstreamConf } from "../../../src/upstream/conf.ts";
import type { Downstream } from "../../../src/upstream/downstream.ts";
import { Exchange } from "../../../src/upstream/exchange.ts";
import type { RateLimit } from "../../../src/upstream/pace.ts";
import { awaitHeader, processHeader } from "../../../src/upstream/process_header.ts";
import { respondWhole, startResponse } from "../../../src/upstream/respond.ts";
import { respondBuffered } from "../../../src/upstream/respond_buffered.ts";
import { settled } from "../../support/manual_clock.ts";
import { MemoryFile } from "../../support/memory_file.ts";
import { Random, withRandom } from "../../support/random.ts";
import {
  assertQuiet,
  CLOSED,
  type ReadStep,
  scriptedConn,
  SILENCE,
  testContext,
  type WriteStep,
} from "../../support/scripted_transport.ts";

interface Case {
  readonly body: string;
  readonly reads: readonly ReadStep[];
  readonly writes: readonly WriteStep[];
  readonly proxy: string;
  readonly file: MemoryFile;
  /** `temp_disk`. */
  readonly diskBytes?: number;
  readonly limitRate?: RateLimit;
  readonly upstreamLimitRate?: RateLimit;
  readonly upstreamFailsAt?: number;
  readonly clientFailsAt?: number;
  /** Default: the client's side copies nothing, and changes the body. */
  readonly copiesUpTo?: number;
}

interface Result {
  readonly sent: string;
  /** Why it did not come to a good end. */
  readonly failure: string;
  readonly log: readonly string[];
  readonly operations: readonly [upstream: number, client: number];
}

/** A response of a known length: what the client is sent of its body. */
async function run(one: Case): Promise<Result> {
  const context = testContext();
  context.tempSpace.maxBytes = one.diskBytes ?? Infinity;
  const exchange = new Exchange(context);
  const up = scriptedConn(context, { reads: one.reads, failsAt: one.upstreamFailsAt ?? 0 });
  const down = scriptedConn(
    context,
    { writes: one.writes, failsAt: one.clientFailsAt ?? 0 },
    "downstream",
  );
  const log: string[] = [];
  let given: UpstreamConn | undefined;
  exchange.conf = confOf(one.proxy);
  exchange.group = {
    idle: { give: (upstream: UpstreamConn) => given = upstream },
  } as unknown as Exchange["group"];
  exchange.downstream = downstream(down.conn, log, one);
  exchange.openSpillFile = () => ({ file: one.file, path: "" });
  exchange.upstream = new UpstreamConn(
    up.conn,
    {} as unknown as Peer,
    context.pool.acquire(1024, "test")!,
    0,
  );
  exchange.isRequestComplete = true;
  exchange.beginAttempt("peer");
  let failure = "";
  let isOver = false;
  const served = (async () => {
    awaitHeader(exchange);
    await exchange.driver.run(processHeader(exchange));
    const progress = startResponse(exchange);
    if (progress === "begun") await exchange.driver.run(respondBuffered(exchange));
    if (progress === "sending") {
      const sent = exchange.driver.run(respondWhole(exchange));
      assert(given !== undefined, "the peer's connection is free before the client has all");
      await sent;
    }
  })().catch((error) => void (failure = String(error))).finally(() => isOver = true);
  for (let turns = 0; !isOver; turns++) {
    await settled();
    if (turns > 4_000) {
      throw new Error(
        `stands still behind ${down.transport.sent.length} bytes of ${one.body.length}: ${one.proxy}, ${
          JSON.stringify([one.limitRate, one.upstreamLimitRate])
        } reading ${up.transport.isReading} writing ${down.transport.isWriting} armed ${context.clock.armedCount} file ${one.file.largestBytes} ${
          log.join(";")
        }`,
      );
    }
    if (down.transport.isWriting) down.transport.goOnTaking();
    else if (up.transport.isReading) up.transport.goOn();
    if (context.clock.armedCount > 0 && turns % 3 === 2) await context.clock.advance(40);
  }
  await served;
  exchange.upstream?.close();
  given?.close();
  down.conn.close();
  for (let turns = 0; turns < 3; turns++) await settled();
  assertQuiet(context);
  return {
    sent: down.transport.sent,
    failure,
    log,
    operations: [up.transport.operations, down.transport.operations],
  };
}

function downstream(conn: Conn, log: string[], one: Case): Downstream {
  return {
    limitRate: one.limitRate,
    upstreamLimitRate: one.upstreamLimitRate,
    isSatisfied: false,
    asksForUpgrade: false,
    copiesUpTo: one.copiesUpTo ?? -1,
    beginResponse() {},
    send: (from: Parameters<Downstream["send"]>[0]) => conn.send(from),
    end() {},
    flush() {},
    get isSending() {
      return conn.isSending;
    },
    writable: conn.writable,
    checkSending: () => conn.checkSending(),
    report: (level: string, message: string) => void log.push(`[${level}] ${message}`),
  } as unknown as Downstream;
}

function confOf(proxy: string): UpstreamConf {
  const { listeners } = readYaml(
    `servers: [{ listen: "127.0.0.1:0", locations: { /: { proxy: { pass: "http://127.0.0.1:1", ${proxy} } } } }]`,
    "test.yaml",
  );
  const { action } = listeners[0]!.servers[0]!.locations[0]!;
  if (action.kind !== "proxy") throw new Error("not a proxy");
  return action.upstream;
}

function bodyOf(sizeBytes: number): string {
  let body = "";
  while (body.length < sizeBytes) body += `${body.length},`;
  return body.slice(0, sizeBytes);
}

function piecesOf(body: string, random: Random, largest: number): ReadStep[] {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`;
  const pieces: ReadStep[] = [head + body.slice(0, random.integer(0, 900))];
  let at = (pieces[0] as string).length - head.length;
  for (const size of random.pieces(body.length - at, largest)) {
    if (random.chance(0.3)) pieces.push(SILENCE);
    pieces.push(body.slice(at, at += size));
  }
  return pieces;
}

function randomCase(random: Random): Case {
  const body = bodyOf(random.integer(0, 60_000));
  const reads = piecesOf(body, random, random.pick([500, 4_000, 20_000]));
  const writes: WriteStep[] = [];
  for (let left = body.length; left > 0 && writes.length < 400;) {
    if (random.chance(0.5)) writes.push(SILENCE);
    const size = random.integer(1, random.pick([200, 5_000, 20_000]));
    writes.push(size);
    left -= size;
  }
  const rate = (chance: number): RateLimit | undefined =>
    random.chance(chance)
      ? { bytesPerSecond: random.integer(20_000, 200_000), afterBytes: random.integer(0, 5_000) }
      : undefined;
  const [limitRate, upstreamLimitRate] = [rate(0.3), rate(0.2)];
  return {
    body,
    reads,
    writes,
    proxy: [
      `buffers: ${random.pick(["2 4k", "3 4k", "8 4k"])}`,
      `busy_buffers_size: ${random.pick(["1k", "4k", "16k"])}`,
      `max_temp_file_size: ${random.pick(["0", "3k", "10k", "1m"])}`,
      `temp_file_write_size: ${random.pick(["1k", "8k"])}`,
      `cyclic_temp_file: ${random.pick(["on", "off"])}`,
    ].join(", "),
    file: new MemoryFile(
      random.pick([Infinity, 0, 1, 5_000, 20_000]),
      random.pick([Infinity, 1_000]),
    ),
    diskBytes: random.pick([Infinity, 1, 9_000, 50_000]),
    ...(limitRate === undefined ? {} : { limitRate }),
    ...(upstreamLimitRate === undefined ? {} : { upstreamLimitRate }),
  };
}

Deno.test("respond_buffered: 60 random responses arrive byte for byte, and leave nothing behind", () =>
  withRandom(async (random) => {
    for (let n = 0; n < 60; n++) {
      const one = randomCase(random.fork());
      const { sent, failure, log } = await run(one);
      const what = `${n}: ${one.proxy}, ${JSON.stringify([one.limitRate, one.upstreamLimitRate])}`;
      assertEquals(failure, "", what);
      assert(sent === one.body, `${what}: ${sent.length} bytes of ${one.body.length}`);
      assertEquals(log.filter((line) => line.startsWith("[crit]")).length <= 1, true, what);
    }
  }));

Deno.test("respond_buffered: a response that came whole frees the peer's connection before a slow client has it", async () => {
  const body = bodyOf(500);
  const one: Case = {
    body,
    reads: [`HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n${body}`],
    writes: [SILENCE, 100, SILENCE],
    proxy: "buffers: 2 4k",
    file: new MemoryFile(),
    copiesUpTo: 0,
  };
  const { sent, failure } = await run(one); // which asserts it
  assertEquals([failure, sent === body], ["", true]);
});

const BODY = bodyOf(30_000);

/** A client that takes a little now and then, so that the file is needed. */
const slowly = (): Case => ({
  body: BODY,
  reads: piecesOf(BODY, new Random(1), 4_000),
  writes: Array.from({ length: 40 }, (_, at) => at % 2 === 0 ? SILENCE : 1_000),
  proxy: "buffers: 2 4k",
  file: new MemoryFile(),
});

Deno.test("respond_buffered: a disk that is full is told once, whatever was written to it", async () => {
  for (const roomBytes of [0, 1, 3_000, 4_000, 9_000]) {
    const { sent, failure, log } = await run({ ...slowly(), file: new MemoryFile(roomBytes, 700) });
    assertEquals([failure, sent === BODY], ["", true]);
    const told = log.filter((line) => /^\[crit\].*No space left on device/.test(line));
    assertEquals(told.length, 1, `${roomBytes}: ${log.join("; ")}`);
  }
});

Deno.test("respond_buffered: the upstream failing at any operation: all that came before arrives", async () => {
  const { operations: [count] } = await run(slowly());
  for (let k = 2; k <= count; k++) {
    const { sent, failure } = await run({ ...slowly(), upstreamFailsAt: k });
    assert(BODY.startsWith(sent), `${k}`);
    assert(failure.includes("reset"), `${k}: ${failure}`);
  }
});

Deno.test("respond_buffered: the client failing at any operation ends it", async () => {
  const { operations: [, count] } = await run(slowly());
  assert(count > 20);
  for (let k = 1; k <= count; k++) {
    const { sent, failure } = await run({ ...slowly(), clientFailsAt: k });
    assert(BODY.startsWith(sent), `${k}`);
    assert(failure.includes("Broken pipe") || failure.includes("reset"), `${k}: ${failure}`);
  }
});

Deno.test("respond_buffered: an early end comes behind all that was spilled", async () => {
  const one = slowly();
  const cut = one.reads.slice(0, -3);
  const { sent, failure } = await run({ ...one, reads: [...cut, CLOSED] });
  const came = cut.filter((step) => typeof step === "string").join("").split("\r\n\r\n")[1]!;
  assertEquals(sent === came, true);
  assert(failure.includes("prematurely closed"));
});

Deno.test("respond_buffered: a file that cannot be read back ends the response, and leaks nothing", async () => {
  class Broken extends MemoryFile {
    override readSync(): number | null {
      throw new Error("Input/output error (os error 5)");
    }
  }
  const file = new Broken();
  const { sent, failure } = await run({ ...slowly(), file });
  assert(BODY.startsWith(sent));
  assert(failure.includes("Input/output error"));
  assert(file.isClosed);
});
