/**
 * Phase `init`: the request is created once, and the client is watched.
 *
 * @module
 */
import { type Phase, Room } from "../event/mod.ts";
import type { Exchange } from "./exchange.ts";
import { createRequest } from "./send_request.ts";

/**
 * Begins the walk over the peers, creates the request, and watches the client.
 *
 * @returns Whether there was memory for it; if not, {@linkcode initWithRoom} waits for it.
 */
export function init(exchange: Exchange): boolean {
  const { selection, conf, group, downstream } = exchange;
  const { tries } = conf.nextUpstream;
  group.balancer.begin(selection);
  if (tries > 0 && tries < selection.triesLeft) selection.triesLeft = tries;
  if (!createRequest(exchange)) return false;
  if (downstream.requestBody === undefined) watchClient(exchange);
  return true;
}

/** The same, when the buffer pool is exhausted: waits until it is not. */
export async function* initWithRoom(exchange: Exchange): Phase<void> {
  exchange.doing = "waiting for buffer memory";
  while (!init(exchange)) yield new Room(exchange.context.pool);
}

/** From now on the client's leaving ends the journey (unless `ignore_client_abort`). */
export function watchClient(exchange: Exchange): void {
  if (!exchange.conf.ignoreClientAbort) exchange.downstream.watch(exchange.onClientGone);
}
