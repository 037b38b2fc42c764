/**
 * What the password checks of a worker share: files that were read, the queue of slow
 * calculations, and who was found right a while ago.
 *
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../../event/mod.ts";
import { PasswordFiles } from "./password_file.ts";
import { type Job, SliceQueue, type Slices } from "./slices.ts";

/** Calculations that may wait: each takes some 0.1 s. */
const QUEUE_MAX = 128;
/** Passwords that are known to be right. */
const RIGHT_MAX = 1_000;
/** How long that is believed, in ms. */
const RIGHT_MS = 300_000;
const KEY_BYTES = 32;

/** A calculation that one request waits for. */
export interface SlowCheck {
  /** Undefined when the request has left. */
  readonly isRight: Promise<boolean | undefined>;
  leave(): void;
}

interface Waiting {
  readonly job: Job<boolean>;
  readonly wakes: Set<PromiseWithResolvers<boolean | undefined>>;
}

export class PasswordChecks {
  readonly #clock: Clock;
  readonly #files = new PasswordFiles();
  readonly #queue: SliceQueue;
  /** Neither passwords nor hashes are kept, but what this key makes of both. */
  readonly #key = randomBytes(KEY_BYTES);
  /** Till when, in ms of the clock; the ones used last at the end. */
  readonly #right = new Map<string, number>();
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#queue = new SliceQueue(clock, QUEUE_MAX);
  }

  /** The hash of a user. @throws what opening the file does. */
  hashOf(path: string, user: string): string | undefined {
    return this.#files.hashOf(path, user);
  }

  /** Begins to calculate, unless it is known or under way already. */
  begin(password: Uint8Array, hash: string, slices: Slices<boolean>): SlowCheck | "right" | "busy" {
    const key = createHmac("sha256", this.#key).update(hash).update("\0").update(password)
      .digest("base64");
    if (this.#isKnown(key)) return "right";
    const waiting = this.#waiting.get(key) ?? this.#start(key, slices);
    if (waiting === undefined) return "busy";
    const wake = Promise.withResolvers<boolean | undefined>();
    waiting.wakes.add(wake);
    return {
      isRight: wake.promise,
      leave: () => {
        waiting.wakes.delete(wake);
        wake.resolve(undefined);
        if (waiting.wakes.size > 0) return;
        waiting.job.giveUp();
        this.#waiting.delete(key);
      },
    };
  }

  #start(key: string, slices: Slices<boolean>): Waiting | undefined {
    const job = this.#queue.add(slices);
    if (job === undefined) return undefined;
    const waiting: Waiting = { job, wakes: new Set() };
    this.#waiting.set(key, waiting);
    const end = (settle: (wake: PromiseWithResolvers<boolean | undefined>) => void) => {
      if (waiting.wakes.size === 0) return; // given up
      this.#waiting.delete(key);
      for (const wake of waiting.wakes) settle(wake);
      waiting.wakes.clear();
    };
    job.result.then((isRight) => {
      if (isRight === true) this.#remember(key);
      end((wake) => wake.resolve(isRight));
    }, (error: unknown) => end((wake) => wake.reject(error)));
    return waiting;
  }

  #isKnown(key: string): boolean {
    const untilMs = this.#right.get(key);
    if (untilMs === undefined) return false;
    this.#right.delete(key);
    if (untilMs <= this.#clock.nowMs()) return false;
    this.#right.set(key, untilMs); // as the one used last
    return true;
  }

  #remember(key: string): void {
    this.#right.set(key, this.#clock.nowMs() + RIGHT_MS);
    if (this.#right.size <= RIGHT_MAX) return;
    for (const oldest of this.#right.keys()) {
      this.#right.delete(oldest);
      return;
    }
  }
}
