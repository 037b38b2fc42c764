/**
 * A socket of `node:net` or `node:tls` as a {@linkcode Transport}: for what Deno's own
 * sockets cannot do, which is TLS without their rules and a source address.
 *
 * The socket stays in paused mode: it reads ahead by its own high-water mark at most, and
 * then not until somebody asks. What it has read is copied once, into the view that was
 * given; nothing is ever written into a view that was not asked for, or after the close.
 *
 * @module
 */
import { isCancelled } from "./system_error.ts";
import type { Transport } from "./tcp_conn.ts";

/** The part of a `node:net` socket that is used. Tests pass a script. */
export interface NodeSocket {
  /** Bytes that were read ahead. */
  readonly readableLength: number;
  /** At most `byteCount` of them; 0 asks for more to come. */
  read(byteCount: number): Uint8Array | null;
  /** `done` once the socket has no more use for the bytes. */
  write(from: Uint8Array, done: (error?: Error | null) => void): boolean;
  end(done: () => void): unknown;
  destroy(): unknown;
  on(event: "readable" | "end" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** One pending operation. */
interface Pending<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export class NodeTransport implements Transport {
  readonly #socket: NodeSocket;
  readonly #onTaken: () => void;
  /** Given to the pending read. */
  #into: Uint8Array | undefined;
  #reader: Pending<number | null> | undefined;
  #writer: Pending<number> | undefined;
  #isAtEnd = false;
  #isClosed = false;
  #failure: Error | undefined;
  #writeFailure: unknown;

  /**
   * Takes over a socket that is connected, and whose handshake is done.
   *
   * @param onTaken Told when some of what had been read ahead was taken.
   */
  constructor(socket: NodeSocket, onTaken: () => void = () => {}) {
    this.#socket = socket;
    this.#onTaken = onTaken;
    socket.on("readable", this.#serveReader);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onGone);
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.#reader !== undefined) throw new Error("Cannot read twice at a time");
    return new Promise((resolve, reject) => {
      this.#into = into;
      this.#reader = { resolve, reject };
      this.#serveReader();
    });
  }

  write(from: Uint8Array): Promise<number> {
    if (this.#writer !== undefined) throw new Error("Cannot write twice at a time");
    return new Promise((resolve, reject) => {
      const writer = this.#writer = { resolve, reject };
      const failure = this.#failure ?? this.#writeFailure;
      if (this.#isClosed || failure !== undefined) return this.#failWriter(failure ?? cancelled());
      // The bytes are the socket's until it says so, also when it is closed meanwhile.
      this.#socket.write(from, (error) => {
        if (this.#writer !== writer) return;
        if (error) return this.#failWriter(error);
        this.#writer = undefined;
        resolve(from.length);
      });
    });
  }

  /** Nothing more can be sent; what has come, and comes, can be read. */
  failWrites(error: unknown): void {
    this.#writeFailure ??= error;
    this.#failWriter(error);
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(resolve));
  }

  /** Pending operations are rejected as Deno does it: `Interrupted`, and not before this returns. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failReader(cancelled());
    this.#socket.destroy();
  }

  readonly #serveReader = (): void => {
    const into = this.#into;
    if (into === undefined) return;
    if (this.#isClosed) return this.#failReader(cancelled());
    const ready = Math.min(this.#socket.readableLength, into.length);
    const chunk = ready === 0 ? null : this.#socket.read(ready);
    if (chunk !== null) {
      into.set(chunk);
      this.#onTaken();
      return this.#settleReader(chunk.length);
    }
    if (this.#failure !== undefined) return this.#failReader(this.#failure);
    if (this.#isAtEnd) return this.#settleReader(null);
    this.#socket.read(0);
  };

  #settleReader(byteCount: number | null): void {
    const { resolve } = this.#reader!;
    this.#reader = this.#into = undefined;
    resolve(byteCount);
  }

  #failReader(error: unknown): void {
    const reader = this.#reader;
    this.#reader = this.#into = undefined;
    reader?.reject(error);
  }

  #failWriter(error: unknown): void {
    const writer = this.#writer;
    this.#writer = undefined;
    writer?.reject(isCancelled(error) ? cancelled() : error);
  }

  readonly #onEnd = (): void => {
    this.#isAtEnd = true;
    this.#serveReader();
  };

  readonly #onError = (error: Error): void => {
    this.#failure ??= error;
    this.#serveReader();
  };

  /** The descriptor is closed: nothing reads or writes any more, whether it has said so or not. */
  readonly #onGone = (): void => {
    if (!this.#isAtEnd) this.#failure ??= cancelled();
    this.#failReader(this.#failure ?? cancelled());
    this.#failWriter(this.#failure ?? cancelled());
  };
}

function cancelled(): Error {
  return new Deno.errors.Interrupted("operation canceled");
}
