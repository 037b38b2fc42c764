/**
 * A connection's far end as a script, with the manners of Deno's: a read writes into the
 * view it was given at the moment it settles, and `close` rejects what is pending, later.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { assertEquals } from "@std/assert";
import { SlabPool, TempSpace } from "../../src/buffer/mod.ts";
import {
  type ConnContext,
  type ConnCounters,
  type Connect,
  Deadlines,
  openGate,
  type ReadGate,
  TcpConn,
  type Transport,
} from "../../src/event/mod.ts";
import { assertNothingHeld } from "./leak_check.ts";
import { ManualClock } from "./manual_clock.ts";

/** Nothing comes until {@linkcode ScriptedTransport.goOn}. */
export const SILENCE: unique symbol = Symbol("SILENCE");
/** Nothing comes any more, whatever goes on. */
export const STUCK: unique symbol = Symbol("STUCK");
/** The far end closes its direction. */
export const CLOSED: unique symbol = Symbol("CLOSED");
/** The far end resets: the operation fails once. */
export const RESET: unique symbol = Symbol("RESET");

/** What one read meets: bytes (latin1 text), or one of the above. */
export type ReadStep =
  | string
  | Uint8Array
  | typeof SILENCE
  | typeof STUCK
  | typeof CLOSED
  | typeof RESET;
/** What one write meets: room for so many bytes, SILENCE or STUCK (it stalls), or RESET. */
export type WriteStep = number | typeof SILENCE | typeof STUCK | typeof RESET;

export interface Script {
  /** Played by reads in turn. Behind the last one is silence. */
  readonly reads?: readonly ReadStep[];
  /** Played by writes in turn. Behind the last one every write takes all. */
  readonly writes?: readonly WriteStep[];
  /** The k-th read or write, counted together from 1, is a RESET. */
  readonly failsAt?: number;
}

interface PendingRead {
  readonly into: Uint8Array;
  readonly resolve: (byteCount: number | null) => void;
  readonly reject: (reason: Error) => void;
}

interface PendingWrite {
  readonly from: Uint8Array;
  readonly resolve: (byteCount: number) => void;
  readonly reject: (reason: Error) => void;
}

export class ScriptedTransport implements Transport {
  readonly #reads: ReadStep[];
  readonly #writes: WriteStep[];
  readonly #failsAt: number;
  #read: PendingRead | undefined;
  #write: PendingWrite | undefined;
  #isAtEnd = false;
  #isBroken = false;
  /** All that arrived at the far end, as latin1 text. */
  sent = "";
  /** Reads and writes begun so far. */
  operations = 0;
  readsBegun = 0;
  isClosed = false;
  isWriteEnded = false;

  constructor(script: Script = {}) {
    this.#reads = [...script.reads ?? []];
    this.#writes = [...script.writes ?? []];
    this.#failsAt = script.failsAt ?? 0;
  }

  get isReading(): boolean {
    return this.#read !== undefined;
  }

  get isWriting(): boolean {
    return this.#write !== undefined;
  }

  /** Adds to the script and goes on with it. */
  deliver(...steps: readonly ReadStep[]): void {
    this.#reads.push(...steps);
    this.#playRead();
  }

  /** Adds to what writes meet, and goes on. */
  take(...steps: readonly WriteStep[]): void {
    this.#writes.push(...steps);
    this.#playWrite();
  }

