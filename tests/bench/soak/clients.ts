/**
 * The clients of the soak: each kind is a function that plays one client from connecting
 * to leaving, and says of every request how it ended.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Random } from "../../support/random.ts";
import { ByteSocket, sleep } from "./byte_socket.ts";
import { CONF_HEADER } from "./config.ts";
import { connectionOf, Content, hex, markOf, MarkScanner, marksIn, tokenOf } from "./marks.ts";

/** A client that neither gets nor gets rid of a byte for so long hangs. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 5_000;

/** What can be wrong without a wrong byte: everything else is `wrong: …`. */
export type Outcome = string;

const OK: readonly Outcome[] = ["ok"];

/** How a request to each place may end. HEAD is "ok" where the body alone is cut. `GET` stands for all idempotent methods without a body. */
const ALLOWED: Record<string, { GET: readonly Outcome[]; POST: readonly Outcome[] }> = {
  slow: { GET: OK, POST: OK },
  extra: { GET: OK, POST: OK },
  stale: { GET: OK, POST: ["ok", "502"] },
  silent: { GET: ["504"], POST: ["504"] },
  reset: { GET: ["ok", "502", "cut"], POST: ["502", "cut"] },
  early: { GET: ["ok", "502", "cut"], POST: ["ok", "502", "cut"] },
  garbage: { GET: ["502"], POST: ["502"] },
  // A HEAD is answered whole, and the connection is kept: until the origin's end of it is seen.
  half: { GET: OK, POST: ["ok", "502"] },
  short: { GET: ["ok", "cut"], POST: ["cut", "502"] },
  dying: { GET: ["ok", "502", "cut"], POST: ["ok", "502", "cut"] },
  pair: { GET: ["ok", "cut"], POST: ["ok", "502", "cut"] },
  mixed: { GET: ["ok", "cut"], POST: ["ok", "502", "cut"] },
};

/** The group whose peers are killed is asked three times as often as each of the others. */
const BAD_PLACES = [...Object.keys(ALLOWED), "pair", "pair"];

/** Places in front of the good origin, and what they try. */
const GOOD_PLACES: readonly [string, ...string[]] = [
  "good",
  "stream",
  "notemp",
  "tiny",
  "cyclic",
  "v10",
  "authed",
  "infile",
];

const REFUSED: readonly Outcome[] = [
  ..."400 405 408 411 413 414 431 494 501 505".split(" "),
  "closed",
  "reset",
];

/** Of who leaves at any moment. */
const LEFT: readonly Outcome[] = ["left"];

/** How requests end, all kinds together. */
export const OUTCOME_CLASSES = [
  "answered", // whole and right
  "left", // the client did not wait
  "refused", // garbage
  "502",
  "503", // shed, with little buffer memory
  "504",
  "cut", // the origin had begun to answer
  "failed", // in a way that is not allowed
] as const;

export type OutcomeClass = (typeof OUTCOME_CLASSES)[number];

function classOf(outcome: Outcome, allowed: readonly Outcome[], mayShed: boolean): OutcomeClass {
  if (mayShed && outcome === "503") return outcome;
  if (!allowed.includes(outcome)) return "failed";
  if (allowed === REFUSED) return "refused";
  if (outcome === "502" || outcome === "504" || outcome === "cut" || outcome === "left") {
    return outcome;
  }
  return "answered";
}

/** What is counted for a place or a kind of client. */
export interface Tally {
  requests: number;
  failures: number;
  readonly outcomes: Map<Outcome, number>;
}

/** What all clients report to. */
export class Traffic {
  readonly address: string;
  readonly tallies = new Map<string, Tally>();
  /** The first failures, to be printed. */
  readonly firstFailures: string[] = [];
  /** Latencies of small requests since somebody took them, in ms. */
  latencies: number[] = [];
  /** By how they ended. */
  readonly classes = new Map<OutcomeClass, number>();
  requests = 0;
  /** Those that may end in one way only: an origin that could answer them was there. */
  certainRequests = 0;
  failures = 0;
  running = 0;
  /** The number of the configuration that is in force for all that begins now. */
  confInForce = 0;
  /** The newest that may be. */
  confNewest = 0;
  downloadedBytes = 0;
  uploadedBytes = 0;
  readonly #mayShed: boolean;
  #connections = 0;

