/**
 * No byte of one connection on another, in memory: thousands of marked requests a second through
 * all of Sluice with so little buffer memory that its cells pass from one to the next all the
 * time, while clients leave, stall and half-close at any step and origins break off at any byte.
 *
 * @module
 */
import { hex, markOf, marksIn, tokenOf } from "../bench/soak/marks.ts";
import { MemoryConn, MemoryNet, UNEVEN } from "../support/memory_net.ts";
import { MemorySluice } from "../support/memory_sluice.ts";
import { Random } from "../support/random.ts";
import { Found } from "./fuzzers.ts";
import type { IsolationTally } from "./isolation.ts";
import { MarkedBody, type MarkedHead, MarkedReader } from "./marked_reader.ts";
import { bytesOf } from "./memory_round.ts";

/** Connections at a time. */
const AT_A_TIME = 96;
/** The ways of relaying: through buffers, as it comes, through a temporary file, and closing. */
const PLACES = ["buffered", "streamed", "closing", "filed"] as const;
/** How often each: files are slow. */
const WEIGHTS = [0.42, 0.84, 0.98, 1] as const;
/** Longer than any deadline of the configuration. */
const LONG_MS = 200_000;

const CONFIG = `
buffer_memory: 3m
upstreams: { app: { servers: ["127.0.0.1:1"], keepalive: 8 } }
servers:
  - listen: 127.0.0.1:1
    locations:
      /buffered/: { proxy: { pass: "http://app", http_version: "1.1" } }
      /streamed/: { proxy: { pass: "http://app", http_version: "1.1", buffering: off, request_buffering: off } }
      /closing/: { proxy: { pass: "http://app", http_version: "1.0", ignore_client_abort: on } }
      /filed/: { client_body_buffer_size: 1k, proxy: { pass: "http://app", http_version: "1.1", buffers: 2 4k, buffer_size: 4k, busy_buffers_size: 4k } }
`;

/**
 * Plays connections `from` to `from + count - 1`. What happens depends on the seed and these two
 * only.
 *
 * @throws {Found} When a mark is seen where it is not to be, or something hangs or leaks.
 */
export async function playMarked(
  seed: number,
  from: number,
  count: number,
): Promise<IsolationTally> {
  const run = new MarkedRun(seed, from, count);
  try {
    await run.play();
  } catch (cause) {
    run.violations.push(cause instanceof Error ? cause.message : String(cause));
  }
  if (run.violations.length === 0) return run;
  const again =
    `again: deno task fuzz --only memory-isolation --seed ${seed} --from ${from} --count ${count}`;
  throw new Found(`${run.violations.slice(0, 10).join("\n")}\n${again}`);
}

/** One request as its client means it. */
interface Asked {
  readonly mark: number;
  readonly size: number;
  /** What is sent, in steps. */
  readonly pieces: readonly Uint8Array[];
}

class MarkedRun implements IsolationTally {
  connections = 0;
  requests = 0;
  answered = 0;
  failed = 0;
  left = 0;
  uploads = 0;
  readonly violations: string[] = [];
  readonly net: MemoryNet;
  readonly active = new Set<MarkedClient>();
  readonly #seed: number;
  readonly #from: number;
  readonly #count: number;

  constructor(seed: number, from: number, count: number) {
    this.#seed = seed;
    this.#from = from;
    this.#count = count;
    this.net = new MemoryNet(new Random(seed ^ Math.imul(from, 0x85eb_ca6b)), UNEVEN);
  }

