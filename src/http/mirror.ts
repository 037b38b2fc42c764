/**
 * `mirror`: copies of a request go to other locations, whose answers are thrown away.
 * Nobody waits for them: neither the client's response nor its next request.
 *
 * @module
 */
import { Driver } from "../event/mod.ts";
import { escapeArgs } from "../wire/mod.ts";
import { Departure } from "./departure.ts";
import type { Request } from "./request.ts";
import type { Step, StepResult } from "./step.ts";
import { Subrequest } from "./subrequest.ts";
import { takeBody } from "./taken_body.ts";

/** What of a location's mirroring is configured. */
export interface MirrorOptions {
  /** Paths and queries of the locations that get copies. */
  readonly targets: readonly string[];
  /** Whether copies have the request's body. */
  readonly copiesBody: boolean;
  /** `mirror_limit`: copies that may be on their way at once; further ones are left out. */
  readonly limit: number;
}

/** Sends copies; the request itself goes on. */
export class Mirror implements Step {
  readonly #options: MirrorOptions;
  #running = 0;
  #leftOut = 0;

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  run(request: Request): StepResult | Promise<StepResult> {
    if (request.depth > 0) return "go on";
    if (this.#options.copiesBody && request.head.hasBody && !request.isBodyGone) {
      return this.#copyWithBody(request);
    }
    this.#copy(request, undefined);
    return "go on";
  }

  /** The body is read first, as in nginx; how long that takes is up to the client. */
  async #copyWithBody(request: Request): Promise<StepResult> {
    const { bufferBytes } = request.client.body;
    const body = await takeBody(request, bufferBytes, new Driver());
    if (body !== undefined) this.#copy(request, body);
    else request.report("warn", `a request body of over ${bufferBytes} bytes is not mirrored`);
    return "go on";
  }

  #copy(request: Request, body: Uint8Array | undefined): void {
    for (const target of this.#options.targets) {
      if (this.#running >= this.#options.limit) {
        // Once for each time that it is too slow, not for each request then.
        if (this.#leftOut++ === 0) {
          request.report("warn", `${this.#running} mirrored requests are under way: left one out`);
        }
        continue;
      }
      this.#leftOut = 0;
      this.#send(request, withArgs(target, request), body);
    }
  }

  #send(request: Request, target: string, body: Uint8Array | undefined): void {
    const departure = new Departure(request.worker);
    let subrequest: Subrequest;
    try {
      const { method } = request;
      const rest = { target, method, keepsBody: false, departure };
      subrequest = new Subrequest(request, body === undefined ? rest : { ...rest, body });
    } catch (error) {
      departure.end();
      throw error;
    }
    this.#running++;
    // `run` never rejects.
    subrequest.run().then(() => {
      subrequest.release();
      departure.end();
      this.#running--;
    });
  }
}

/** The client's query is the copy's, unless the configuration gives it one: nginx's `mirror`. */
function withArgs(target: string, { args }: Request): string {
  return args === "" || target.includes("?") ? target : `${target}?${escapeArgs(args)}`;
}
