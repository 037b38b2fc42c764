/**
 * `mirror`: copies of a request go to other locations, whose answers are thrown away.
 * Nobody waits for them: neither the client's response nor its next request.
 *
 * @module
 */
import { Departure } from "./departure.ts";
import type { Request } from "./request.ts";
import { Subrequest } from "./subrequest.ts";
import type { Handler } from "./worker.ts";

/** What of a location's mirroring is configured. */
export interface MirrorOptions {
  /** Paths and queries of the locations that get copies. */
  readonly targets: readonly string[];
  /** Whether copies have the request's body. */
  readonly copiesBody: boolean;
  /** `mirror_limit`: copies that may be on their way at once; further ones are left out. */
  readonly limit: number;
}

/** Sends copies, and lets another handler answer. */
export class Mirror implements Handler {
  readonly #options: MirrorOptions;
  readonly #inner: Handler;
  #running = 0;
  #leftOut = 0;

  constructor(options: MirrorOptions, inner: Handler) {
    this.#options = options;
    this.#inner = inner;
  }

  handle(request: Request): Promise<void> {
    if (request.depth === 0) this.#copy(request);
    return this.#inner.handle(request);
  }

  #copy(request: Request): void {
    for (const target of this.#options.targets) {
      if (this.#running >= this.#options.limit) {
        // Once for each time that it is too slow, not for each request then.
        if (this.#leftOut++ === 0) {
          request.report("warn", `${this.#running} mirrored requests are under way: left one out`);
        }
        continue;
      }
      this.#leftOut = 0;
      this.#send(request, target);
    }
  }

  #send(request: Request, target: string): void {
    const departure = new Departure(request.worker);
    let subrequest: Subrequest;
    try {
      subrequest = new Subrequest(request, {
        method: request.method,
        target,
        keepsBody: false,
        departure,
      });
    } catch (error) {
      departure.end();
      throw error;
    }
    this.#running++;
    // `run` never rejects.
    subrequest.run().then(() => {
      subrequest.release();
      this.#running--;
      departure.end();
    });
  }
}
