/**
 * Who does what when: clients, origins, timers, aborts and reloads in an order that a seed says,
 * around the whole program in memory. However it goes, no answer is ill-formed, nothing is a bug,
 * and at the end all is given back: cells, deadlines, timers, files, connections, configurations.
 *
 * @module
 */
import { MemoryConn, MemoryNet, UNEVEN } from "../support/memory_net.ts";
import { MemorySluice } from "../support/memory_sluice.ts";
import { Random } from "../support/random.ts";
import { Found } from "./fuzzers.ts";
import { bytesOf, latin1, readAnswers } from "./memory_round.ts";

/** Steps of one schedule. */
const STEPS_LEAST = 20;
const STEPS_MOST = 150;
const CLIENTS_MOST = 8;
/** Longer than any deadline of the configuration. */
const LONG_MS = 400_000;
/** Of what is left at the end: each time one thing at least comes to its end. */
const LAST_ROUNDS = 60;

const LOCATIONS: Readonly<Record<string, string>> = {
  "/buffered/": `{ proxy: { pass: "http://app", http_version: "1.1", PROXY } }`,
  "/streamed/": `{ proxy: { pass: "http://app", http_version: "1.1", buffering: off,
      request_buffering: off, PROXY } }`,
  "/filed/": `{ client_body_buffer_size: 1k, proxy: { pass: "http://app", buffers: 2 4k,
      buffer_size: 4k, busy_buffers_size: 4k, PROXY } }`,
  "/stubborn/": `{ proxy: { pass: "http://app", ignore_client_abort: on, PROXY } }`,
  "/asked/": `{ auth_request: /check, proxy: { pass: "http://app", PROXY } }`,
  "/copied/": `{ mirror: /copy, proxy: { pass: "http://app", http_version: "1.1", PROXY } }`,
  "/limited/": `{ limit_req: zone=one burst=2, proxy: { pass: "http://app", PROXY } }`,
  "/slow/": `{ limit_rate: 1k, proxy: { pass: "http://app", http_version: "1.1", PROXY } }`,
  "/packed/": `{ gzip: on, gzip_types: "*", proxy: { pass: "http://app", PROXY } }`,
  "/replaced/": `{ error_page: { 502 504: /own }, proxy: { pass: "http://app", PROXY } }`,
  "/upgraded/": `{ proxy: { pass: "http://app", http_version: "1.1", set_header: {
      Upgrade: "$http_upgrade", Connection: upgrade }, PROXY } }`,
  "/own": `{ return: 200 own }`,
  "= /check": `{ internal: on, proxy: { pass: "http://auth", PROXY } }`,
  "= /copy": `{ internal: on, proxy: { pass: "http://auth", PROXY } }`,
};

const PLACES = Object.keys(LOCATIONS).filter((place) => !place.startsWith("="));

/** A configuration of which the bounds are left to chance: reloads put another one in force. */
function configOf(random: Random): string {
  const proxy = [
    "connect_timeout: 2s",
    "read_timeout: 20s",
    "send_timeout: 20s",
    `next_upstream: ${random.pick(["[error, timeout]", "[error, timeout, http_502]", "off"])}`,
  ].join(", ");
  const check = random.chance(0.3) ? ", health_check: { path: /healthz, interval: 3s }" : "";
  const goneShare = random.pick([0, 0, 0.2]);
  const locations = Object.entries(LOCATIONS)
    .filter(([place]) => place.startsWith("=") || !random.chance(goneShare))
    .map(([place, text]) => `      "${place}": ${text.replace("PROXY", proxy)}`);
  const servers = random.pick([
    `["127.0.0.1:1", "127.0.0.1:2"]`,
    `["127.0.0.1:2"]`,
    `[{ address: "127.0.0.1:1", max_conns: 1 }], queue: 2`,
    `["127.0.0.1:1", { address: "127.0.0.1:2", backup: on }]`,
  ]);
  const balancer = random.pick(["", ", balance: least_conn", ", balance: ewma"]);
  return `
buffer_memory: ${random.pick(["1m", "4m", "64m"])}
limit_req_zone: $binary_remote_addr zone=one:1m rate=5r/s
upstreams:
  app: { servers: ${servers}${balancer}, keepalive: ${random.pick([0, 2])}${check} }
  auth: { servers: ["127.0.0.1:3"] }
servers:
  - listen: 127.0.0.1:1
    client_header_timeout: ${random.pick(["2s", "10s", "40s"])}
    client_header_buffer_size: ${random.pick(["256", "1k", "2k"])}
    large_client_header_buffers: ${random.pick(["4 8k", "2 1k", "3 300"])}
    client_body_timeout: ${random.pick(["2s", "10s"])}
    client_max_body_size: ${random.pick(["1m", "20k"])}
    client_body_buffer_size: ${random.pick(["1k", "16k"])}
    keepalive_requests: ${random.pick([2, 1_000])}
    send_timeout: 10s
    keepalive_timeout: 15s
    lingering_timeout: 2s
    locations:
${locations.join("\n")}
`;
}

