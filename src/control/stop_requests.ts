/**
 * The signals that end the program, as requests that are asked for one after the
 * other.
 *
 * @module
 */

/** `stop`: at once. `drain`: when all that runs is finished. */
export type StopRequest = "stop" | "drain";

/** Requests to end, in the order in which they came. One asker at a time is answered. */
export interface StopRequests {
  next(): Promise<StopRequest>;
}

/** What each signal asks for, as nginx has it. Windows knows only the first. */
const SIGNALS: readonly (readonly [Deno.Signal, StopRequest])[] = [
  ["SIGINT", "stop"],
  ["SIGTERM", "stop"],
  ["SIGQUIT", "drain"],
];

/** Listens for signals from now on, so that none is lost while the server starts. */
export function stopSignals(): StopRequests {
  const requests = new RequestQueue();
  const known = Deno.build.os === "windows" ? SIGNALS.slice(0, 1) : SIGNALS;
  for (const [signal, request] of known) {
    Deno.addSignalListener(signal, () => requests.add(request));
  }
  return requests;
}

/** {@linkcode StopRequests} from anybody who can add one. */
export class RequestQueue implements StopRequests {
  readonly #waiting: StopRequest[] = [];
  readonly #askers: ((request: StopRequest) => void)[] = [];

  add(request: StopRequest): void {
    const asker = this.#askers.shift();
    if (asker === undefined) this.#waiting.push(request);
    else asker(request);
  }

  next(): Promise<StopRequest> {
    const request = this.#waiting.shift();
    if (request !== undefined) return Promise.resolve(request);
    const { promise, resolve } = Promise.withResolvers<StopRequest>();
    this.#askers.push(resolve);
    return promise;
  }
}
