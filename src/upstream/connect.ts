/**
 * Phase `connect`: a connection to the peer that was chosen.
 *
 * @module
 */
import { AGAIN, Dial, NoSocket, type Phase, type TcpConn, waitForRoom } from "../event/mod.ts";
import { type Peer, UpstreamConn } from "../peer/mod.ts";
import { type Exchange, Refused } from "./exchange.ts";

const INTERNAL_SERVER_ERROR = 500;

/**
 * Opens a connection to `peer` and gives it the Buf that its responses begin in.
 *
 * @throws {Failure} `refused`, `unreachable`, `reset`, `tls` or `timeout` of the upstream.
 * @throws {Refused} 500: there is no socket to connect with; it has been reported.
 */
export async function* connect(exchange: Exchange, peer: Peer): Phase<void> {
  const { conf, context } = exchange;
  exchange.doing = "connecting to upstream";
  const dial = new Dial(peer.conf.address, conf.connectTimeoutMs, context, exchange.dial);
  let conn = opened(exchange, dial);
  while (conn === AGAIN) {
    yield dial;
    conn = opened(exchange, dial);
  }
  let buf = context.pool.acquire(conf.bufferSizeBytes, "upstream connection");
  try {
    while (buf === undefined) {
      yield* waitForRoom(context);
      buf = context.pool.acquire(conf.bufferSizeBytes, "upstream connection");
    }
  } finally {
    if (buf === undefined) conn.close();
  }
  conn.sendTimeoutMs = conf.sendTimeoutMs;
  exchange.upstream = new UpstreamConn(conn, peer, buf, context.deadlines.nowMs, exchange.dial);
  exchange.group.idle.opened++;
}

function opened(exchange: Exchange, dial: Dial): TcpConn | typeof AGAIN {
  if (dial.isHandshaking) exchange.doing = "SSL handshaking to upstream";
  try {
    return dial.conn();
  } catch (error) {
    if (!(error instanceof NoSocket)) throw error;
    exchange.downstream.report("crit", error.message);
    throw new Refused(INTERNAL_SERVER_ERROR); // as nginx: another peer would fare no better
  }
}
