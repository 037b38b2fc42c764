/**
 * What all ways of relaying a response have in common: its beginning, the taking of
 * body bytes out of their framing, and the connection's release when all was read.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { Failure, type Phase, waitForRoom } from "../event/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { Exchange } from "./exchange.ts";
import { endStore, storeBody } from "./store_response.ts";

/**
 * Hands the head and the body bytes that came with it to the client's side.
 *
 * @returns Whether that was all of the response, and nothing of it waits in our Buf.
 * @throws {Failure} `invalid_body` when the body's framing is illegal.
 */
export function startResponse(exchange: Exchange): boolean {
  const { head, body, downstream } = exchange;
  const { buf } = exchange.upstream!;
  body.init(head, exchange.method);
  takeBody(exchange, buf, buf.pos);
  downstream.beginResponse(head, body.remainingBytes < 0 ? -1 : body.remainingBytes + buf.size);
  exchange.isHeaderSent = true;
  if (body.isDone && body.trailers === undefined && buf.size <= downstream.copiesUpTo) {
    downstream.send(buf, true);
    return true;
  }
  return false;
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
    !exchange.isTunnel && !exchange.downstream.asksToClose && !conn.isSending && !conn.hasEnded &&
    !upstream.buf.isLent;
  exchange.upstream = undefined;
  exchange.attempt!.bytesReceived += conn.bytesReceived;
  if (isReusable) exchange.group.idle.give(upstream);
  else upstream.close();
}
