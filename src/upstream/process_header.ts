/**
 * Phase `process_header`: the head of the peer's response.
 *
 * @module
 */
import { AGAIN, Failure, NEVER, type Phase, type Wait, waitForRoom } from "../event/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { Exchange } from "./exchange.ts";

const SWITCHING_PROTOCOLS = 101;

/** Begins to read the response: the Wait ends when there is something of it, or its end. */
export function awaitHeader(exchange: Exchange): Wait {
  const { buf, conn } = exchange.upstream!;
  exchange.doing = "reading response header from upstream";
  exchange.head.begin(buf.cell, buf.pos);
  // A connection that was idle has a read pending, which may have brought something.
  if (conn.pendingRead === undefined && !conn.hasReceived && !conn.hasEnded) conn.recv(buf);
  setDeadline(exchange);
  return conn.readable;
}

/**
 * Takes what has been read into `exchange.head`; the body's first bytes are behind it in
 * the connection's Buf. Interim responses are passed on.
 *
 * @returns Whether the head is whole, as nearly all are with their first bytes; for the
 * others there is {@linkcode processHeader}.
 * @throws {Failure} `closed`, `reset`, `timeout`, or `invalid_header` when the head is
 * malformed or illegal.
 */
export function takeHeader(exchange: Exchange): boolean {
  const { head } = exchange;
  const { buf, conn } = exchange.upstream!;
  const received = conn.recv(buf);
  if (received === AGAIN) return false;
  if (received === 0) {
    throw new Failure("upstream", "closed", "upstream prematurely closed connection");
  }
  // In a cell that is larger the head has no more room than in one of `buffer_size`.
  const end = Math.min(buf.last, buf.pos + exchange.conf.bufferSizeBytes);
  while (parse(exchange, end)) {
    if (!head.isInterim) {
      if (head.status === SWITCHING_PROTOCOLS) checkSwitch(exchange);
      buf.pos = head.end;
      return true;
    }
    exchange.downstream.sendInterim(head);
    head.begin(buf.cell, head.end);
  }
  return false;
}

/**
 * Reads on until {@linkcode takeHeader} has the whole head.
 *
 * @throws {Failure} As that does; and `invalid_header` when the head is larger than
 * `buffer_size`.
 */
export async function* processHeader(exchange: Exchange): Phase<void> {
  const { conn } = exchange.upstream!;
  while (true) {
    if (conn.pendingRead !== undefined) {
      setDeadline(exchange);
      yield conn.readable;
    } else if (isFull(exchange)) {
      yield* enlarge(exchange);
    }
    if (takeHeader(exchange)) return;
  }
}

/** A peer that has not got the whole request need not have answered yet. */
function setDeadline({ upstream, isRequestComplete, context, conf }: Exchange): void {
  const { nowMs } = context.deadlines;
  upstream!.conn.setReadDeadline(isRequestComplete ? nowMs + conf.readTimeoutMs : NEVER);
}

function isFull({ upstream, conf }: Exchange): boolean {
  const { buf } = upstream!;
  return buf.room === 0 || buf.size >= conf.bufferSizeBytes;
}

/** A connection that served another location may have a smaller Buf than this one allows. */
async function* enlarge({ upstream, head, conf, context }: Exchange): Phase<void> {
  const { buf } = upstream!;
  if (buf.cell.length >= conf.bufferSizeBytes) {
    throw new Failure("upstream", "invalid_header", "upstream sent too big header");
  }
  let larger = context.pool.acquire(conf.bufferSizeBytes, "upstream connection");
  while (larger === undefined) {
    yield* waitForRoom(context);
    larger = context.pool.acquire(conf.bufferSizeBytes, "upstream connection");
  }
  larger.cell.set(buf.cell);
  larger.pos = buf.pos;
  larger.last = buf.last;
  buf.release();
  upstream!.buf = larger;
  head.moveTo(larger.cell);
}

/** A 101 is an answer to a whole request that asks for it: what would be taken for what otherwise? */
function checkSwitch({ downstream, isRequestComplete }: Exchange): void {
  if (downstream.asksForUpgrade && isRequestComplete) return;
  const when = downstream.asksForUpgrade ? "before it had the whole request" : "unasked";
  throw new Failure("upstream", "invalid_header", `upstream changed protocols ${when}`);
}

function parse({ head }: Exchange, end: number): boolean {
  try {
    return head.parse(end);
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
    throw new Failure(
      "upstream",
      "invalid_header",
      `upstream sent invalid header: ${error.message}`,
    );
  }
}
