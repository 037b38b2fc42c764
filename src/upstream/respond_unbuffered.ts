/**
 * Phase `respond_unbuffered`: downstream speed first. One Buf, read into only when
 * all of it has been sent: a response takes that much memory however fast the peer
 * is, and every piece reaches the client as soon as it can.
 *
 * From "too full" to "stop reading" and back: the Buf is lent to the client's
 * connection until it is sent, and nothing is read meanwhile, so the peer's window
 * closes; when it is sent, it is read into again.
 *
 * @module
 */
import { AGAIN, Failure, Pause, type Phase } from "../event/mod.ts";
import { CHUNK_HEADROOM, CHUNK_TAILROOM } from "../wire/mod.ts";
import type { Exchange } from "./exchange.ts";
import { Pace } from "./pace.ts";
import { isRestUnwanted, takeBody } from "./respond.ts";
import { hasClientLeft } from "./store_response.ts";

/**
 * Relays what is left of the body, piece by piece.
 *
 * @throws {Failure} of either side. The client has the head by then.
 */
export async function* respondUnbuffered(exchange: Exchange): Phase<void> {
  const { body, downstream, conf, context } = exchange;
  const { conn, buf } = exchange.upstream!;
  const { limitRate } = downstream;
  const pace = limitRate === undefined ? undefined : new Pace(limitRate, context.deadlines.nowMs);
  const pause = new Pause(context.deadlines);
  exchange.doing = "reading upstream";
  let isClientGone = false;
  while (true) {
    if (!isClientGone) {
      const isLast = body.isDone && body.trailers === undefined;
      if (pace !== undefined) pace.bytes += buf.size;
      if (buf.size > 0 || isLast) downstream.send(buf, isLast);
      else if (!body.isDone) downstream.flush(); // the head need not wait for the first piece
      if (body.isDone && !isLast) downstream.end(body.trailers);
      while (downstream.isSending) yield downstream.writable;
      isClientGone = hasClientLeft(exchange);
    }
    if (body.isDone || isRestUnwanted(exchange)) return downstream.checkSending();

    buf.reset(CHUNK_HEADROOM, CHUNK_TAILROOM);
    if (pace !== undefined && !isClientGone) {
      buf.end = Math.min(buf.end, buf.last + pace.pieceBytes);
      pause.until(pace.dueMs);
      yield pause;
    }
    let received = conn.recv(buf);
    while (received === AGAIN) {
      conn.setReadDeadline(context.deadlines.nowMs + conf.readTimeoutMs);
      yield conn.readable;
      received = conn.recv(buf);
    }
    if (received > 0) {
      takeBody(exchange, buf, buf.pos);
    } else if (!body.endOfStream()) {
      throw new Failure("upstream", "closed", "upstream prematurely closed connection");
    }
  }
}
