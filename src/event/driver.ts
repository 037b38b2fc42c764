/**
 * The driver: runs phases, and does all of their waiting.
 *
 * @module
 */
import type { Phase, Wait } from "./wait.ts";

/** Runs one phase after another. One for each request, used again for the next one. */
export class Driver {
  #current: Wait | undefined;
  #interruption: Error | undefined;

  /**
   * Runs a phase to its end.
   *
   * @throws {Failure} Whatever ended the phase.
   */
  async run<Result>(phase: Phase<Result>): Promise<Result> {
    let step = await phase.next();
    while (!step.done) {
      const wait = step.value;
      if (this.#interruption === undefined) {
        this.#current = wait;
        await wait.blocked;
        this.#current = undefined;
      } else {
        wait.abandon(); // what it was about to wait for must not go on for nobody
      }
      step = this.#interruption === undefined
        ? await phase.next()
        : await phase.throw(this.#interruption);
    }
    return step.value;
  }

  /**
   * Waits once, outside of a phase: where a phase would be a generator with one `yield` in it,
   * which costs more than what is waited for. Await what this returns, then call
   * {@linkcode unblock}.
   */
  block(wait: Wait): Promise<void> | undefined {
    if (this.#interruption !== undefined) wait.abandon();
    this.#current = wait;
    return wait.blocked;
  }

  /** The wait of {@linkcode block} is over. @throws What interrupted it. */
  unblock(): void {
    this.#current = undefined;
    if (this.#interruption !== undefined) throw this.#interruption;
  }

  /** Ends the current wait, or the next one, by throwing `reason` into the phase: the client has left. */
  interrupt(reason: Error): void {
    this.#interruption ??= reason;
    this.#current?.abandon();
  }

  /** Why the phase was ended from outside, if it was. */
  get interruption(): Error | undefined {
    return this.#interruption;
  }

  /** Makes the driver ready for the next request. */
  reset(): void {
    this.#interruption = undefined;
  }
}
