/**
 * A network in memory: connections whose reads, writes and connects end when a seed says so, in
 * the order that it says. Nothing happens between two {@linkcode MemoryNet.turn}s, so that a run
 * is the same each time, and as fast as the program in the middle.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Connect, DialAddress, Transport } from "../../src/event/mod.ts";
import type { Random } from "./random.ts";

/** How bytes travel. Probabilities of each single operation. */
export interface NetManners {
  /** Of a write that takes only some of its bytes. */
  readonly shortWrite: number;
  /** Of an operation that is put off until another turn. */
  readonly delay: number;
}

/** Whole, and at once. */
export const SWIFT: NetManners = { shortWrite: 0, delay: 0 };
/** As it is where much is going on. */
export const UNEVEN: NetManners = { shortWrite: 0.1, delay: 0.2 };

/**
 * Takes the far end of a connection that the program opens, or throws what connecting does.
 * Undefined: it takes until the program gives up.
 */
export type OnConnect = (address: DialAddress) => MemoryConn | undefined;

/** What may end at the next turn: a read, a write, a connect, or the settling after a close. */
type Operation = () => void;

export class MemoryNet {
  readonly random: Random;
  readonly manners: NetManners;
  #pending: Operation[] = [];
  /** Connections that are open now, from the program's side. */
  open = 0;
  /** Operations that have ended. */
  ended = 0;

  constructor(random: Random, manners: NetManners) {
    this.random = random;
    this.manners = manners;
  }

  /** Whether nothing could go on but by what an end of the network does. */
  get isStill(): boolean {
    return this.#pending.length === 0;
  }

  /** Lets operations end that can, in random order, then whatever that sets going in the program. */
  async turn(): Promise<void> {
    const { random, manners } = this;
    const pending = this.#pending;
    this.#pending = [];
    for (let left = pending.length; left > 0; left--) {
      const at = random.integer(0, left - 1);
      const operation = pending[at]!;
      pending[at] = pending[left - 1]!;
      if (manners.delay > 0 && random.chance(manners.delay)) this.#pending.push(operation);
      else {
        this.ended++;
        operation();
      }
    }
    await macrotask();
  }

  /** To end in one of the next turns. */
  soon(operation: Operation): void {
    this.#pending.push(operation);
  }

  /** What the program opens its connections with. */
  connectTo(onConnect: OnConnect): Connect {
    return (address, _options, signal) =>
      new Promise((resolve, reject) => {
        this.soon(() => {
          if (signal.aborted) return reject(signal.reason);
          try {
            const transport = onConnect(address);
            if (transport === undefined) {
              signal.addEventListener("abort", () => reject(signal.reason), { once: true });
            } else resolve({ transport, remote: { hostname: "127.0.0.1", port: 1 } });
          } catch (error) {
            reject(error);
          }
        });
      });
  }
}

interface Pending<Result> {
  readonly bytes: Uint8Array;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: Error) => void;
}

const CLOSED = "closed";
const RESET = "reset";

/**
 * A connection of the program's, and what its far end does. As Deno's: a read writes into the
 * view that it was given at the moment it settles, and what a close cancels is told later, after
 * the memory has been written to once more.
 */
export class MemoryConn implements Transport {
  readonly #net: MemoryNet;
  readonly #input: (Uint8Array | typeof CLOSED | typeof RESET)[] = [];
  #read: Pending<number | null> | undefined;
  #write: Pending<number> | undefined;
  #isReadQueued = false;
  #isWriteQueued = false;
  #isBroken = false;
  /** Whether the far end takes nothing for now. */
  #isStalled = false;
  isClosed = false;
  /** Whether the program has ended its direction. */
  isWriteEnded = false;
  /** Told of what arrives at the far end. The bytes are the program's: to be copied, or read at once. */
  onSent: (bytes: Uint8Array) => void = () => {};
  /** Told when the program has ended its direction, or closed all. Once. */
  onEnd: () => void = () => {};

  constructor(net: MemoryNet) {
    this.#net = net;
    net.open++;
  }

  /** The far end sends. */
  deliver(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#input.push(bytes);
    this.#queueRead();
  }

  /** The far end has sent all. */
  finish(): void {
    this.#input.push(CLOSED);
    this.#queueRead();
  }

