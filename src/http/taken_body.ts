/**
 * A request body of which some, or all, was taken in before anybody has asked for it.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import type { RequestBodyReader } from "../downstream/mod.ts";
import {
  AGAIN,
  type Driver,
  type Phase,
  Signal,
  until,
  type Wait,
  waitForRoom,
} from "../event/mod.ts";
import type { FieldLines } from "../wire/mod.ts";
import type { Request } from "./request.ts";

/** What was taken first, and then what is still to come. */
export class TakenBody implements RequestBodyReader {
  readonly lengthBytes: number;
  readonly readable: Wait;
  readonly #taken: Uint8Array;
  readonly #rest: RequestBodyReader;
  #at = 0;

  constructor(taken: Uint8Array, rest: RequestBodyReader) {
    this.#taken = taken;
    this.#rest = rest;
    this.lengthBytes = rest.lengthBytes;
    this.readable = rest.readable;
  }

  /** Bytes handed out. */
  get bytes(): number {
    return this.#rest.bytes - this.#taken.length + this.#at;
  }

  get bufferBytes(): number {
    return this.#rest.bufferBytes;
  }

  get tempPath(): string {
    return this.#rest.tempPath;
  }

  get inFileOnly(): "off" | "on" | "clean" {
    return this.#rest.inFileOnly;
  }

  get trailers(): FieldLines | undefined {
    return this.#rest.trailers;
  }

  get isStarted(): boolean {
    return this.#at > 0;
  }

  get isDone(): boolean {
    return this.#at === this.#taken.length && this.#rest.isDone;
  }

  read(into: Buf): number {
    const size = Math.min(into.room, this.#taken.length - this.#at);
    if (size === 0) return this.#rest.read(into);
    into.cell.set(this.#taken.subarray(this.#at, this.#at + size), into.last);
    into.last += size;
    this.#at += size;
    return size;
  }

  needWhole(): void {
    this.#rest.needWhole();
  }

  stop(into: Buf): boolean {
    return this.#rest.stop(into);
  }
}

/** Never waited for: the bytes are there. */
const READY: Wait = new Signal();

/** A body that is in memory from the start. */
export class MemoryBody implements RequestBodyReader {
  readonly lengthBytes: number;
  /** Small enough to be put behind the head, so that it can be sent again. */
  readonly bufferBytes: number;
  readonly tempPath = "";
  readonly inFileOnly = "off";
  readonly readable = READY;
  readonly trailers = undefined;
  bytes = 0;
  readonly #body: Uint8Array;

  constructor(body: Uint8Array = new Uint8Array()) {
    this.#body = body;
    this.lengthBytes = this.bufferBytes = body.length;
  }

  get isStarted(): boolean {
    return this.bytes > 0;
  }

  get isDone(): boolean {
    return this.bytes === this.lengthBytes;
  }

  read(into: Buf): number {
    const size = Math.min(into.room, this.lengthBytes - this.bytes);
    into.cell.set(this.#body.subarray(this.bytes, this.bytes + size), into.last);
    into.last += size;
    this.bytes += size;
    return size;
  }

  /** It is here. */
  needWhole(): void {}

  stop(): boolean {
    return false;
  }
}

/**
 * Takes the body in, up to `maxBytes` and one cell beyond; who asks for the body later
 * gets it from the start.
 *
 * @returns The whole body; or nothing if it is larger.
 * @throws {BadMessage} It is malformed. @throws {Failure} The client left or timed out.
 */
export async function takeBody(
  request: Request,
  maxBytes: number,
  driver: Driver,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { body } = request.client;
  if (body.lengthBytes > maxBytes) return undefined;
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  try {
    await driver.run(gather(request, maxBytes, pieces));
  } finally {
    request.takenBody = new TakenBody(joined(pieces), body);
  }
  return body.isDone && body.bytes <= maxBytes ? joined(pieces) : undefined;
}

/** A cell that the body passes through. */
const CELL_BYTES = 16_384;

async function* gather(
  { client: { body, context } }: Request,
  maxBytes: number,
  pieces: Uint8Array<ArrayBuffer>[],
): Phase<void> {
  const sizeBytes = body.lengthBytes < 0 ? CELL_BYTES : Math.min(CELL_BYTES, body.lengthBytes);
  let buf = context.pool.acquire(sizeBytes, "request body");
  while (buf === undefined) {
    yield* waitForRoom(context);
    buf = context.pool.acquire(sizeBytes, "request body");
  }
  const cell = buf;
  const takePiece = (): void => {
    pieces.push(cell.data().slice());
    cell.reset();
  };
  body.needWhole();
  try {
    yield* until(body.readable, () => {
      while (!body.isDone && body.bytes <= maxBytes) {
        if (body.read(cell) === AGAIN) return false;
        if (cell.room === 0) takePiece(); // not for each read: of a dribble each is a byte
      }
      return true;
    });
    if (cell.size > 0) takePiece();
  } finally {
    if (!body.stop(cell)) cell.release();
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