/** What came of schedules. */
export interface ScheduleTally {
  schedules: number;
  steps: number;
  requests: number;
  answers: number;
  reloads: number;
}

/**
 * Plays schedules `from` to `from + count - 1`. Schedule number n depends on the seed and n only.
 *
 * @throws {Found}
 */
export async function playSchedules(
  seed: number,
  from: number,
  count: number,
): Promise<ScheduleTally> {
  const tally: ScheduleTally = { schedules: 0, steps: 0, requests: 0, answers: 0, reloads: 0 };
  for (let number = from; number < from + count; number++) {
    const schedule = new Schedule(new Random(seed ^ Math.imul(number, 0x9e37_79b1)), tally);
    try {
      await schedule.play();
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      const again =
        `again: deno task fuzz --only schedules --seed ${seed} --from ${number} --count 1`;
      throw new Found(`${what}\n${schedule.told.join("\n")}\n${again}`, { cause });
    }
  }
  return tally;
}

interface ClientEnd {
  readonly conn: MemoryConn;
  readonly pieces: Uint8Array[];
  /** Methods of what it asks for. */
  readonly methods: readonly string[];
  received: string;
  isOver: boolean;
  isStalled: boolean;
  hasLeft: boolean;
  isTunnel: boolean;
}

interface OriginEnd {
  readonly conn: MemoryConn;
  request: string;
  isStalled: boolean;
  hasEnded: boolean;
}

class Schedule {
  /** What was done, for a failure to tell. */
  readonly told: string[] = [];
  readonly #random: Random;
  readonly #tally: ScheduleTally;
  readonly #net: MemoryNet;
  readonly #clients: ClientEnd[] = [];
  readonly #origins: OriginEnd[] = [];
  #sluice!: MemorySluice;
  /** What is in force. */
  #yaml = "";

  constructor(random: Random, tally: ScheduleTally) {
    this.#random = random;
    this.#tally = tally;
    this.#net = new MemoryNet(random.fork(), UNEVEN);
  }

