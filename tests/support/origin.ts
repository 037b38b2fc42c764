/**
 * An upstream that does exactly what a test tells it, in raw bytes, over a real
 * socket. A script is a list of steps for one accepted connection:
 *
 * ```ts
 * await using origin = await startOrigin({
 *   each: [expectHead(), send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), reset()],
 * });
 * // … let Sluice talk to origin.address …
 * assertEquals((await origin.waitForRequest(1)).target, "/");
 * ```
 *
 * It stands on `node:net` because a Deno connection cannot send RST.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { type Gate, Tally, within } from "./within.ts";
import { bytesOf, concat, EndedEarly, type Ending, fill, Inbox, writeAll } from "./inbox.ts";
import { readChunked, readRequestHead, type RequestHead } from "./http_text.ts";

/** Emitted by the server of an origin that is closed. */
const DISPOSED = "disposed";

/** One thing to do on a connection. Build them with the functions below. */
export interface Step {
  /** What is being done, for messages: "expectHead()". */
  readonly name: string;
  play(connection: OriginConnection): Promise<void>;
}

/** Steps for one connection, in order. After the last one it stays open and silent. */
export type Script = readonly Step[];

/** How a script came to its end. */
export type Outcome =
  | { readonly kind: "played" }
  /** The other side ended before `step` was through: often just what a test wants. */
  | { readonly kind: "ended"; readonly step: string; readonly ending: Ending }
  /** The other side sent what `step` cannot read, or a step has a bug. */
  | { readonly kind: "failed"; readonly step: string; readonly error: Error };

/** What {@linkcode startOrigin} needs to know. */
export interface OriginOptions {
  /** Scripts of the first connections, in order of acceptance. */
  readonly first?: readonly Script[];
  /** The script of every other connection. @default {[]} (open and silent) */
  readonly each?: Script;
  /** Listens on this unix socket path instead of 127.0.0.1. No RST there. */
  readonly unix?: string;
  /** TCP port; only to come back on the port of an origin that is gone. @default {0} (a free one) */
  readonly port?: number;
  /** Received bytes kept for {@linkcode OriginConnection.received}, per connection. @default {16 MiB} */
  readonly keepBytes?: number;
  /** Speaks TLS; a connection is one whose handshake went well. See `tls_origin.ts`. */
  readonly tls?: TlsOptions;
}

/** One accepted connection: what it saw, and what its script did. */
export class OriginConnection {
  /** 1 for the first accepted. */
  readonly number: number;
  readonly inbox = new Inbox();
  readonly socket: Socket;
  readonly #requests: RequestHead[] = [];
  readonly #kept: Uint8Array[] = [];
  readonly #keepBytes: number;
  readonly #onRequest: (head: RequestHead) => void;
  readonly #closed = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<Outcome>();
  #receivedBytes = 0;
  #keptBytes = 0;

