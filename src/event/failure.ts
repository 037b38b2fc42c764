/**
 * What a broken connection, a missed deadline or a bad message becomes.
 *
 * A Failure is expected and typed. Anything else that is thrown is a bug of ours:
 * the request ends with a 500 and no other peer is tried.
 *
 * @module
 */

/** Whose fault it is: `upstream` is the peer, `downstream` the client. */
export type Side = "upstream" | "downstream";

/**
 * - `refused`: nobody listens there; `unreachable`: no way to get there;
 * - `tls`: no agreement on TLS, or a certificate that is not good enough;
 * - `timeout`: a deadline passed;
 * - `closed`: the other end closed before it should have;
 * - `reset`: the other end reset the connection, or it broke;
 * - `invalid_header`: an empty, malformed, illegal or oversized message head;
 * - `invalid_body`: illegal framing of a message body.
 */
export type FailureKind =
  | "refused"
  | "unreachable"
  | "tls"
  | "timeout"
  | "closed"
  | "reset"
  | "invalid_header"
  | "invalid_body";

/** One connection or message broke down. */
export class Failure extends Error {
  override readonly name = "Failure";

  constructor(readonly side: Side, readonly kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/**
 * There is no socket to connect with: no descriptor or memory for one, or not with the address
 * that `bind` names. That is no fault of the peer's.
 */
export class NoSocket extends Error {
  override readonly name = "NoSocket";
}
