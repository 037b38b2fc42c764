/**
 * Names looked up at run time, each once for all who want it, and remembered for as long
 * as its answer says.
 *
 * @module
 */
import { AGAIN, type Deadlines, type Expirable, NEVER, Signal, type Wait } from "../event/mod.ts";
import type { LogLevel } from "../log/mod.ts";
import type { ResolverConf } from "./conf.ts";
import { type Endpoint, type NameSource, nameSource, type Question } from "./name_source.ts";
import { TIMED_OUT, Unresolved } from "./unresolved.ts";

/** Names that are remembered, besides those that are being asked for; the longest unused goes first. */
const NAMES_MAX = 1_000;
/** How long an answer is used that has no lifetime of its own: the system's. */
export const SYSTEM_TTL_MS = 30_000;
/** How long a failure is remembered, and then asked again. */
export const RETRY_MS = 1_000;
/** Who wants a name whose last answer is outdated waits this long, then takes that one (RFC 8767, 5). */
const STALE_PATIENCE_MS = 1_800;

/** What a name stands for now. */
export interface Answer {
  /** At least one. */
  readonly endpoints: readonly Endpoint[];
  /** When to ask again, in ms of the clock. */
  readonly untilMs: number;
}

/** One who wants a name. Ask {@linkcode Resolution.answer} until it stops saying AGAIN. */
export class Resolution implements Wait {
  readonly #signal = new Signal();
  readonly #entry: Entry;
  #outcome: Answer | Unresolved | undefined;

  /** For the {@linkcode Resolver} alone. */
  constructor(entry: Entry, outcome: Answer | Unresolved | undefined) {
    this.#entry = entry;
    if (outcome === undefined) entry.waiters.add(this);
    else this.settle(outcome);
  }

  /**
   * What the name stands for, or AGAIN while that is being asked.
   *
   * @throws {Unresolved}
   */
  answer(): Answer | typeof AGAIN {
    const outcome = this.#outcome;
    if (outcome instanceof Unresolved) throw outcome;
    return outcome ?? AGAIN;
  }

  /** For the {@linkcode Resolver} alone. */
  settle(outcome: Answer | Unresolved): void {
    this.#outcome = outcome;
    this.#signal.ring();
  }

  get blocked(): Promise<void> | undefined {
    return this.#signal.blocked;
  }

  arm(wake: () => void): void {
    this.#signal.arm(wake);
  }

  disarm(): void {
    this.#signal.disarm();
  }

  abandon(): void {
    this.#entry.waiters.delete(this);
    this.#signal.ring();
  }
}

/** What is known of one name. */
interface Entry {
  readonly question: Question;
  readonly waiters: Set<Resolution>;
  /** The last good answer; outdated once its time is over. */
  answer: Answer | undefined;
  failure: Unresolved | undefined;
  /** Until when the failure counts, in ms of the clock. */
  failedUntilMs: number;
  /** The question that is on its way. */
  asking: { readonly abort: AbortController; readonly startedAtMs: number } | undefined;
  /** It was told that the outdated answer is used on. */
  isFailing: boolean;
}

/** A cache of names over one source of answers. */
export class Resolver implements Expirable {
  slot = -1;
  readonly #conf: ResolverConf;
  readonly #deadlines: Deadlines;
  readonly #source: NameSource;
  readonly #report: (level: LogLevel, message: string) => void;
  /** The longest unused first. */
  readonly #entries = new Map<string, Entry>();
  readonly #asked = new Set<Entry>();
  #isClosed = false;

  /** @param report Told when outdated answers have to be used, and when no longer. */
  constructor(
    conf: ResolverConf,
    deadlines: Deadlines,
    report: (level: LogLevel, message: string) => void,
    source: NameSource = nameSource(conf, deadlines),
  ) {
    this.#conf = conf;
    this.#deadlines = deadlines;
    this.#source = source;
    this.#report = report;
  }

  /** Names that are remembered. */
  get count(): number {
    return this.#entries.size;
  }

