/**
 * What thousands of clients that dribble their requests do to the others: latency of a modest
 * load before they come and while they are there, and the memory that they take. Whoever of
 * them is sent away comes again at once. The same load goes to a second Sluice that nobody
 * dribbles to, at the same time: what the machine does to both is not the dribblers' doing. They
 * come over a minute, so that those whose heads are timed out after one do not all go, and come
 * again, together.
 *
 * ```sh
 * deno run -A tests/bench/slow_many.ts                          # 5,000 heads and 5,000 bodies
 * deno run -A tests/bench/slow_many.ts --heads 1000 --bodies 1000 --seconds 60 --every 2000
 * deno run -A tests/bench/slow_many.ts --over 0                 # all at once
 * ```
 *
 * The dribblers have the time that nobody else wants (`chrt --idle`, of util-linux): elsewhere they
 * would take none of this machine's. Sluice and the dribbling process each need `ulimit -n` above
 * the number of connections.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { freePort } from "../support/free_ports.ts";
import { SHIPPED_V8_FLAGS } from "../support/shipped_flags.ts";
import { startSluice } from "../support/sluice.ts";
import { readCpuMs, readMemory } from "./proc.ts";

const MIB = 1 << 20;
const HOST = "127.0.0.1";
const RESPONSE = new TextEncoder().encode(
  `HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n${"x".repeat(1024)}`,
);
const REQUEST = new TextEncoder().encode("GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
/** What a dribbled head begins with, and goes on with for ever. */
const HEAD = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
/** Bodies of both kinds: one that fits in memory, one that will need a file. */
const BODY_SIZES = [16_000, 500_000];
const BYTE = new TextEncoder().encode("x");

/** The load of the others: requests a second of each Sluice, over so many connections. */
const RATE = 250;
const CONNECTIONS = 25;
const LOOK_EVERY_MS = 5_000;
/** Until all of them have been accepted and their beginnings read. */
const SETTLE_MS = 5_000;
/** How much longer the others may have to wait. */
const RATIO_MAX = 2;
/** Dribblers that connect at once, and how many parts of their interval they write in. */
const CONNECTING = 64;
const PARTS = 500;

/** What one connection may hold in buffers while it dribbles: a head, and a body on its way. */
const BUFFERS_PER_HEAD = 1 << 10;
const BUFFERS_PER_BODY = (1 << 10) + (32 << 10);
/** And beside them: objects, promises, the runtime's own. Measured, and rounded up. */
const BESIDE = 20 << 10;

const { values } = parseArgs({
  options: {
    heads: { type: "string", default: "5000" },
    bodies: { type: "string", default: "5000" },
    /** Of measuring while they dribble. */
    seconds: { type: "string", default: "40" },
    /** Of measuring without them. */
    calm: { type: "string", default: "15" },
    /** Of both Sluices; empty for none. */
    "v8-flags": { type: "string", default: SHIPPED_V8_FLAGS },
    /** Seconds in which they come. */
    over: { type: "string", default: "60" },
    /** Ms between two bytes of one of them. */
    every: { type: "string", default: "5000" },
    /** Of this file's own processes. */
    role: { type: "string", default: "main" },
    port: { type: "string", default: "0" },
  },
});
const HEADS = Number(values.heads);
const BODIES = Number(values.bodies);

async function main(): Promise<void> {
  await using origin = start("origin", []);
  const originAddress = `${HOST}:${await origin.line()}`;
  await using sluice = await proxy(originAddress);
  await using other = await proxy(originAddress);
  const calmMs = Number(values.calm) * 1_000;
  await measureBoth(sluice, other, 3_000); // what is compiled on the way is compiled then
  const before = await measureBoth(sluice, other, calmMs);

  await using dribblers = start("dribble", [
    ...["--port", String(sluice.port), "--every", values.every, "--over", values.over],
    ...["--heads", values.heads, "--bodies", values.bodies],
  ]);
  await dribblers.line(); // all are there
  await pause(SETTLE_MS);
  const during = await measureBoth(sluice, other, Number(values.seconds) * 1_000);

  console.log(
    `${HEADS} dribbled heads, ${BODIES} dribbled bodies, a byte every ${values.every} ms`,
  );
  tell("before", before.attacked);
  tell("during", during.attacked);
  tell("before, the other Sluice", before.other);
  tell("during, the other Sluice", during.other);
  const ratio = during.attacked.p99Ms / before.attacked.p99Ms;
  const machine = during.other.p99Ms / before.other.p99Ms;
  const grownBytes = during.attacked.rssBytes - before.attacked.rssBytes;
  const boundBytes = HEADS * (BUFFERS_PER_HEAD + BESIDE) + BODIES * (BUFFERS_PER_BODY + BESIDE);
  console.log(
    `  p99 is ${ratio.toFixed(2)} of what it was, the other Sluice's ${machine.toFixed(2)}; ` +
      `while they dribble it is ${
        (during.attacked.p99Ms / during.other.p99Ms).toFixed(2)
      } of the other's`,
  );
  console.log(`  they take ${mib(grownBytes)} MiB at most (bound ${mib(boundBytes)})`);
  const isSlow = ratio > RATIO_MAX && ratio > RATIO_MAX * machine;
  if (isSlow || grownBytes > boundBytes || during.attacked.failures > 0) Deno.exitCode = 1;
}