  async play(): Promise<void> {
    const random = this.#random;
    this.#tally.schedules++;
    this.#sluice = await MemorySluice.open({
      yaml: this.#yaml = configOf(random),
      net: this.#net,
      onConnect: () => this.#onConnect(),
      logFormat: "$request $status",
    });
    for (let left = random.integer(STEPS_LEAST, STEPS_MOST); left > 0; left--) {
      this.#tally.steps++;
      await this.#step();
      for (let turns = random.integer(0, 4); turns > 0; turns--) await this.#net.turn();
    }
    if (random.chance(0.7)) await this.#letEnd();
    const held = await this.#sluice.stop(this.#net);
    const bugs = this.#sluice.takeErrorLines().filter((line) => line.includes("a bug in this"));
    if (bugs.length > 0) throw new Error(bugs.slice(0, 3).join("\n"));
    if (held.length > 0) throw new Error(`held at the end: ${held.slice(0, 10).join("\n")}`);
    for (const client of this.#clients) this.#checkAnswers(client);
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const open = this.#clients.filter(({ isOver }) => !isOver);
    const chance = random.fraction();
    if (chance < 0.1 && open.length < CLIENTS_MOST) return this.#connect();
    if (chance < 0.45 && open.length > 0) return this.#actClient(random.pick(listOf(open)));
    const origins = this.#origins.filter(({ hasEnded, conn }) => !hasEnded && !conn.isClosed);
    if (chance < 0.88 && origins.length > 0) return this.#actOrigin(random.pick(listOf(origins)));
    if (chance < 0.98) {
      const byMs = random.pick([1, 1, 10, 10, 300, 1_100, 2_500, 12_000, 30_000]);
      this.told.push(`${byMs} ms pass`);
      return await this.#sluice.clock.advance(byMs);
    }
    this.told.push("reload");
    this.#tally.reloads++;
    this.#yaml = configOf(random);
    await this.#sluice.reload(this.#yaml);
  }

  #connect(): void {
    const random = this.#random;
    const conn = new MemoryConn(this.#net);
    const methods: string[] = [];
    const pieces: Uint8Array[] = [];
    for (let count = random.pick([1, 1, 2, 3]); count > 0; count--) {
      const place = random.pick(listOf(PLACES));
      const method = random.pick(["GET", "GET", "POST", "HEAD"]);
      const size = method === "POST" ? random.pick([3, 900, 5_000, 40_000]) : 0;
      const field = size > 0 ? `Content-Length: ${size}\r\n` : "";
      const more = place === "/upgraded/"
        ? "Connection: upgrade\r\nUpgrade: raw\r\n"
        : random.pick(["", "", "Expect: 100-continue\r\n", "Accept-Encoding: gzip\r\n"]);
      const cookie = random.pick([0, 0, 0, 300, 1_500, 7_000]);
      const long = cookie === 0 ? "" : `Cookie: ${"c".repeat(cookie)}\r\n`;
      const head = `${method} ${place}x HTTP/1.1\r\nHost: a\r\n${field}${more}${long}\r\n`;
      pieces.push(...inPieces(random, bytesOf(head + "x".repeat(size)), head.length));
      methods.push(method);
    }
    const client: ClientEnd = {
      conn,
      pieces,
      methods,
      received: "",
      isOver: false,
      isStalled: false,
      hasLeft: false,
      isTunnel: false,
    };
    conn.onSent = (bytes) => {
      client.received += latin1(bytes);
      client.isTunnel ||= client.received.includes("HTTP/1.1 101 ");
    };
    conn.onEnd = () => finishClient(client);
    this.#clients.push(client);
    this.told.push(`client ${this.#clients.length} connects`);
    this.#sluice.accept(conn, 0, this.#clients.length, () => client.isOver = true);
  }

  #actClient(client: ClientEnd): void {
    const random = this.#random;
    const tell = (what: string): void => {
      this.told.push(`client ${this.#clients.indexOf(client) + 1} ${what}`);
    };
    const chance = random.fraction();
    if (client.hasLeft) return;
    if (chance < 0.88) {
      const piece = client.pieces.shift();
      if (piece === undefined) return;
      tell(`sends ${JSON.stringify(latin1(piece.subarray(0, 60)))} (${piece.length})`);
      client.conn.deliver(piece);
    } else if (chance < 0.91) {
      tell("ends its direction");
      finishClient(client);
    } else if (chance < 0.94) {
      tell("resets");
      client.hasLeft = true;
      client.conn.reset();
    } else if (client.isStalled) {
      tell("takes again");
      client.isStalled = false;
      client.conn.resume();
    } else {
      tell("takes nothing");
      client.isStalled = true;
      client.conn.stall();
    }
  }

  #onConnect(): MemoryConn | undefined {
    const chance = this.#random.fraction();
    if (chance < 0.05) return undefined;
    if (chance < 0.15) throw new Deno.errors.ConnectionRefused("Connection refused (os error 111)");
    const conn = new MemoryConn(this.#net);
    const origin: OriginEnd = { conn, request: "", isStalled: false, hasEnded: false };
    conn.onSent = (bytes) => origin.request += latin1(bytes);
    conn.onEnd = () => {
      if (!origin.hasEnded) conn.finish();
      origin.hasEnded = true;
    };
    this.#origins.push(origin);
    this.told.push(`origin ${this.#origins.length} is connected to`);
    return conn;
  }

  #actOrigin(origin: OriginEnd): void {
    const random = this.#random;
    const tell = (what: string): void => {
      this.told.push(`origin ${this.#origins.indexOf(origin) + 1} ${what}`);
    };
    const chance = random.fraction();
    if (chance < 0.8) {
      // Most wait for a request; some do not.
      if (origin.request === "" && !random.chance(0.05)) return;
      const text = answerOf(random, origin.request);
      if (random.chance(0.8)) origin.request = "";
      const end = random.chance(0.2) ? random.integer(0, text.length) : text.length;
      tell(`sends ${JSON.stringify(text.slice(0, 60))} (${end} of ${text.length})`);
      origin.conn.deliver(bytesOf(text.slice(0, end)));
      // The rest comes when something else has happened.
      this.#net.soon(() => this.#net.soon(() => origin.conn.deliver(bytesOf(text.slice(end)))));
    } else if (chance < 0.86) {
      tell("ends its direction");
      origin.hasEnded = true;
      origin.conn.finish();
    } else if (chance < 0.91) {
      tell("resets");
      origin.hasEnded = true;
      origin.conn.reset();
    } else if (origin.isStalled) {
      tell("takes again");
      origin.isStalled = false;
      origin.conn.resume();
    } else {
      tell("takes nothing");
      origin.isStalled = true;
      origin.conn.stall();
    }
  }

  /** Everybody comes to an end: the program is to be at rest before it is stopped. */
  async #letEnd(): Promise<void> {
    for (let round = 0; round < LAST_ROUNDS; round++) {
      for (const client of this.#clients) {
        if (client.isStalled) client.conn.resume();
        client.isStalled = false;
        finishClient(client);
      }
      for (const origin of this.#origins) {
        if (origin.isStalled) origin.conn.resume();
        origin.isStalled = false;
        if (!origin.hasEnded) origin.conn.finish();
        origin.hasEnded = true;
      }
      for (let turns = 0; turns < 200 && !this.#net.isStill; turns++) await this.#net.turn();
      if (this.#sluice.isResting) break;
      // Checks go on for ever, and with them the clock: not longer than needed.
      await this.#sluice.clock.advance(round < 10 ? 2_000 : LONG_MS / LAST_ROUNDS);
    }
    const { clients, retired, excess } = this.#sluice;
    if (clients > 0) throw new Error(`${clients} clients hang`);
    if (retired > 0) throw new Error(`${retired} configurations hang`);
    if (!this.#sluice.isResting) throw new Error("something goes on, and nobody knows for whom");
    // A check of a peer may be on its way, always.
    if (excess !== "" && !this.#yaml.includes("health_check")) {
      throw new Error(`held when all was over: ${excess}`);
    }
  }

  #checkAnswers({ received, methods, isTunnel }: ClientEnd): void {
    this.#tally.requests += methods.length;
    if (isTunnel) return;
    const { answers, problem } = readAnswers(received, (answer) => methods[answer]);
    this.#tally.answers += answers.length;
    if (problem !== "") throw new Error(`${problem}: ${JSON.stringify(received.slice(0, 2_000))}`);
    if (answers.length > methods.length) throw new Error(`more answers than requests: ${received}`);
  }
}

