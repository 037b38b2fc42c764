/**
 * A request that has to wait, on purpose.
 *
 * @module
 */
import { Pause } from "../event/mod.ts";
import { Departure } from "./departure.ts";
import type { Request } from "./request.ts";
import type { StepResult } from "./step.ts";

const CLIENT_CLOSED_REQUEST = 499;

/** Waits, unless the client leaves meanwhile. It holds no timer of its own. */
export async function holdUp(request: Request, delayMs: number): Promise<StepResult> {
  const { worker, client } = request;
  const { deadlines } = worker.context;
  const pause = new Pause(deadlines);
  pause.until(deadlines.stamp() + delayMs);
  const departure = new Departure(worker);
  departure.watch(client);
  try {
    const { blocked } = pause;
    departure.add(() => pause.abandon());
    await blocked;
    if (!departure.hasLeft) return "go on";
    request.report("info", "client prematurely closed connection");
    client.response.cutShort();
    client.response.status = CLIENT_CLOSED_REQUEST;
    return "ended";
  } finally {
    departure.end();
  }
}
