/**
 * The upstream of the embedded configuration: HTTP servers on free ports of
 * 127.0.0.1 that say who they are, so that one command shows real proxying.
 * A demonstration by `Deno.serve`; nothing of the proxy's own runs in it.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A running demo upstream. */
export interface DemoUpstream {
  /** Each peer's `127.0.0.1:PORT`. */
  readonly addresses: readonly string[];
  /** Ends all connections, open streams too. */
  stop(): Promise<void>;
}

/** `/bytes/N` sends at most this many. */
const MOST_BYTES = 1024 ** 4;
/** What `/bytes/N` repeats, and the pieces of it that it sends. */
const PATTERN_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
/** Between two events of `/events`. */
const EVENT_GAP_MS = 1000;
/** `/slow` without `ms`, and at most. */
const SLOW_MS = 2000;
const MOST_SLOW_MS = 10 * 60 * 1000;

const PAGES = `/            who answered, and the request as it came
/events      an event a second
/slow?ms=N   answers after N milliseconds (${SLOW_MS})
/bytes/N     N bytes, the same ones every time
/upload      counts the bytes of the body, with their SHA-256
/status/N    answers with status N
/ws          a WebSocket that sends back what it gets
`;

/** Starts `count` peers, "peer 1" and so on. Takes the permission to listen on 127.0.0.1. */
export function startDemoUpstream(count = 2): Promise<DemoUpstream> {
  const stopping = new AbortController();
  const names = Array.from({ length: count }, (_, index) => `peer ${index + 1}`);
  const servers = names.map((name) => {
    const peer = { name, stopping: stopping.signal };
    const options = {
      hostname: "127.0.0.1",
      port: 0,
      signal: stopping.signal,
      onListen: () => {},
      // Mostly a client that left: no reason to print a stack trace among the proxy's lines.
      onError: (error: unknown) => text(peer, 500, `${error}\n`),
    };
    return Deno.serve(options, (request) => answer(peer, request));
  });
  return Promise.resolve({
    addresses: servers.map(({ addr }) => `${addr.hostname}:${addr.port}`),
    async stop() {
      stopping.abort();
      await Promise.all(servers.map((server) => server.finished));
    },
  });
}

interface Peer {
  readonly name: string;
  readonly stopping: AbortSignal;
}

function answer(peer: Peer, request: Request): Response | Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const [, page = "", argument = ""] = pathname.split("/");
  switch (page) {
    case "":
      return echo(peer, request);
    case "events":
      return events(peer);
    case "slow":
      return slow(peer, searchParams.get("ms") ?? String(SLOW_MS));
    case "bytes":
      return bytes(peer, argument);
    case "upload":
      return upload(peer, request);
    case "status":
      return status(peer, argument);
    case "ws":
      return echoSocket(peer, request);
    default:
      return text(peer, 404, `There is no ${pathname} here. What there is:\n\n${PAGES}`);
  }
}

/** `/`: the request as it arrived, readable. */
function echo(peer: Peer, request: Request): Response {
  const { pathname, search } = new URL(request.url);
  const fields = [...request.headers].map(([name, value]) => `${name}: ${value}`);
  const lines = [`${request.method} ${pathname}${search}`, ...fields];
  return text(peer, 200, `${peer.name} answered this request:\n\n${lines.join("\n")}\n`);
}

/** `/events`: an event at once and then one a second, until the client leaves. */
function events(peer: Peer): Response {
  let number = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const end = (): void => clearInterval(timer);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (): void => {
        // A client that does not read gets the next event when it has read this one.
        if ((controller.desiredSize ?? 0) <= 0) return;
        const data = JSON.stringify({ number: ++number, peer: peer.name });
        controller.enqueue(new TextEncoder().encode(`id: ${number}\ndata: ${data}\n\n`));
      };
      send();
      timer = setInterval(send, EVENT_GAP_MS);
      peer.stopping.addEventListener("abort", end, { once: true });
    },
    cancel() {
      end();
      peer.stopping.removeEventListener("abort", end);
    },
  });
  return respond(peer, 200, stream, {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
  });
}

