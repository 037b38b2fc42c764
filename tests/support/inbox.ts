/**
 * What arrived on a socket and was not looked at yet: a queue of bytes that a
 * reader takes from by length or by delimiter. Shared by the scripted origin
 * and the raw client, and independent of everything under `src/`.
 *
 * @module
 */
import type { Socket } from "node:net";

/** How the other side ended its direction. */
export type Ending = "closed" | "reset";

/** Thrown to a reader who wants more than the other side sent, and to a writer nobody reads. */
export class EndedEarly extends Error {
  override readonly name = "EndedEarly";
  readonly ending: Ending;
  /** What had arrived of the wanted part; for a write, what was to be written. */
  readonly partial: Uint8Array;

  constructor(message: string, ending: Ending, partial: Uint8Array) {
    super(message);
    this.ending = ending;
    this.partial = partial;
  }
}

/** Bytes in the order of arrival. One reader at a time. */
export class Inbox {
  readonly #chunks: Uint8Array[] = [];
  readonly #ended = Promise.withResolvers<Ending>();
  #sizeBytes = 0;
  #ending: Ending | undefined;
  #wake: (() => void) | undefined;
  #onTaken: (() => void) | undefined;

  /** Bytes that wait to be taken. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** How the other side ended, once it has. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Settles when the other side ends its direction. */
  get ended(): Promise<Ending> {
    return this.#ended.promise;
  }

  /** Called after a reader took bytes; the place to resume a paused socket. */
  set onTaken(callback: () => void) {
    this.#onTaken = callback;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    this.#wake?.();
  }

  /** Only the first ending counts, except that a reset after a close is the truth. */
  end(ending: Ending): void {
    if (this.#ending === "reset") return;
    this.#ending = ending;
    this.#ended.resolve(ending);
    this.#wake?.();
  }

  /** Exactly `count` bytes. @throws {EndedEarly} */
  async exactly(count: number, wanted = `${count} bytes`): Promise<Uint8Array> {
    while (this.#sizeBytes < count) {
      if (this.#ending !== undefined) throw this.#early(wanted, this.#ending);
      await this.#more();
    }
    return this.#take(count);
  }

  /** Throws `count` bytes away as they come, without gathering them. @throws {EndedEarly} */
  async discard(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      if (this.#sizeBytes === 0) {
        if (this.#ending !== undefined) throw this.#early(`${left} more bytes`, this.#ending);
        await this.#more();
      }
      left -= this.#take(Math.min(left, this.#sizeBytes)).length;
    }
  }

  /** Everything up to and including `delimiter`. @throws {EndedEarly} */
  async through(delimiter: string, wanted: string): Promise<Uint8Array> {
    const needle = new TextEncoder().encode(delimiter);
    for (let from = 0;;) {
      const all = this.#joined();
      const at = indexOf(all, needle, from);
      if (at >= 0) return this.#take(at + needle.length);
      from = Math.max(0, all.length - needle.length + 1);
      if (this.#ending !== undefined) throw this.#early(wanted, this.#ending);
      await this.#more();
    }
  }

  /** All that comes until the other side ends. Does not throw: see {@linkcode ending}. */
  async toEnd(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (;;) {
      if (this.#sizeBytes > 0) parts.push(this.#take(this.#sizeBytes));
      else if (this.#ending !== undefined) return concat(parts);
      else await this.#more();
    }
  }

  /** What is there, at least one byte; empty when the other side ended. */
  async some(atMost: number = Number.MAX_SAFE_INTEGER): Promise<Uint8Array> {
    while (this.#sizeBytes === 0 && this.#ending === undefined) await this.#more();
    return this.#take(Math.min(atMost, this.#sizeBytes));
  }

  #more(): Promise<void> {
    if (this.#wake !== undefined) throw new Error("Cannot read twice at once from one inbox");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = () => {
      this.#wake = undefined;
      resolve();
    };
    return promise;
  }

  #early(wanted: string, ending: Ending): EndedEarly {
    const partial = this.#take(this.#sizeBytes);
    const message = `Cannot read ${wanted}: the other side ${ending} after ${partial.length} bytes`;
    return new EndedEarly(message, ending, partial);
  }

  /** All waiting bytes as one chunk, still in the queue. */
  #joined(): Uint8Array {
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, concat(this.#chunks));
    return this.#chunks[0] ?? new Uint8Array(0);
  }

  #take(count: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let left = count; left > 0;) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) break;
      const part = chunk.subarray(0, left);
      if (part.length < chunk.length) this.#chunks.unshift(chunk.subarray(part.length));
      parts.push(part);
      left -= part.length;
    }
    this.#sizeBytes -= count;
    if (count > 0) this.#onTaken?.();
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(parts);
  }
}

/**
 * Lets a socket fill an inbox. With more than `highWaterBytes` waiting the
 * socket is not read from, so the sender feels a slow reader.
 *
 * @param onChunk Sees every chunk as it arrives.
 */
export function fill(
  inbox: Inbox,
  socket: Socket,
  highWaterBytes: number,
  onChunk: (chunk: Uint8Array) => void = () => {},
): void {
  socket.on("data", (data: Uint8Array | string) => {
    const chunk = typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
    onChunk(chunk);
    inbox.push(chunk);
    if (inbox.sizeBytes >= highWaterBytes) socket.pause();
  });
  inbox.onTaken = () => {
    if (socket.isPaused() && inbox.sizeBytes < highWaterBytes) socket.resume();
  };
  socket.on("end", () => inbox.end("closed"));
  socket.on("error", () => inbox.end("reset"));
  socket.on("close", () => inbox.end("closed"));
}

/** Writes all of `bytes` and waits until the kernel has them. @throws {EndedEarly} */
export function writeAll(socket: Socket, inbox: Inbox, bytes: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = () => {
    const ending = inbox.ending ?? "closed";
    const message = `Cannot write ${bytes.length} bytes: the connection is ${ending}`;
    reject(new EndedEarly(message, ending, bytes));
  };
  socket.once("close", fail);
  socket.write(bytes, (error) => {
    socket.off("close", fail);
    if (error) fail();
    else resolve();
  });
  return promise;
}

/** All parts in one array. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One byte a character, as HTTP heads are. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** A string's bytes (UTF-8), bytes as they are. */
export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

function indexOf(bytes: Uint8Array, needle: Uint8Array, from: number): number {
  const first = needle[0];
  if (first === undefined) return -1;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (needle.every((byte, offset) => bytes[at + offset] === byte)) return at;
  }
  return -1;
}
