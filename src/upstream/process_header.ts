/**
 * Phase `process_header`: the head of the peer's response.
 *
 * @module
 */
import { AGAIN, Failure, NEVER, type Phase, waitForRoom } from "../event/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import type { Exchange } from "./exchange.ts";

const SWITCHING_PROTOCOLS = 101;

/**
 * Reads the response head into `exchange.head`; the body's first bytes are behind it
 * in the connection's Buf. Interim responses are passed on.
 *
 * @throws {Failure} `closed`, `reset`, `timeout`, or `invalid_header` when the head is
 * malformed, illegal or larger than `buffer_size`.
 */
export async function* processHeader(exchange: Exchange): Phase<void> {
  const { head, conf, context } = exchange;
  const upstream = exchange.upstream!;
  const { conn } = upstream;
  exchange.doing = "reading response header from upstream";
  head.begin(upstream.buf.cell, 0);

  while (true) {
    const received = conn.recv(upstream.buf);
    if (received === AGAIN) {
      // A peer that has not got the whole request need not have answered yet.
      conn.setReadDeadline(
        exchange.isRequestComplete ? context.deadlines.nowMs + conf.readTimeoutMs : NEVER,
      );
      yield conn.readable;
      continue;
    }
    if (received === 0) {
      throw new Failure("upstream", "closed", "upstream prematurely closed connection");
    }
    while (parse(exchange)) {
      if (!head.isInterim) {
        if (head.status === SWITCHING_PROTOCOLS) checkSwitch(exchange);
        upstream.buf.pos = head.end;
        return;
      }
      exchange.downstream.sendInterim(head);
      head.begin(upstream.buf.cell, head.end);
    }
    if (upstream.buf.room > 0) continue;
    // A connection that served another location may have a smaller Buf than this one allows.
    if (upstream.buf.cell.length >= conf.bufferSizeBytes) {
      throw new Failure("upstream", "invalid_header", "upstream sent too big header");
    }
    let larger = context.pool.acquire(conf.bufferSizeBytes, "upstream connection");
    while (larger === undefined) {
      yield* waitForRoom(context);
      larger = context.pool.acquire(conf.bufferSizeBytes, "upstream connection");
    }
    larger.cell.set(upstream.buf.cell);
    larger.last = upstream.buf.last;
    upstream.buf.release();
    upstream.buf = larger;
    head.moveTo(larger.cell);
  }
}

/** A 101 is an answer to a whole request that asks for it: what would be taken for what otherwise? */
function checkSwitch({ downstream, isRequestComplete }: Exchange): void {
  if (downstream.asksForUpgrade && isRequestComplete) return;
  const when = downstream.asksForUpgrade ? "before it had the whole request" : "unasked";
  throw new Failure("upstream", "invalid_header", `upstream changed protocols ${when}`);
}

function parse(exchange: Exchange): boolean {
  const { head } = exchange;
  try {
    return head.parse(exchange.upstream!.buf.last);
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
    throw new Failure(
      "upstream",
      "invalid_header",
      `upstream sent invalid header: ${error.message}`,
    );
  }
}