/** In two pieces mostly, five at most; half of the ends are in the head. */
function inPieces(random: Random, bytes: Uint8Array, headBytes: number): Uint8Array[] {
  const ends = Array.from(
    { length: random.pick([1, 1, 1, 2, 4]) },
    () => random.integer(1, (random.chance(0.5) ? headBytes : bytes.length) - 1),
  ).sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
}

function finishClient(client: ClientEnd): void {
  if (client.hasLeft) return;
  client.hasLeft = true;
  client.conn.finish();
}

/** A response to what came so far, most of the time a good one. */
function answerOf(random: Random, request: string): string {
  const isBodiless = request.startsWith("HEAD ");
  if (/\r\nUpgrade: raw\r\n/.test(request) && random.chance(0.7)) {
    return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nhello";
  }
  const size = random.pick([0, 5, 3_000, 20_000, 200_000]);
  const body = "y".repeat(size);
  const close = random.chance(0.2) ? "Connection: close\r\n" : "";
  const text = random.pick([
    `HTTP/1.1 200 OK\r\n${close}Content-Length: ${size}\r\n\r\n${body}`,
    `HTTP/1.1 200 OK\r\n${close}Content-Length: ${size}\r\n\r\n${body}`,
    `HTTP/1.1 200 OK\r\n${close}Transfer-Encoding: chunked\r\n\r\n${
      size > 0 ? `${size.toString(16)}\r\n${body}\r\n` : ""
    }0\r\n\r\n`,
    `HTTP/1.1 200 OK\r\n\r\n${body}`,
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
  ]);
  return isBodiless ? text.slice(0, text.indexOf("\r\n\r\n") + 4) : text;
}

function listOf<T>(list: readonly T[]): readonly [T, ...T[]] {
  return list as readonly [T, ...T[]];
}