/** A Sluice, and the connections of the modest load to it. */
interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly admin: string;
  readonly conns: readonly Deno.TcpConn[];
}

async function proxy(originAddress: string): Promise<Proxy> {
  const admin = `${HOST}:${freePort()}`;
  const flags = values["v8-flags"];
  const denoArgs = ["-A", ...(flags === "" ? [] : [`--v8-flags=${flags}`])];
  const sluice = await startSluice(
    `
admin: { listen: "${admin}" }
worker_connections: ${HEADS + BODIES + 1_000}
log: { access: off, error: { path: stderr, level: error } }
upstreams: { app: { servers: ["${originAddress}"], keepalive: ${CONNECTIONS} } }
servers:
  - listen: { address: ${HOST}:0, backlog: 4096 }
    keepalive_requests: 1000000
    locations: { /: { proxy: { pass: "http://app" } } }
`,
    { denoArgs },
  );
  const port = sluice.ports[0]!;
  const conns = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => Deno.connect({ hostname: HOST, port })),
  );
  return {
    port,
    pid: sluice.pid,
    admin,
    conns,
    async [Symbol.asyncDispose]() {
      for (const conn of conns) conn.close();
      await sluice[Symbol.asyncDispose]();
    },
  };
}

async function measureBoth(
  attacked: Proxy,
  other: Proxy,
  ms: number,
): Promise<{ readonly attacked: Watched; readonly other: Watched }> {
  const [one, two] = await Promise.all([watched(attacked, ms), watched(other, ms)]);
  return { attacked: one, other: two };
}

function tell(name: string, seen: Watched): void {
  const { p50Ms, p99Ms, maxMs, requests, failures } = seen;
  console.log(
    `  ${name}: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ` +
      `max ${maxMs.toFixed(1)} ms of ${requests} requests, ${failures} failed; ` +
      `${seen.clients} clients, resident ${mib(seen.rssBytes)} MiB, ` +
      `buffers ${mib(seen.bufferBytes)} MiB, processor ${(seen.busy * 100).toFixed(0)}%`,
  );
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}

interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly requests: number;
  readonly failures: number;
}

/** The modest load: each connection asks when its turn comes, whatever the others wait for. */
async function measure(conns: readonly Deno.TcpConn[], ms: number): Promise<Latencies> {
  const times: number[] = [];
  let failures = 0;
  const gapMs = 1_000 * conns.length / RATE;
  const startMs = performance.now();
  await Promise.all(conns.map(async (conn, index) => {
    const into = new Uint8Array(4_096);
    let dueMs = startMs + gapMs * index / conns.length;
    while (dueMs < startMs + ms) {
      await pause(dueMs - performance.now());
      const askedMs = performance.now();
      await conn.write(REQUEST);
      let text = "";
      while (!text.includes("\r\n\r\n") || text.length < text.indexOf("\r\n\r\n") + 4 + 1_024) {
        const count = await conn.read(into);
        if (count === null) throw new Error("Cannot measure: a connection of the load ended");
        text += new TextDecoder("latin1").decode(into.subarray(0, count));
      }
      if (!text.startsWith("HTTP/1.1 200 ")) failures++;
      times.push(performance.now() - askedMs);
      dueMs = Math.max(dueMs + gapMs, performance.now()); // who is late does not catch up
    }
  }));
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), requests: times.length, failures };
}

interface Watched extends Latencies {
  readonly clients: number;
  /** The most of each. */
  readonly rssBytes: number;
  readonly bufferBytes: number;
  /** Share of a core. */
  readonly busy: number;
}

