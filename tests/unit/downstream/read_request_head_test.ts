import { assertEquals } from "@std/assert";
import { ClientConnection, type ClientHandler, serveClient } from "../../../src/downstream/mod.ts";
import type { Failure } from "../../../src/event/mod.ts";
import type { BadMessage } from "../../../src/wire/mod.ts";
import { settled } from "../../support/manual_clock.ts";
import {
  assertQuiet,
  CLOSED,
  type ReadStep,
  RESET,
  scriptedConn,
  testContext,
} from "../../support/scripted_transport.ts";
import { CLIENT, LISTEN } from "./client_conf.ts";

/** A head of exactly `bytes` bytes. */
function headOf(bytes: number): string {
  const rest = "\r\n\r\n";
  const begin = "GET / HTTP/1.1\r\nHost: a\r\nCookie: ";
  return begin + "c".repeat(bytes - begin.length - rest.length) + rest;
}

interface Served {
  /** How many reads each request took. */
  readonly reads: readonly number[];
  readonly refused: readonly BadMessage[];
  /** What ended the connection in the middle of something. */
  readonly broken: readonly Failure[];
  readonly pipelined: readonly boolean[];
  /** When the connection had ended by itself, in ms from its begin; -1: it had not. */
  readonly endedAtMs: number;
}

interface Circumstances {
  readonly conf?: typeof LISTEN;
  /** What a reload puts in force before a piece. */
  readonly reloads?: { readonly before: number; readonly to: typeof LISTEN };
  /** Memory that others have. */
  readonly heldBytes?: number;
  /** Whether others have so much that load is shed. */
  readonly isScarce?: boolean;
  /** Between two pieces, in ms. */
  readonly everyMs?: number;
}

/** What becomes of pieces of requests that come one at a time, `everyMs` apart. */
async function serve(
  pieces: readonly ReadStep[],
  { conf = LISTEN, reloads, heldBytes = 0, isScarce = false, everyMs = 0 }: Circumstances = {},
): Promise<Served> {
  const context = testContext();
  if (isScarce) context.pool.scarceFromBytes = 0;
  const held = heldBytes > 0 ? context.pool.acquire(heldBytes, "somebody else") : undefined;
  const { conn, transport } = scriptedConn(context, {}, "downstream");
  const ends: number[] = [];
  const pipelined: boolean[] = [];
  const startMs = context.clock.nowMs();
  let endedAtMs = -1;
  const refused: BadMessage[] = [];
  const broken: Failure[] = [];
  const handler: ClientHandler = {
    handle(client) {
      ends.push(transport.readsBegun);
      pipelined.push(client.isPipelined);
      client.response.writeHead(200, 0, true, (writer) => writer.text("HTTP/1.1 200 OK"));
      client.response.flush();
    },
    onRefused: (_client, refusal) => void refused.push(refusal),
    onBadProxyHeader() {},
    onBroken: (_client, failure) => void broken.push(failure),
    onBug: (_client, error) => {
      throw error;
    },
  };
  const shared = { context, settings: { conf, firstConf: CLIENT, handler }, spareHeads: [] };
  const client = new ClientConnection(conn, 1, shared);
  const serving = serveClient(client);
  for (const [index, piece] of pieces.entries()) {
    if (index === reloads?.before) shared.settings = { ...shared.settings, conf: reloads.to };
    transport.deliver(piece);
    await settled();
    await context.clock.advance(everyMs);
    await settled();
    if (!transport.isClosed) continue;
    endedAtMs = context.clock.nowMs() - startMs;
    break;
  }
  transport.deliver(CLOSED);
  await serving;
  await settled();
  held?.release();
  assertQuiet(context);
  const reads = ends.map((end, index) => end - (ends[index - 1] ?? 0));
  return { reads, refused, broken, pipelined, endedAtMs };
}

Deno.test("a head that is like the large one before it comes in one read", async () => {
  const { reads } = await serve([headOf(2_000), headOf(2_000), headOf(500), headOf(1_000)]);
  assertEquals(reads, [2, 1, 1, 1]);
});