  constructor(
    socket: Socket,
    number: number,
    keepBytes: number,
    onRequest: (head: RequestHead) => void,
  ) {
    this.socket = socket;
    this.number = number;
    this.#keepBytes = keepBytes;
    this.#onRequest = onRequest;
    socket.setNoDelay(true);
    socket.once("close", () => this.#closed.resolve());
    fill(this.inbox, socket, Number.POSITIVE_INFINITY, (chunk) => this.#keep(chunk));
  }

  /** Heads read by `expectHead()` on this connection. */
  get requests(): readonly RequestHead[] {
    return this.#requests;
  }

  /** Every byte that arrived, up to `keepBytes`; also what no step has read. */
  get received(): Uint8Array {
    return concat(this.#kept);
  }

  /** How many bytes arrived, kept or not. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** How the other side ended its direction. @throws {WaitedTooLong} */
  get ended(): Promise<Ending> {
    return within(this.inbox.ended, `the peer of origin connection ${this.number} to end`);
  }

  /** How the script ended. @throws {WaitedTooLong} */
  get finished(): Promise<Outcome> {
    return within(this.#finished.promise, `the script of origin connection ${this.number} to end`);
  }

  /** Settles when the socket is closed in both directions. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Takes a head that a step has read into the books. */
  note(head: RequestHead): void {
    this.#requests.push(head);
    this.#onRequest(head);
  }

  /** Writes all of `bytes` and waits until the kernel has them. @throws {EndedEarly} */
  write(bytes: Uint8Array): Promise<void> {
    return writeAll(this.socket, this.inbox, bytes);
  }

  /** Plays `script`; never rejects. */
  async play(script: Script): Promise<Outcome> {
    const outcome = await this.#play(script);
    this.#finished.resolve(outcome);
    // An open connection outlives its script until the other side leaves.
    this.inbox.ended.then(() => this.socket.end());
    return outcome;
  }

  async #play(script: Script): Promise<Outcome> {
    for (const step of script) {
      try {
        await step.play(this);
      } catch (error) {
        if (error instanceof EndedEarly) {
          return { kind: "ended", step: step.name, ending: error.ending };
        }
        const wrapped = error instanceof Error ? error : new Error(String(error));
        this.socket.destroy();
        return { kind: "failed", step: step.name, error: wrapped };
      }
    }
    return { kind: "played" };
  }

  #keep(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length;
    const kept = chunk.subarray(0, Math.max(0, this.#keepBytes - this.#keptBytes));
    if (kept.length === 0) return;
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
  }
}

/** A listening scripted origin. `await using` it: leaving the scope closes everything. */
export class Origin implements AsyncDisposable {
  /** As configuration writes it: "127.0.0.1:9001" or "unix:/path". */
  readonly address: string;
  /** The TCP port; 0 for a unix socket. */
  readonly port: number;
  readonly #server: Server;
  readonly #connections: Tally<OriginConnection>;
  readonly #requests: Tally<RequestHead>;
  readonly #scripts: Promise<Outcome>[];

  constructor(
    server: Server,
    address: string,
    port: number,
    connections: Tally<OriginConnection>,
    requests: Tally<RequestHead>,
    scripts: Promise<Outcome>[],
  ) {
    this.#server = server;
    this.address = address;
    this.port = port;
    this.#connections = connections;
    this.#requests = requests;
    this.#scripts = scripts;
  }

  /** All connections, in order of acceptance. */
  get connections(): readonly OriginConnection[] {
    return this.#connections.all;
  }

  /** All request heads, in order of arrival over all connections. */
  get requests(): readonly RequestHead[] {
    return this.#requests.all;
  }

  get connectionsSeen(): number {
    return this.#connections.all.length;
  }

  get requestsSeen(): number {
    return this.#requests.all.length;
  }

  /** The k-th connection, counted from 1. @throws {WaitedTooLong} */
  waitForConnection(k: number): Promise<OriginConnection> {
    return this.#connections.nth(k);
  }

  /** The k-th request head, counted from 1. @throws {WaitedTooLong} */
  waitForRequest(k: number): Promise<RequestHead> {
    return this.#requests.nth(k);
  }

  /** Refuses new connections from now on; open ones go on. */
  stopListening(): void {
    this.#server.close();
  }

  /** Closes the listener and every connection, and waits for all of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    if (this.#server.listening) this.#server.close(() => resolve());
    else resolve();
    for (const connection of this.connections) connection.socket.destroy();
    this.#server.emit(DISPOSED);
    await within(
      Promise.all([closed, ...this.#scripts, ...this.connections.map(({ closed }) => closed)]),
      `origin ${this.address} to close`,
    );
  }
}

/** Listens and plays a script on every accepted connection. */
export async function startOrigin(options: OriginOptions = {}): Promise<Origin> {
  const { first = [], each = [], keepBytes = 16 << 20 } = options;
  const connections = new Tally<OriginConnection>("connection");
  const requests = new Tally<RequestHead>("request");
  const scripts: Promise<Outcome>[] = [];

  const accept = (socket: Socket) => {
    const number = connections.all.length + 1;
    const connection = new OriginConnection(
      socket,
      number,
      keepBytes,
      (head) => requests.add(head),
    );
    scripts.push(connection.play(first[number - 1] ?? each));
    connections.add(connection);
  };
  const server = options.tls === undefined
    ? createServer({ allowHalfOpen: true }, accept)
    : createTlsServer({ allowHalfOpen: true, ...options.tls }, accept);
  if (options.tls !== undefined) {
    // A client that leaves in the handshake is not noticed by node:tls of Deno 2.9.6.
    server.on("connection", (raw: Socket) => server.once(DISPOSED, () => raw.destroy()));
  }
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  const where = options.unix === undefined
    ? { host: "127.0.0.1", port: options.port ?? 0 }
    : { path: options.unix };
  server.listen(where, resolve);
  await listening;

  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const address = options.unix === undefined ? `127.0.0.1:${port}` : `unix:${options.unix}`;
  return new Origin(server, address, port, connections, requests, scripts);
}

/** An origin that answers every request on every connection with the same bytes. */
export function respondWith(
  response: string | Uint8Array,
  options: Omit<OriginOptions, "first" | "each"> = {},
): Promise<Origin> {
  return startOrigin({ ...options, each: [repeat(expectRequest(), send(response))] });
}

/** The bytes of a complete 200 response with a Content-Length. */
export function okResponse(
  body: string | Uint8Array,
  ...fieldLines: readonly string[]
): Uint8Array {
  const bytes = bytesOf(body);
  const lines = ["HTTP/1.1 200 OK", `Content-Length: ${bytes.length}`, ...fieldLines, "", ""];
  return concat([bytesOf(lines.join("\r\n")), bytes]);
}

/** Reads one request head. */
export function expectHead(): Step {
  return {
    name: "expectHead()",
    async play(connection) {
      connection.note(await readRequestHead(connection.inbox));
    },
  };
}

/** Reads `count` bytes of body. */
export function expectBody(count: number): Step {
  return { name: `expectBody(${count})`, play: ({ inbox }) => inbox.discard(count) };
}

/** Reads a request head and the body that its fields announce. */
export function expectRequest(): Step {
  return {
    name: "expectRequest()",
    async play(connection) {
      const head = await readRequestHead(connection.inbox);
      connection.note(head);
      if (head.fields.get("Transfer-Encoding")?.toLowerCase() === "chunked") {
        await readChunked(connection.inbox);
      } else {
        await connection.inbox.discard(Number(head.fields.get("Content-Length") ?? 0));
      }
    },
  };
}

/** Sends all of `data`: as few writes as the socket takes. */
export function send(data: string | Uint8Array): Step {
  const bytes = bytesOf(data);
  return {
    name: `send(${bytes.length} bytes)`,
    play: (connection) => connection.write(bytes),
  };
}

/**
 * Sends every byte as a segment of its own. Whether a reader also sees them one
 * by one is the kernel's choice; a unit test with a scripted connection decides it.
 */
export function sendBytewise(data: string | Uint8Array): Step {
  const bytes = bytesOf(data);
  return {
    name: `sendBytewise(${bytes.length} bytes)`,
    async play(connection) {
      for (let at = 0; at < bytes.length; at++) {
        await connection.write(bytes.subarray(at, at + 1));
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
  };
}

/**
 * Sends `total` bytes made of `pattern` over and over, without holding them all.
 *
 * @param total In bytes.
 */
export function sendMany(total: number, pattern: Uint8Array): Step {
  return {
    name: `sendMany(${total} bytes)`,
    async play(connection) {
      for (let left = total; left > 0; left -= pattern.length) {
        await connection.write(pattern.subarray(0, left));
      }
    },
  };
}

/** Does nothing until the test opens the gate. What arrives meanwhile is kept for the next step. */
export function pause(until: Gate | Promise<void>): Step {
  return {
    name: "pause()",
    play: ({ closed }) => Promise.race([until instanceof Promise ? until : until.opened, closed]),
  };
}

/** Reads nothing until the gate opens: the sender sees its window close. */
export function stopReading(until: Gate): Step {
  return {
    name: "stopReading()",
    async play({ socket, closed }) {
      socket.pause();
      await Promise.race([until.opened, closed]);
      if (!socket.destroyed) socket.resume();
    },
  };
}

/** Ends the connection with RST. TCP only. */
export function reset(): Step {
  return {
    name: "reset()",
    async play({ socket, closed }) {
      socket.resetAndDestroy();
      await closed;
    },
  };
}

/** Sends FIN and closes without waiting for the other side. */
export function close(): Step {
  return {
    name: "close()",
    async play({ socket, closed }) {
      socket.destroySoon();
      await closed;
    },
  };
}

/** Sends FIN and goes on reading. */
export function halfClose(): Step {
  return {
    name: "halfClose()",
    async play({ socket }) {
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.end(() => resolve());
      await promise;
    },
  };
}

/** Reads and says nothing until the other side ends. */
export function silent(): Step {
  return {
    name: "silent()",
    async play({ inbox }) {
      await inbox.toEnd();
    },
  };
}

/** Waits for the other side's FIN (or RST) without reading on. */
export function expectEnd(): Step {
  return {
    name: "expectEnd()",
    async play({ inbox }) {
      await inbox.ended;
    },
  };
}

/** Plays `steps` again and again until the other side ends: a keepalive connection. */
export function repeat(...steps: Script): Step {
  return {
    name: `repeat(${steps.map(({ name }) => name).join(", ")})`,
    async play(connection) {
      for (;;) for (const step of steps) await step.play(connection);
    },
  };
}

/** Anything else: a step from a function. */
export function act(name: string, play: (connection: OriginConnection) => Promise<void>): Step {
  return { name, play };
}
