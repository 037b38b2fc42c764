/**
 * `shed_load`: when memory is nearly used up, requests are not begun any more, so that those
 * that have begun can end.
 *
 * @module
 */
import { busyPage, sendSimple } from "../downstream/mod.ts";
import { NEVER } from "../event/mod.ts";
import { PROCESS_SLOTS } from "../log/mod.ts";
import type { Request } from "./request.ts";

const TOLD_GAP_MS = 1_000;

/** Turns requests away, and says so now and then. One a worker. */
export class LoadShedder {
  /** Since it was last told of one. */
  #untold = 0;
  #toldAtMs = -NEVER;

  /** Answers, for as little as an answer can cost: no location is looked for, no `error_page`. */
  turnAway(request: Request): void {
    const { client } = request;
    const { counts } = client.context;
    if (counts !== undefined) counts.process[PROCESS_SLOTS.shedForMemory]! += 1;
    this.#tell(request);
    sendSimple(client, busyPage(client.conf.serverTokens));
  }

  /** At most once a second: who has too much to do does not write a line about each of it. */
  #tell(request: Request): void {
    const { pool, deadlines: { nowMs } } = request.client.context;
    if (nowMs - this.#toldAtMs < TOLD_GAP_MS) {
      this.#untold++;
      return;
    }
    const { heldBytes, maxBytes } = pool.stats();
    request.report(
      "alert",
      `shedding load: ${heldBytes} of ${maxBytes} bytes of buffer_memory are held and ` +
        `${pool.waiting} wait for some; 503 for this request and ${this.#untold} since this was last said`,
    );
    this.#toldAtMs = nowMs;
    this.#untold = 0;
  }
}
