/**
 * A POST is never seen twice by the origins unless configured: origins that do anything at
 * any moment, clients that send in pieces and leave, connections that are kept, from a seed.
 *
 * Some hundred runs; `SLUICE_TEST_RUNS=10000` for more.
 */
import { assert } from "@std/assert";
import { connect } from "../support/client.ts";
import { withSluice } from "../support/in_process.ts";
import {
  act,
  expectHead,
  expectRequest,
  okResponse,
  type Origin,
  type OriginConnection,
  startOrigin,
  type Step,
} from "../support/origin.ts";
import { EndedEarly, latin1 } from "../support/inbox.ts";
import { type Random, seedFromEnv, withRandom } from "../support/random.ts";

const RUNS = 300;
const BATCH_RUNS = 50;
const AT_ONCE = 10;
const ORIGINS = 3;
/** Methods of which each request may be seen once. */
const ONCE = ["POST", "PATCH", "LOCK"] as const;
const OFTEN = ["GET", "PUT", "DELETE"] as const;

const LOCATIONS = {
  "/buffered": "buffering: on",
  "/streamed": "request_buffering: off, buffering: off",
  "/all": "next_upstream: [error, timeout, invalid_header, http_403, http_404, http_429, " +
    "http_500, http_502, http_503, http_504]",
  "/plain": "http_version: 1.0",
} as const;
/** What may be seen twice, to know that this test would see it. */
const TWICE = "next_upstream: [error, timeout, invalid_header, http_503, non_idempotent]";

function yaml(origins: readonly Origin[]): string {
  const peers = origins.map(({ address }) => `{ address: "${address}", max_fails: 0 }`).join(", ");
  const locations = Object.entries({ ...LOCATIONS, "/twice": TWICE }).map(([path, proxy]) =>
    `      ${path}: { proxy: { pass: "http://app", ${proxy} } }`
  );
  return `
upstreams:
  app: { servers: [${peers}], keepalive: 16 }
servers:
  - listen: "127.0.0.1:0"
    proxy: { read_timeout: 60ms, send_timeout: 60ms, connect_timeout: 60ms }
    client_body_buffer_size: 8k
    locations:
${locations.join("\n")}
`;
}

/** How an origin treats one request. */
function anything(random: Random): Step {
  return act("anything", async (connection) => {
    while (true) {
      if (random.chance(0.05)) return leave(connection, random);
      if (connection.requests.length > 0 && random.chance(0.3)) { // it had gone stale
        await expectHead().play(connection);
        return await leave(connection, random);
      }
      const reads = random.chance(0.7) ? expectRequest() : expectHead();
      await reads.play(connection);
      if (reads.name === "expectHead()" && random.chance(0.5)) {
        await connection.inbox.discard(random.integer(0, 5_000));
      }
      const answer = ANSWERS[random.integer(0, ANSWERS.length - 1)];
      if (answer === undefined) return await leave(connection, random);
      if (answer === SILENCE) return;
      await connection.write(answer);
      const isConfused = reads.name === "expectHead()" || answer !== OK;
      if (isConfused && random.chance(0.7)) return leave(connection, random);
    }
  });
}

const SILENCE = new Uint8Array();
const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
/** Undefined: it leaves without one. */
const OK = okResponse("ok");
const ANSWERS: readonly (Uint8Array | undefined)[] = [
  ...Array.from({ length: 12 }, () => OK),
  undefined,
  undefined,
  SILENCE,
  latin1Bytes("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno"),
  latin1Bytes("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"),
  latin1Bytes("HTTP/1.1 2"),
  latin1Bytes("garbage\r\n\r\n"),
  latin1Bytes(`${HEAD}half`),
  latin1Bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
  latin1Bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
  latin1Bytes("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"),
  latin1Bytes(`${HEAD}0123456789extra`),
];

function latin1Bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function leave({ socket, closed }: OriginConnection, random: Random): Promise<void> {
  if (random.chance(0.5)) socket.resetAndDestroy();
  else socket.destroySoon();
  await closed;
}

