/**
 * A socket as both the clients and the origins of the soak use it: bytes are pulled, and
 * every way it can end is told apart.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";

/** More than this waiting to be pulled, and the socket is paused. */
const QUEUE_BYTES_MAX = 65_536;
const HEAD_BYTES_MAX = 256 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");

/** Takes the bytes of a body as they come. */
export type Sink = (bytes: Buffer) => void;

export class ByteSocket {
  readonly socket: Socket;
  /** Why it broke: a code such as ECONNRESET. */
  broken: string | undefined;
  /** Bytes of a head that was begun when the stream ended. */
  partialHead = "";
  /** How long to leave what has come unread, before each read: a slow reader. */
  pauseMs: () => number = () => 0;
  #received = 0;
  #pieces: Buffer[] = [];
  /** Was pulled, and belongs to what is pulled next. */
  #rest: Buffer | undefined;
  #queuedBytes = 0;
  #isEnded = false;
  #onReadable: (() => void) | undefined;
  #onWritable: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => {
      this.#received += bytes.length;
      this.#pieces.push(bytes);
      this.#queuedBytes += bytes.length;
      if (this.#queuedBytes > QUEUE_BYTES_MAX) socket.pause();
      this.#wakeReader();
    });
    socket.on("error", (error: Error & { code?: string }) => {
      this.broken ??= error.code ?? error.message;
    });
    socket.on("end", () => this.#end());
    socket.on("close", () => {
      this.#end();
      this.#wakeWriters();
    });
    socket.on("drain", () => this.#wakeWriters());
  }

  /** @throws {Error} When it cannot connect. */
  static open(address: string): Promise<ByteSocket> {
    const at = address.lastIndexOf(":");
    const socket = connect({
      host: address.slice(0, at),
      port: Number(address.slice(at + 1)),
      allowHalfOpen: true,
    });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new ByteSocket(socket));
      });
    });
  }

  /** Nothing can be written any more. */
  get isGone(): boolean {
    return this.socket.destroyed || this.broken !== undefined;
  }

  /** Bytes that have come and gone. */
  get moved(): number {
    return this.#received + this.socket.bytesWritten - this.socket.writableLength;
  }

  /** Settles when there is room for more, or when there never will be. */
  write(bytes: Buffer | string): Promise<void> {
    if (this.isGone || this.socket.writableEnded) return Promise.resolve();
    if (this.socket.write(bytes)) return Promise.resolve();
    return new Promise((resolve) => this.#onWritable.push(resolve));
  }

  /** Sends a FIN; reading goes on. */
  finish(): void {
    if (!this.isGone && !this.socket.writableEnded) this.socket.end();
  }

  /** Closes it when all has been sent. */
  finishAndClose(): void {
    if (this.isGone || this.socket.writableEnded) return this.close();
    this.socket.end(() => this.close());
  }

  /** Closes it: a FIN, or a RST if there are unread bytes. What is still to be sent is lost. */
  close(): void {
    this.socket.destroy();
  }

  /** Closes it with a RST. */
  reset(): void {
    if (!this.socket.destroyed) this.socket.resetAndDestroy();
  }

  /** The next bytes; undefined at the end. */
  async piece(): Promise<Buffer | undefined> {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) return rest;
    const pauseMs = this.pauseMs();
    if (pauseMs > 0) {
      this.socket.pause();
      await sleep(pauseMs);
    }
    while (this.#pieces.length === 0) {
      if (this.#isEnded) return undefined;
      this.socket.resume();
      await new Promise<void>((resolve) => this.#onReadable = resolve);
    }
    const piece = this.#pieces.shift()!;
    this.#queuedBytes -= piece.length;
    return piece;
  }

  /** Of the piece that was pulled last, what is another's. */
  putBack(bytes: Buffer): void {
    this.#rest = bytes.length === 0 ? undefined : bytes;
  }

  /** A head with its empty line; undefined when the stream ended before that. */
  async head(): Promise<string | undefined> {
    let all = await this.piece();
    while (all !== undefined) {
      const end = all.indexOf(HEAD_END);
      if (end >= 0) {
        this.putBack(all.subarray(end + HEAD_END.length));
        return all.toString("latin1", 0, end + HEAD_END.length);
      }
      const more: Buffer | undefined = await this.piece();
      if (more === undefined || all.length > HEAD_BYTES_MAX) {
        this.partialHead = all.toString("latin1");
        return undefined;
      }
      all = Buffer.concat([all, more]);
    }
    return undefined;
  }

  /** Hands over `length` bytes; false when there were fewer. */
  async take(length: number, sink: Sink): Promise<boolean> {
    for (let left = length; left > 0;) {
      const piece = await this.piece();
      if (piece === undefined) return false;
      if (piece.length > left) this.putBack(piece.subarray(left));
      const ours = piece.subarray(0, left);
      left -= ours.length;
      sink(ours);
    }
    return true;
  }

  /** Hands over a chunked body without its framing; false when it was cut or malformed. */
  async takeChunked(sink: Sink): Promise<boolean> {
    while (true) {
      const size = /^([0-9a-fA-F]{1,8})\r$/.exec(await this.#line())?.[1];
      if (size === undefined) return false;
      const length = parseInt(size, 16);
      if (length === 0) return await this.#line() === "\r"; // no trailers are sent here
      if (!await this.take(length, sink) || await this.#line() !== "\r") return false;
    }
  }

  async takeAll(sink: Sink): Promise<void> {
    for (let piece = await this.piece(); piece; piece = await this.piece()) sink(piece);
  }

  /** Without its LF; empty at the end of the stream. */
  async #line(): Promise<string> {
    let all = "";
    while (all.length < 1_000) {
      const piece = await this.piece();
      if (piece === undefined) return "";
      const end = piece.indexOf(10);
      if (end >= 0) {
        this.putBack(piece.subarray(end + 1));
        return all + piece.toString("latin1", 0, end);
      }
      all += piece.toString("latin1");
    }
    return "";
  }

  #end(): void {
    this.#isEnded = true;
    this.#wakeReader();
  }

  #wakeReader(): void {
    const wake = this.#onReadable;
    this.#onReadable = undefined;
    wake?.();
  }

  #wakeWriters(): void {
    for (const wake of this.#onWritable.splice(0)) wake();
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