/** `/slow?ms=N`: the head comes late too. A client that leaves does not end the wait. */
async function slow(peer: Peer, given: string): Promise<Response> {
  const ms = wholeNumber(given, MOST_SLOW_MS);
  if (ms === undefined) {
    return text(peer, 400, `Cannot wait "${given}" ms: need 0 to ${MOST_SLOW_MS}\n`);
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const end = (): void => {
    clearTimeout(timer);
    resolve();
  };
  peer.stopping.addEventListener("abort", end, { once: true });
  await promise;
  peer.stopping.removeEventListener("abort", end);
  return text(peer, 200, `${peer.name} answered after ${ms} ms\n`);
}

/** `/bytes/N`: the same megabyte again and again, which is never copied. */
function bytes(peer: Peer, given: string): Response {
  const count = wholeNumber(given, MOST_BYTES);
  if (count === undefined) {
    return text(peer, 400, `Cannot send "${given}" bytes: need 0 to ${MOST_BYTES}\n`);
  }
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === count) return controller.close();
      const from = sent % PATTERN_BYTES;
      const piece = pattern().subarray(from, Math.min(from + PIECE_BYTES, from + count - sent));
      sent += piece.length;
      controller.enqueue(piece);
    },
  }, { highWaterMark: 1 });
  return respond(peer, 200, stream, {
    "content-type": "application/octet-stream",
    "content-length": String(count),
  });
}

let patternBytes: Uint8Array<ArrayBuffer> | undefined;

/** A megabyte in which no two pieces are the same, so that a wrong order shows in a checksum. */
function pattern(): Uint8Array<ArrayBuffer> {
  if (patternBytes !== undefined) return patternBytes;
  patternBytes = new Uint8Array(PATTERN_BYTES);
  let word = 1;
  for (let i = 0; i < PATTERN_BYTES; i++) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0; // Numerical Recipes' generator
    patternBytes[i] = word >>> 24;
  }
  return patternBytes;
}

/** `/upload`: takes the body piece by piece, into one buffer. */
async function upload(peer: Peer, request: Request): Promise<Response> {
  const hash = createHash("sha256");
  let count = 0;
  for await (const piece of pieces(request.body)) {
    count += piece.length;
    hash.update(piece);
  }
  const report = { peer: peer.name, bytes: count, sha256: hash.digest("hex") };
  return respond(peer, 200, `${JSON.stringify(report)}\n`, { "content-type": "application/json" });
}

/** Each piece is good until the next one is asked for. */
async function* pieces(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = intoBuffer(body);
  if (reader === undefined) return yield* body;
  let memory = new Uint8Array(PIECE_BYTES);
  for (;;) {
    const { done, value } = await reader.read(memory);
    if (done) return;
    yield value;
    memory = new Uint8Array(value.buffer);
  }
}

/** A reader into memory of ours; Deno's stream of a small body has none, and need not. */
function intoBuffer(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** `/status/N`. */
function status(peer: Peer, given: string): Response {
  const code = wholeNumber(given, 599);
  // A Response cannot be interim.
  if (code === undefined || code < 200) {
    return text(peer, 400, `Cannot answer with status "${given}": need 200 to 599\n`);
  }
  const hasNoBody = code === 204 || code === 205 || code === 304;
  return hasNoBody
    ? respond(peer, code, null, {})
    : text(peer, code, `${peer.name} answered ${code}\n`);
}

/** `/ws`: text as text, bytes as bytes. */
function echoSocket(peer: Peer, request: Request): Response {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return respond(peer, 426, "This is a WebSocket: ask with Upgrade: websocket\n", {
      "content-type": "text/plain; charset=utf-8",
      upgrade: "websocket",
    });
  }
  const { socket, response } = Deno.upgradeWebSocket(request);
  const end = (): void => socket.close(1001, "the demo upstream stops");
  socket.addEventListener(
    "message",
    ({ data }: MessageEvent<string | ArrayBuffer>) => socket.send(data),
  );
  socket.addEventListener("close", () => peer.stopping.removeEventListener("abort", end));
  peer.stopping.addEventListener("abort", end, { once: true });
  return response;
}

function text(peer: Peer, code: number, body: string): Response {
  return respond(peer, code, body, { "content-type": "text/plain; charset=utf-8" });
}

/** Every answer names its peer, so that `curl -i` shows the balancing. */
function respond(
  peer: Peer,
  code: number,
  body: string | ReadableStream<Uint8Array> | null,
  fields: Readonly<Record<string, string>>,
): Response {
  return new Response(body, { status: code, headers: { ...fields, "x-peer": peer.name } });
}

/** A decimal number from 0 to `most`. */
function wholeNumber(text: string, most: number): number | undefined {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  return value <= most ? value : undefined;
}