/** One client with a few requests, each with an id of its own. */
async function run(address: string, random: Random, nextId: () => number): Promise<void> {
  await using client = await connect(address);
  try {
    for (let left = random.integer(1, 5); left > 0; left--) {
      const method = random.chance(0.7) ? random.pick([...ONCE]) : random.pick([...OFTEN]);
      const path = random.chance(0.1) ? "/twice" : random.pick(
        Object.keys(LOCATIONS) as [string, ...string[]],
      );
      const request = requestOf(method, path, nextId(), random);
      if (random.chance(0.1)) { // leaves in the middle, or behind it
        await client.sendInPieces(
          request.slice(0, random.integer(0, request.length)),
          random.pieces(Math.min(request.length, 5_000), 2_000),
        );
        return await client.reset();
      }
      const largest = random.pick([100, 5_000, 100_000]);
      const sent = client.sendInPieces(request, random.pieces(request.length, largest).slice(0, 50))
        .catch(() => {}); // an early answer may end the connection
      const { isComplete } = await final(client);
      await sent;
      if (!isComplete) return;
    }
  } catch (error) {
    if (!(error instanceof EndedEarly)) throw error; // cut, as it may be
  }
}

async function final(client: Awaited<ReturnType<typeof connect>>) {
  let response = await client.readResponse();
  while (response.status < 200) response = await client.readResponse();
  return response;
}

function requestOf(method: string, path: string, id: number, random: Random): string {
  const head = `${method} ${path}/${id} HTTP/1.1\r\nHost: a\r\nX-Id: ${id}\r\n`;
  const body = "b".repeat(random.pick([0, 1, 100, 8_192, 8_193, 70_000, 200_000]));
  if (random.chance(0.5)) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const chunks = random.pieces(body.length, 30_000)
    .map((size) => `${size.toString(16)}\r\n${"b".repeat(size)}\r\n`);
  return `${head}Transfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\n\r\n`;
}

/** How often each request line arrived anywhere, read by a script or not. */
function countSeen(origins: readonly Origin[]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const { received } of origins.flatMap(({ connections }) => connections)) {
    for (const [line] of latin1(received).matchAll(/[A-Z]+ \/[a-z]+\/\d+ (?=HTTP\/1)/g)) {
      seen.set(line, (seen.get(line) ?? 0) + 1);
    }
  }
  return seen;
}

/** Returns how many requests arrived, and how many of them twice, where that is allowed. */
async function batch(random: Random, runs: number): Promise<{ seen: number; twice: number }> {
  const start = () => startOrigin({ each: [anything(random.fork())], keepBytes: 2 << 20 });
  await using first = await start();
  await using second = await start();
  await using third = await start();
  const origins = [first, second, third].slice(0, ORIGINS);
  let lastId = 0;
  await withSluice(yaml(origins), async (address) => {
    let left = runs;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await run(address, random.fork(), () => ++lastId);
    }));
  });
  const seen = countSeen(origins);
  let twice = 0;
  for (const [line, count] of seen) {
    const isOnce = ONCE.some((method) => line.startsWith(`${method} `));
    if (!isOnce || count === 1) continue;
    assert(line.includes("/twice/"), `${line}was seen ${count} times`);
    twice++;
  }
  return { seen: seen.size, twice };
}

Deno.test({
  name:
    "a POST is never seen twice by the origins unless configured, whatever they and the client do",
  timeout: 3_600_000,
  async fn() {
    const wanted = Number(Deno.env.get("SLUICE_TEST_RUNS") ?? RUNS);
    const seed = seedFromEnv();
    if (wanted !== RUNS) console.log(`seed ${seed}`);
    await withRandom(async (random) => {
      let seen = 0;
      let twice = 0;
      for (let done = 0; done < wanted; done += BATCH_RUNS) {
        const result = await batch(random.fork(), Math.min(BATCH_RUNS, wanted - done));
        seen += result.seen;
        twice += result.twice;
      }
      assert(seen > wanted / 2, `only ${seen} requests reached an origin`);
      assert(twice > 0, "where it is configured no POST was seen twice: this test is blind");
      if (wanted !== RUNS) console.log(`${wanted} runs, ${seen} requests, ${twice} twice`);
    }, seed);
  },
});
