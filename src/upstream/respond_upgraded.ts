/**
 * Phase `respond_upgraded`: the connection belongs to another protocol now (101,
 * RFC 9110, 7.8). Bytes pass in both directions, each at the pace of who takes them,
 * until both have ended or nothing has passed for `read_timeout`.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { AGAIN, type Conn, type Phase, waitForRoom } from "../event/mod.ts";
import type { Exchange } from "./exchange.ts";

const TUNNEL_BUF_BYTES = 16_384;

/** Hands the 101 to the client and opens the way in both directions. */
export function startTunnel(exchange: Exchange): void {
  exchange.isTunnel = true;
  exchange.downstream.beginTunnel(exchange.head);
  exchange.isHeaderSent = true;
  exchange.doing = "proxying upgraded connection";
}

/** From the peer to the client. @throws {Failure} of either side. */
export async function* respondUpgraded(exchange: Exchange): Phase<void> {
  const { conn, buf } = exchange.upstream!;
  const client = exchange.downstream.tunnel!.conn;
  while (true) {
    if (buf.size === 0) {
      buf.reset();
      let received = conn.recv(buf);
      while (received === AGAIN) {
        conn.setReadDeadline(idleDeadlineMs(exchange));
        yield conn.readable;
        received = conn.recv(buf);
      }
      if (received === 0) return client.closeWrite();
      exchange.attempt!.responseBytes += received;
      client.setReadDeadline(idleDeadlineMs(exchange)); // the other direction is not idle either
    }
    exchange.downstream.tunnel!.onSent(buf.size);
    yield* passOn(buf, client);
  }
}

/** From the client to the peer: runs beside the other direction. @throws {Failure} of either side. */
export async function* sendUpgraded(exchange: Exchange): Phase<void> {
  const { context, downstream } = exchange;
  const { conn } = exchange.upstream!;
  const client = downstream.tunnel!.conn;
  let buf: Buf | undefined = downstream.tunnel!.takeFirst();
  while (buf === undefined) {
    buf = context.pool.acquire(TUNNEL_BUF_BYTES, "upgraded connection");
    if (buf === undefined) yield* waitForRoom(context);
  }
  try {
    while (true) {
      if (buf.size === 0 || client.hasReceived) {
        let received = client.recv(buf);
        while (received === AGAIN) {
          client.setReadDeadline(idleDeadlineMs(exchange));
          yield client.readable;
          received = client.recv(buf);
        }
        if (received === 0) return conn.closeWrite();
        conn.setReadDeadline(idleDeadlineMs(exchange));
      }
      exchange.attempt!.bytesSent += buf.size;
      yield* passOn(buf, conn);
      buf.reset();
      if (buf.cell.length < TUNNEL_BUF_BYTES) {
        // The small one that the client was watched with does where memory is short.
        const larger = context.pool.acquire(TUNNEL_BUF_BYTES, "upgraded connection");
        if (larger === undefined) continue;
        buf.release();
        buf = larger;
      }
    }
  } finally {
    buf.release();
  }
}

/** Sends all of `buf`. Nothing is read meanwhile: that is the back-pressure. */
async function* passOn(buf: Buf, to: Conn): Phase<void> {
  to.send(buf);
  while (buf.isLent) yield to.writable;
  to.checkSending();
}

function idleDeadlineMs({ context, conf }: Exchange): number {
  return context.deadlines.nowMs + conf.readTimeoutMs;
}
