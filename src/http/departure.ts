/**
 * One client's leaving, told to all that its request has set going.
 *
 * @module
 */
import type { Client } from "../downstream/mod.ts";

/** Watches a client for as long as subrequests run; or, without a client, tells of an end from outside. */
export class Departure {
  /** Whether the client has left. */
  hasLeft = false;
  readonly #listeners = new Set<() => void>();
  #client: Client | undefined;

  /** Begins to watch. A client that still has to send its body cannot be watched. */
  watch(client: Client): void {
    if (client.head.hasBody && !client.body.isDone) return;
    this.#client = client;
    client.watch(this.leave);
  }

  /** Ends the watch: the client is somebody else's business again. */
  end(): void {
    this.#client?.unwatch();
    this.#client = undefined;
  }

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