Deno.test("while memory is short the next head gets client_header_buffer_size again", async () => {
  const { reads } = await serve([headOf(2_000), headOf(2_000)], { heldBytes: 5 << 20 });
  assertEquals(reads, [2, 2]);
});

Deno.test("a line that is longer than a large buffer is refused behind a large head, too", async () => {
  const conf = { ...LISTEN, largeClientHeaderBufferSizeBytes: 3_000 };
  const { refused } = await serve([headOf(2_900), headOf(3_500)], { conf });
  assertEquals(refused.map(({ status }) => status), [431]);
});

Deno.test("a request is pipelined if some of it came in one read with the one before it", async () => {
  const request = headOf(100);
  const half = request.slice(0, 50);
  const { pipelined } = await serve([
    request,
    request + request + request,
    request + half,
    request.slice(50),
    half,
    request.slice(50),
  ]);
  assertEquals(pipelined, [false, false, true, true, false, true, false]);
});

for (
  const [where, headBytes] of [["a small buffer", 900], ["a large one behind it", 1_100]] as const
) {
  Deno.test(`a head that comes in pieces into ${where} has one deadline for all of them`, async () => {
    const conf = { ...LISTEN, clientHeaderTimeoutMs: 10_000 };
    const head = headOf(headBytes);
    const pieces = [head.slice(0, 500), head.slice(500, 600), head.slice(600, -4), "\r", "\n"];
    const late = await serve(pieces, { conf, everyMs: 2_600 });
    assertEquals([late.reads.length, late.endedAtMs], [0, 10_400]);
    const inTime = await serve([...pieces, "\r"], { conf, everyMs: 1_900 });
    assertEquals([inTime.reads.length, inTime.endedAtMs], [0, 11_400]);
    const whole = await serve([...pieces, "\r\n"], { conf, everyMs: 1_900 });
    assertEquals([whole.reads.length, whole.endedAtMs], [1, -1]);
  });
}

Deno.test("a request behind a header of the PROXY protocol is not pipelined", async () => {
  const { pipelined } = await serve(
    [`PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${headOf(100)}${headOf(100)}`],
    { conf: { ...LISTEN, proxyProtocol: true } },
  );
  assertEquals(pipelined, [false, true]);
});

Deno.test("a reload holds for the next head, not for one of which some has come", async () => {
  const to = {
    ...LISTEN,
    clientHeaderTimeoutMs: 1_000,
    largeClientHeaderBufferSizeBytes: 1_024,
  };
  const head = headOf(6_000);
  const pieces = [head.slice(0, 1_900), head.slice(1_900, 4_000), head.slice(4_000)];
  const reloads = { before: 1, to };
  const { reads, refused } = await serve([...pieces, head], { reloads, everyMs: 2_000 });
  assertEquals([reads.length, refused.map(({ status }) => status)], [1, [431]]);
  const late = await serve([...pieces, "GET /", " HTTP/1.1"], { reloads, everyMs: 2_000 });
  assertEquals(
    [late.reads.length, late.broken.map(({ kind }) => kind), late.endedAtMs],
    [1, ["timeout"], 8_000],
  );
});

for (const size of [300, 1_100]) { // in the small buffer, and in a large one
  const begin = headOf(size).slice(0, -4);
  Deno.test(`what ends a head that dribbles, behind ${size} bytes`, async () => {
    const pieces = [begin.slice(0, 100), begin.slice(100), "\r"];
    const bad = await serve([...pieces, "\n", " x"]);
    assertEquals([bad.reads.length, bad.refused.map(({ status }) => status)], [0, [400]]);
    const left = await serve(pieces);
    assertEquals([left.reads.length, left.broken.map(({ kind }) => kind)], [0, ["closed"]]);
    const gone = await serve([...pieces, RESET]);
    assertEquals([gone.reads.length, gone.broken.map(({ kind }) => kind)], [0, ["reset"]]);
  });
}

Deno.test("a head that dribbles into a large buffer is refused where memory is scarce", async () => {
  const head = headOf(2_000);
  const pieces = [head.slice(0, 700), head.slice(700, 1_100), head.slice(1_100)];
  const { reads, refused } = await serve(pieces, { isScarce: true });
  assertEquals([reads.length, refused.map(({ status }) => status)], [0, [503]]);
});