  async play(): Promise<void> {
    const { net, active, violations } = this;
    const sluice = await MemorySluice.open({
      yaml: CONFIG,
      net,
      onConnect: () => openOrigin(this),
      logFormat: "$status",
    });
    while (violations.length === 0) {
      while (active.size < AT_A_TIME && this.connections < this.#count) {
        active.add(this.#newClient(sluice));
      }
      if (active.size === 0) break;
      if (net.isStill) await this.#goOn(sluice);
      await net.turn();
    }
    while (!net.isStill) await net.turn();
    const { excess } = sluice;
    const held = await sluice.stop(net);
    const bugs = sluice.takeErrorLines().filter((line) => line.includes("a bug in this proxy"));
    if (bugs.length > 0) {
      violations.push(`the error log tells of a bug:\n${bugs.slice(0, 3).join("\n")}`);
    }
    if (violations.length > 0) return;
    if (excess !== "") violations.push(`held when all was over: ${excess}`);
    if (held.length > 0) violations.push(`held at the end: ${held.join("\n")}`);
  }

  #newClient(sluice: MemorySluice): MarkedClient {
    const number = this.#from + this.connections++;
    const random = new Random(this.#seed ^ Math.imul(number, 0x9e37_79b1));
    const asked = Array.from({ length: random.pick([1, 2, 4, 16, 60]) }, (_, index) => {
      // Marks have room for so many connections: those that share one are long apart.
      return ask(random, markOf(number & 0xff_ffff, index));
    });
    const client = new MarkedClient(this, random, asked);
    sluice.accept(client.conn, 0, this.connections, () => this.active.delete(client));
    client.begin();
    return client;
  }

  /** All is still: who waits for something gives up, then time passes, then something hangs. */
  async #goOn(sluice: MemorySluice): Promise<void> {
    let count = 0;
    for (const client of this.active) if (client.giveUp()) count++;
    if (count > 0) return;
    await sluice.clock.advance(LONG_MS);
    if (this.net.isStill && this.active.size > 0) {
      throw new Error(`${this.active.size} clients hang: ${[...this.active].slice(0, 3)}`);
    }
  }
}

class MarkedClient {
  readonly conn: MemoryConn;
  readonly #run: MarkedRun;
  readonly #random: Random;
  readonly #asked: readonly Asked[];
  readonly #reader: MarkedReader;
  readonly #leavesAt: number;
  readonly #isPipelined: boolean;
  #step = 0;
  /** Of what is sent: the request, and its piece. */
  #sending = 0;
  #piece = 0;
  /** Answers that have come whole. */
  #answers = 0;
  #isPassed = false;
  #hasLeft = false;
  #isStalled = false;

