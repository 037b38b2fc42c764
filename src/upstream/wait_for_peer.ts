/**
 * Phase `wait_for_peer`: a request waits in its group's `queue`, since the peers have all
 * the connections that they may have.
 *
 * @module
 */
import type { Phase } from "../event/mod.ts";
import type { Peer, PeerQueue } from "../peer/mod.ts";
import type { Exchange } from "./exchange.ts";

/** Whether waiting helps: a peer that the request has not been at has no more room. */
export function isWorthWaiting({ group, selection }: Exchange): boolean {
  return group.balancer.peers.some((peer) => peer.isFull && !selection.tried.includes(peer));
}

/** @returns The peer; `undefined` when the queue is full, its time is over, or no peer would help. */
export async function* waitForPeer(
  exchange: Exchange,
  queue: PeerQueue,
): Phase<Peer | undefined> {
  const { group, selection, context } = exchange;
  const place = queue.enter();
  if (place === undefined) return undefined;
  try {
    while (true) {
      yield place;
      place.sleep();
      const { nowMs } = context.deadlines;
      const peer = group.balancer.get(selection, nowMs);
      const isOver = nowMs >= place.deadlineMs || !isWorthWaiting(exchange);
      if (peer !== undefined || isOver) return peer;
      // Only what it has tried, or is bound to, makes it more particular than others.
      if (selection.tried.length > 0 || selection.boundTo !== "") queue.wakeBehind(place);
    }
  } finally {
    queue.leave(place);
    queue.wake(); // there may be room for more than one
  }
}
