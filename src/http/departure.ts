/**
 * One client's leaving, told to all that its request has set going.
 *
 * @module
 */
import type { Client } from "../downstream/mod.ts";
import type { Member } from "../event/mod.ts";
import type { Worker } from "./worker.ts";

/**
 * Watches a client for as long as subrequests run. What runs without a client ends when
 * the worker does.
 */
export class Departure implements Member {
  slot = -1;
  /** Whether the client has left, or the worker ends. */
  hasLeft = false;
  readonly #worker: Worker;
  readonly #listeners = new Set<() => void>();
  #client: Client | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.departures.add(this);
  }

  /** Begins to watch. A client that still has to send its body cannot be watched. */
  watch(client: Client): void {
    if (client.head.hasBody && !client.body.isDone) return;
    this.#client = client;
    client.watch(this.leave);
  }

  /** Nothing runs any more: the client is somebody else's business again. */
  end(): void {
    this.#client?.unwatch();
    this.#client = undefined;
    const { departures } = this.#worker;
    departures.delete(this);
    if (departures.size === 0) this.#worker.onNoneRunning?.();
  }

  /** Calls `listener` when the client leaves; at once if it has. */
  add(listener: () => void): void {
    this.#listeners.add(listener);
    if (this.hasLeft) listener();
  }

  delete(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** The client has left. */
  readonly leave = (): void => {
    this.hasLeft = true;
    for (const listener of [...this.#listeners]) listener();
  };
}
