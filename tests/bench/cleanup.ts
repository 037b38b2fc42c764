/**
 * What has to be undone at the end, also after a failure or Ctrl-C.
 *
 * @module
 */

/** A stack of things to undo. `run` undoes each once, the latest first. */
export class Cleanup {
  #undo: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;
  #interrupted = false;

  /** Whether a signal came: what fails from then on fails because of it. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** Returns a function that undoes it early. */
  add(undo: () => Promise<void>): () => Promise<void> {
    this.#undo.push(undo);
    return async () => {
      const at = this.#undo.indexOf(undo);
      if (at < 0) return;
      this.#undo.splice(at, 1);
      await undo();
    };
  }

  /** Settles when all is undone, also for a second caller. */
  run(): Promise<void> {
    return this.#running ??= this.#undoAll();
  }

  /** Runs on SIGINT and SIGTERM, then exits as a shell would say it. */
  onSignals(): void {
    for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      Deno.addSignalListener(signal, () => {
        this.#interrupted = true;
        void this.run().finally(() => Deno.exit(status));
      });
    }
  }

  /** Goes on when one of them fails: the rest must still be undone. */
  async #undoAll(): Promise<void> {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (failure) {
        console.error(`Cannot clean up: ${failure}`);
      }
    }
  }
}