  /** @param mayShed Whether the proxy has so little memory that it may turn requests away. */
  constructor(address: string, mayShed: boolean) {
    this.address = address;
    this.#mayShed = mayShed;
  }

  get connections(): number {
    return this.#connections;
  }

  nextConnection(): number {
    return this.#connections++;
  }

  record(kind: string, outcome: Outcome, allowed: readonly Outcome[], detail: string): void {
    this.requests++;
    let tally = this.tallies.get(kind);
    if (tally === undefined) {
      this.tallies.set(kind, tally = { requests: 0, failures: 0, outcomes: new Map() });
    }
    tally.requests++;
    tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1);
    if (allowed === REFUSED || allowed.length === 1) this.certainRequests++;
    const outcomeClass = classOf(outcome, allowed, this.#mayShed);
    this.classes.set(outcomeClass, (this.classes.get(outcomeClass) ?? 0) + 1);
    if (outcomeClass === "failed") {
      tally.failures++;
      this.fail(`${kind}: ${outcome}`, `${detail} (allowed: ${allowed.join(", ")})`);
    }
  }

  /** Something that must never happen. */
  fail(what: string, detail: string): void {
    this.failures++;
    if (this.firstFailures.length >= 200) return;
    const line = `${new Date().toISOString().slice(11, 23)} ${what} ${detail}`;
    this.firstFailures.push(line);
    if (this.firstFailures.length <= 40) console.log(`!! ${line}`);
  }
}

/** How a request is to be made. */
interface Asked {
  readonly place: string;
  readonly verb?: string;
  readonly method?: string;
  readonly size?: number;
  /** `c` for chunked, `e` for a body that ends with the connection. */
  readonly query?: string;
  readonly version?: string;
  readonly fields?: string;
}

/** How an answer came. */
interface Answer {
  readonly outcome: Outcome;
  readonly isLast: boolean;
  /** The body of what is no content of a mark. */
  readonly text: string;
}

/** One client connection. */
class Client {
  readonly traffic: Traffic;
  readonly random: Random;
  readonly conn: ByteSocket;
  readonly connection: number;
  readonly #hang: ReturnType<typeof setInterval>;
  #requests = 0;
  /** What was in force when a head was written last. */
  #confInForce = 0;
  /** One such line a connection is enough. */
  #hasComplained = false;

