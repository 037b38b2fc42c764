/**
 * Phase `read_request_head`: the next request of a client's connection.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import {
  AGAIN,
  Failure,
  type Phase,
  Repeated,
  until,
  type Wait,
  waitForRoom,
} from "../event/mod.ts";
import { PROCESS_SLOTS } from "../log/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { ClientConnection } from "./client_connection.ts";

/**
 * Begins to wait for the next request of an idle connection, without a phase: thousands of
 * them wait, and a phase that waits costs each some memory.
 *
 * @returns What ends the wait, and {@linkcode takeFirst} takes what it has brought. undefined: it
 * has not begun, since some has come already ({@linkcode takePipelined}), or since there is more to
 * do than to wait, which {@linkcode readRequestHead} does.
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
 * Takes the first piece of a head, which {@linkcode awaitRequest} has waited for.
 *
 * @returns Whether the client is still there.
 * @throws {BadMessage} The head is refused. @throws {Failure} The client broke off.
 */
export function takeFirst(client: ClientConnection): boolean {
  const received = client.conn.recv(client.buf!);
  if (received === AGAIN) return true; // woken for nothing
  if (received === 0) return false;
  client.isIdle = client.isPipelined = false;
  parseFirst(client);
  return true;
}

/**
 * Takes the first piece of a head that has come behind another request, or behind a header of the
 * PROXY protocol, if one has.
 *
 * @throws {BadMessage} The head is refused.
 */
export function takePipelined(client: ClientConnection): void {
  const { buf, conn } = client;
  if (buf === undefined || buf.size === 0 || conn.hasReceived) return;
  client.isIdle = false;
  client.isPipelined = client.requests > 0;
  if (buf.pos > 0) {
    buf.cell.copyWithin(0, buf.pos, buf.last); // to the front, where a head begins
    buf.last -= buf.pos;
    buf.pos = 0;
  }
  parseFirst(client);
}

/**
 * Begins to wait for the rest of a head that did not come in one piece, without a phase likewise:
 * thousands may dribble. The client's driver knows nothing of it, and need not: who ends the
 * connection ends the wait.
 *
 * @returns What ends the wait: `check` it then. undefined: the head is whole, or needs a larger Buf.
 * @throws {BadMessage} The head is refused. @throws {Failure} The client broke off.
 */
export function awaitRest(client: ClientConnection): Repeated | undefined {
  const { conn, head } = client;
  if (head.end > 0 || takeMore(client)) return undefined;
  return new Repeated(conn.readable, () => takeMore(client));
}

/**
 * Begins the request, if its head is whole and it is its turn; if not, {@linkcode readRequestHead}
 * goes on with it.
 *
 * @throws {Failure} The client did not get the answer before this one.
 */
export function beginIfWhole(client: ClientConnection): boolean {
  return client.head.end > 0 && !client.conn.isSending && begin(client);
}

/**
 * Reads a request head into `client.head`, or the rest of it. The Buf's unread bytes are behind
 * it then.
 *
 * @returns Whether there is a request: not if the client closed instead of sending one.
 * @throws {BadMessage} The head is refused; the client should be told.
 * @throws {Failure} The client broke off, or was too slow.
 */
export async function* readRequestHead(client: ClientConnection): Phase<boolean> {
  const { conn, context } = client;
  if (!client.hasHead) {
    let buf = client.buf;
    while (buf === undefined) {
      client.buf = buf = client.acquireHeadBuf("client connection");
      if (buf === undefined) yield* waitForRoom(context);
    }
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
    parseFirst(client);
  }
  if (client.head.end === 0) yield* readOn(client);
  while (conn.isSending) yield conn.writable; // the answer before this one: one at a time
  return begin(client);
}

/** What has come is the beginning of a head, and may be all of it. @throws {BadMessage} It is refused. */
function parseFirst(client: ClientConnection): void {
  const { head } = client;
  const { cell, last } = client.buf!;
  client.headConf = client.shared.settings.conf;
  client.startedAtMs = client.context.deadlines.nowMs;
  head.begin(cell, 0);
  head.parse(last);
}

/** The head is whole. @throws {Failure} Who has not got the answer before this one gets no other. */
function begin(client: ClientConnection): true {
  client.conn.checkSending();
  client.buf!.pos = client.head.end;
  client.beginRequest();
  return true;
}

/** The head did not come in one piece, or is larger than a small Buf. */
async function* readOn(client: ClientConnection): Phase<void> {
  const { conn, context, head } = client;
  while (head.end === 0) {
    if (makeRoom(client)) yield* until(conn.readable, () => takeMore(client));
    else yield* waitForRoom(context);
  }
}

/** Whether more of the head fits into the Buf that it is in. */
function hasRoom(client: ClientConnection): boolean {
  const { cell, last } = client.buf!;
  return last < cell.length && last < lineEndMax(client);
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
function takeMore(client: ClientConnection): boolean {
  const { conn, head } = client;
  const buf = client.buf!;
  while (true) {
    if (conn.pendingRead === undefined && !conn.hasReceived) {
      if (!hasRoom(client)) return true;
      buf.end = Math.min(buf.cell.length, lineEndMax(client));
    }
    const received = conn.recv(buf, true);
    if (received === AGAIN) {
      // For the head as a whole: a trickle does not extend it.
      conn.setReadDeadline(client.startedAtMs + client.headConf.clientHeaderTimeoutMs);
      return false;
    }
    if (received === 0) {
      throw new Failure("downstream", "closed", "client prematurely closed connection");
    }
    if (head.parse(buf.last)) return true;
  }
}

/** No read goes beyond the longest line, so that none is longer however it comes. */
function lineEndMax({ head, headConf }: ClientConnection): number {
  return head.lineStart + headConf.largeClientHeaderBufferSizeBytes;
}

/** From the small Buf to one large one, to all of them in one piece. */
function nextSize(client: ClientConnection, buf: Buf): number {
  const { largeClientHeaderBufferCount, largeClientHeaderBufferSizeBytes } = client.headConf;
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
