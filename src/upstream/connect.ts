/**
 * Phase `connect`: a connection to the peer that was chosen.
 *
 * @module
 */
import { AGAIN, Dial, type Phase, Room } from "../event/mod.ts";
import { type Peer, UpstreamConn } from "../peer/mod.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Opens a connection to `peer` and gives it the Buf that its responses begin in.
 *
 * @throws {Failure} `refused`, `unreachable`, `reset`, `tls` or `timeout` of the upstream.
 */
export async function* connect(exchange: Exchange, peer: Peer): Phase<void> {
  const { conf, context } = exchange;
  exchange.doing = "connecting to upstream";
  const dial = new Dial(peer.conf.address, conf.connectTimeoutMs, context, exchange.dial);
  let conn = dial.conn();
  while (conn === AGAIN) {
    yield dial;
    if (dial.isHandshaking) exchange.doing = "SSL handshaking to upstream";
    conn = dial.conn();
  }
  let buf = context.pool.acquire(conf.bufferSizeBytes, "upstream connection");
  try {
    while (buf === undefined) {
      yield new Room(context.pool);
      buf = context.pool.acquire(conf.bufferSizeBytes, "upstream connection");
    }
  } finally {
    if (buf === undefined) conn.close();
  }
  conn.sendTimeoutMs = conf.sendTimeoutMs;
  exchange.upstream = new UpstreamConn(conn, peer, buf, context.deadlines.nowMs, exchange.dial);
  exchange.group.idle.opened++;
}
