/**
 * What becomes of bytes that nobody wants: a request body that was not read, and
 * what a client still sends when its connection is about to be closed.
 *
 * @module
 */
import { AGAIN, type Phase, type Wait } from "../event/mod.ts";
import type { ClientConnection } from "./client_connection.ts";

const DISCARD_BUF_BYTES = 4096;

/**
 * Reads what is left of the request body, so that the connection can carry another
 * request. Bounded by `lingering_time` and `lingering_timeout`.
 *
 * @returns Whether the body's end was reached.
 * @throws {BadMessage} The rest of the body is malformed or too large.
 */
export async function* discardBody(client: ClientConnection): Phase<boolean> {
  const { body, context, conn, conf } = client;
  const endMs = context.deadlines.nowMs + conf.lingeringTimeMs;
  const buf = body.takeKept() ?? context.pool.acquire(DISCARD_BUF_BYTES, "discarded body");
  if (buf === undefined) return false;
  try {
    while (!body.isDone) {
      if (context.deadlines.nowMs > endMs) return false;
      if (!buf.isLent && !conn.hasReceived) buf.reset();
      if (body.read(buf) !== AGAIN) continue;
      conn.setReadDeadline(Math.min(context.deadlines.nowMs + conf.lingeringTimeoutMs, endMs));
      yield conn.readable;
    }
    return true;
  } finally {
    buf.release();
  }
}

/** Whether the client may still be sending when it has its last answer, and has to be waited for. */
export function lingers({ conf, body, buf, nextBuf }: ClientConnection): boolean {
  if (conf.lingeringClose !== "on") return conf.lingeringClose === "always";
  return !body.isDone || buf!.size > 0 || (nextBuf !== undefined && nextBuf.size > 0);
}

/**
 * Ends a connection so that the client can read the whole response: says that no
 * more will come, and reads on until the client is done. Closing while bytes come in
 * would reset the connection, and a reset takes away what the client has not read.
 */
export async function* closeGently(client: ClientConnection): Phase<void> {
  const { conn, context, conf, body } = client;
  while (conn.isSending) yield conn.writable;
  if (!lingers(client)) return;
  conn.closeWrite();

  const endMs = context.deadlines.nowMs + conf.lingeringTimeMs;
  const kept = body.takeKept() ?? client.nextBuf;
  if (kept === client.nextBuf) client.nextBuf = undefined;
  const buf = kept ?? context.pool.acquire(DISCARD_BUF_BYTES, "lingering close");
  if (buf === undefined) return;
  try {
    while (!conn.hasEnded && context.deadlines.nowMs < endMs) {
      if (!buf.isLent) buf.reset();
      if (conn.recv(buf) !== AGAIN) continue;
      conn.setReadDeadline(context.deadlines.nowMs + conf.lingeringTimeoutMs);
      yield conn.readable as Wait;
    }
  } finally {
    conn.close(); // before the Buf of its pending read goes back
    buf.release();
  }
}
