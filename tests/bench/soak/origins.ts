/**
 * The origins of the soak: a good one, whose answers can be checked byte for byte, and
 * one for each way to misbehave.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import type { Random } from "../../support/random.ts";
import { ByteSocket, sleep } from "./byte_socket.ts";
import { Content, hex, MarkScanner, marksIn, POISON, tokenOf } from "./marks.ts";

/** What an origin does with its requests. */
export type Behaviour =
  | "good"
  | "slow"
  | "silent"
  | "reset"
  | "early"
  | "garbage"
  | "short"
  | "half"
  | "extra"
  | "stale";

/** Told what must never happen. */
export type OnViolation = (kind: string, detail: string) => void;

/** A request as an origin sees it. */
interface Seen {
  readonly method: string;
  /** What to do: the second segment of the path. */
  readonly verb: string;
  /** The third. */
  readonly size: number;
  readonly query: URLSearchParams;
  readonly mark: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly isVersion10: boolean;
  /** On this connection, from 1. */
  readonly number: number;
}

const PIECE_BYTES = 65_536;
const EVENT_GAP_MS = 40;

/** One listener on 127.0.0.1 that plays one behaviour. */
export class Origin {
  readonly behaviour: Behaviour;
  /** 0 until it listens, if any will do. */
  port: number;
  requests = 0;
  readonly #random: Random;
  readonly #onViolation: OnViolation;
  readonly #sockets = new Set<Socket>();
  /** Marks of requests that may be sent once only, for all origins of a run. */
  readonly #once: Set<number>;
  #server: Server | undefined;

  constructor(
    behaviour: Behaviour,
    port: number,
    random: Random,
    once: Set<number>,
    onViolation: OnViolation,
  ) {
    this.behaviour = behaviour;
    this.port = port;
    this.#random = random;
    this.#once = once;
    this.#onViolation = onViolation;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get isListening(): boolean {
    return this.#server !== undefined;
  }

