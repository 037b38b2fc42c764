/**
 * A worker as the main thread holds it.
 *
 * @module
 */
import { CountedElsewhere } from "../log/mod.ts";
import {
  type Answer,
  type Call,
  type CallName,
  errorOf,
  type PostedRow,
  type WorkerCalls,
} from "./worker_calls.ts";

/** The worker that was called has ended, or ends before it answers. */
export class WorkerEnded extends Error {
  override readonly name = "WorkerEnded";
}

/** What a call answers with. */
type Value<Name extends CallName> = Awaited<ReturnType<WorkerCalls[Name]>>;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One thread. */
export class WorkerHandle {
  /** Of zones. */
  readonly column: number;
  /** What it has counted. */
  readonly counted = new CountedElsewhere();
  readonly #worker: Worker;
  readonly #onEnd: (why: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #hasEnded = false;
  /** Resolves when it can be called. */
  readonly ready: Promise<void>;

  /** @param onEnd Told when it has ended by an error or by {@linkcode terminate}, and why. */
  constructor(column: number, onEnd: (why: string) => void) {
    this.column = column;
    this.#onEnd = onEnd;
    const url = new URL("./worker_thread.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module", name: "sluice worker" });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer | PostedRow>) => {
      if ("id" in data) this.#settle(data);
      else this.counted.add(data.kind, data.labels, data.values);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // it ends alone
      this.#end(event.message);
    };
    this.ready = this.#answer(0).then(() => {});
  }

  /**
   * Asks it for something.
   *
   * @throws {WorkerEnded}
   * @throws What the call threw there.
   */
  async call<Name extends CallName>(
    name: Name,
    ...[order]: Parameters<WorkerCalls[Name]>
  ): Promise<Value<Name>> {
    if (this.#hasEnded) throw new WorkerEnded("the worker has ended");
    const id = ++this.#lastId;
    const answer = this.#answer(id);
    const call: Call = { id, name, order };
    this.#worker.postMessage(call);
    return await answer as Value<Name>;
  }

  /** Ends the thread, wherever it is. */
  terminate(why: string): void {
    this.#end(why);
  }

  /** Ends it once it has nothing to do any more: nobody is told. */
  release(): void {
    this.#hasEnded = true;
    this.#worker.terminate();
  }

  #answer(id: number): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    return promise;
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(errorOf(answer.error));
  }

  #end(why: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#worker.terminate();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#onEnd(why);
    for (const { reject } of waiting) reject(new WorkerEnded(`the worker has ended: ${why}`));
  }
}
