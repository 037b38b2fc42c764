/**
 * What all ways of relaying a response have in common: its beginning, the taking of
 * body bytes out of their framing, and the connection's release when all was read.
 *
 * @module
 */
import { type Buf, LARGEST_CELL_BYTES } from "../buffer/mod.ts";
import { Failure, type Phase, waitForRoom } from "../event/mod.ts";
import type { UpstreamConn } from "../peer/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { Exchange } from "./exchange.ts";
import { endStore, storeBody } from "./store_response.ts";

/**
 * Hands the head and the body bytes that came with it to the client's side.
 *
 * @returns `done`: that was all of the response, and nothing of it waits in our Buf;
 * `sending`: it was all, and the Buf is being sent; `begun`: there is more.
 * @throws {Failure} `invalid_body` when the body's framing is illegal.
 */
export function startResponse(exchange: Exchange): "done" | "sending" | "begun" {
  const { head, body, downstream } = exchange;
  const { buf } = exchange.upstream!;
  body.init(head, exchange.method);
  takeBody(exchange, buf, buf.pos);
  downstream.beginResponse(head, body.remainingBytes < 0 ? -1 : body.remainingBytes + buf.size);
  exchange.isHeaderSent = true;
  const { copiesUpTo } = downstream;
  const isWhole = body.isDone && body.trailers === undefined && copiesUpTo >= 0 &&
    downstream.limitRate === undefined;
  if (!isWhole) return "begun";
  downstream.send(buf, true);
  return buf.isLent ? "sending" : "done";
}

/**
 * A response that came in one piece: all that is left is its way to the client. However slow
 * that is, the peer's connection is free for others.
 */
export async function* respondWhole(exchange: Exchange): Phase<void> {
  const { downstream } = exchange;
  if (exchange.isRequestComplete) releaseUpstream(exchange);
  while (downstream.isSending) yield downstream.writable;
  downstream.checkSending();
}

/** Waits until the buffer pool has a cell for the response's head. */
export async function* roomToRespond(exchange: Exchange): Phase<void> {
  exchange.doing = "waiting for buffer memory";
  while (!exchange.downstream.prepare(0)) yield* waitForRoom(exchange.context);
}

/** Less than this is read to its end though nobody wants it: the connection can be kept then. */
const WORTH_READING_BYTES = 65_536;

/** Whether the client has all that it is to get, and what the peer still sends is long. */
export function isRestUnwanted({ downstream, body, store }: Exchange): boolean {
  return downstream.isSatisfied && store === undefined && body.remainingBytes > WORTH_READING_BYTES;
}

/**
 * Takes what was read behind `from` out of its framing: `buf` ends with body bytes
 * then. Bytes behind the body's end end the connection's use.
 *
 * @throws {Failure} `invalid_body`.
 */
export function takeBody(exchange: Exchange, buf: Buf, from: number): void {
  let hasMore: boolean;
  try {
    hasMore = exchange.body.filter(buf, from);
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
    throw new Failure("upstream", "invalid_body", `upstream sent invalid body: ${error.message}`);
  }
  if (hasMore) {
    exchange.hasExtraData = true;
    exchange.downstream.report("warn", "upstream sent more data than specified in its response");
  }
  if (exchange.store !== undefined) storeBody(exchange, buf.cell.subarray(from, buf.last));
  exchange.attempt!.responseBytes += buf.last - from;
}

/**
 * Keeps the connection for another request, if it can carry one: everything was said,
 * and understood. Else it is closed.
 */
export function releaseUpstream(exchange: Exchange): void {
  const { upstream } = exchange;
  if (upstream === undefined) return;
  if (exchange.store !== undefined) endStore(exchange);
  const { conn } = upstream;
  const isReusable = exchange.isHeaderSent && exchange.head.allowsKeepalive &&
    exchange.body.isDone && exchange.isRequestComplete && !exchange.hasExtraData &&
    exchange.sendFailure === undefined &&
    !exchange.isTunnel && !exchange.downstream.asksToClose && !conn.isSending && !conn.hasEnded;
  exchange.upstream = undefined;
  exchange.attempt!.bytesReceived += conn.bytesReceived;
  if (isReusable && renewBuf(exchange, upstream)) exchange.group.idle.give(upstream);
  else upstream.close();
}

/** Room in front of a response head in a large cell: for a client's head that is longer. */
const HEAD_ROOM = 512;
/** What the framing of a few chunks takes beside their data. */
const FRAMING_SLACK = 64;

/**
 * Sees to it that the connection has a Buf that its next response can be read into: one of
 * `buffer_size`; or where this response was a larger one that its `buffers` would have held,
 * one for all of such a response, which is one read then and one write.
 *
 * @returns Whether it has; if not there is no memory.
 */
function renewBuf(
  { context, conf, head, attempt, accelBuffering }: Exchange,
  upstream: UpstreamConn,
): boolean {
  const { pool } = context;
  const { bufferSizeBytes } = conf;
  const { buf } = upstream;
  const likeBytes = HEAD_ROOM + head.end - upstream.headroomBytes + attempt!.responseBytes +
    FRAMING_SLACK;
  const mostBytes = Math.min(
    LARGEST_CELL_BYTES,
    bufferSizeBytes + conf.bufferCount * conf.bufferBytes,
  );
  const isLarge = likeBytes > bufferSizeBytes && likeBytes <= mostBytes && pool.isHalfFree &&
    (accelBuffering ?? conf.buffering);
  const wantedBytes = isLarge ? likeBytes : bufferSizeBytes;
  upstream.headroomBytes = isLarge ? HEAD_ROOM : 0;
  const { length } = buf.cell;
  if (!buf.isLent && length >= wantedBytes && length < 2 * wantedBytes) return true;
  const fresh = pool.acquire(wantedBytes, "upstream connection");
  if (fresh === undefined) return !buf.isLent;
  buf.release(); // what is being sent of it is still sent
  upstream.buf = fresh;
  return true;
}
