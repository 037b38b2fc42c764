/**
 * Phase `send_request`: the head, and the body as it comes.
 *
 * @module
 */
import type { Buf, SlabPool } from "../buffer/mod.ts";
import { AGAIN, type Phase, waitForRoom } from "../event/mod.ts";
import {
  CHUNK_HEADROOM,
  CHUNK_TAILROOM,
  frameChunk,
  LAST_CHUNK_BYTES,
  writeTrailers,
} from "../wire/mod.ts";
import type { RequestBody } from "./downstream.ts";
import { type Exchange, Refused } from "./exchange.ts";
import { FileBody } from "./file_body.ts";

/** Size of the cell that a body passes through. */
export const BODY_BUF_BYTES = 65_536;
/** The least that it may be. */
const BODY_BUF_BYTES_LEAST = 16_384;
/** Room behind the last chunk of a body: a trailer section is never larger. */
const TRAILER_ROOM = 8_192 + 16;
const LARGEST_HEAD_BYTES = 65_536;

/**
 * Starts sending the request head. The connection sees to it that all of it goes
 * out; the reading of the response need not wait for that.
 */
export function sendHead(exchange: Exchange): void {
  const upstream = exchange.upstream!;
  const requestBuf = exchange.requestBuf!;
  exchange.doing = "sending request to upstream";
  upstream.requests++;
  exchange.isRequestComplete = exchange.requestBody === undefined;
  exchange.isRequestSent = true;
  requestBuf.pos = 0; // from the start: another peer may have had it before
  exchange.attempt!.bytesSent += requestBuf.size;
  upstream.conn.send(requestBuf);
}

/**
 * Sees to it that the request can be sent, the same bytes for every attempt: nginx's
 * `reinit_request`. One that was closed in the middle of its write may hold the Buf still.
 *
 * @returns Whether it can; if not there is no memory for a copy.
 */
export function regainRequest(exchange: Exchange): boolean {
  const buf = exchange.requestBuf!;
  if (!buf.isLent) return true;
  const copy = exchange.context.pool.acquire(buf.cell.length, "request head");
  if (copy === undefined) return false;
  copy.cell.set(buf.cell.subarray(0, buf.last));
  copy.last = buf.last;
  buf.release();
  exchange.requestBuf = copy;
  return true;
}

/** Waits until {@linkcode regainRequest} succeeds. */
export async function* roomToResend(exchange: Exchange): Phase<void> {
  exchange.doing = "waiting for buffer memory";
  while (!regainRequest(exchange)) yield* waitForRoom(exchange.context);
}

/**
 * Writes the request head into a Buf that the exchange then owns: nginx's
 * `create_request`. Once a request; a further attempt sends the same bytes again.
 *
 * @param roomForBody Room to leave behind the head, in bytes. A substitute for the
 * client's body takes its place.
 * @returns Whether there was memory for it.
 * @throws {Refused} 500: it is too large, or its method is none; it has been reported.
 */
export function createRequest(exchange: Exchange, roomForBody: number): boolean {
  const { writer, context, downstream } = exchange;
  const { requestBody } = exchange;
  const substitute = downstream.substituteBody;
  const roomBytes = substitute?.length ?? roomForBody;
  const bodyBytes = requestBody === undefined ? roomBytes : requestBody.lengthBytes;
  for (let headBytes = 1024; headBytes <= LARGEST_HEAD_BYTES; headBytes *= 4) {
    const buf = context.pool.acquire(headBytes + roomBytes, "request head");
    if (buf === undefined) return false;
    try {
      writer.begin(buf.cell, 0, buf.cell.length - roomBytes);
      downstream.writeRequestHead(writer, bodyBytes);
    } catch (error) {
      buf.release();
      throw error;
    }
    if (!writer.hasOverflowed) {
      exchange.requestHeadBytes = buf.last = writer.at;
      if (substitute !== undefined) {
        buf.cell.set(substitute, buf.last);
        buf.last += substitute.length;
      }
      exchange.requestBuf = buf;
      return true;
    }
    buf.release();
  }
  downstream.report("error", `cannot send a request head of more than ${LARGEST_HEAD_BYTES} bytes`);
  throw new Refused(500);
}

/**
 * Sends the request body, piece by piece as the client delivers it. Runs beside the
 * reading of the response, which may come at any time.
 *
 * @throws {Failure} of either side.
 * @throws {BadMessage} The client's body is malformed or too large.
 */
export async function* sendRequest(exchange: Exchange, body: RequestBody): Phase<void> {
  const { context } = exchange;
  const { conn } = exchange.upstream!;
  if (body instanceof FileBody) body.rewind();
  let buf = acquireBodyBuf(context.pool);
  while (buf === undefined) {
    yield* waitForRoom(context);
    buf = acquireBodyBuf(context.pool);
  }
  try {
    while (!body.isDone) {
      buf.reset(CHUNK_HEADROOM, body.lengthBytes < 0 ? TRAILER_ROOM : CHUNK_TAILROOM);
      let received = body.read(buf);
      while (received === AGAIN) {
        yield body.readable;
        received = body.read(buf);
      }
      if (body.lengthBytes < 0) frame(exchange, buf, body);
      exchange.attempt!.bytesSent += buf.size;
      conn.send(buf);
      while (buf.isLent) yield conn.writable;
      conn.checkSending();
    }
  } finally {
    if (!body.stop(buf)) buf.release();
  }
}

/** A large cell; where memory is short a smaller one, which has room for a trailer section still. */
function acquireBodyBuf(pool: SlabPool): Buf | undefined {
  return pool.acquire(BODY_BUF_BYTES, "request body") ??
    pool.acquire(BODY_BUF_BYTES_LEAST, "request body");
}

/** Makes a chunk of what was read; an empty one would end the body too early. */
function frame({ downstream }: Exchange, buf: Buf, body: RequestBody): void {
  const trailers = downstream.passesTrailers ? body.trailers : undefined;
  const isLast = body.isDone && trailers === undefined;
  if (buf.size > 0) {
    const end = buf.last;
    buf.pos = frameChunk(buf.cell, buf.pos, end, isLast);
    buf.last = end + (isLast ? CHUNK_TAILROOM : 2);
  } else if (isLast) {
    buf.cell.set(LAST_CHUNK_BYTES, buf.last);
    buf.last += LAST_CHUNK_BYTES.length;
  }
  if (trailers !== undefined) buf.last = writeTrailers(trailers, buf.cell, buf.last);
}
