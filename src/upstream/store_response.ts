/**
 * A response that is kept in a file besides being passed on (`store`): what comes is
 * written as it is taken out of its framing, whichever way it is relayed, and the peer
 * is read to the end even if the client leaves.
 *
 * @module
 */
import { Failure } from "../event/mod.ts";
import type { Exchange } from "./exchange.ts";

const OK = 200;

/** Begins to keep the response whose head has been read, if it is one to keep. */
export function beginStore(exchange: Exchange): void {
  const { head, method, downstream } = exchange;
  if (head.status === OK && method === "GET") exchange.store = downstream.openStore(head);
}

/** Keeps what has come. A disk that is full ends the keeping, not the response. */
export function storeBody(exchange: Exchange, bytes: Uint8Array): void {
  try {
    exchange.store!.write(bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    exchange.downstream.report("crit", `cannot store a response: ${why}`);
    discardStore(exchange);
  }
}

/** The peer is done: keeps the file if the response is complete, and nothing of it if not. */
export function endStore(exchange: Exchange): void {
  if (!exchange.body.isDone) return discardStore(exchange);
  const problem = exchange.store!.keep();
  exchange.store = undefined;
  if (problem !== "") exchange.downstream.report("crit", problem);
}

function discardStore(exchange: Exchange): void {
  const problem = exchange.store!.discard();
  exchange.store = undefined;
  if (problem !== "") exchange.downstream.report("crit", problem);
}

/**
 * Whether the client has left, but what it asked for is wanted all the same.
 *
 * @throws {Failure} It has left, and nobody else wants the response; or we are ending.
 */
export function hasClientLeft({ downstream, store }: Exchange): boolean {
  if (store === undefined) {
    downstream.checkSending();
    return false;
  }
  try {
    downstream.checkSending();
    return false;
  } catch (error) {
    if (error instanceof Failure && error.kind !== "closed") return true;
    throw error;
  }
}
