/**
 * Phase `read_proxy_header`: what a balancer in front says of the connection
 * (`listen … proxy_protocol`), before the first request.
 *
 * @module
 */
import { AGAIN, Failure, type Phase, waitForRoom } from "../event/mod.ts";
import { BadProxyHeader, PROXY_HEADER_BYTES_MAX, readProxyHeader } from "../wire/mod.ts";
import type { ClientConnection } from "./client_connection.ts";

/**
 * Reads the header into `client.proxied`. What came behind it is the unread part of `client.buf`.
 *
 * @returns Whether there is one: not if the connection was closed before anything came.
 * @throws {BadProxyHeader} There is something else, and the connection is no client's.
 * @throws {Failure} The other side broke off, or was too slow.
 */
export async function* readProxiedAddress(client: ClientConnection): Phase<boolean> {
  const { conn, context } = client;
  const { clientHeaderTimeoutMs } = client.shared.settings.conf;
  conn.setReadDeadline(context.deadlines.nowMs + clientHeaderTimeoutMs);
  let buf = context.pool.acquire(PROXY_HEADER_BYTES_MAX, "PROXY protocol");
  while (buf === undefined) {
    yield* waitForRoom(context);
    buf = context.pool.acquire(PROXY_HEADER_BYTES_MAX, "PROXY protocol");
  }
  client.buf = buf;
  while (true) {
    let received = conn.recv(buf);
    while (received === AGAIN) {
      yield conn.readable;
      received = conn.recv(buf);
    }
    if (received === 0) {
      if (buf.last === 0) return false;
      throw new Failure("downstream", "closed", "client closed connection in its PROXY header");
    }
    const header = readProxyHeader(buf.cell, buf.last);
    if (header !== undefined) {
      client.proxied = header.ends;
      buf.pos = header.length;
      break;
    }
    if (buf.room === 0) throw new BadProxyHeader("the header is too long");
  }
  if (buf.size === 0) {
    // The next head gets a cell of the usual size.
    buf.release();
    client.buf = undefined;
  }
  return true;
}
