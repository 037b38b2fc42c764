/**
 * No byte of one connection on another: every request and every body is made of a mark of its
 * own, clients leave at any step, origins break off at any byte, and the cells of the little
 * memory there is pass from one to the next all the time.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";
import { ByteSocket } from "../bench/soak/byte_socket.ts";
import { Content, hex, markOf, MarkScanner, marksIn, tokenOf } from "../bench/soak/marks.ts";
import { withSluice } from "../support/in_process.ts";
import { Random } from "../support/random.ts";
import { Found } from "./fuzzers.ts";

/** What came of a run. */
export interface IsolationTally {
  readonly connections: number;
  readonly requests: number;
  /** Answered whole, every byte compared. */
  readonly answered: number;
  /** Answered with an error of Sluice's own, or cut because the origin broke off. */
  readonly failed: number;
  /** Connections that the client left before it had all its answers. */
  readonly left: number;
  /** Uploads that an origin read to their end, every byte compared. */
  readonly uploads: number;
}

/** Connections at a time. */
const AT_A_TIME = 32;

/** The three ways of relaying: through buffers, as it comes, and through a temporary file. */
const PLACES = ["buffered", "streamed", "filed"] as const;

const CONFIG = (origin: string) => `
buffer_memory: 2m
upstreams: { app: { servers: [${origin}], keepalive: 8 } }
servers:
  - listen: 127.0.0.1:0
    locations:
      /buffered/: { proxy: { pass: "http://app", http_version: "1.1" } }
      /streamed/: { proxy: { pass: "http://app", http_version: "1.1", buffering: off, request_buffering: off } }
      /filed/: { client_body_buffer_size: 1k, proxy: { pass: "http://app", http_version: "1.1", buffers: 2 4k, buffer_size: 4k, busy_buffers_size: 4k } }
`;

/**
 * Plays connections `from` and on until `isOver` says so. What connection n does depends on `seed`
 * and n only; when it does it is the machine's.
 *
 * @throws {Found} When a mark is seen where it is not to be.
 */
export async function playIsolation(
  seed: number,
  isOver: (played: number) => boolean,
  from = 0,
): Promise<IsolationTally> {
  const run = new Run(seed, from);
  await using origin = await EchoOrigin.start(run);
  try {
    await withSluice(CONFIG(origin.address), async (address) => {
      const work = async () => {
        while (!isOver(run.connections) && run.violations.length === 0) await run.play(address);
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, work));
    });
  } catch (cause) {
    run.violations.push(cause instanceof Error ? cause.message : String(cause));
  }
  if (run.violations.length === 0) return run;
  const again = `again: deno task fuzz --only isolation --seed ${seed} --from ${from}`;
  throw new Found(`${run.violations.slice(0, 10).join("\n")}\n${again}`);
}

/** One request as its client means it. */
interface Asked {
  readonly mark: number;
  readonly method: "GET" | "POST";
  readonly size: number;
  readonly uploadSize: number;
  readonly head: string;
}

class Run implements IsolationTally {
  connections = 0;
  requests = 0;
  answered = 0;
  failed = 0;
  left = 0;
  uploads = 0;
  readonly violations: string[] = [];
  readonly #seed: number;
  readonly #from: number;

  constructor(seed: number, from: number) {
    this.#seed = seed;
    this.#from = from;
  }

  /** Every mark that `seen` has must be the one that is `own`. */
  check(seen: readonly number[], own: number, where: string): void {
    for (const mark of seen) {
      if (mark !== own) this.violations.push(`${tokenOf(mark)} in ${where} of ${tokenOf(own)}`);
    }
  }