  /** The far end resets: what it sent before may still be read, what is written is lost. */
  reset(): void {
    this.#isBroken = true;
    this.#isStalled = false;
    this.#input.push(RESET);
    this.#queueRead();
    this.#queueWrite();
  }

  /** The far end takes nothing until {@linkcode resume}. */
  stall(): void {
    this.#isStalled = true;
  }

  resume(): void {
    this.#isStalled = false;
    this.#queueWrite();
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.isClosed) return Promise.reject(new Deno.errors.BadResource("Bad resource ID"));
    if (this.#read !== undefined) throw new Error("a second read while one is pending");
    return new Promise((resolve, reject) => {
      this.#read = { bytes: into, resolve, reject };
      this.#queueRead();
    });
  }

  write(from: Uint8Array): Promise<number> {
    if (this.isClosed) return Promise.reject(new Deno.errors.BadResource("Bad resource ID"));
    if (this.#write !== undefined) throw new Error("a second write while one is pending");
    if (this.isWriteEnded) throw new Error("a write behind the end");
    return new Promise((resolve, reject) => {
      this.#write = { bytes: from, resolve, reject };
      this.#queueWrite();
    });
  }

  closeWrite(): Promise<void> {
    if (this.isClosed) return Promise.reject(new Deno.errors.BadResource("Bad resource ID"));
    if (this.#isBroken) return Promise.reject(new Deno.errors.NotConnected("not connected"));
    if (!this.isWriteEnded) {
      this.isWriteEnded = true;
      this.onEnd();
    }
    return Promise.resolve();
  }

  close(): void {
    if (this.isClosed) throw new Deno.errors.BadResource("Bad resource ID");
    this.isClosed = true;
    this.#net.open--;
    if (!this.isWriteEnded) this.onEnd();
    const [read, write] = [this.#read, this.#write];
    this.#read = this.#write = undefined;
    if (read === undefined && write === undefined) return;
    this.#net.soon(() => {
      read?.bytes.fill(0xaa);
      read?.reject(new Deno.errors.Interrupted("operation canceled"));
      write?.reject(new Deno.errors.Interrupted("operation canceled"));
    });
  }

  #queueRead(): void {
    if (this.#read === undefined || this.#input.length === 0 || this.#isReadQueued) return;
    this.#isReadQueued = true;
    this.#net.soon(this.#endRead);
  }

  #queueWrite(): void {
    if (this.#write === undefined || this.#isStalled || this.#isWriteQueued) return;
    this.#isWriteQueued = true;
    this.#net.soon(this.#endWrite);
  }

  readonly #endRead = (): void => {
    this.#isReadQueued = false;
    const read = this.#read;
    if (read === undefined) return; // closed meanwhile
    this.#read = undefined;
    const first = this.#input[0]!;
    if (first === RESET) {
      this.#input[0] = CLOSED; // it fails once
      read.reject(new Deno.errors.ConnectionReset("Connection reset by peer (os error 104)"));
    } else if (first === CLOSED) {
      read.resolve(null);
    } else {
      const byteCount = Math.min(first.length, read.bytes.length);
      if (byteCount === first.length) {
        read.bytes.set(first);
        this.#input.shift();
      } else {
        read.bytes.set(first.subarray(0, byteCount));
        this.#input[0] = first.subarray(byteCount);
      }
      read.resolve(byteCount);
    }
  };

  readonly #endWrite = (): void => {
    this.#isWriteQueued = false;
    const write = this.#write;
    if (write === undefined || this.#isStalled) return;
    this.#write = undefined;
    if (this.#isBroken) {
      write.reject(new Deno.errors.BrokenPipe("Broken pipe (os error 32)"));
      return;
    }
    const { random, manners } = this.#net;
    const { length } = write.bytes;
    const isShort = length > 1 && manners.shortWrite > 0 && random.chance(manners.shortWrite);
    const byteCount = isShort ? random.integer(1, length) : length;
    this.onSent(byteCount === length ? write.bytes : write.bytes.subarray(0, byteCount));
    write.resolve(byteCount);
  };
}

/** Lets every promise that can settle do so. Cheaper than a timer, and there are many turns. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
