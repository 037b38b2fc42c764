/**
 * Phase `respond_unbuffered`: downstream speed first. One Buf, read into only when
 * all of it has been sent: a response takes that much memory however fast the peer
 * is, and every piece reaches the client as soon as it can.
 *
 * @module
 */
import { AGAIN, Failure, type Phase, Room } from "../event/mod.ts";
import { BadMessage, CHUNK_HEADROOM, CHUNK_TAILROOM, NO_LENGTH } from "../wire/mod.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Hands the head and the body bytes that came with it to the client's side.
 *
 * @returns Whether that was all of the response, and nothing of it waits in our Buf.
 * @throws {Failure} `invalid_body` when the body's framing is illegal.
 */
export function startResponse(exchange: Exchange): boolean {
  const { head, body, downstream } = exchange;
  const { buf } = exchange.upstream!;
  beginBody(exchange);
  decode(exchange);
  downstream.beginResponse(head, body.remainingBytes < 0 ? -1 : body.remainingBytes + buf.size);
  exchange.isHeaderSent = true;
  if (body.isDone && buf.size <= downstream.copiesUpTo) {
    downstream.send(buf, true);
    return true;
  }
  return false;
}

/**
 * Relays what is left of the body, piece by piece.
 *
 * @throws {Failure} of either side. The client has the head by then.
 */
export async function* respondUnbuffered(exchange: Exchange): Phase<void> {
  const { body, downstream, conf, context } = exchange;
  const { conn, buf } = exchange.upstream!;
  exchange.doing = "reading upstream";
  while (true) {
    if (buf.size > 0 || body.isDone) downstream.send(buf, body.isDone);
    else downstream.flush(); // the head need not wait for the first piece
    while (downstream.isSending) yield downstream.writable;
    downstream.checkSending();
    if (body.isDone) return;

    buf.reset(CHUNK_HEADROOM, CHUNK_TAILROOM);
    let received = conn.recv(buf);
    while (received === AGAIN) {
      conn.setReadDeadline(context.deadlines.nowMs + conf.readTimeoutMs);
      yield conn.readable;
      received = conn.recv(buf);
    }
    if (received > 0) {
      decode(exchange);
    } else if (!body.endOfStream()) {
      throw new Failure("upstream", "closed", "upstream prematurely closed connection");
    }
  }
}

/** Waits until the buffer pool has a cell for the response's head. */
export async function* roomToRespond(exchange: Exchange): Phase<void> {
  exchange.doing = "waiting for buffer memory";
  while (!exchange.downstream.prepare()) yield new Room(exchange.context.pool);
}

/** How the body ends (RFC 9112, 6.3). */
function beginBody(exchange: Exchange): void {
  const { head, body } = exchange;
  const { status } = head;
  if (exchange.method === "HEAD" || status === 204 || status === 304) body.beginNone();
  else if (head.isChunked) body.beginChunked();
  else if (head.contentLength !== NO_LENGTH) body.beginLength(head.contentLength);
  else body.beginToEof();
}

/** Narrows the Buf to the body bytes in it. Bytes behind the body end the connection's use. */
function decode(exchange: Exchange): void {
  const { body } = exchange;
  const { buf } = exchange.upstream!;
  try {
    body.decode(buf.cell, buf.pos, buf.last);
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
    throw new Failure("upstream", "invalid_body", `upstream sent invalid body: ${error.message}`);
  }
  exchange.hasExtraData = body.restStart < buf.last;
  buf.last = body.dataEnd;
  exchange.attempt!.responseBytes += buf.size;
}
