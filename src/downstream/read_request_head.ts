/**
 * Phase `read_request_head`: the next request of a client's connection.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { AGAIN, Failure, type Phase, until, type Wait, waitForRoom } from "../event/mod.ts";
import { PROCESS_SLOTS } from "../log/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { ClientConnection } from "./client_connection.ts";

/**
 * Begins to wait for the next request of an idle connection, without a phase: thousands of
 * them wait, and a phase that waits costs each some memory.
 *
 * @returns What ends the wait; undefined where there is more to do than that, and
 * {@linkcode readRequestHead} has to do it.
 */
export function awaitRequest(client: ClientConnection): Wait | undefined {
  const { conn, context } = client;
  if (client.isDraining) return undefined;
  if (client.buf === undefined) {
    client.buf = client.acquireHeadBuf("client connection");
  }
  const { buf } = client;
  if (buf === undefined || buf.size > 0) return undefined; // no memory; or it was pipelined
  client.isIdle = true;
  conn.setReadDeadline(context.deadlines.nowMs + client.idleMs);
  if (conn.pendingRead === undefined && !conn.hasReceived && !conn.hasEnded) conn.recv(buf);
  return conn.readable;
}

/**
 * Takes what {@linkcode awaitRequest} has waited for, as {@linkcode readRequestHead} does.
 *
 * @returns Whether there is a request; undefined where it did not come in one piece, or
 * has to wait its turn: {@linkcode readRequestHead} goes on with it.
 */
export function takeRequest(client: ClientConnection): boolean | undefined {
  const { conn } = client;
  const buf = client.buf!;
  const received = conn.recv(buf);
  if (received === AGAIN) return undefined;
  if (received === 0) return false;
  client.isIdle = false;
  client.startedAtMs = client.context.deadlines.nowMs;
  const { head } = client;
  head.begin(buf.cell, 0);
  if (!head.parse(buf.last) || conn.isSending) return undefined;
  conn.checkSending();
  buf.pos = head.end;
  client.beginRequest();
  return true;
}

/**
 * Reads a request head into `client.head`. The Buf's unread bytes are behind it then.
 *
 * @returns Whether there is a request: not if the client closed instead of sending one.
 * @throws {BadMessage} The head is refused; the client should be told.
 * @throws {Failure} The client broke off, or was too slow.
 */
export async function* readRequestHead(client: ClientConnection): Phase<boolean> {
  const { conn, context } = client;
  let buf = client.buf;
  if (buf === undefined) {
    buf = client.acquireHeadBuf("client connection");
    while (buf === undefined) {
      yield* waitForRoom(context);
      buf = client.acquireHeadBuf("client connection");
    }
    client.buf = buf;
  }
  if (buf.size === 0 || conn.hasReceived) {
    if (client.isDraining && !conn.hasReceived && !client.mayAskOnceMore) return false;
    client.isIdle = true;
    conn.setReadDeadline(context.deadlines.nowMs + client.idleMs);
    let received = conn.recv(buf);
    while (received === AGAIN) {
      yield conn.readable;
      received = conn.recv(buf);
    }
    if (received === 0) return false;
    client.isIdle = client.isPipelined = false;
  } else if (buf.pos > 0) {
    client.isPipelined = true;
    buf.cell.copyWithin(0, buf.pos, buf.last); // pipelined: to the front, where a head begins
    buf.last -= buf.pos;
    buf.pos = 0;
  }

  client.startedAtMs = context.deadlines.nowMs;
  const { head } = client;
  head.begin(buf.cell, 0);
  if (!head.parse(buf.last)) {
    yield* readOn(client);
    buf = client.buf!;
  }
  buf.pos = head.end;
  while (conn.isSending) yield conn.writable; // the answer before this one: one at a time
  conn.checkSending(); // who has not got that one will not get another
  client.beginRequest();
  return true;
}

/** The head did not come in one piece, or is larger than a small Buf. */
async function* readOn(client: ClientConnection): Phase<void> {
  const { conn, context, head } = client;
  const deadlineMs = client.startedAtMs + client.shared.settings.conf.clientHeaderTimeoutMs;
  while (head.end === 0) {
    if (makeRoom(client)) yield* until(conn.readable, () => takeMore(client, deadlineMs));
    else yield* waitForRoom(context);
  }
}

/**
 * Makes sure that there is room behind what has come of the head, in a larger Buf if need be.
 *
 * @returns Whether there is; if not, there is no memory.
 * @throws {BadMessage} The head may not be so large.
 */
function makeRoom(client: ClientConnection): boolean {
  const { context: { pool }, head } = client;
  const buf = client.buf!;
  if (buf.last >= lineEndMax(client)) throw tooLarge(client);
  if (buf.last < buf.cell.length) return true;
  if (pool.isScarce) throw tooBusy(client);
  const larger = pool.acquire(nextSize(client, buf), "large client header");
  if (larger === undefined) return false;
  larger.cell.set(buf.cell);
  larger.last = buf.last;
  buf.release();
  client.buf = larger;
  head.moveTo(larger.cell);
  return true;
}

/**
 * Reads into the room that there is.
 *
 * @returns Whether there is more to do than to wait: the head is whole, or needs more room.
 * @throws {BadMessage} The head is refused. @throws {Failure} The client broke off.
 */
function takeMore(client: ClientConnection, deadlineMs: number): boolean {
  const { conn, head } = client;
  const buf = client.buf!;
  while (true) {
    if (conn.pendingRead === undefined && !conn.hasReceived) {
      buf.end = Math.min(buf.cell.length, lineEndMax(client));
      if (buf.room === 0) return true;
    }
    const received = conn.recv(buf, true);
    if (received === AGAIN) {
      conn.setReadDeadline(deadlineMs); // for the head as a whole: a trickle does not extend it
      return false;
    }
    if (received === 0) {
      throw new Failure("downstream", "closed", "client prematurely closed connection");
    }
    if (head.parse(buf.last)) return true;
  }
}

/** No read goes beyond the longest line, so that none is longer however it comes. */
function lineEndMax({ head, shared }: ClientConnection): number {
  return head.lineStart + shared.settings.conf.largeClientHeaderBufferSizeBytes;
}

/** From the small Buf to one large one, to all of them in one piece. */
function nextSize(client: ClientConnection, buf: Buf): number {
  const { largeClientHeaderBufferCount, largeClientHeaderBufferSizeBytes } =
    client.shared.settings.conf;
  if (buf.cell.length < largeClientHeaderBufferSizeBytes) return largeClientHeaderBufferSizeBytes;
  const allBytes = largeClientHeaderBufferCount * largeClientHeaderBufferSizeBytes;
  if (buf.cell.length < allBytes) return allBytes;
  throw tooLarge(client);
}

function tooLarge({ head }: ClientConnection): BadMessage {
  return head.isFirstLineDone
    ? new BadMessage(431, "too large a request head")
    : new BadMessage(414, "too long a request line");
}

/** `shed_load`: a request that has not begun yet takes no more of what those that run need. */
function tooBusy({ context: { counts } }: ClientConnection): BadMessage {
  if (counts !== undefined) counts.process[PROCESS_SLOTS.shedForMemory]! += 1;
  return new BadMessage(503, "no buffer memory for a large head");
}
