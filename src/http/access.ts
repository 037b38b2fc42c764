/**
 * Who is let in: the access phase. Several checks each have a say, and `satisfy` tells whether
 * all of them have to agree or one is enough.
 *
 * @module
 */
import { holdUp } from "./hold_up.ts";
import { refuse } from "./redirect.ts";
import type { Request } from "./request.ts";
import type { Step, StepResult } from "./step.ts";

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/**
 * What one check says of a request. `"undecided"`: it has nothing to say. `"ended"`: the client
 * has left meanwhile. A number is the status that it is refused with.
 */
export type Verdict = "allowed" | "undecided" | "ended" | number;

/** One of the checks. It may leave field lines of a refusal in `request.carried`. */
export interface AccessCheck {
  check(request: Request): Verdict | Promise<Verdict>;
}

/** The checks of a location, in nginx's order. */
export class Access implements Step {
  readonly #satisfy: "all" | "any";
  readonly #checks: readonly AccessCheck[];
  readonly #delayMs: number;

  /** @param delayMs `auth_delay`: how long who is not authorized waits to be told. */
  constructor(satisfy: "all" | "any", checks: readonly AccessCheck[], delayMs = 0) {
    this.#satisfy = satisfy;
    this.#checks = checks;
    this.#delayMs = delayMs;
  }

  run(request: Request): StepResult | Promise<StepResult> {
    // Subrequests have been let in with the request that they are a part of, as in nginx.
    return request.depth > 0 ? "go on" : this.#runFrom(0, request, 0);
  }

  /** @param refusal What `satisfy any` refuses with if nobody allows: 0 for nothing yet. */
  #runFrom(first: number, request: Request, refusal: number): StepResult | Promise<StepResult> {
    let refusedWith = refusal;
    for (let at = first; at < this.#checks.length; at++) {
      const verdict = this.#checks[at]!.check(request);
      if (typeof verdict === "object") return this.#runAfter(verdict, at, request, refusedWith);
      const outcome = this.#weigh(request, verdict, refusedWith);
      if (typeof outcome !== "number") return outcome;
      refusedWith = outcome;
    }
    return this.#conclude(request, refusedWith);
  }

  async #runAfter(
    waitedFor: Promise<Verdict>,
    at: number,
    request: Request,
    refusal: number,
  ): Promise<StepResult> {
    const outcome = this.#weigh(request, await waitedFor, refusal);
    return typeof outcome === "number" ? this.#runFrom(at + 1, request, outcome) : outcome;
  }

  /** Either it is settled, or the refusal that stands when the next check has its say. */
  #weigh(
    request: Request,
    verdict: Verdict,
    refusal: number,
  ): StepResult | Promise<StepResult> | number {
    if (verdict === "ended") return "ended";
    if (verdict === "undecided") return refusal;
    if (verdict === "allowed") {
      if (this.#satisfy === "all") return refusal;
      if (request.carried.length > 0) request.carried = []; // nobody is challenged any more
      return "go on";
    }
    const mayBeOverruled = verdict === UNAUTHORIZED || verdict === FORBIDDEN;
    if (this.#satisfy === "any" && mayBeOverruled) {
      return refusal === UNAUTHORIZED ? refusal : verdict;
    }
    return this.#refuse(request, verdict);
  }

  #refuse(request: Request, status: number): StepResult | Promise<StepResult> {
    if (status === UNAUTHORIZED && this.#delayMs > 0) return this.#refuseLater(request, status);
    refuse(request, status);
    return "ended";
  }

  async #refuseLater(request: Request, status: number): Promise<StepResult> {
    request.report("info", "delaying unauthorized request");
    if (await holdUp(request, this.#delayMs) === "go on") refuse(request, status);
    return "ended";
  }

  /** Of `satisfy any`, when nobody has allowed: that nobody has refused is enough. */
  #conclude(request: Request, refusal: number): StepResult | Promise<StepResult> {
    if (refusal === 0) return "go on";
    if (refusal === FORBIDDEN) request.report("error", "access forbidden by rule");
    return this.#refuse(request, refusal);
  }
}
