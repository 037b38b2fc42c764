/**
 * Traffic that notices when anything goes wrong with it: kept connections with small requests,
 * event streams and WebSockets, in front of an origin of its own. For tests in which the server
 * changes while it runs.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** How much of what. */
export interface TrafficOptions {
  /** Kept connections, each with one request after the other. */
  readonly kept: number;
  /** Requests a second, on all of them together. */
  readonly requestsPerSecond: number;
  /** Event streams at a time. */
  readonly streams: number;
  /** WebSockets at a time. */
  readonly sockets: number;
  /** How long a stream or WebSocket is used, on average, in ms. */
  readonly lifeMs: number;
  readonly random: Random;
}

/** What came of it. */
export interface TrafficReport {
  readonly requests: number;
  readonly events: number;
  readonly messages: number;
  /** Connections of kept clients that ended as the server had said (`Connection: close`). */
  readonly closes: number;
  readonly streams: number;
  readonly sockets: number;
  /** How often each value of the header `X-Conf` was seen. */
  readonly confs: ReadonlyMap<string, number>;
  /** Everything that should not have happened: the first hundred, and how many there were. */
  readonly failures: readonly string[];
  readonly failureCount: number;
}

const EVENT_GAP_MS = 100;
const MESSAGE_GAP_MS = 100;
const FAILURES_TOLD = 100;
const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

/** An origin that echoes: `/events` is a stream of numbers, `/ws` a WebSocket, all else its own path. */
export function startEchoOrigin(): { readonly address: string; stop(): Promise<void> } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/events") return eventStream();
    if (pathname !== "/ws") return new Response(pathname);
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send(data);
    socket.onerror = () => {};
    return response;
  });
  return {
    address: `127.0.0.1:${server.addr.port}`,
    stop: () => server.shutdown(),
  };
}

