/**
 * What has to be undone at the end, also after a failure or Ctrl-C.
 *
 * @module
 */

/** A stack of things to undo. `run` undoes each once, the latest first. */
export class Cleanup {
  #undo: (() => Promise<void>)[] = [];

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

  /** Goes on when one of them fails: the rest must still be undone. */
  async run(): Promise<void> {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (failure) {
        console.error(`Cannot clean up: ${failure}`);
      }
    }
  }

  /** Runs on SIGINT and SIGTERM, then exits as a shell would say it. */
  onSignals(): void {
    for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      Deno.addSignalListener(signal, () => {
        void this.run().finally(() => Deno.exit(status));
      });
    }
  }
}
