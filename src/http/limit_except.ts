/**
 * `limit_except`: requests with other methods than the listed ones are at another location,
 * so to speak: one with rules of its own.
 *
 * @module
 */
import type { Request } from "./request.ts";
import type { Handler } from "./worker.ts";

export class LimitExcept implements Handler {
  readonly #methods: ReadonlySet<string>;
  readonly #listed: Handler;
  readonly #others: Handler;

  constructor(methods: ReadonlySet<string>, listed: Handler, others: Handler) {
    this.#methods = methods;
    this.#listed = listed;
    this.#others = others;
  }

  handle(request: Request): Promise<void> | void {
    const handler = this.#methods.has(request.method) ? this.#listed : this.#others;
    return handler.handle(request);
  }
}