function eventStream(): Response {
  let timer: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let number = 0;
      timer = setInterval(() => {
        controller.enqueue(ENCODER.encode(`data: ${number++}\n\n`));
      }, EVENT_GAP_MS);
    },
    cancel() {
      clearInterval(timer);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** Runs until {@linkcode Traffic.stop}. */
export class Traffic {
  readonly #address: string;
  readonly #options: TrafficOptions;
  readonly #running: Promise<void>[] = [];
  readonly #confs = new Map<string, number>();
  readonly #failures: string[] = [];
  #failureCount = 0;
  #requests = 0;
  #events = 0;
  #messages = 0;
  #closes = 0;
  #streams = 0;
  #sockets = 0;
  #isStopping = false;

  constructor(address: string, options: TrafficOptions) {
    this.#address = address;
    this.#options = options;
    for (let at = 0; at < options.kept; at++) this.#run(() => this.#keepAsking(at));
    for (let at = 0; at < options.streams; at++) this.#run(() => this.#follow());
    for (let at = 0; at < options.sockets; at++) this.#run(() => this.#talk());
  }

  get requests(): number {
    return this.#requests;
  }

  get failureCount(): number {
    return this.#failureCount;
  }

  /** Ends every connection from this side. */
  async stop(): Promise<TrafficReport> {
    this.#isStopping = true;
    await Promise.all(this.#running);
    return {
      requests: this.#requests,
      events: this.#events,
      messages: this.#messages,
      closes: this.#closes,
      streams: this.#streams,
      sockets: this.#sockets,
      confs: this.#confs,
      failures: this.#failures,
      failureCount: this.#failureCount,
    };
  }

  #run(act: () => Promise<void>): void {
    const again = async (): Promise<void> => {
      while (!this.#isStopping) {
        try {
          await act();
        } catch (error) {
          this.#fail(error instanceof Error ? error.message : String(error));
          await pause(10);
        }
      }
    };
    this.#running.push(again());
  }

  #fail(what: string): void {
    if (this.#failureCount++ < FAILURES_TOLD) this.#failures.push(what);
  }

  /** One kept connection, to its end. */
  async #keepAsking(client: number): Promise<void> {
    const { kept, requestsPerSecond } = this.#options;
    const gapMs = 1_000 * kept / requestsPerSecond;
    using conn = await this.#connect("a kept connection");
    const buffer = new Uint8Array(4_096);
    let nextMs = performance.now() + gapMs * this.#options.random.fraction();
    for (let number = 0; !this.#isStopping; number++) {
      await pause(nextMs - performance.now());
      nextMs = Math.max(nextMs + gapMs, performance.now() - 1_000);
      const path = `/${client}-${number}`;
      let text: string;
      try {
        await conn.write(ENCODER.encode(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`));
        text = await readResponse(conn, buffer);
      } catch (error) {
        throw new Error(`request ${number} of a connection: ${(error as Error).message}`);
      }
      const [head = "", body] = text.split("\r\n\r\n");
      if (!head.startsWith("HTTP/1.1 200 ") || body !== path) {
        throw new Error(`${path} was answered with ${JSON.stringify(text)}`);
      }
      this.#requests++;
      const [, conf = ""] = /\r\nX-Conf: (\S+)/.exec(head) ?? [];
      this.#confs.set(conf, (this.#confs.get(conf) ?? 0) + 1);
      if (/\r\nConnection: close/i.test(head)) {
        this.#closes++;
        return;
      }
    }
  }

  /** One event stream, for a while. */
  async #follow(): Promise<void> {
    using conn = await this.#connect("an event stream");
    this.#streams++;
    await conn.write(ENCODER.encode("GET /events HTTP/1.1\r\nHost: a\r\n\r\n"));
    const endMs = this.#endOfLife();
    const buffer = new Uint8Array(4_096);
    let text = "";
    for (let next = 0; !this.#isStopping && performance.now() < endMs;) {
      const count = await conn.read(buffer);
      if (count === null) throw new Error(`a stream was cut after ${next} events`);
      text += DECODER.decode(buffer.subarray(0, count));
      for (let at = text.indexOf("\n\n"); at >= 0; at = text.indexOf("\n\n")) {
        const number = Number(/data: (\d+)$/.exec(text.slice(0, at))?.[1]);
        text = text.slice(at + 2);
        if (number !== next) throw new Error(`event ${number} came in place of ${next}`);
        next++;
        this.#events++;
      }
    }
  }

  /** One WebSocket, for a while. */
  async #talk(): Promise<void> {
    const socket = new WebSocket(`ws://${this.#address}/ws`);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    let onMessage: (text: string) => void = () => {};
    let isOver = false;
    let broken = "";
    socket.onclose = ({ code }) => {
      if (!isOver) broken ||= `a WebSocket was closed with ${code}`;
      onMessage("");
      end();
    };
    socket.onmessage = ({ data }) => onMessage(String(data));
    await new Promise<void>((resolve) => {
      socket.onopen = () => resolve();
      socket.onerror = () => {
        broken ||= "a WebSocket broke";
        resolve();
      };
    });
    this.#sockets++;
    const endMs = this.#endOfLife();
    for (let number = 0; broken === "" && !this.#isStopping && performance.now() < endMs;) {
      const { promise, resolve } = Promise.withResolvers<string>();
      onMessage = resolve;
      const sent = `message ${number++}`;
      socket.send(sent);
      const received = await promise;
      if (received !== sent) broken ||= `${received} came in place of ${sent}`;
      else this.#messages++;
      await pause(MESSAGE_GAP_MS);
    }
    isOver = true;
    if (socket.readyState !== WebSocket.CLOSED) socket.close();
    await ended;
    if (broken !== "") throw new Error(broken);
  }

  async #connect(what: string): Promise<Deno.TcpConn> {
    const [hostname = "", port] = this.#address.split(":");
    try {
      const conn = await Deno.connect({ hostname, port: Number(port) });
      conn.setNoDelay(true);
      return conn;
    } catch (error) {
      throw new Error(`${what} could not be opened: ${(error as Error).message}`);
    }
  }

  #endOfLife(): number {
    const { lifeMs, random } = this.#options;
    return performance.now() + lifeMs * (0.5 + random.fraction());
  }
}

/** A head and a body of `Content-Length`. */
async function readResponse(conn: Deno.Conn, buffer: Uint8Array): Promise<string> {
  let text = "";
  while (true) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error(`the connection ended after ${text.length} bytes`);
    text += DECODER.decode(buffer.subarray(0, count));
    const bodyStart = text.indexOf("\r\n\r\n") + 4;
    if (bodyStart < 4) continue;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
    if (text.length >= bodyStart + length) return text;
  }
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