  constructor(traffic: Traffic, random: Random, conn: ByteSocket) {
    this.traffic = traffic;
    this.random = random;
    this.conn = conn;
    this.connection = traffic.nextConnection();
    let moved = conn.moved;
    let movedAtMs = performance.now();
    this.#hang = setInterval(() => {
      const nowMs = performance.now();
      if (conn.moved !== moved) {
        moved = conn.moved;
        movedAtMs = nowMs;
      } else if (nowMs - movedAtMs >= PATIENCE_MS) {
        traffic.fail("a client hung", `connection ${hex(markOf(this.connection, 0))}`);
        clearInterval(this.#hang);
        conn.reset();
      }
    }, LOOK_EVERY_MS);
  }

  static async connect(traffic: Traffic, random: Random): Promise<Client> {
    return new Client(traffic, random, await ByteSocket.open(traffic.address));
  }

  /** A new mark. */
  mark(): number {
    return markOf(this.connection, this.#requests++);
  }

  head(mark: number, asked: Asked): string {
    const { place, verb = "bytes", method = "GET", size = 0, query = "", fields = "" } = asked;
    const { version = "HTTP/1.1" } = asked;
    this.#confInForce = this.traffic.confInForce;
    return `${method} /${place}/${verb}/${size}?m=${hex(mark)}${
      query && `&${query}`
    } ${version}\r\n` +
      `Host: soak\r\nX-Mark: ${tokenOf(mark)}\r\n${fields}\r\n`;
  }

  /** Reads an answer and compares it with what its mark and size say. */
  async read(mark: number, size: number, isHead = false): Promise<Answer> {
    const { conn, traffic } = this;
    let head = await conn.head();
    while (head !== undefined && /^HTTP\/1\.1 1(?!01)/.test(head)) head = await conn.head();
    if (head === undefined) {
      const outcome = conn.partialHead !== ""
        ? "wrong: half a head"
        : conn.broken !== undefined
        ? "reset"
        : "closed";
      this.#check(marksIn(conn.partialHead), mark);
      return { outcome, isLast: true, text: "" };
    }
    this.#check(marksIn(head), mark);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
    const field = (name: string) => new RegExp(`^${name}: *(.*)\r$`, "im").exec(head)?.[1];
    this.#checkConf(status, field(CONF_HEADER));
    let isLast = field("connection") === "close" ||
      (head.startsWith("HTTP/1.0") && field("connection") !== "keep-alive");
    const content = field("x-mark") === undefined || field("content-type") !== undefined
      ? undefined
      : new Content(mark);
    const scanner = new MarkScanner((found) => this.#check([found], mark));
    let text = "";
    let bytes = 0;
    let isRight = true;
    const isContent = content !== undefined && size >= 0 && status === 200;
    const sink = (piece: Buffer): void => {
      traffic.downloadedBytes += piece.length;
      if (!isContent) {
        scanner.feed(piece);
        text += piece.toString("latin1");
      } else if (isRight && !content.isAt(bytes, piece)) {
        isRight = false;
        scanner.feed(piece);
      }
      bytes += piece.length;
    };
    let isWhole = true;
    const length = field("content-length");
    if (!isHead && status !== 204 && status !== 101) {
      if (field("transfer-encoding") === "chunked") isWhole = await conn.takeChunked(sink);
      else if (length !== undefined) isWhole = await conn.take(Number(length), sink);
      else {
        await conn.takeAll(sink);
        isLast = true;
        isWhole = conn.broken === undefined;
      }
    }
    if (!isRight) return { outcome: "wrong: bytes", isLast: true, text };
    if (!isWhole) return { outcome: "cut", isLast: true, text };
    if (status !== 200) return { outcome: String(status), isLast, text };
    if (!isContent) return { outcome: "ok", isLast, text };
    if (!isHead && bytes !== size) {
      // A body that ends with the connection cannot tell that it is cut.
      const isToEnd = length === undefined && bytes < size && isLast;
      return { outcome: isToEnd ? "cut" : `wrong: ${bytes} bytes, not ${size}`, isLast, text };
    }
    return { outcome: "ok", isLast, text };
  }

  #check(marks: readonly number[], own: number): void {
    for (const mark of marks) {
      if (mark === own || this.#hasComplained) continue;
      this.#hasComplained = true;
      const isForeign = connectionOf(mark) !== this.connection;
      this.traffic.fail(
        isForeign ? "ANOTHER CLIENT'S BYTES" : "an answer to another request",
        `${tokenOf(mark)} seen by ${tokenOf(own)}`,
      );
    }
  }

  /** A request that begins when a configuration is in force is answered by it, or a later one. */
  #checkConf(status: number, conf: string | undefined): void {
    if (conf === undefined && status !== 200) return; // add_header is not for all of these
    const { confNewest } = this.traffic;
    if (Number(conf) >= this.#confInForce && Number(conf) <= confNewest) return;
    this.traffic.fail(
      "an answer of the wrong configuration",
      `${conf}, not ${this.#confInForce} to ${confNewest}`,
    );
  }

  /** Writes in pieces with pauses. */
  async dribble(bytes: Buffer, pieces: number, pauseMs: number): Promise<void> {
    const { conn, random } = this;
    for (let at = 0; at < bytes.length && !conn.isGone;) {
      const length = random.integer(1, Math.max(1, Math.ceil(bytes.length / pieces) * 2));
      await conn.write(bytes.subarray(at, at + length));
      at += length;
      await sleep(random.integer(0, pauseMs));
    }
  }

  leave(): void {
    clearInterval(this.#hang);
    this.conn.close();
  }

  /** As at any time somebody may: with a FIN or a RST. */
  vanish(): void {
    clearInterval(this.#hang);
    if (this.random.chance(0.5)) this.conn.reset();
    else this.conn.close();
  }
}

/** Most are small, some are large. */
function sizeOf(random: Random, largest = 4_194_304): number {
  const least = Math.min(largest, random.pick([0, 1_000, 1_000, 16_000, 16_000, 130_000, 130_000]));
  if (random.chance(0.04)) return random.integer(least, largest);
  if (random.chance(0.1)) return random.integer(least, Math.min(largest, 1_000_000));
  return random.integer(0, least);
}

function framingOf(random: Random): string {
  return random.pick(["", "", "c", "e"]);
}

type Kind = (client: Client, random: Random, traffic: Traffic) => Promise<void>;

/** Small requests one after the other; their latency is what is measured. */
const keepalive: Kind = async (client, random, traffic) => {
  const count = random.integer(1, 20);
  for (let n = 0; n < count; n++) {
    const mark = client.mark();
    const size = random.integer(0, 3_000);
    const method = random.chance(0.1) ? "HEAD" : "GET";
    const asked = { place: "good", size, method, query: random.chance(0.3) ? "c" : "" };
    const startMs = performance.now();
    await client.conn.write(client.head(mark, asked));
    const { outcome, isLast } = await client.read(mark, size, method === "HEAD");
    traffic.latencies.push(performance.now() - startMs);
    traffic.record("keepalive", outcome, OK, `${hex(mark)} ${method} ${size} after ${n}`);
    if (isLast) return;
    if (random.chance(0.3)) await sleep(random.integer(0, 200));
  }
  if (random.chance(0.1)) await client.conn.takeAll(() => {}); // until keepalive_timeout
};

const pipelining: Kind = async (client, random, traffic) => {
  const asked = Array.from({ length: random.integer(2, 8) }, () => {
    const isUpload = random.chance(0.2);
    return {
      mark: client.mark(),
      place: random.pick(GOOD_PLACES),
      size: isUpload ? random.integer(0, 20_000) : sizeOf(random, 200_000),
      query: random.pick(["", "c"]),
      isUpload,
    };
  });
  const bytes = Buffer.concat(asked.flatMap(({ mark, place, size, query, isUpload }) =>
    isUpload
      ? [
        Buffer.from(client.head(mark, {
          place,
          verb: "sink",
          method: "PUT",
          fields: `Content-Length: ${size}\r\n`,
        })),
        new Content(mark).slice(0, size),
      ]
      : [Buffer.from(client.head(mark, { place, size, query }))]
  ));
  const writing = random.chance(0.5)
    ? client.conn.write(bytes)
    : client.dribble(bytes, random.integer(2, 30), 10);
  for (const { mark, place, size, isUpload } of asked) {
    const { outcome, isLast, text } = await client.read(mark, isUpload ? -1 : size);
    const isWrong = isUpload && outcome === "ok" && text !== answerTo(mark, size);
    traffic.record(
      "pipelining",
      isWrong ? "wrong: what arrived" : outcome,
      OK,
      `${hex(mark)} ${place} ${size} ${isUpload ? "upload" : ""}`,
    );
    if (isLast) break;
  }
  client.conn.finish();
  await writing;
};

const download: Kind = async (client, random, traffic) => {
  for (let n = random.integer(1, 4); n > 0; n--) {
    const place = random.pick([...GOOD_PLACES, "rate", "inrate", "accel"]);
    const isLimited = place.endsWith("rate");
    const mark = client.mark();
    const size = sizeOf(random, isLimited ? 600_000 : undefined);
    const query = framingOf(random);
    const verb = place === "accel" ? "accel" : "bytes";
    await client.conn.write(client.head(mark, { place, verb, size, query }));
    const { outcome, isLast } = await client.read(mark, size);
    traffic.record("download", outcome, OK, `${hex(mark)} ${place} ${size} ${query}`);
    if (isLast) return;
  }
};

/** What the origin answers when all has arrived. */
function answerTo(mark: number, size: number): string {
  const hash = createHash("sha256");
  const content = new Content(mark);
  for (let at = 0; at < size; at += 65_536) {
    hash.update(content.slice(at, Math.min(65_536, size - at)));
  }
  return `${size} ${hash.digest("hex")}`;
}

async function sendBody(
  client: Client,
  mark: number,
  size: number,
  isChunked: boolean,
  pauseMs: number,
): Promise<void> {
  const { conn, random, traffic } = client;
  const content = new Content(mark);
  for (let at = 0; at < size && !conn.isGone;) {
    const length = Math.min(size - at, random.integer(1, pauseMs > 0 ? 4_000 : 65_536));
    const piece = content.slice(at, length);
    await conn.write(
      isChunked
        ? Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`), piece, Buffer.from("\r\n")])
        : piece,
    );
    traffic.uploadedBytes += length;
    at += length;
    if (pauseMs > 0) await sleep(random.integer(0, pauseMs));
  }
  if (isChunked) await conn.write("0\r\n\r\n");
}

async function uploadOnce(
  client: Client,
  kind: string,
  place: string,
  allowed: readonly Outcome[],
  size: number,
  pauseMs: number,
): Promise<boolean> {
  const { random, traffic, conn } = client;
  const mark = client.mark();
  const isChunked = random.chance(0.5);
  const method = random.chance(0.6) ? "POST" : "PUT";
  const isExpecting = random.chance(0.1);
  const fields = (isChunked ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${size}\r\n`) +
    (isExpecting ? "Expect: 100-continue\r\n" : "");
  await conn.write(client.head(mark, { place, verb: "sink", method, fields }));
  if (isExpecting && size > 0) await sleep(random.integer(0, 20));
  const sending = sendBody(client, mark, size, isChunked, pauseMs);
  const { outcome, isLast, text } = await client.read(mark, -1);
  await sending;
  const isWrong = outcome === "ok" && text !== answerTo(mark, size);
  traffic.record(
    kind,
    isWrong ? "wrong: what arrived" : outcome,
    allowed,
    `${hex(mark)} ${method} ${place} ${size} ${isChunked ? "chunked" : ""}${
      isExpecting ? " expecting" : ""
    }`,
  );
  return isLast;
}

const upload: Kind = async (client, random) => {
  for (let n = random.integer(1, 3); n > 0; n--) {
    const place = random.pick(GOOD_PLACES);
    if (await uploadOnce(client, "upload", place, OK, sizeOf(random, 2_000_000), 0)) return;
  }
};

const slowWriter: Kind = async (client, random, traffic) => {
  if (random.chance(0.4)) {
    const mark = client.mark();
    const place = random.pick(GOOD_PLACES);
    const size = random.integer(0, 20_000);
    await client.dribble(Buffer.from(client.head(mark, { place, size })), 20, 100);
    const { outcome } = await client.read(mark, size);
    traffic.record("slow writer", outcome, OK, `${hex(mark)} ${place} ${size} head`);
    return;
  }
  const place = random.pick(GOOD_PLACES);
  await uploadOnce(client, "slow writer", place, OK, random.integer(1, 60_000), 100);
};

const slowReader: Kind = async (client, random, traffic) => {
  const mark = client.mark();
  const size = random.integer(1_000_000, 12_000_000);
  const place = random.pick(["good", "stream", "notemp", "tiny", "cyclic"]);
  const query = framingOf(random);
  const longestMs = random.pick([10, 50, 200]);
  client.conn.pauseMs = () => random.chance(0.3) ? random.integer(0, longestMs) : 0;
  await client.conn.write(client.head(mark, { place, size, query }));
  const { outcome } = await client.read(mark, size);
  traffic.record("slow reader", outcome, OK, `${hex(mark)} ${place} ${size} ${query}`);
};

const sse: Kind = async (client, random, traffic) => {
  const mark = client.mark();
  const events = random.integer(1, 100);
  await client.conn.write(client.head(mark, { place: "stream", verb: "events", size: events }));
  if (random.chance(0.3)) {
    await sleep(random.integer(0, 2_000));
    return client.vanish();
  }
  const { outcome, text } = await client.read(mark, -1);
  const expected = Array.from({ length: events }, (_, n) => `data: ${tokenOf(mark)} ${n}\n\n`);
  const isWrong = outcome === "ok" && text !== expected.join("");
  traffic.record("events", isWrong ? "wrong: events" : outcome, OK, `${hex(mark)} ${events}`);
};

/** An upgrade: what is sent comes back, until one side ends it in one of the ways there are. */
const tunnel: Kind = async (client, random, traffic) => {
  const { conn } = client;
  const mark = client.mark();
  const all = sizeOf(random, 500_000) + 1;
  const endsThere = random.chance(0.3);
  await conn.write(client.head(mark, {
    place: "ws",
    verb: "ws",
    size: endsThere ? all : 0,
    fields: "Connection: Upgrade\r\nUpgrade: echo\r\n",
  }));
  const content = new Content(mark);
  const early = random.chance(0.2) ? random.integer(1, all) : 0; // behind the head, before the 101
  await conn.write(content.slice(0, early));
  const { outcome } = await client.read(mark, 0);
  if (outcome !== "101") return traffic.record("upgrade", outcome, ["101"], hex(mark));
  const isAborting = random.chance(0.2);
  const sending = (async () => {
    for (let at = early; at < all && !conn.isGone;) {
      const length = Math.min(all - at, random.integer(1, 20_000));
      await conn.write(content.slice(at, length));
      at += length;
      if (random.chance(0.3)) await sleep(random.integer(0, 50));
      if (isAborting && random.chance(0.1)) return client.vanish();
    }
    if (!endsThere) conn.finish();
  })();
  let bytes = 0;
  let isRight = true;
  await conn.takeAll((piece) => {
    isRight &&= content.isAt(bytes, piece);
    bytes += piece.length;
  });
  await sending;
  const isWhole = bytes === all || isAborting;
  traffic.record(
    "upgrade",
    !isRight ? "wrong: bytes" : isWhole ? "ok" : "cut",
    OK,
    `${hex(mark)} ${bytes} of ${all}, ${endsThere ? "ended by the origin" : "half-closed"} ${
      conn.broken ?? ""
    }`,
  );
};

/** Leaves at any moment. */
const abort: Kind = async (client, random, traffic) => {
  const { conn } = client;
  const place = random.pick([...GOOD_PLACES, "rate", "ws", ...BAD_PLACES]);
  const isUpload = random.chance(0.4);
  traffic.record("abort", "left", LEFT, "");
  if (random.chance(0.05)) return client.vanish();
  if (random.chance(0.3)) { // in the middle of a kept connection's life
    const mark = client.mark();
    await conn.write(client.head(mark, { place: "good", size: 100 }));
    const { outcome } = await client.read(mark, 100);
    traffic.record("before an abort", outcome, OK, hex(mark));
  }
  const mark = client.mark();
  const size = sizeOf(random);
  const isChunked = place !== "ws" && random.chance(0.5);
  const head = client.head(mark, {
    place,
    method: isUpload ? "PUT" : "GET",
    verb: place === "ws" ? "ws" : isUpload ? "sink" : "bytes",
    size,
    query: framingOf(random),
    fields: place === "ws"
      ? "Connection: upgrade\r\nUpgrade: echo\r\n"
      : !isUpload
      ? ""
      : isChunked
      ? "Transfer-Encoding: chunked\r\n"
      : `Content-Length: ${size}\r\n`,
  });
  if (random.chance(0.15)) {
    await conn.write(head.slice(0, random.integer(1, head.length - 1)));
    if (random.chance(0.5)) await sleep(random.integer(0, 50));
    return client.vanish();
  }
  await conn.write(head);
  if (isUpload) {
    const sent = random.integer(0, size);
    const sending = sendBody(client, mark, sent, isChunked, random.chance(0.1) ? 20 : 0);
    await Promise.race([sending, sleep(random.integer(0, 1_000))]);
    if (random.chance(0.5)) await sleep(random.integer(0, 100));
    return client.vanish();
  }
  const scanner = new MarkScanner((found) => {
    if (found !== mark) {
      traffic.fail("ANOTHER CLIENT'S BYTES", `${tokenOf(found)} seen by ${tokenOf(mark)}`);
    }
  });
  const stopAt = random.integer(0, size + 200);
  if (random.chance(0.3)) conn.pauseMs = () => random.integer(0, 30);
  if (random.chance(0.3)) await sleep(random.integer(0, 50));
  const reading = (async () => {
    for (let bytes = 0; bytes < stopAt;) {
      const piece = await conn.piece();
      if (piece === undefined) return;
      bytes += piece.length;
      if (bytes < 100_000) scanner.feed(piece);
    }
  })();
  await Promise.race([reading, sleep(random.integer(0, 1_500))]);
  client.vanish();
};

const HEAD_LINES = "Host: soak\r\nX-Garbage: 1\r\n";

/** What no server may take. `{m}` is where a path goes. */
const GARBAGE: readonly [string, ...string[]] = [
  `GET {m} HTTP/1.1\r\nX-Garbage: 1\r\n\r\n`,
  `GET {m} HTTP/1.1\r\nHost: b\r\n${HEAD_LINES}\r\n`,
  `GET {m} HTTP/1.1\r\n${HEAD_LINES}A: b\r\n c\r\n\r\n`,
  `GET {m} HTTP/1.1\r\n${HEAD_LINES}A : b\r\n\r\n`,
  `GET {m} HTTP/1.1\r\n${HEAD_LINES}A: b\0c\r\n\r\n`,
  `GET {m} HTTP/1.1\r\n${HEAD_LINES}A: b\rc\r\n\r\n`,
  `GET {m} HTTP/1.1\r\n${HEAD_LINES}: b\r\n\r\n`,
  `GET {m}\0 HTTP/1.1\r\n${HEAD_LINES}\r\n`,
  `GET {m} HTTP/3.0\r\n${HEAD_LINES}\r\n`,
  `GET {m} HTTP/1.1 x\r\n${HEAD_LINES}\r\n`,
  `GET {m} HTTP/1.1\n${HEAD_LINES}\n`,
  `G@T {m} HTTP/1.1\r\n${HEAD_LINES}\r\n`,
  `GET ${"/a".repeat(20_000)} HTTP/1.1\r\n${HEAD_LINES}\r\n`,
  `GET {m} HTTP/1.1\r\n${HEAD_LINES}A: ${"b".repeat(40_000)}\r\n\r\n`,
  `GET {m} HTTP/1.1\r\n${HEAD_LINES}${"A: b\r\n".repeat(3_000)}\r\n`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Content-Length: +5\r\n\r\nhello`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Content-Length: 5, 5\r\n\r\nhello`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Transfer-Encoding: gzip\r\n\r\nhello`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Transfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n0\r\n\r\n`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n`,
  `POST {m} HTTP/1.1\r\n${HEAD_LINES}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello`,
  `POST {m} HTTP/1.0\r\n${HEAD_LINES}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "",
];

const garbage: Kind = async (client, random, traffic) => {
  const mark = client.mark();
  const which = random.integer(0, GARBAGE.length - 1);
  const chosen = GARBAGE[which]!;
  let bytes = Buffer.from(
    chosen.replace("{m}", `/good/sink/0?m=${hex(mark)}`) + client.head(client.mark(), {
      place: "good",
      fields: "X-Garbage: 1\r\n", // what is behind garbage is garbage
    }),
    "latin1",
  );
  if (chosen === "") {
    bytes = Buffer.from(random.bytes(random.integer(1, 4_000)));
    bytes[0] = 0xff;
  }
  if (random.chance(0.7)) await client.conn.write(bytes);
  else await client.dribble(bytes, 10, 5);
  const { outcome, isLast } = await client.read(mark, -1);
  traffic.record("garbage of a client", outcome, REFUSED, `number ${which} ${hex(mark)}`);
  if (!isLast) traffic.fail("garbage: the connection stays", `number ${which}`);
  client.conn.finish();
  if (random.chance(0.5)) await client.conn.takeAll(() => {});
};

const version10: Kind = async (client, random, traffic) => {
  const keeps = random.chance(0.5);
  for (let n = keeps ? 3 : 1; n > 0; n--) {
    const mark = client.mark();
    const place = random.pick(GOOD_PLACES);
    const size = sizeOf(random, 1_000_000);
    const query = framingOf(random);
    const fields = keeps ? "Connection: keep-alive\r\n" : "";
    await client.conn.write(client.head(mark, { place, size, query, version: "HTTP/1.0", fields }));
    const { outcome, isLast } = await client.read(mark, size);
    traffic.record("HTTP/1.0", outcome, OK, `${hex(mark)} ${place} ${size} ${query}`);
    if (isLast) return;
  }
};

/** Requests to origins that misbehave. */
const unlucky: Kind = async (client, random, traffic) => {
  for (let n = random.integer(1, 4); n > 0; n--) {
    const place = BAD_PLACES[random.integer(0, BAD_PLACES.length - 1)]!;
    const allowed = ALLOWED[place]!;
    if (random.chance(0.25)) {
      const largest = place === "silent" ? 2_000 : 300_000;
      const isChecked = !["slow", "half", "extra", "short", "early", "reset"].includes(place);
      if (isChecked) {
        const size = sizeOf(random, largest);
        if (await uploadOnce(client, place, place, allowed.POST, size, 0)) return;
        continue;
      }
      // These answer uploads with a content, of the size that the path says.
      const mark = client.mark();
      const size = sizeOf(random, largest);
      const answered = place === "slow" || place === "extra" ? random.integer(0, 4_000) : size;
      const head = client.head(mark, {
        place,
        method: "POST",
        size: answered,
        fields: `Content-Length: ${size}\r\n`,
      });
      await client.conn.write(head);
      const sending = sendBody(client, mark, size, false, 0);
      const { outcome, isLast } = await client.read(mark, answered);
      await sending;
      traffic.record(place, outcome, allowed.POST, `${hex(mark)} POST ${size}`);
      if (isLast) return;
      continue;
    }
    const mark = client.mark();
    const isCapped = place === "slow" || place === "extra";
    const size = sizeOf(random, isCapped ? 4_000 : 1_000_000);
    const method = random.chance(0.1) ? "HEAD" : "GET";
    const query = random.pick(["", "c"]);
    await client.conn.write(client.head(mark, { place, size, method, query }));
    const { outcome, isLast } = await client.read(mark, size, method === "HEAD");
    traffic.record(place, outcome, allowed.GET, `${hex(mark)} ${method} ${size} ${query}`);
    if (isLast) return;
  }
};

const KINDS: readonly (readonly [weight: number, kind: Kind])[] = [
  [26, keepalive],
  [7, pipelining],
  [10, download],
  [9, upload],
  [4, sse],
  [5, tunnel],
  [2, slowReader],
  [4, slowWriter],
  [14, abort],
  [5, garbage],
  [4, version10],
  [18, unlucky],
];

const ALL_WEIGHTS = KINDS.reduce((sum, [weight]) => sum + weight, 0);

/** Plays one client of a kind that `random` chooses. Never rejects. */
export async function playClient(traffic: Traffic, random: Random): Promise<void> {
  let at = random.integer(1, ALL_WEIGHTS);
  const [, kind] = KINDS.find(([weight]) => (at -= weight) <= 0)!;
  traffic.running++;
  try {
    const client = await Client.connect(traffic, random);
    try {
      await kind(client, random, traffic);
    } finally {
      client.leave();
    }
  } catch (error) {
    traffic.fail("a client failed", error instanceof Error ? error.stack ?? "" : String(error));
  } finally {
    traffic.running--;
  }
}