  /** Looks a name up: from what is remembered, or by the question that others wait for, or by a new one. */
  lookUp(question: Question): Resolution {
    const nowMs = this.#deadlines.nowMs;
    const entry = this.#entryOf(question);
    if (entry.asking === undefined) {
      if (entry.answer !== undefined && nowMs < entry.answer.untilMs) {
        return new Resolution(entry, entry.answer);
      }
      if (entry.failure !== undefined && nowMs < entry.failedUntilMs) {
        return new Resolution(entry, this.#lastOf(entry, entry.failure));
      }
      this.#ask(entry);
    } else if (entry.answer !== undefined && nowMs >= patienceEndMs(entry)) {
      return new Resolution(entry, { ...entry.answer, untilMs: nowMs + RETRY_MS });
    }
    return new Resolution(entry, undefined);
  }

  expire(nowMs: number): number {
    let nextMs = NEVER;
    for (const entry of [...this.#asked]) {
      const { asking, answer } = entry;
      if (asking === undefined) continue;
      const deadlineMs = asking.startedAtMs + this.#conf.timeoutMs;
      if (nowMs >= deadlineMs) {
        this.#fail(entry, new Unresolved(entry.question.name, TIMED_OUT));
        asking.abort.abort();
        continue;
      }
      nextMs = Math.min(nextMs, deadlineMs);
      if (answer === undefined) continue;
      if (nowMs < patienceEndMs(entry)) nextMs = Math.min(nextMs, patienceEndMs(entry));
      else this.#wake(entry, { ...answer, untilMs: nowMs + RETRY_MS });
    }
    return nextMs;
  }

  /** Ends all questions; who waits for one is told that there was no answer. */
  close(): void {
    this.#isClosed = true;
    for (const entry of [...this.#asked]) {
      const { asking } = entry;
      this.#fail(entry, new Unresolved(entry.question.name, TIMED_OUT));
      asking?.abort.abort();
    }
  }

  toString(): string {
    return `resolver: asking for ${[...this.#asked].map(({ question }) => question.name)}`;
  }

  #entryOf(question: Question): Entry {
    const key = `${question.isService ? "SRV" : ""} ${question.name.toLowerCase()}`;
    const entry = this.#entries.get(key) ?? {
      question,
      waiters: new Set<Resolution>(),
      answer: undefined,
      failure: undefined,
      failedUntilMs: 0,
      asking: undefined,
      isFailing: false,
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > NAMES_MAX + this.#asked.size) this.#forgetOne();
    return entry;
  }

  #forgetOne(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.asking !== undefined) continue;
      this.#entries.delete(key);
      return;
    }
  }

  #ask(entry: Entry): void {
    const abort = new AbortController();
    const asking = { abort, startedAtMs: this.#deadlines.nowMs };
    entry.asking = asking;
    if (this.#asked.size === 0) this.#deadlines.add(this);
    this.#asked.add(entry);
    const { timeoutMs } = this.#conf;
    const firstMs = entry.answer === undefined ? timeoutMs : Math.min(timeoutMs, STALE_PATIENCE_MS);
    this.#deadlines.notice(asking.startedAtMs + firstMs);
    this.#source(entry.question, abort.signal).then(
      ({ endpoints, ttlMs = SYSTEM_TTL_MS }) => {
        const nowMs = this.#deadlines.stamp();
        if (entry.asking !== asking) return; // it came after its time
        this.#succeed(entry, { endpoints, untilMs: nowMs + (this.#conf.validMs ?? ttlMs) });
      },
      (error: unknown) => {
        this.#deadlines.stamp();
        if (entry.asking !== asking) return;
        this.#fail(entry, unresolved(entry.question, error));
      },
    );
  }

  #succeed(entry: Entry, answer: Answer): void {
    const { name } = entry.question;
    if (entry.isFailing) this.#report("notice", `${name} could be resolved again`);
    entry.isFailing = false;
    entry.answer = answer;
    entry.failure = undefined;
    this.#end(entry, answer);
  }

  #fail(entry: Entry, failure: Unresolved): void {
    if (failure.isFinal) entry.answer = undefined;
    entry.failure = failure;
    entry.failedUntilMs = this.#deadlines.nowMs + RETRY_MS;
    if (entry.answer === undefined) {
      entry.isFailing = false; // who asked tells of it
    } else if (!entry.isFailing && !this.#isClosed) {
      entry.isFailing = true;
      this.#report("error", `${failure.message}, what it was before is used on`);
    }
    this.#end(entry, this.#lastOf(entry, failure));
  }

  /** Where asking failed: the last good answer all the same, if there is one. */
  #lastOf({ answer, failedUntilMs }: Entry, failure: Unresolved): Answer | Unresolved {
    return answer === undefined ? failure : { endpoints: answer.endpoints, untilMs: failedUntilMs };
  }

  #end(entry: Entry, outcome: Answer | Unresolved): void {
    entry.asking = undefined;
    this.#asked.delete(entry);
    if (this.#asked.size === 0) this.#deadlines.remove(this);
    this.#wake(entry, outcome);
  }

  #wake({ waiters }: Entry, outcome: Answer | Unresolved): void {
    const woken = [...waiters];
    waiters.clear();
    for (const waiter of woken) waiter.settle(outcome);
  }
}

function patienceEndMs({ asking }: Entry): number {
  return asking === undefined ? NEVER : asking.startedAtMs + STALE_PATIENCE_MS;
}

/** What a source throws beyond that is the machine's trouble: no descriptor, no permission. */
function unresolved({ name }: Question, error: unknown): Unresolved {
  return error instanceof Unresolved ? error : new Unresolved(name, 2, false, error);
}
