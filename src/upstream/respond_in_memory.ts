/**
 * Phase `respond_in_memory`: not forwarded. The response to a subrequest is gathered
 * whole, in cells of the pool up to a bound of its own, and then handed over. Until
 * then nobody has seen any of it, so whatever breaks, another peer may be tried.
 *
 * From "too full" to the end: a body over the bound is an error and not cut; where
 * nobody wants the body, what is over the bound is left with the connection, which is
 * closed.
 *
 * @module
 */
import { type Buf, Chain } from "../buffer/mod.ts";
import { AGAIN, Failure, type Phase, waitForRoom } from "../event/mod.ts";
import type { InMemory } from "./downstream.ts";
import type { Exchange } from "./exchange.ts";
import { takeBody } from "./respond.ts";

/** A cell for a body of unknown length, at first. */
const FIRST_CELL_BYTES = 4096;
const LARGEST_CELL_BYTES = 65_536;

/**
 * Gathers the body and hands the response over.
 *
 * @throws {Failure} of the peer: `invalid_body` when the body is over the bound or its
 * framing illegal, `closed` when it is cut short.
 */
export async function* respondInMemory(exchange: Exchange, memory: InMemory): Phase<void> {
  const { head, body, conf, context } = exchange;
  const { conn, buf: first } = exchange.upstream!;
  const gathered = new Chain();
  exchange.doing = "reading upstream";
  body.init(head, exchange.method);
  takeBody(exchange, first, first.pos);
  let sizeBytes = first.size;
  let cell: Buf | undefined;
  try {
    checkSize(sizeBytes + Math.max(0, body.remainingBytes), memory);
    if (memory.keepsBody && sizeBytes > 0) {
      cell = yield* acquire(exchange, sizeBytes);
      cell.cell.set(first.data());
      cell.last = sizeBytes;
      gathered.push(cell);
    }
    cell = undefined;
    while (!body.isDone && sizeBytes + Math.max(0, body.remainingBytes) <= memory.maxBytes) {
      cell ??= yield* acquire(exchange, cellBytes(exchange, memory.maxBytes - sizeBytes));
      const from = cell.last;
      let received = conn.recv(cell);
      while (received === AGAIN) {
        conn.setReadDeadline(context.deadlines.nowMs + conf.readTimeoutMs);
        yield conn.readable;
        received = conn.recv(cell);
      }
      if (received > 0) {
        takeBody(exchange, cell, from);
      } else if (!body.endOfStream()) {
        throw new Failure("upstream", "closed", "upstream prematurely closed connection");
      }
      sizeBytes += cell.last - from;
      checkSize(sizeBytes, memory);
      if (!memory.keepsBody) {
        cell.reset();
      } else if (cell.room === 0 || body.isDone) {
        gathered.push(cell);
        cell = undefined;
      }
    }
    memory.keep(head, gathered);
    exchange.isHeaderSent = true;
  } finally {
    cell?.release();
    gathered.releaseAll();
  }
}

function checkSize(sizeBytes: number, { maxBytes, keepsBody }: InMemory): void {
  if (sizeBytes <= maxBytes || !keepsBody) return;
  throw new Failure(
    "upstream",
    "invalid_body",
    `upstream sent too big a body for a subrequest: ${sizeBytes} bytes or more, ` +
      `and subrequest_output_buffer_size is ${maxBytes}`,
  );
}

/** Room for what the body still has; where that is not known, for a first part of it. */
function cellBytes({ body }: Exchange, roomBytes: number): number {
  const { remainingBytes } = body;
  const wanted = remainingBytes < 0 ? Math.min(FIRST_CELL_BYTES, roomBytes) : remainingBytes;
  return Math.min(Math.max(wanted, 1), LARGEST_CELL_BYTES);
}

async function* acquire({ context }: Exchange, sizeBytes: number): Phase<Buf> {
  let buf = context.pool.acquire(sizeBytes, "subrequest response");
  while (buf === undefined) {
    yield* waitForRoom(context);
    buf = context.pool.acquire(sizeBytes, "subrequest response");
  }
  return buf;
}
