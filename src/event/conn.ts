/**
 * A connection as phases see it, whatever carries it.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import type { Side } from "./failure.ts";
import type { Wait } from "./wait.ts";

/**
 * `recv` and `send` never wait, and are the only methods that throw: a broken
 * transport or a missed deadline shows up there, as a Failure.
 *
 * One read and one chain of writes may be outstanding. A read that has been asked
 * for stays asked for: whoever holds the connection next adopts it by calling
 * `recv` with the same Buf.
 */
export interface Conn {
  readonly side: Side;
  /** The far end, for logs and variables. */
  readonly remote: RemoteAddress;
  /** Our end, likewise. */
  readonly local: RemoteAddress;
  /** Waits for `recv` to get further. */
  readonly readable: Wait;
  /** Waits for what was sent to get further. */
  readonly writable: Wait;

  /**
   * Reads behind `into.last`. Returns the bytes that are there now, 0 at the end
   * of the stream, or AGAIN: the read has started and `into` is lent until it is
   * done. Ask again with the same Buf.
   *
   * @param isPatient The reader needs all of something, and may be served later: while a hundred
   * connections of the worker dribble, the next read of another that does starts only after as
   * long again as its small reads took, or a quarter of what is left until the deadline, whichever
   * is sooner, or up to a quarter less. It dribbles after four reads in a row of less than 64
   * bytes each, or two that took a second, and until one brings more than 64 bytes for each second
   * that it took, or fills the room that there is. So what small reads cost is bounded, however
   * many there are, and nobody else has to wait for them.
   * @default {false}
   */
  recv(into: Buf, isPatient?: boolean): number;
  /** Whether a read is done whose result nobody has asked for yet. */
  readonly hasReceived: boolean;
  /** Whether reading has come to its end, or broke, and nothing is left to be had from `recv`. */
  readonly hasEnded: boolean;
  /** The Buf that the outstanding read was given, if there is one. */
  readonly pendingRead: Buf | undefined;
  /**
   * Sends the unread bytes of `from` behind all that is being sent. It is lent
   * until every byte is on its way, and empty then. A holder that releases it
   * meanwhile gives it back to the pool as soon as it is sent.
   */
  send(from: Buf): void;
  /** Throws the Failure that ended the sending, if one did. */
  checkSending(): void;
  /** Whether anything given to `send` is still on its way. */
  readonly isSending: boolean;
  /** Ends our direction once all is sent; the other one stays open. */
  closeWrite(): void;

  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Absolute deadline of the outstanding read, in ms of the clock. NEVER for none. */
  setReadDeadline(atMs: number): void;
  /** Longest time for any progress while something is being sent, in ms. */
  sendTimeoutMs: number;
  /**
   * Bytes a second that the other end has to take while something waits to be sent; 0 for no
   * bound. It may be behind by {@linkcode sendTimeoutMs}.
   */
  sendMinRate: number;

  /** Closes at once. What is lent settles later, on its own. */
  close(): void;
  readonly isClosed: boolean;
}

/** Where an end of a connection is. */
export interface RemoteAddress {
  /** IP address; `unix:` for a unix socket, as in nginx. */
  readonly hostname: string;
  /** 0 for a unix socket. */
  readonly port: number;
}