  /** @throws {Error} When the port is taken. */
  listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      void this.#serve(new ByteSocket(socket));
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port: this.port, host: "127.0.0.1", backlog: 511 }, () => {
        this.#server = server;
        const bound = server.address();
        if (typeof bound === "object" && bound !== null) this.port = bound.port;
        resolve();
      });
    });
  }

  /** As a killed process: nobody listens, and all connections break. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const isClosed = new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
    for (const socket of this.#sockets) {
      if (this.#random.chance(0.5)) socket.resetAndDestroy();
      else socket.destroy();
    }
    await isClosed;
  }

  async #serve(conn: ByteSocket): Promise<void> {
    const random = this.#random;
    if (this.behaviour === "reset" && random.chance(0.1)) return conn.reset();
    if (this.behaviour === "early" && random.chance(0.1)) return conn.close();
    let number = 0;
    while (!conn.isGone) {
      const head = await conn.head();
      if (head === undefined) break;
      number++;
      this.requests++;
      const seen = this.#read(head, number);
      if (seen === undefined || !await this.#answer(conn, seen)) break;
    }
    if (conn.partialHead !== "") this.#check(marksIn(conn.partialHead), undefined, "half a head");
    conn.finishAndClose();
  }

  #read(head: string, number: number): Seen | undefined {
    const [requestLine = "", ...lines] = head.trimEnd().split("\r\n");
    const [method = "", target = "", version] = requestLine.split(" ");
    const fields = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const url = new URL(target, "http://origin");
    const [, , verb = "", size = "0"] = url.pathname.split("/");
    // Subrequests and copies have the fields of the request alone.
    const mark = parseInt(url.searchParams.get("m") ?? fields.get("x-mark")?.slice(3) ?? "", 16);
    if (Number.isNaN(mark) || !/^HTTP\/1\.[01]$/.test(version ?? "")) {
      this.#onViolation("origin saw what nobody sent", head.slice(0, 300));
      return undefined;
    }
    this.#check(marksIn(head), mark, requestLine);
    if (fields.has("x-garbage")) this.#onViolation("garbage reached an origin", head.slice(0, 500));
    if (method === "POST" && !url.pathname.startsWith("/shadow")) {
      if (this.#once.has(mark)) this.#onViolation("a POST was sent twice", requestLine);
      this.#once.add(mark);
    }
    const query = url.searchParams;
    const isVersion10 = version === "HTTP/1.0";
    return { method, verb, size: Number(size), query, mark, fields, isVersion10, number };
  }

  #check(marks: readonly number[], own: number | undefined, where: string): void {
    const first = own ?? marks[0];
    const other = marks.find((mark) => mark !== first);
    if (other !== undefined) {
      this.#onViolation(
        "origin: bytes of two requests in one",
        `${tokenOf(other)} within ${tokenOf(first ?? 0)}: ${where}`,
      );
    }
  }

  /** Whether the connection may be used again. */
  async #answer(conn: ByteSocket, seen: Seen): Promise<boolean> {
    const random = this.#random;
    switch (this.behaviour) {
      case "good":
        return await this.#good(conn, seen);
      case "slow":
        await sleep(random.integer(0, 150));
        return await this.#dribble(conn, seen);
      case "silent":
        if (random.chance(0.5)) await conn.write("HTTP/1.1 200 OK\r\nContent-Le");
        await conn.takeAll(() => {});
        return false;
      case "stale":
        if (seen.number > 1 && random.chance(0.5)) {
          if (random.chance(0.5)) conn.reset();
          return false;
        }
        if (!await this.#good(conn, seen)) return false;
        if (random.chance(0.3)) {
          await sleep(random.pick([0, 0, 1, 2, 5, 20]));
          return false;
        }
        return true;
      case "reset":
        await this.#cutShort(conn, seen);
        if (random.chance(0.5)) await sleep(random.integer(0, 20)); // else a RST overtakes the data
        conn.reset();
        return false;
      case "early":
        if (seen.verb === "bytes" && random.chance(0.3)) {
          await this.#send(conn, seen, seen.size, "Connection: close\r\n");
        } else await this.#cutShort(conn, seen);
        return false;
      case "short":
        return await this.#short(conn, seen);
      case "half": {
        await this.#body(conn, seen);
        await conn.write(`HTTP/1.1 200 OK\r\nX-Mark: ${tokenOf(seen.mark)}\r\n\r\n`);
        if (seen.method !== "HEAD") await this.#content(conn, seen.mark, seen.size);
        conn.finish();
        await conn.takeAll(() => {});
        return false;
      }
      case "extra": {
        await this.#body(conn, seen);
        const size = seen.method === "HEAD" ? 0 : Math.min(seen.size, 4_000);
        const body = new Content(seen.mark).slice(0, size);
        const extra = Buffer.from(tokenOf(POISON).repeat(random.integer(1, 300)));
        const head = this.#head(seen, `Content-Length: ${Math.min(seen.size, 4_000)}\r\n`);
        await conn.write(Buffer.concat([Buffer.from(head), body, extra]));
        return random.chance(0.5);
      }
      case "garbage":
        await conn.write(garbage(random, seen.mark));
        if (random.chance(0.5)) await sleep(random.integer(0, 50));
        return false;
    }
  }

  #head({ mark }: Seen, fields: string, status = "200 OK"): string {
    return `HTTP/1.1 ${status}\r\nX-Mark: ${tokenOf(mark)}\r\n${fields}\r\n`;
  }

  /** Reads the request's body; says how much of it was right. */
  async #body(conn: ByteSocket, seen: Seen): Promise<{ bytes: number; hash: string } | undefined> {
    const content = new Content(seen.mark);
    const hash = createHash("sha256");
    let bytes = 0;
    let isRight = true;
    const sink = (piece: Buffer): void => {
      if (isRight && !content.isAt(bytes, piece)) {
        isRight = false;
        const scanner = new MarkScanner((mark) => this.#check([mark], seen.mark, "request body"));
        scanner.feed(piece);
        this.#onViolation("origin: a request body is wrong", `${hex(seen.mark)} at ${bytes}`);
      }
      bytes += piece.length;
      hash.update(piece);
    };
    if (seen.fields.get("expect") === "100-continue") {
      await conn.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
    const length = seen.fields.get("content-length");
    let isWhole = true;
    if (seen.fields.get("transfer-encoding") === "chunked") isWhole = await conn.takeChunked(sink);
    else if (length !== undefined) isWhole = await conn.take(Number(length), sink);
    return isWhole ? { bytes, hash: hash.digest("hex") } : undefined;
  }

  async #good(conn: ByteSocket, seen: Seen): Promise<boolean> {
    if (seen.verb === "ws") return await this.#tunnel(conn, seen);
    const body = await this.#body(conn, seen);
    if (body === undefined) return false;
    const isLast = seen.fields.get("connection") === "close";
    switch (seen.verb) {
      case "bytes":
        return await this.#send(conn, seen, seen.size, "") && !isLast;
      case "sink": {
        const text = `${body.bytes} ${body.hash}`;
        await conn.write(this.#head(seen, `Content-Length: ${text.length}\r\n`) + text);
        return !isLast;
      }
      case "events":
        await conn.write(this.#head(
          seen,
          "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n",
        ));
        for (let event = 0; event < seen.size && !conn.isGone; event++) {
          const text = `data: ${tokenOf(seen.mark)} ${event}\n\n`;
          await conn.write(`${text.length.toString(16)}\r\n${text}\r\n`);
          await sleep(EVENT_GAP_MS);
        }
        await conn.write("0\r\n\r\n");
        return !isLast;
      case "accel":
        await conn.write(this.#head(
          seen,
          `X-Accel-Redirect: /good/bytes/${seen.size}?m=${hex(seen.mark)}\r\nContent-Length: 0\r\n`,
        ));
        return !isLast;
      default: // what auth_request asks
        await conn.write(this.#head(seen, "", "204 No Content"));
        return !isLast;
    }
  }

  /** A whole answer, framed as the URL asks for. */
  async #send(conn: ByteSocket, seen: Seen, size: number, fields: string): Promise<boolean> {
    const { mark, method, query } = seen;
    const framing = query.has("e") || (query.has("c") && seen.isVersion10)
      ? ""
      : query.has("c")
      ? "Transfer-Encoding: chunked\r\n"
      : `Content-Length: ${size}\r\n`;
    const isToEnd = framing === "";
    const head = this.#head(seen, fields + framing + (isToEnd ? "Connection: close\r\n" : ""));
    if (method === "HEAD") {
      await conn.write(head);
    } else if (framing.startsWith("T")) {
      await conn.write(head);
      const content = new Content(mark);
      for (let at = 0; at < size && !conn.isGone;) {
        const length = Math.min(size - at, this.#random.integer(1, 30_000));
        await conn.write(
          Buffer.concat([
            Buffer.from(`${length.toString(16)}\r\n`),
            content.slice(at, length),
            Buffer.from("\r\n"),
          ]),
        );
        at += length;
      }
      await conn.write("0\r\n\r\n");
    } else {
      if (size > 0 && size < 16_384) {
        await conn.write(Buffer.concat([Buffer.from(head), new Content(mark).slice(0, size)]));
      } else {
        await conn.write(head);
        await this.#content(conn, mark, size);
      }
    }
    return !isToEnd;
  }

  async #content(conn: ByteSocket, mark: number, size: number): Promise<void> {
    const content = new Content(mark);
    for (let at = 0; at < size && !conn.isGone; at += PIECE_BYTES) {
      await conn.write(content.slice(at, Math.min(PIECE_BYTES, size - at)));
    }
  }

  /** Head and body in small pieces with pauses between. */
  async #dribble(conn: ByteSocket, seen: Seen): Promise<boolean> {
    if (await this.#body(conn, seen) === undefined) return false;
    const random = this.#random;
    const size = Math.min(seen.size, 20_000);
    const isChunked = seen.query.has("c");
    const framing = isChunked ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${size}\r\n`;
    const body = new Content(seen.mark).slice(0, size);
    const framed = !isChunked ? body : size === 0 ? Buffer.from("0\r\n\r\n") : Buffer.concat([
      Buffer.from(`${size.toString(16)}\r\n`),
      body,
      Buffer.from("\r\n0\r\n\r\n"),
    ]);
    const all = Buffer.concat([
      Buffer.from(this.#head(seen, framing)),
      ...(seen.method === "HEAD" ? [] : [framed]),
    ]);
    for (let at = 0; at < all.length && !conn.isGone;) {
      const length = random.integer(1, Math.max(20, all.length >> 3));
      await conn.write(all.subarray(at, at + length));
      at += length;
      await sleep(random.integer(1, 80));
    }
    return true;
  }

  /** Ends at any place of the answer, or before it. */
  async #cutShort(conn: ByteSocket, seen: Seen): Promise<void> {
    const random = this.#random;
    if (random.chance(0.5)) await this.#body(conn, seen);
    const head = this.#head(seen, `Content-Length: ${seen.size + 1}\r\n`);
    switch (random.integer(0, 2)) {
      case 0:
        return;
      case 1:
        return await conn.write(head.slice(0, random.integer(1, head.length - 1)));
      default:
        await conn.write(head);
        return await this.#content(conn, seen.mark, random.integer(0, seen.size));
    }
  }

  async #short(conn: ByteSocket, seen: Seen): Promise<boolean> {
    await this.#body(conn, seen);
    const sent = this.#random.integer(0, seen.size);
    const body = new Content(seen.mark).slice(0, sent);
    const isChunked = seen.query.has("c");
    await conn.write(this.#head(
      seen,
      isChunked ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${seen.size + 1}\r\n`,
    ));
    if (seen.method === "HEAD") return false;
    if (isChunked) await conn.write(`${(sent + 1).toString(16)}\r\n`);
    await conn.write(body);
    return false;
  }

  /** 101, and then what comes is sent back. */
  async #tunnel(conn: ByteSocket, seen: Seen): Promise<boolean> {
    await conn.write(this.#head(
      seen,
      "Connection: upgrade\r\nUpgrade: echo\r\n",
      "101 Switching Protocols",
    ));
    const content = new Content(seen.mark);
    let at = 0;
    for (let piece = await conn.piece(); piece && !conn.isGone; piece = await conn.piece()) {
      if (!content.isAt(at, piece)) {
        this.#onViolation("origin: bytes of a tunnel are wrong", `${hex(seen.mark)} at ${at}`);
      }
      at += piece.length;
      await conn.write(piece);
      if (seen.size > 0 && at >= seen.size) break; // this side ends it
    }
    conn.finish();
    await conn.takeAll(() => {});
    return false;
  }
}

