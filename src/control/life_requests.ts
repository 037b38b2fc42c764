/**
 * What is asked of the program while it runs, in the order in which it was asked: signals.
 *
 * @module
 */

/**
 * `stop`: end at once. `quit`: end when all that runs is finished. `reload`: read the
 * configuration again. `reopen`: open the logs again.
 */
export type LifeRequestKind = "stop" | "quit" | "reload" | "reopen";

/** One of them, and the signal that it came by. */
export interface LifeRequest {
  readonly kind: LifeRequestKind;
  /** nginx's words: `signal 1 (SIGHUP) received, reconfiguring`. */
  readonly received: string;
}

/** Requests in the order in which they came. One asker at a time is answered. */
export interface LifeRequests {
  next(): Promise<LifeRequest>;
}

/** A signal, its number on Linux, and what it asks for. */
interface SignalMeaning {
  readonly signal: Deno.Signal;
  readonly number: number;
  readonly kind: LifeRequestKind;
  readonly words: string;
}

/**
 * As nginx has it, but for the reopening of logs: nginx's signal for it (USR1) opens the
 * inspector of the runtime. Windows knows only the first.
 */
const SIGNALS: readonly SignalMeaning[] = [
  { signal: "SIGINT", number: 2, kind: "stop", words: "exiting" },
  { signal: "SIGTERM", number: 15, kind: "stop", words: "exiting" },
  { signal: "SIGQUIT", number: 3, kind: "quit", words: "shutting down" },
  { signal: "SIGHUP", number: 1, kind: "reload", words: "reconfiguring" },
  { signal: "SIGUSR2", number: 12, kind: "reopen", words: "reopening logs" },
];

/** The signal that asks a running program for something. */
export const SIGNAL_OF: Readonly<Record<LifeRequestKind, Deno.Signal>> = {
  stop: "SIGTERM",
  quit: "SIGQUIT",
  reload: "SIGHUP",
  reopen: "SIGUSR2",
};

/** Listens for signals from now on, so that none is lost while the server starts. */
export function lifeSignals(): LifeRequests {
  const requests = new RequestQueue();
  const known = Deno.build.os === "windows" ? SIGNALS.slice(0, 1) : SIGNALS;
  for (const { signal, number, kind, words } of known) {
    const received = `signal ${number} (${signal}) received, ${words}`;
    Deno.addSignalListener(signal, () => requests.add({ kind, received }));
  }
  return requests;
}

/** {@linkcode LifeRequests} from anybody who can add one. */
export class RequestQueue implements LifeRequests {
  readonly #waiting: LifeRequest[] = [];
  readonly #askers: ((request: LifeRequest) => void)[] = [];

  add(request: LifeRequest): void {
    const asker = this.#askers.shift();
    if (asker === undefined) this.#waiting.push(request);
    else asker(request);
  }

  next(): Promise<LifeRequest> {
    const request = this.#waiting.shift();
    if (request !== undefined) return Promise.resolve(request);
    const { promise, resolve } = Promise.withResolvers<LifeRequest>();
    this.#askers.push(resolve);
    return promise;
  }
}