/** Measures, and looks now and then what it takes. */
async function watched({ pid, admin, conns }: Proxy, ms: number): Promise<Watched> {
  const startMs = performance.now();
  const cpuMs = await readCpuMs(pid);
  let isOver = false;
  let rssBytes = 0;
  let bufferBytes = 0;
  let clients = 0;
  const watching = (async () => {
    while (!isOver) {
      rssBytes = Math.max(rssBytes, (await readMemory(pid)).rssBytes);
      const status = await (await fetch(`http://${admin}/status`)).json();
      bufferBytes = Math.max(bufferBytes, status.workers[0].buffers.held_bytes);
      const { reading, writing, idle } = status.connections;
      clients = Math.max(clients, reading + writing + idle);
      await pause(LOOK_EVERY_MS);
    }
  })();
  const latencies = await measure(conns, ms);
  const busy = (await readCpuMs(pid) - cpuMs) / (performance.now() - startMs);
  isOver = true;
  await watching;
  return { ...latencies, clients, rssBytes, bufferBytes, busy };
}

/** The origin's process. */
async function beOrigin(): Promise<void> {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  console.log(listener.addr.port);
  for await (const conn of listener) answer(conn).catch(() => {}); // whoever leaves
}

async function answer(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const request = new Uint8Array(4_096);
  while (await conn.read(request) !== null) await conn.write(RESPONSE);
}

/** The process of those who dribble: says "ready" when all are there, and goes on until killed. */
async function dribble(port: number, everyMs: number, overMs: number): Promise<void> {
  const dribblers = [
    ...Array.from({ length: HEADS }, () => new Dribbler(port, HEAD)),
    ...Array.from({ length: BODIES }, (_, at) => {
      const size = BODY_SIZES[at % BODY_SIZES.length]!;
      const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`;
      return new Dribbler(port, new TextEncoder().encode(head));
    }),
  ];
  bringIn(dribblers, overMs).then(() => console.log("ready"));
  for (let part = 0;; part = (part + 1) % PARTS) {
    for (let at = part; at < dribblers.length; at += PARTS) dribblers[at]!.step();
    await pause(everyMs / PARTS);
  }
}

/** Heads and bodies alike, as evenly as may be. */
async function bringIn(dribblers: readonly Dribbler[], overMs: number): Promise<void> {
  const startMs = performance.now();
  const stride = Math.ceil(Math.sqrt(dribblers.length));
  const waiting: Dribbler[] = [];
  for (let first = 0; first < stride; first++) {
    for (let at = first; at < dribblers.length; at += stride) waiting.push(dribblers[at]!);
  }
  let begun = 0;
  await Promise.all(Array.from({ length: CONNECTING }, async () => {
    while (begun < waiting.length) {
      const index = begun++;
      await pause(startMs + overMs * index / waiting.length - performance.now());
      await waiting[index]!.connect();
    }
  }));
}

/** Sends a beginning, and then a byte at each step; begins anew when it is sent away. */
class Dribbler {
  readonly #port: number;
  readonly #beginning: Uint8Array;
  #conn: Deno.TcpConn | undefined;
  /** Until it is brought in, it is not to come by itself. */
  #isConnecting = true;

  constructor(port: number, beginning: Uint8Array) {
    this.#port = port;
    this.#beginning = beginning;
  }

  async connect(): Promise<void> {
    this.#isConnecting = true;
    try {
      const conn = await Deno.connect({ hostname: HOST, port: this.#port });
      await conn.write(this.#beginning);
      this.#conn = conn;
      this.#watch(conn);
    } catch {
      this.#conn = undefined; // tried again at the next step
    }
    this.#isConnecting = false;
  }

  step(): void {
    if (this.#conn !== undefined) this.#conn.write(BYTE).catch(() => {}); // its end is watched
    else if (!this.#isConnecting) this.connect();
  }

  async #watch(conn: Deno.TcpConn): Promise<void> {
    try {
      await conn.read(new Uint8Array(16));
    } catch {
      // reset: as good as an end
    }
    this.#conn = undefined;
    conn.close();
  }
}

/** A process of this file, and the lines that it prints. */
function start(role: "origin" | "dribble", args: readonly string[]): Role {
  const ours = ["run", "-A", "--no-check", import.meta.filename!, "--role", role, ...args];
  // Dribblers elsewhere would take no time of ours, so these have what nobody else wants.
  const priority = role === "dribble" ? ["chrt", "--idle", "0"] : [];
  const [command, ...rest] = [...priority, Deno.execPath(), ...ours];
  return new Role(new Deno.Command(command!, { args: rest, stdout: "piped" }).spawn());
}

class Role implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Its one line. */
  async line(): Promise<string> {
    const reader = this.#child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return new TextDecoder().decode(value).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#child.stdout.cancel();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

if (values.role === "origin") await beOrigin();
else if (values.role === "dribble") {
  await dribble(Number(values.port), Number(values.every), Number(values.over) * 1_000);
} else await main();