  /** One client, from connecting to leaving. */
  async play(address: string): Promise<void> {
    const number = this.#from + this.connections++;
    const random = new Random(this.#seed ^ Math.imul(number, 0x9e37_79b1));
    const asked = Array.from({ length: random.pick([1, 1, 2, 4]) }, (_, index) => {
      // Marks have room for so many connections: those that share one are long apart.
      return ask(random, markOf(number & 0xff_ffff, index));
    });
    const client = await ByteSocket.open(address);
    const leavesAt = random.chance(0.4) ? random.integer(0, asked.length * 6) : Infinity;
    let step = 0;
    const hasLeft = (): boolean => {
      if (step++ < leavesAt) return false;
      if (random.chance(0.5)) client.reset();
      else client.close();
      this.left++;
      return true;
    };
    const isPipelined = random.chance(0.3);
    if (hasLeft()) return;
    try {
      if (isPipelined) {
        for (const one of asked) if (this.#send(client, one, hasLeft)) return;
      }
      for (const one of asked) {
        if (!isPipelined && this.#send(client, one, hasLeft)) return;
        if (hasLeft() || !await this.#read(client, one, hasLeft)) return;
      }
    } finally {
      client.close();
    }
  }

  /**
   * Writes all of a request without waiting: Sluice may answer before it has read it. Returns
   * whether the client has left in the middle of it.
   */
  #send(client: ByteSocket, asked: Asked, hasLeft: () => boolean): boolean {
    this.requests++;
    const { head, mark, uploadSize } = asked;
    const middle = head.length >> 1;
    client.write(head.slice(0, middle));
    if (hasLeft()) return true;
    client.write(head.slice(middle));
    if (uploadSize === 0) return false;
    const body = new Content(mark).slice(0, uploadSize);
    client.write(body.subarray(0, uploadSize >> 1));
    if (hasLeft()) return true;
    client.write(body.subarray(uploadSize >> 1));
    return false;
  }

  /** Returns whether another answer may come. */
  async #read(client: ByteSocket, asked: Asked, hasLeft: () => boolean): Promise<boolean> {
    const { mark, size } = asked;
    const head = await client.head();
    this.check(marksIn(head ?? client.partialHead), mark, "an answer's head");
    if (head === undefined) {
      this.failed++;
      return false;
    }
    const status = Number(head.slice(9, 12));
    const isMarked = marksIn(head).length > 0;
    if (status === 200 && !isMarked) this.violations.push(`an answer without ${tokenOf(mark)}`);
    if (hasLeft()) return false;
    let bytes = 0;
    const content = new Content(mark);
    const scanner = new MarkScanner((seen) => this.check([seen], mark, "an answer"));
    const sink = (piece: Buffer): void => {
      if (!isMarked) scanner.feed(piece);
      else if (!content.isAt(bytes, piece)) {
        this.violations.push(`other bytes at ${bytes} of the answer to ${tokenOf(mark)}`);
        scanner.feed(piece);
      }
      bytes += piece.length;
    };
    const length = /\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1];
    const isWhole = length === undefined
      ? await client.takeChunked(sink)
      : await client.take(Number(length), sink);
    if (status !== 200 || !isWhole) {
      this.failed++;
      return isWhole && !/\r\nConnection: close\r\n/i.test(head);
    }
    if (bytes !== size) this.violations.push(`${bytes} bytes, not ${size}, for ${tokenOf(mark)}`);
    this.answered++;
    return !/\r\nConnection: close\r\n/i.test(head);
  }
}

function ask(random: Random, mark: number): Asked {
  const place = random.pick(PLACES);
  const size = random.integer(0, random.pick([10, 2_000, 20_000, 100_000]));
  const uploadSize = random.integer(0, random.pick([0, 0, 500, 20_000, 60_000]));
  const breaksAt = random.chance(0.1) ? random.integer(0, size) : -1;
  const framing = random.pick(["length", "chunks", "end"]);
  const method = uploadSize > 0 ? "POST" : "GET";
  const head = `${method} /${place}/${size}/${framing}/${breaksAt}?m=${hex(mark)} HTTP/1.1\r\n` +
    `Host: isolation\r\nX-Mark: ${tokenOf(mark)}\r\n` +
    `${uploadSize > 0 ? `Content-Length: ${uploadSize}\r\n` : ""}\r\n`;
  return { mark, method, size, uploadSize, head };
}

/** Answers with as many bytes of a request's mark as its path says, or breaks off. */
class EchoOrigin implements AsyncDisposable {
  readonly address: string;
  readonly #close: () => Promise<void>;

  private constructor(address: string, close: () => Promise<void>) {
    this.address = address;
    this.#close = close;
  }

  static async start(run: Run): Promise<EchoOrigin> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      serve(new ByteSocket(socket), run).catch((error) => run.violations.push(String(error)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("Cannot find the port");
    return new EchoOrigin(`127.0.0.1:${address.port}`, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

async function serve(conn: ByteSocket, run: Run): Promise<void> {
  while (await serveOne(conn, run));
  conn.finishAndClose();
}

/** Returns whether the connection goes on. */
async function serveOne(conn: ByteSocket, run: Run): Promise<boolean> {
  const head = await conn.head();
  if (head === undefined) return false;
  const [, size, framing, breaksAt, digits] =
    /^\w+ \/\w+\/(\d+)\/(\w+)\/(-?\d+)\?m=(\w{8}) HTTP\/1\.1\r\n/.exec(head) ?? [];
  if (digits === undefined) {
    run.violations.push(`an origin read what nobody sent: ${JSON.stringify(head)}`);
    return false;
  }
  const mark = parseInt(digits, 16);
  const marks = marksIn(head);
  run.check(marks, mark, "a request's head");
  if (marks.length !== 1) run.violations.push(`${marks.length} marks in a head of ${digits}`);
  const content = new Content(mark);
  if (!await readUpload(conn, run, head, mark, content)) return false;
  await answer(conn, content, { mark, size: Number(size), framing, breaksAt: Number(breaksAt) });
  return framing !== "end" && breaksAt === "-1";
}

/** Returns whether it came whole. */
async function readUpload(
  conn: ByteSocket,
  run: Run,
  head: string,
  mark: number,
  content: Content,
): Promise<boolean> {
  const length = Number(/\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1] ?? 0);
  let bytes = 0;
  const isWhole = await conn.take(length, (piece) => {
    if (!content.isAt(bytes, piece)) {
      run.violations.push(`other bytes at ${bytes} of the upload of ${tokenOf(mark)}`);
    }
    bytes += piece.length;
  });
  if (isWhole && length > 0) run.uploads++;
  return isWhole;
}

/** What a request asks for. */
interface Wanted {
  readonly mark: number;
  readonly size: number;
  readonly framing: string | undefined;
  /** Of the body's bytes; -1 for never. */
  readonly breaksAt: number;
}

async function answer(
  conn: ByteSocket,
  content: Content,
  { mark, size, framing, breaksAt }: Wanted,
): Promise<void> {
  const field = framing === "length"
    ? `Content-Length: ${size}\r\n`
    : framing === "chunks"
    ? "Transfer-Encoding: chunked\r\n"
    : "Connection: close\r\n";
  // A body that ends with its connection is whole wherever it ends.
  const sent = breaksAt < 0 || framing === "end" ? size : breaksAt;
  const body = content.slice(0, sent);
  await conn.write(`HTTP/1.1 200 OK\r\nX-Mark: ${tokenOf(mark)}\r\n${field}\r\n`);
  const isChunked = framing === "chunks";
  if (isChunked && sent > 0) await conn.write(`${size.toString(16)}\r\n`);
  await conn.write(body);
  if (sent < size) conn.reset();
  else if (isChunked) await conn.write(size > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
}
