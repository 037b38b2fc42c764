/**
 * Phase `init`: the walk over the peers begins, and a request without a body is
 * created. One with a body is taken in next.
 *
 * @module
 */
import type { Exchange } from "./exchange.ts";
import { createRequest } from "./send_request.ts";

/** @returns Whether the request is ready to be sent; if not, `take_request` makes it so. */
export function init(exchange: Exchange): boolean {
  beginWalk(exchange);
  return exchange.downstream.requestBody === undefined && exchange.keptBody === undefined &&
    createRequest(exchange, 0);
}

/** All peers of the group are there to be tried. */
export function beginWalk({ selection, conf, group, context }: Exchange): void {
  const { tries } = conf.nextUpstream;
  group.begin(selection, context.deadlines.nowMs);
  if (tries > 0 && tries < selection.triesLeft) selection.triesLeft = tries;
}

/** From now on the client's leaving ends the journey (unless `ignore_client_abort`). */
export function watchClient({ conf, downstream, onClientGone }: Exchange): void {
  downstream.watch(onClientGone, conf.ignoreClientAbort);
}
