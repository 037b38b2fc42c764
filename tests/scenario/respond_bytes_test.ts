/**
 * What a client receives is what the origin sent, byte for byte: sizes around those of
 * the buffers, every framing, random pieces on both sides, each way of relaying.
 * `SLUICE_TEST_RUNS` sets how many responses there are; `SLUICE_TEST_SEED` repeats a run.
 */
import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { difference } from "../support/bodies.ts";
import { type Client, connect, type Response } from "../support/client.ts";
import { readRequestHead } from "../support/http_text.ts";
import { concat } from "../support/inbox.ts";
import { withSluice } from "../support/in_process.ts";
import { act, type OriginConnection, startOrigin } from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { type Random, withRandom } from "../support/random.ts";

const RUNS = Number(Deno.env.get("SLUICE_TEST_RUNS") ?? 300);
const AT_ONCE = 6;
const LARGEST = 1 << 20;
const BUFFER = 4096;

/** By location: small buffers, so that most bodies are larger. */
const WAYS = {
  "/file/": "buffers: 2 4k, buffer_size: 4k",
  "/more/": "buffers: 8 4k, buffer_size: 1k, temp_file_write_size: 4k, busy_buffers_size: 4k",
  "/cycle/": "buffers: 4 4k, buffer_size: 2k, max_temp_file_size: 64k, cyclic_temp_file: on",
  "/bound/": "buffers: 4 4k, buffer_size: 2k, max_temp_file_size: 20k",
  "/memory/": "buffers: 2 4k, buffer_size: 4k, max_temp_file_size: 0",
  "/default/": "",
  "/off/": "buffering: off, buffer_size: 4k",
} as const;
const WAY_NAMES = Object.keys(WAYS) as [keyof typeof WAYS, ...(keyof typeof WAYS)[]];

interface Run {
  readonly target: string;
  readonly body: Uint8Array;
  readonly framing: "length" | "chunked" | "eof";
  readonly version: "1.0" | "1.1";
  readonly trailer: string;
  /** Sizes of the writes. */
  readonly pieces: readonly number[];
  readonly message: Uint8Array;
}

function randomRun(random: Random, number: number): Run {
  const size = random.pick([
    0,
    1,
    BUFFER - 1,
    BUFFER,
    BUFFER + 1,
    2 * BUFFER,
    random.integer(2, 3 * BUFFER),
    random.integer(2, 40 * BUFFER),
    random.integer(2, LARGEST),
  ]);
  const salt = random.bits();
  const body = new Uint8Array(
    new Uint32Array((size >> 2) + 1).map((_, at) => Math.imul(at + 1, 0x9e37_79b1) ^ salt).buffer,
  ).subarray(0, size);
  const framing = random.pick<Run["framing"]>(["length", "chunked", "eof"]);
  const trailer = framing === "chunked" && random.chance(0.2) ? `X-Sum: ${salt}\r\n` : "";
  const message = concat([
    new TextEncoder().encode(headOf(framing, size)),
    framing === "chunked" ? chunksOf(body, trailer, random) : body,
  ]);
  const largest = random.pick([17, 1000, 9000, 70_000, LARGEST]);
  const pieces = message.length / largest > 400
    ? [message.length]
    : random.pieces(message.length, largest);
  return {
    target: `${random.pick(WAY_NAMES)}${number}`,
    body,
    framing,
    version: random.chance(0.2) ? "1.0" : "1.1",
    trailer,
    pieces,
    message,
  };
}

function headOf(framing: Run["framing"], size: number): string {
  const line = framing === "length"
    ? `Content-Length: ${size}\r\n`
    : framing === "chunked"
    ? "Transfer-Encoding: chunked\r\n"
    : "";
  return `HTTP/1.1 200 OK\r\n${line}\r\n`;
}

function chunksOf(body: Uint8Array, trailer: string, random: Random): Uint8Array {
  const text = (part: string) => new TextEncoder().encode(part);
  const parts: Uint8Array[] = [];
  const largest = Math.max(1, Math.floor(body.length / random.integer(1, 30)));
  let at = 0;
  for (const size of random.pieces(body.length, largest)) {
    const extension = random.chance(0.1) ? ";x=y" : "";
    parts.push(text(`${size.toString(16)}${extension}\r\n`), body.subarray(at, at += size));
    parts.push(text("\r\n"));
  }
  parts.push(text(`0\r\n${trailer}\r\n`));
  return concat(parts);
}

/** Answers with the run that is asked for, in its pieces. */
async function serve(connection: OriginConnection, runs: ReadonlyMap<string, Run>): Promise<void> {
  while (true) {
    const { target } = await readRequestHead(connection.inbox);
    const run = runs.get(target)!;
    let at = 0;
    for (const size of run.pieces) {
      await connection.write(run.message.subarray(at, at += size));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (run.framing === "eof") {
      connection.socket.end();
      return;
    }
  }
}

/** Asks and reads, standing still now and then. */
async function ask(client: Client, run: Run, random: Random): Promise<Response> {
  if (random.chance(0.5)) client.pause();
  await client.send(`GET ${run.target} HTTP/${run.version}\r\nHost: a\r\n\r\n`);
  const turns = random.integer(0, 30);
  const isLong = run.body.length > 100_000 && random.chance(0.5);
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => isLong ? setTimeout(resolve, 1) : setImmediate(resolve));
    if (random.chance(0.3)) client.pause();
    else if (random.chance(0.4)) client.resume();
  }
  client.resume();
  return await client.readResponse();
}

Deno.test(`${RUNS} responses of random sizes and framings arrive byte for byte, in every way`, async () => {
  await withRandom(async (random) => {
    await using dir = await tempDir();
    const runs = new Map<string, Run>();
    await using origin = await startOrigin({
      each: [act("serve()", (connection) => serve(connection, runs))],
      keepBytes: 0,
    });
    const locations = Object.entries(WAYS).map(([path, proxy]) =>
      `${path}: { proxy: { ${["pass: http://app", proxy].filter(Boolean).join(", ")} } }`
    );
    // A unix socket keeps little in the kernel: a client that stands still is felt.
    const yaml = `
upstreams: { app: { servers: ["${origin.address}"], keepalive: 8 } }
servers:
  - listen: "unix:${dir.path}/socket"
    proxy: { temp_path: ${dir.path}, pass_trailers: on }
    locations: { ${locations.join(", ")} }
`;
    await withSluice(yaml, async (address) => {
      let number = 0;
      const askOn = async (random: Random): Promise<void> => {
        let client: Client | undefined;
        try {
          while (number < RUNS) {
            client ??= await connect(address, { highWaterBytes: 2 * LARGEST });
            const run = randomRun(random, number++);
            runs.set(run.target, run);
            const response = await ask(client, run, random);
            const { target, framing, version, body } = run;
            const what = `${target} ${framing} of ${body.length} bytes for HTTP/${version}`;
            assertEquals([response.status, response.isComplete], [200, true], what);
            assertEquals(difference(response.body, body), "", what);
            if (run.trailer !== "" && version === "1.1") {
              assertEquals(response.trailers?.get("X-Sum"), run.trailer.slice(7, -2), what);
            }
            runs.delete(target);
            if (response.fields.get("Connection") === "close") {
              await client.close();
              client = undefined;
            }
          }
        } finally {
          await client?.close();
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, () => askOn(random.fork())));
    });
    const left = Array.from(Deno.readDirSync(dir.path), ({ name }) => name)
      .filter((name) => name !== "socket");
    assertEquals(left, []);
  });
});