  /** Ends a SILENCE of reads. */
  goOn(): void {
    if (this.#reads[0] === SILENCE) this.#reads.shift();
    this.#playRead();
  }

  /** Ends a SILENCE of writes. */
  goOnTaking(): void {
    if (this.#writes[0] === SILENCE) this.#writes.shift();
    this.#playWrite();
  }

  /** Whether a read or a write waits for a SILENCE to end. */
  get isStalled(): boolean {
    return (this.isReading && this.#reads[0] === SILENCE) ||
      (this.isWriting && this.#writes[0] === SILENCE);
  }

  /** The next read meets this first; one that is pending meets it now. */
  interposeRead(step: ReadStep): void {
    this.#reads.unshift(step);
    this.#playRead();
  }

  /** The next write meets this first. */
  interposeWrite(step: WriteStep): void {
    this.#writes.unshift(step);
  }

  /** Ends what is STUCK. */
  unstick(): void {
    if (this.#reads[0] === STUCK) this.#reads.shift();
    if (this.#writes[0] === STUCK) this.#writes.shift();
    this.#playRead();
    this.#playWrite();
  }

  /** The far end resets now: what is pending fails, and all that comes. */
  breakOff(): void {
    this.interposeRead(RESET);
    this.#isBroken = true;
    this.#playWrite();
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.isClosed) return Promise.reject(new Deno.errors.BadResource("Bad resource ID"));
    if (this.#read !== undefined) throw new Error("a second read while one is pending");
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    this.#read = { into, resolve, reject };
    this.readsBegun++;
    if (++this.operations === this.#failsAt) this.#reads.unshift(RESET);
    queueMicrotask(() => this.#playRead());
    return promise;
  }

  write(from: Uint8Array): Promise<number> {
    if (this.isClosed) return Promise.reject(new Deno.errors.BadResource("Bad resource ID"));
    if (this.#write !== undefined) throw new Error("a second write while one is pending");
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#write = { from, resolve, reject };
    if (++this.operations === this.#failsAt) this.#writes.unshift(RESET);
    queueMicrotask(() => this.#playWrite());
    return promise;
  }

  closeWrite(): Promise<void> {
    if (this.isClosed) return Promise.reject(new Deno.errors.BadResource("Bad resource ID"));
    if (this.#isBroken) return Promise.reject(new Deno.errors.NotConnected("not connected"));
    this.isWriteEnded = true;
    return Promise.resolve();
  }

  close(): void {
    if (this.isClosed) throw new Deno.errors.BadResource("Bad resource ID");
    this.isClosed = true;
    const read = this.#read;
    const write = this.#write;
    this.#read = this.#write = undefined;
    if (read === undefined && write === undefined) return;
    // Later than the next microtask: whoever reuses the memory at once is found out.
    setImmediate(() => {
      // A late read still writes before it is known to be cancelled.
      read?.into.fill(0xaa);
      read?.reject(new Deno.errors.Interrupted("operation canceled"));
      write?.reject(new Deno.errors.Interrupted("operation canceled"));
    });
  }

  #playRead(): void {
    const read = this.#read;
    if (read === undefined) return;
    const step = this.#reads[0];
    if (step === RESET) {
      this.#reads.splice(0, this.#reads.length, CLOSED);
      this.#isBroken = true;
      this.#read = undefined;
      read.reject(new Deno.errors.ConnectionReset("Connection reset by peer (os error 104)"));
    } else if (step === CLOSED || this.#isAtEnd) {
      this.#isAtEnd = true;
      this.#read = undefined;
      read.resolve(null);
    } else if (step !== undefined && step !== SILENCE && step !== STUCK) {
      this.#reads.shift();
      const bytes = typeof step === "string" ? latin1Bytes(step) : step;
      if (bytes.length === 0) return this.#playRead();
      const byteCount = Math.min(bytes.length, read.into.length);
      read.into.set(bytes.subarray(0, byteCount));
      if (byteCount < bytes.length) this.#reads.unshift(bytes.subarray(byteCount));
      this.#read = undefined;
      read.resolve(byteCount);
    }
  }

  #playWrite(): void {
    const write = this.#write;
    if (write === undefined) return;
    const [step] = this.#writes;
    const isStalled = step === SILENCE || step === STUCK;
    if (isStalled && !this.#isBroken) return;
    this.#writes.shift();
    this.#write = undefined;
    if (step === RESET || isStalled || this.isWriteEnded || this.#isBroken) {
      this.#isBroken = true;
      write.reject(new Deno.errors.BrokenPipe("Broken pipe (os error 32)"));
      return;
    }
    const byteCount = Math.min(step ?? Infinity, write.from.length);
    this.sent += latin1Text(write.from.subarray(0, byteCount));
    write.resolve(byteCount);
  }
}

/** A {@linkcode ConnContext} of which a test can see everything. */
export interface TestContext extends ConnContext {
  readonly clock: ManualClock;
  readonly counters: ConnCounters;
}

export interface TestContextOptions {
  /** Opens connections to peers. */
  readonly connect?: Connect;
  readonly pool?: SlabPool;
  /** Bound of the pool, in bytes. @default {8 MiB} */
  readonly maxBytes?: number;
  /** @default {openGate} */
  readonly gate?: ReadGate;
}

/** What connections share: a pool in debug mode, deadlines on a manual clock, an open gate. */
export function testContext(options: TestContextOptions = {}): TestContext {
  const clock = new ManualClock();
  return {
    clock,
    pool: options.pool ?? new SlabPool({ maxBytes: options.maxBytes ?? 8 << 20, debug: true }),
    deadlines: new Deadlines(clock),
    gate: options.gate ?? openGate,
    counters: { open: 0, dribbling: 0 },
    tempSpace: new TempSpace(),
    ...(options.connect === undefined ? {} : { connect: options.connect }),
  };
}

/** A connection of ours to a script. */
export function scriptedConn(
  context: ConnContext,
  script: Script = {},
  side: "upstream" | "downstream" = "upstream",
): { conn: TcpConn; transport: ScriptedTransport } {
  const transport = new ScriptedTransport(script);
  const remote = { hostname: "192.0.2.1", port: 80 };
  return { conn: new TcpConn(transport, side, remote, context), transport };
}

/** Pools full, no deadline, no timer, no connection. */
export function assertQuiet(context: TestContext): void {
  assertNothingHeld(context.pool, context.deadlines);
  assertEquals(context.tempSpace.outstanding(), []);
  assertEquals(context.clock.armedCount, 0, "timers still armed");
  assertEquals(context.counters, { open: 0, dribbling: 0 }, "connections still open");
}

/** Every code unit as one byte. */
export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/** Every byte as one code unit. */
export function latin1Text(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
