/**
 * Steps: what a location does with a request before the content of its answer, one piece
 * after the other in the order of nginx's phases.
 *
 * @module
 */
import type { Request } from "./request.ts";
import type { Handler } from "./worker.ts";

/**
 * What has become of a request. `"ended"`: it was answered, is being answered by a refusal,
 * or was led elsewhere (`request.next`); nothing that comes after the step sees it.
 */
export type StepResult = "go on" | "ended";

/**
 * One piece that comes before the content. What it can say at once it says without a promise.
 * What it throws, or rejects with, is a bug of ours (500), or a BadMessage of the client's.
 */
export interface Step {
  run(request: Request): StepResult | Promise<StepResult>;
}

/** A location's steps, and then its content. Not made where there are no steps. */
export class Steps implements Handler {
  readonly #steps: readonly Step[];
  readonly #content: Handler;

  /** @param steps In the order that requests meet them. */
  constructor(steps: readonly Step[], content: Handler) {
    this.#steps = steps;
    this.#content = content;
  }

  handle(request: Request): Promise<void> | void {
    return this.#runFrom(0, request);
  }

  #runFrom(first: number, request: Request): Promise<void> | void {
    const steps = this.#steps;
    for (let at = first; at < steps.length; at++) {
      const result = steps[at]!.run(request);
      if (result === "ended") return;
      if (result !== "go on") return this.#runAfter(result, at + 1, request);
    }
    return this.#content.handle(request);
  }

  async #runAfter(result: Promise<StepResult>, next: number, request: Request): Promise<void> {
    if (await result === "go on") return this.#runFrom(next, request);
  }
}