  constructor(run: MarkedRun, random: Random, asked: readonly Asked[]) {
    this.#run = run;
    this.#random = random;
    this.#asked = asked;
    this.conn = new MemoryConn(run.net);
    this.#leavesAt = random.chance(0.4) ? random.integer(0, asked.length * 6) : Infinity;
    this.#isPipelined = random.chance(0.4);
    this.#reader = new MarkedReader({
      onHead: (head) => this.#onHead(head),
      onBody: (bytes) => this.#onBody(bytes),
      onViolation: (what) => void run.violations.push(`${what} (${this})`),
    });
    this.conn.onSent = (bytes) => {
      this.#reader.feed(bytes);
      if (this.#countStep() || !random.chance(0.03)) return;
      this.#isStalled = true;
      this.conn.stall();
    };
    this.conn.onEnd = () => this.#onEnd();
  }

  begin(): void {
    this.#send();
  }

  /** Whether it waits for what will not come of itself: a stalled client reads on. */
  giveUp(): boolean {
    if (this.#isStalled) {
      this.#isStalled = false;
      this.conn.resume();
      return true;
    }
    if (this.#hasLeft) return false;
    this.#leave();
    return true;
  }

  toString(): string {
    const { mark } = this.#asked[Math.min(this.#answers, this.#asked.length - 1)]!;
    return `${this.#answers} answers of ${this.#asked.length}, at ${tokenOf(mark)}`;
  }

  /** Sends the next piece, and the one after it in another turn. */
  #send(): void {
    if (this.#hasLeft || this.conn.isClosed || this.#sending === this.#asked.length) return;
    if (this.#countStep()) return;
    const { pieces } = this.#asked[this.#sending]!;
    if (this.#piece === 0) this.#run.requests++;
    this.conn.deliver(pieces[this.#piece]!);
    if (++this.#piece === pieces.length) {
      this.#sending++;
      this.#piece = 0;
      if (!this.#isPipelined) return; // the answer comes first
    }
    this.#run.net.soon(() => this.#send());
  }

  /** Returns whether that was the step at which it leaves. */
  #countStep(): boolean {
    if (this.#hasLeft) return true;
    if (this.#step++ < this.#leavesAt) return false;
    this.#run.left++;
    this.#leave();
    return true;
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    if (this.#random.chance(0.5)) this.conn.finish();
    else this.conn.reset();
  }

  #onHead(head: string): MarkedHead {
    const asked = this.#asked[this.#answers];
    const seen = marksIn(head);
    if (asked === undefined) {
      this.#run.violations.push(`an answer that nobody asked for: ${JSON.stringify(head)}`);
      return { mark: undefined, body: "until end" };
    }
    for (const mark of seen) {
      if (mark === asked.mark) continue;
      this.#run.violations.push(`${tokenOf(mark)} in an answer's head of ${tokenOf(asked.mark)}`);
    }
    const isOwn = seen.length > 0;
    this.#isPassed = isOwn;
    if (head.startsWith("HTTP/1.1 200 ") && !isOwn) {
      this.#run.violations.push(`an answer without ${tokenOf(asked.mark)}`);
    }
    const length = /\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1];
    const body = length !== undefined
      ? Number(length)
      : /\r\nTransfer-Encoding: chunked\r\n/i.test(head)
      ? "chunked"
      : "until end";
    return { mark: isOwn ? asked.mark : undefined, body };
  }

  #onBody(bytes: number): void {
    const { mark, size } = this.#asked[this.#answers]!;
    this.#answers++;
    if (!this.#isPassed) this.#run.failed++;
    else if (bytes === size) this.#run.answered++;
    else this.#run.violations.push(`${bytes} bytes, not ${size}, for ${tokenOf(mark)}`);
    if (this.#answers === this.#asked.length) this.#leave();
    else if (!this.#isPipelined && this.#answers === this.#sending) {
      this.#run.net.soon(() => this.#send());
    }
  }

  #onEnd(): void {
    const { partialHead, isBetween } = this.#reader;
    const asked = this.#asked[this.#answers];
    for (const mark of marksIn(partialHead)) {
      if (mark !== asked?.mark) this.#run.violations.push(`${tokenOf(mark)} in half a head`);
    }
    if (!isBetween) this.#run.failed++;
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.conn.finish();
  }
}

function ask(random: Random, mark: number): Asked {
  const chance = random.fraction();
  const place = PLACES[WEIGHTS.findIndex((weight) => chance < weight)]!;
  const size = sizeOf(random);
  const uploadSize = random.chance(0.3) ? sizeOf(random) : 0;
  const breaksAt = random.chance(0.05) ? random.integer(0, size) : -1;
  const framing = random.pick(["length", "length", "length", "chunks", "chunks", "end"]);
  const isChunked = uploadSize > 0 && random.chance(0.4);
  const when = random.chance(0.1) ? "early" : "late";
  const field = isChunked
    ? "Transfer-Encoding: chunked\r\n"
    : uploadSize > 0
    ? `Content-Length: ${uploadSize}\r\n`
    : "";
  const head =
    `${uploadSize > 0 ? "POST" : "GET"} /${place}/${size}/${framing}/${breaksAt}/${when}` +
    `?m=${hex(mark)} HTTP/1.1\r\nHost: isolation\r\nX-Mark: ${tokenOf(mark)}\r\n${field}\r\n`;
  const bytes = bytesOf(head);
  const middle = random.integer(1, bytes.length - 1);
  const pieces: Uint8Array[] = random.chance(0.7)
    ? [bytes]
    : [bytes.subarray(0, middle), bytes.subarray(middle)];
  if (uploadSize > 0) {
    const body = new MarkedBody(mark).first(uploadSize);
    if (isChunked) pieces.push(bytesOf(`${uploadSize.toString(16)}\r\n`));
    const half = uploadSize >> 1;
    if (half > 0) pieces.push(body.subarray(0, half));
    pieces.push(body.subarray(half));
    if (isChunked) pieces.push(bytesOf("\r\n0\r\n\r\n"));
  }
  return { mark, size, pieces };
}

/** Most are small, so that many fit into a second; some are larger than any buffer. */
function sizeOf(random: Random): number {
  const largest = random.fraction() ** 20 * 100_000;
  return random.integer(0, 10 + Math.floor(largest));
}

/** An origin's end of a connection: it answers with as many bytes of a mark as the path says. */
function openOrigin(run: MarkedRun): MemoryConn {
  const { net, violations } = run;
  const conn = new MemoryConn(net);
  let mark = 0;
  let uploadSize = 0;
  let answer = (): void => {};
  let hasEnded = false;
  const end = (how: "finish" | "reset"): void => {
    if (hasEnded) return;
    hasEnded = true;
    conn[how]();
  };
  const reader = new MarkedReader({
    onHead(head) {
      const [, size, framing, breaksAt, when, digits] =
        /^\w+ \/\w+\/(\d+)\/(\w+)\/(-?\d+)\/(\w+)\?m=(\w{8}) HTTP\/1\.[01]\r\n/.exec(head) ?? [];
      mark = parseInt(digits ?? "", 16);
      const marks = marksIn(head);
      if (marks.length !== 1 || marks[0] !== mark) {
        violations.push(`an origin read what nobody sent: ${JSON.stringify(head)}`);
      }
      const length = Number(/\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1] ?? 0);
      const isChunked = /\r\nTransfer-Encoding: chunked\r\n/i.test(head);
      uploadSize = isChunked ? -1 : length;
      const isLast = /\r\nConnection: close\r\n/i.test(head);
      let hasAnswered = false;
      answer = () => {
        if (hasAnswered || hasEnded) return;
        hasAnswered = true;
        const how = sendAnswer(conn, net, mark, Number(size), framing!, Number(breaksAt));
        if (how !== undefined) end(how);
        else if (isLast) end("finish");
      };
      if (when === "early") answer();
      return { mark, body: isChunked ? "chunked" : length };
    },
    onBody(bytes) {
      if (bytes > 0) run.uploads++;
      if (uploadSize >= 0 && bytes !== uploadSize) {
        violations.push(`an upload of ${bytes} bytes, not ${uploadSize}, of ${tokenOf(mark)}`);
      }
      answer();
    },
    onViolation: (what) => void violations.push(`${what} (an origin)`),
  });
  conn.onSent = (bytes) => {
    if (!hasEnded) reader.feed(bytes);
  };
  conn.onEnd = () => end("finish");
  return conn;
}

/** Returns how the connection ends behind it, if it does. */
function sendAnswer(
  conn: MemoryConn,
  { random }: MemoryNet,
  mark: number,
  size: number,
  framing: string,
  breaksAt: number,
): "finish" | "reset" | undefined {
  const field = framing === "length"
    ? `Content-Length: ${size}\r\n`
    : framing === "chunks"
    ? "Transfer-Encoding: chunked\r\n"
    : "Connection: close\r\n";
  // A body that ends with its connection is whole wherever it ends.
  const sent = breaksAt < 0 || framing === "end" ? size : breaksAt;
  const isChunked = framing === "chunks" && size > 0;
  const start = isChunked ? `${size.toString(16)}\r\n` : "";
  const head = bytesOf(`HTTP/1.1 200 OK\r\nX-Mark: ${tokenOf(mark)}\r\n${field}\r\n${start}`);
  const body = new MarkedBody(mark).first(sent);
  if (random.chance(0.5)) {
    const both = new Uint8Array(head.length + sent);
    both.set(head);
    both.set(body, head.length);
    conn.deliver(both);
  } else {
    const middle = random.integer(0, sent);
    conn.deliver(head);
    conn.deliver(body.subarray(0, middle));
    conn.deliver(body.subarray(middle));
  }
  if (sent < size) return "reset";
  if (framing === "chunks") conn.deliver(bytesOf(`${isChunked ? "\r\n" : ""}0\r\n\r\n`));
  return framing === "end" ? "finish" : undefined;
}
