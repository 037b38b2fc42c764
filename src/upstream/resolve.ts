/**
 * Phase `resolve`: the addresses of a group that requests make, where they are not known
 * or have outlived their time.
 *
 * @module
 */
import { AGAIN, type Phase } from "../event/mod.ts";
import { type OnDemand, Unresolved } from "../peer/mod.ts";
import { type Exchange, Refused } from "./exchange.ts";
import { beginWalk } from "./init.ts";

const BAD_GATEWAY = 502;

/**
 * Asks for the addresses, and begins the walk over the peers anew.
 *
 * @throws {Refused} 502: there are none; it has been reported.
 */
export async function* resolve(exchange: Exchange, onDemand: OnDemand): Phase<void> {
  exchange.doing = "resolving the upstream's name";
  const resolution = onDemand.lookUp();
  try {
    let answer = resolution.answer();
    while (answer === AGAIN) {
      yield resolution;
      answer = resolution.answer();
    }
    onDemand.take(answer);
  } catch (error) {
    if (!(error instanceof Unresolved)) throw error;
    exchange.doing = ""; // as in nginx's log, where the message says it all
    exchange.downstream.report("error", error.message);
    exchange.reason.what = error.message;
    throw new Refused(BAD_GATEWAY);
  }
  beginWalk(exchange);
}
