/**
 * Phase `finalize`: the end of every journey.
 *
 * @module
 */
import type { Failure } from "../event/mod.ts";
import type { Exchange } from "./exchange.ts";

/** Nobody is there to be answered; nginx's own status, for the log. */
export const CLIENT_CLOSED_REQUEST = 499;
/** The client was too slow to send its body: likewise, as in nginx. */
const REQUEST_TIMEOUT = 408;

/**
 * Stops watching the client, and answers it if that has not been done.
 *
 * @param status What to answer with; none if the client has its response.
 */
export function finalize(exchange: Exchange, status?: number): void {
  const { downstream } = exchange;
  downstream.unwatch();
  if (status === undefined) return;
  if (status === CLIENT_CLOSED_REQUEST || status === REQUEST_TIMEOUT) downstream.cutShort(status);
  else if (exchange.isHeaderSent) downstream.cutShort();
  else downstream.refuse(status);
}

/** Says in the error log what broke, in nginx's words: tools look for them. */
export function reportFailure(exchange: Exchange, failure: Failure): void {
  const { downstream } = exchange;
  if (failure.side === "downstream") {
    downstream.report("info", downstreamMessage(failure));
  } else {
    downstream.report("error", upstreamMessage(failure));
  }
}

function upstreamMessage({ kind, message }: Failure): string {
  switch (kind) {
    case "timeout":
      return "upstream timed out (110: Connection timed out)";
    case "reset":
      return `connection to upstream broke (${message})`;
    case "refused":
    case "unreachable":
    case "tls":
    case "closed":
    case "invalid_header":
    case "invalid_body":
      return message;
  }
}

function downstreamMessage({ kind, message }: Failure): string {
  switch (kind) {
    case "timeout":
      return "client timed out (110: Connection timed out)";
    case "reset":
      return `connection to client broke (${message})`;
    default:
      return message;
  }
}
