/**
 * A log target without files or time: the test reads what was written, says
 * which writes fail, and lets the timer fire by hand.
 *
 * @module
 */
import type { LogTarget, LogWriter } from "../../../src/log/sink.ts";

const DECODER = new TextDecoder();

export class ScriptedTarget implements LogTarget {
  readonly name = "test.log";
  readonly reports: string[] = [];
  /** What each write wrote, in order. */
  readonly writes: string[] = [];
  opened = 0;
  closed = 0;
  /** Writes, counted from 1, that fail; a number tells after how many bytes of it. */
  readonly failures = new Map<number, number>();
  /** The most bytes that one write takes. */
  atMostBytes = Infinity;
  /** While set, opening fails. */
  openFails = false;
  #calls = 0;
  #gate: Promise<void> | undefined;
  #open: (() => void) | undefined;
  #timers: { delayMs: number; fire: () => void }[] = [];

  /** All that arrived. */
  get text(): string {
    return this.writes.join("");
  }

  get armed(): readonly number[] {
    return this.#timers.map(({ delayMs }) => delayMs);
  }

  open(): LogWriter {
    if (this.openFails) throw new Error("no such folder");
    this.opened++;
    return { write: (bytes) => this.#write(bytes), close: () => this.closed++ };
  }

  report(message: string): void {
    this.reports.push(message);
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { delayMs, fire };
    this.#timers.push(timer);
    return () => this.#timers = this.#timers.filter((other) => other !== timer);
  }

  fireTimers(): void {
    const timers = this.#timers;
    this.#timers = [];
    for (const { fire } of timers) fire();
  }

  /** Writes do not settle until {@linkcode go}. */
  stall(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  go(): void {
    this.#gate = undefined;
    this.#open?.();
  }

  async #write(bytes: Uint8Array): Promise<number> {
    const call = ++this.#calls;
    await this.#gate;
    const failsAfter = this.failures.get(call);
    if (failsAfter === 0) throw new Error("disk full");
    const count = Math.min(bytes.length, failsAfter ?? this.atMostBytes);
    this.writes.push(DECODER.decode(bytes.slice(0, count)));
    if (failsAfter !== undefined) this.failures.set(call + 1, 0);
    return count;
  }
}
