/**
 * Phase `send_handler_body`: a handler's body on its way to the client, as fast as the
 * client takes it.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import type { ResponseWriter } from "../downstream/mod.ts";
import { type ConnContext, Pause, type Phase, waitForRoom } from "../event/mod.ts";
import { Pace } from "../upstream/mod.ts";
import { CHUNK_HEADROOM, CHUNK_TAILROOM } from "../wire/mod.ts";
import type { Understood } from "./handler_response.ts";
import { responseRate } from "./rate.ts";
import type { Request } from "./request.ts";
import { settled, type TimeLimit } from "./time_limit.ts";

/** A body passes through a cell of at most this size. */
const BODY_BUF_BYTES = 65_536;

/**
 * Sends the body through one cell, which is filled again when the client has taken it.
 *
 * @throws Whatever the stream fails with, or the Failure of the client.
 */
export async function* sendHandlerBody(
  request: Request,
  { body }: Understood,
  limit: TimeLimit,
): Phase<void> {
  const { client } = request;
  const isWanted = client.head.method !== "HEAD";
  limit.pause();
  if (body instanceof ReadableStream) {
    const reader = body.getReader();
    // Nobody reads on: the stream's source should know, and nobody waits for it.
    const cancel = (): void => void reader.cancel().catch(() => {});
    if (isWanted) return yield* sendStream(new Pieces(request), reader, cancel, limit);
    cancel();
  } else if (isWanted && body.length > 0) {
    return yield* new Pieces(request).send(body, true);
  }
  client.response.end();
}

async function* sendStream(
  pieces: Pieces,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  cancel: () => void,
  limit: TimeLimit,
): Phase<void> {
  const { response } = pieces;
  let isDone = false;
  try {
    response.flush();
    while (true) {
      limit.begin();
      const { value, done } = yield* settled(reader.read());
      limit.pause();
      if (done) break;
      if (!(value instanceof Uint8Array)) {
        throw new TypeError("Cannot send a piece of this stream: need Uint8Arrays");
      }
      if (value.length > 0) yield* pieces.send(value, false);
    }
    isDone = true;
    response.end();
  } finally {
    if (!isDone) cancel();
  }
}

/** Sends bytes as they are given, at `limit_rate` if there is one. */
export class Pieces {
  readonly response: ResponseWriter;
  readonly #context: ConnContext;
  readonly #pace: Pace | undefined;
  readonly #pause: Pause;

  constructor(request: Request) {
    const { response, context, conf } = request.client;
    this.response = response;
    this.#context = context;
    const rate = conf.limitRate === "0" ? undefined : responseRate(request);
    this.#pace = rate === undefined ? undefined : new Pace(rate, context.deadlines.stamp());
    this.#pause = new Pause(context.deadlines);
  }

  async *send(bytes: Uint8Array, hasEnd: boolean): Phase<void> {
    const { response } = this;
    const buf = yield* this.#acquire(bytes.length);
    try {
      for (let at = 0; at < bytes.length;) {
        buf.reset(CHUNK_HEADROOM, CHUNK_TAILROOM);
        const piece = bytes.subarray(at, at + (yield* this.#room(buf)));
        buf.cell.set(piece, buf.last);
        buf.last += piece.length;
        at += piece.length;
        response.send(buf, hasEnd && at === bytes.length);
        while (response.isSending) yield response.writable;
        response.checkSending();
      }
    } finally {
      buf.release();
    }
  }

  async *#acquire(bodyBytes: number): Phase<Buf> {
    const { pool } = this.#context;
    const sizeBytes = Math.min(bodyBytes + CHUNK_HEADROOM + CHUNK_TAILROOM, BODY_BUF_BYTES);
    let buf = pool.acquire(sizeBytes, "handler response");
    while (buf === undefined) {
      yield* waitForRoom(this.#context);
      buf = pool.acquire(sizeBytes, "handler response");
    }
    return buf;
  }

  /** How many bytes may be sent now; waits until some may. */
  async *#room({ room }: Buf): Phase<number> {
    const pace = this.#pace;
    if (pace === undefined) return room;
    this.#pause.until(pace.dueMs);
    yield this.#pause;
    const bytes = Math.min(room, pace.pieceBytes);
    pace.bytes += bytes;
    return bytes;
  }
}
