/**
 * What all requests of one worker share.
 *
 * @module
 */
import { formatHttpDate, SERVER_NAME, SERVER_VERSION } from "../downstream/mod.ts";
import { type Clock, type ConnContext, Roster } from "../event/mod.ts";
import type { ErrorLog } from "../log/mod.ts";
import { bytesOf } from "../wire/mod.ts";
import type { Departure } from "./departure.ts";
import type { Variables } from "./configured_variables.ts";
import { KEEPS_NOTHING, type Kept } from "./kept.ts";
import { Request } from "./request.ts";
import { LoadShedder } from "./shed_load.ts";
import type { ConnectionNumbers } from "./stub_status.ts";

/** What a location does with a request. What it throws or rejects with is a bug. */
export interface Handler {
  /** Without a promise where it can answer at once. */
  handle(request: Request): Promise<void> | void;
}

/** The servers of a listening address, as a request's own subrequests need them. */
export interface Server {
  /** Of the configuration that its requests go by. */
  readonly variables: Variables;
  /** `merge_slashes`. */
  readonly mergesSlashes: boolean;
  /** Finds the location of a subrequest and has it answer. Never rejects. */
  answerSubrequest(request: Request): Promise<void>;
  /** A client's request has been answered, or goes on elsewhere. */
  end(request: Request): Promise<void> | void;
  /** The answering of a client's request failed, which is a bug of ours. */
  fail(request: Request, error: unknown): Promise<void> | void;
}

const LF = 0x0a;
/** Requests that are kept to be used again: what a burst needed beyond is the collector's. */
const SPARE_MAX = 1_024;

/** One worker: its connections' context, its log, and Requests to be used again. */
export class Worker {
  readonly context: ConnContext;
  readonly errorLog: ErrorLog;
  /** What variables need when it has gone. */
  readonly kept: Kept;
  /** Of all that has set subrequests or handlers going, some of it behind answered requests. */
  readonly departures = new Roster<Departure>();
  readonly shedder = new LoadShedder();
  /** Requests that were taken and not given back: clients' and our own. */
  running = 0;
  /** Called when the last of {@linkcode departures} has ended, and when the last request has. */
  onNoneRunning: (() => void) | undefined;
  /** How many clients there are; undefined where nobody counts. */
  connectionNumbers: (() => ConnectionNumbers) | undefined;
  readonly #spare: Request[] = [];
  readonly #sharedOffsetMs: number;
  #stampSecond = -1;
  #wallOffsetMs = 0;
  #withVersion: Uint8Array = new Uint8Array();
  #withoutVersion: Uint8Array = new Uint8Array();

  constructor(context: ConnContext, errorLog: ErrorLog, kept = KEEPS_NOTHING) {
    this.context = context;
    this.errorLog = errorLog;
    const { clock } = context.deadlines;
    this.#sharedOffsetMs = clock.wallMs() - clock.nowMs();
    this.kept = kept;
  }

  /** In whole ms, on a clock that all workers have and that does not go back. */
  get sharedNowMs(): number {
    return Math.floor(this.context.deadlines.nowMs + this.#sharedOffsetMs);
  }

  /** Time of the latest event, in ms since 1970, for logs: the system is asked once a second. */
  get wallMs(): number {
    const { nowMs } = this.context.deadlines;
    this.#stampOnceASecond(nowMs);
    return nowMs + this.#wallOffsetMs;
  }

  get clock(): Clock {
    return this.context.deadlines.clock;
  }

  /** Whether nothing of it is under way: neither a request nor what one has left running. */
  get isResting(): boolean {
    return this.running === 0 && this.departures.size === 0;
  }

  /** A Request to fill in. Give it back with {@linkcode giveBack} once it has been logged. */
  takeRequest(): Request {
    this.running++;
    return this.#spare.pop() ?? new Request(this);
  }

  giveBack(request: Request): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(request);
    if (--this.running === 0) this.onNoneRunning?.();
  }

  /** The `Server` and `Date` lines of a response; made once a second. */
  serverAndDate(withVersion: boolean): Uint8Array {
    this.#stampOnceASecond(this.context.deadlines.nowMs);
    return withVersion ? this.#withVersion : this.#withoutVersion;
  }

  /** The same, each line on its own. */
  serverAndDateLines(withVersion: boolean): readonly [server: Uint8Array, date: Uint8Array] {
    const both = this.serverAndDate(withVersion);
    const dateStart = both.indexOf(LF) + 1;
    return [both.subarray(0, dateStart), both.subarray(dateStart)];
  }

  #stampOnceASecond(nowMs: number): void {
    const second = Math.floor((nowMs + this.#wallOffsetMs) / 1_000);
    if (second !== this.#stampSecond) this.#stamp(nowMs);
  }

  #stamp(nowMs: number): void {
    const wallMs = this.clock.wallMs();
    this.#wallOffsetMs = wallMs - nowMs;
    this.#stampSecond = Math.floor(wallMs / 1_000);
    const date = `Date: ${formatHttpDate(wallMs)}\r\n`;
    this.#withVersion = bytesOf(`Server: ${SERVER_NAME}/${SERVER_VERSION}\r\n${date}`);
    this.#withoutVersion = bytesOf(`Server: ${SERVER_NAME}\r\n${date}`);
  }
}