/** What no proxy may pass on. */
function garbage(random: Random, mark: number): Buffer {
  const own = `X-Mark: ${tokenOf(mark)}\r\n`;
  const text = random.pick([
    "garbage\r\n\r\n",
    "HTTP/1.1 abc OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/9.1 200 OK\r\n\r\n",
    `HTTP/1.1 200 OK\r\n${own}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    `HTTP/1.1 200 OK\r\n${own}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `HTTP/1.1 200 OK\r\n${own}Content-Length: -5\r\n\r\nhello`,
    `HTTP/1.1 200 OK\r\n${own}Transfer-Encoding: gzip\r\n\r\nhello`,
    `HTTP/1.1 200 OK\r\nA: b\r\n ${own}\r\n`,
    `HTTP/1.1 200 OK\r\nA : b\r\n${own}\r\n`,
    `HTTP/1.1 200 OK\r\nA: b\0c\r\n${own}\r\n`,
    `HTTP/1.1 200 OK\r\nA: b\rc\r\n${own}\r\n`,
    `HTTP/1.1 200 OK\r\n${own}A: ${"b".repeat(20_000)}\r\n\r\n`,
    `HTTP/1.1 101 Switching Protocols\r\n${own}Upgrade: echo\r\nConnection: upgrade\r\n\r\n`,
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "",
  ]);
  if (text !== "") return Buffer.from(text, "latin1");
  const bytes = Buffer.from(random.bytes(random.integer(1, 3_000)));
  bytes[0] = 0;
  return bytes;
}

/** How far from its time a kill may be: else kills and reloads would always meet alike. */
const KILL_JITTER_MS = 1_000;
/** How long one stays dead: less than what is between two kills, so that one peer always lives. */
const DEAD_MS = [0, 10, 200, 1_000] as const;

/** Kills one of the origins and starts it again, over and over, until it is told to stop. */
export async function killAndRestart(
  origins: readonly [Origin, ...Origin[]],
  random: Random,
  everyMs: number,
  isOver: () => boolean,
): Promise<number> {
  const startMs = performance.now();
  for (let kills = 0;; kills++) {
    const jitterMs = random.integer(-KILL_JITTER_MS, KILL_JITTER_MS);
    await sleep(startMs + (kills + 1) * everyMs + jitterMs - performance.now());
    if (isOver()) return kills;
    const origin = random.pick(origins);
    await origin.kill();
    await sleep(random.pick(DEAD_MS));
    await listenAgain(origin);
  }
}

/** Its port may be another program's for a moment. */
async function listenAgain(origin: Origin): Promise<void> {
  for (let tries = 0; !origin.isListening; tries++) {
    try {
      await origin.listen();
    } catch (error) {
      if (tries > 50) throw error;
      await sleep(100);
    }
  }
}
