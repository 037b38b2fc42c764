/**
 * A client that can do what no well-behaved client does: send any bytes in any
 * pieces, leave in the middle, read slowly or not at all. Its response reader is
 * independent of Sluice's own.
 *
 * @module
 */
import { connect as connectSocket, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import { PATIENCE_MS, within } from "./within.ts";
import { bytesOf, concat, EndedEarly, type Ending, fill, Inbox, writeAll } from "./inbox.ts";
import { type Fields, readChunked, readResponseHead, type ResponseHead } from "./http_text.ts";

/** How a response's body was delimited (RFC 9112, section 6.3). */
export type Framing = "none" | "content_length" | "chunked" | "close";

/** A response, whole or broken off. */
export interface Response extends ResponseHead {
  readonly framing: Framing;
  /** The body without its framing; what had arrived of it when it is not complete. */
  readonly body: Uint8Array;
  /** The body as UTF-8. */
  readonly bodyText: string;
  /** Sizes of the chunks of a chunked body. */
  readonly chunkSizes: readonly number[];
  /** Trailer fields of a complete chunked body. */
  readonly trailers: Fields | undefined;
  /** False when the server ended before the body did. */
  readonly isComplete: boolean;
  /** How the server had ended its direction when the body was read, if it had. */
  readonly ending: Ending | undefined;
}

/** How to read one response. */
export interface ReadOptions {
  /** Of the request: the answer to HEAD has no body. @default {"GET"} */
  readonly method?: string;
  /** Bound on the whole read, in ms. @default {10_000} */
  readonly patienceMs?: number;
}

/** How to connect. */
export interface ConnectOptions {
  /**
   * Bytes that wait in the client before it stops reading the socket. With a small
   * value and no reads the server's sends come to a stand. @default {1 MiB}
   */
  readonly highWaterBytes?: number;
}

/** A connection to a server under test. `await using` it. */
export class Client implements AsyncDisposable {
  readonly socket: Socket;
  readonly #inbox = new Inbox();
  readonly #closed = Promise.withResolvers<void>();

  /** @param socket Already connected; see {@linkcode connect}. */
  constructor(socket: Socket, options: ConnectOptions = {}) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.once("close", () => this.#closed.resolve());
    fill(this.#inbox, socket, options.highWaterBytes ?? 1 << 20);
  }

  /** How the server ended its direction; waits for it. @throws {WaitedTooLong} */
  get ended(): Promise<Ending> {
    return within(this.#inbox.ended, "the server to end the connection");
  }

  /** How the server ended its direction, if it has. */
  get ending(): Ending | undefined {
    return this.#inbox.ending;
  }

  /** Bytes that arrived and were not read yet. */
  get unreadBytes(): number {
    return this.#inbox.sizeBytes;
  }

  /** Sends all of `data`, and waits until the kernel has it. @throws {EndedEarly} */
  send(data: string | Uint8Array): Promise<void> {
    return writeAll(this.socket, this.#inbox, bytesOf(data));
  }

  /**
   * Sends `data` in pieces of the given sizes, each as a segment of its own; what
   * the sizes leave over goes as a last piece.
   *
   * @throws {EndedEarly}
   */
  async sendInPieces(data: string | Uint8Array, sizes: readonly number[]): Promise<void> {
    const bytes = bytesOf(data);
    let at = 0;
    for (const size of [...sizes, bytes.length]) {
      if (at >= bytes.length) break;
      await this.send(bytes.subarray(at, at + size));
      await new Promise<void>((resolve) => setImmediate(resolve));
      at += size;
    }
  }

  /** Sends every byte as a segment of its own. @throws {EndedEarly} */
  sendBytewise(data: string | Uint8Array): Promise<void> {
    const bytes = bytesOf(data);
    return this.sendInPieces(bytes, new Array<number>(bytes.length).fill(1));
  }

  /**
   * Reads one response. An interim one (1xx) is a response without a body; read
   * again for the final one. A body that ends early is not thrown but told:
   * `isComplete` is false.
   *
   * @throws {EndedEarly} When the server ends before the head is complete.
   * @throws {NotHttp} When it sends what is not HTTP/1.
   * @throws {WaitedTooLong}
   */
  readResponse(options: ReadOptions = {}): Promise<Response> {
    return within(
      this.#readResponse(options.method ?? "GET"),
      () => `a response: ${this.unreadBytes} bytes unread`,
      options.patienceMs ?? PATIENCE_MS,
    );
  }

  /** Reads exactly `count` raw bytes. @throws {EndedEarly} @throws {WaitedTooLong} */
  readBytes(count: number): Promise<Uint8Array> {
    return within(this.#inbox.exactly(count), () => `${count} bytes: ${this.unreadBytes} unread`);
  }

  /** Reads raw bytes through `delimiter`. @throws {EndedEarly} @throws {WaitedTooLong} */
  readThrough(delimiter: string): Promise<Uint8Array> {
    const wanted = `bytes through ${JSON.stringify(delimiter)}`;
    return within(this.#inbox.through(delimiter, wanted), wanted);
  }

  /** Reads a response's head and leaves its body for the other reads. */
  readHead(): Promise<ResponseHead> {
    return within(readResponseHead(this.#inbox), "a response head");
  }

  /** Reads raw bytes until the server ends its direction. @throws {WaitedTooLong} */
  readToEnd(): Promise<Uint8Array> {
    return within(this.#inbox.toEnd(), () => `the server to end: ${this.unreadBytes} unread`);
  }

  /** Throws `count` bytes of a large body away as they come. @throws {EndedEarly} */
  discard(count: number): Promise<void> {
    return this.#inbox.discard(count);
  }

  /** Stops reading the socket; {@linkcode resume} goes on. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Sends FIN and goes on reading. */
  async halfClose(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.socket.end(() => resolve());
    await promise;
  }

  /** Ends the connection with RST, as a killed client does. TCP only. */
  async reset(): Promise<void> {
    this.socket.resetAndDestroy();
    await this.#closed.promise;
  }

  /** Closes both directions. */
  async close(): Promise<void> {
    this.socket.destroy();
    await this.#closed.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #readResponse(method: string): Promise<Response> {
    const head = await readResponseHead(this.#inbox);
    const framing = framingOf(method, head);
    const { body, isComplete, chunkSizes = [], trailers } = await this.#readBody(framing, head);
    return {
      ...head,
      framing,
      body,
      get bodyText() {
        return new TextDecoder().decode(body);
      },
      chunkSizes,
      trailers,
      isComplete,
      ending: this.#inbox.ending,
    };
  }

  async #readBody(framing: Framing, head: ResponseHead): Promise<BodyRead> {
    const arrived: Uint8Array[] = [];
    try {
      switch (framing) {
        case "none":
          return { body: new Uint8Array(0), isComplete: true };
        case "content_length": {
          const length = Number(head.fields.get("Content-Length"));
          return { body: await this.#inbox.exactly(length, "the body"), isComplete: true };
        }
        case "chunked": {
          const chunked = await readChunked(this.#inbox, (data) => arrived.push(data));
          return { ...chunked, isComplete: true };
        }
        case "close": {
          const body = await this.#inbox.toEnd();
          return { body, isComplete: this.#inbox.ending !== "reset" };
        }
      }
    } catch (error) {
      if (!(error instanceof EndedEarly)) throw error;
      const body = framing === "chunked" ? concat(arrived) : error.partial;
      return { body, isComplete: false };
    }
  }
}

interface BodyRead {
  readonly body: Uint8Array;
  readonly isComplete: boolean;
  readonly chunkSizes?: readonly number[];
  readonly trailers?: Fields;
}

/**
 * Connects to "127.0.0.1:8080", "[::1]:8080" or "unix:/path".
 *
 * @throws {Error} `code` "ECONNREFUSED" and the like.
 */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Client> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connectSocket({ ...parseAddress(address), allowHalfOpen: true });
  socket.once("error", reject);
  socket.once("connect", () => resolve());
  await within(promise, `a connection to ${address}`);
  socket.off("error", reject);
  return new Client(socket, options);
}

/** One request on a connection of its own: connect, send, read one response, close. */
export async function exchange(
  address: string,
  request: string | Uint8Array,
  options: ReadOptions = {},
): Promise<Response> {
  await using client = await connect(address);
  await client.send(request);
  return await client.readResponse(options);
}

/** The text of a request without a body. */
export function getRequest(target = "/", ...fieldLines: readonly string[]): string {
  return [`GET ${target} HTTP/1.1`, "Host: test", ...fieldLines, "", ""].join("\r\n");
}

function parseAddress(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith("unix:")) return { path: address.slice("unix:".length) };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) {
    throw new TypeError(`Cannot connect to "${address}": expected HOST:PORT or unix:PATH`);
  }
  return { host, port: Number(match?.[3]) };
}

function framingOf(method: string, head: ResponseHead): Framing {
  if (method === "HEAD" || head.status < 200 || head.status === 204 || head.status === 304) {
    return "none";
  }
  const coding = head.fields.get("Transfer-Encoding");
  if (coding !== undefined) return coding.toLowerCase() === "chunked" ? "chunked" : "close";
  return head.fields.has("Content-Length") ? "content_length" : "close";
}
