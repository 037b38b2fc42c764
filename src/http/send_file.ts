/**
 * Phase `send_file`: parts of a file on their way to the client, through a few cells.
 *
 * From "too full" to "stop reading" and back: a cell is read into when the client's
 * connection has let it go; while all are lent nothing is read, however large the file is.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { Pause, type Phase, systemErrorText, waitForRoom } from "../event/mod.ts";
import { Pace, type RateLimit } from "../upstream/mod.ts";
import { CHUNK_HEADROOM, CHUNK_TAILROOM } from "../wire/mod.ts";
import type { Request } from "./request.ts";

/** What a body is made of, in order. */
export type Segment =
  | { readonly start: number; readonly end: number }
  /** At most as long as the smallest cell. */
  | { readonly bytes: Uint8Array };

/** The file ended before what was promised of it. */
export class FileCut extends Error {
  constructor(readonly atBytes: number) {
    super(`the file ends at ${atBytes}`);
  }
}

/** The file cannot be read: the disk is broken. */
export class FileUnreadable extends Error {}

/** How it is to be sent. */
export interface Sending {
  readonly file: Deno.FsFile;
  readonly segments: readonly Segment[];
  /** Whether there has to be room for the framing of chunks. */
  readonly mayBeChunked: boolean;
  /** `output_buffers`. */
  readonly bufferCount: number;
  readonly bufferBytes: number;
  readonly rate: RateLimit | undefined;
  /** Writes the head, once there is memory for the body. */
  readonly begin: () => void;
}

/**
 * Sends the head, all segments and the end of the body.
 *
 * @throws {FileCut} The file is shorter than it was.
 * @throws {FileUnreadable}
 * @throws {Failure} The client left, or takes nothing.
 */
export async function* sendFile(request: Request, sending: Sending): Phase<void> {
  const { response, context } = request.client;
  const { file, segments, mayBeChunked, bufferCount, bufferBytes, rate, begin } = sending;
  const headroom = mayBeChunked ? CHUNK_HEADROOM : 0;
  const tailroom = mayBeChunked ? CHUNK_TAILROOM : 0;
  const pace = rate === undefined ? undefined : new Pace(rate, context.deadlines.stamp());
  const bufs: Buf[] = [yield* acquire(request, bufferBytes)];
  let next = 0;
  let position = 0;
  try {
    begin();
    // A filter, or a rate, has its own idea of how much is on its way: one piece at a time.
    const count = response.filter === undefined && pace === undefined ? bufferCount : 1;
    for (const segment of segments) {
      const isLastSegment = segment === segments.at(-1);
      const endAt = "bytes" in segment ? segment.bytes.length : segment.end;
      let at = "bytes" in segment ? 0 : segment.start;
      while (at < endAt) {
        if (pace !== undefined) yield* untilDue(pace, request);
        // Where memory is short it goes on with those that it has.
        if (bufs[next] === undefined) {
          const another = context.pool.acquire(bufferBytes, "file");
          if (another === undefined) next = 0;
          else bufs.push(another);
        }
        const buf = bufs[next]!;
        while (buf.isLent) {
          yield response.writable;
          response.checkSending();
        }
        if (count === 1) { while (response.isSending) yield response.writable; }
        next = (next + 1) % count;
        buf.reset(headroom, tailroom);
        const wanted = Math.min(endAt - at, buf.room, pace?.pieceBytes ?? Infinity);
        if ("bytes" in segment) {
          buf.cell.set(segment.bytes.subarray(at, at + wanted), buf.last);
          buf.last += wanted;
        } else {
          if (position !== at) file.seekSync(at, 0 satisfies Deno.SeekMode.Start);
          readInto(file, buf, wanted, at);
          position = at + wanted;
        }
        at += wanted;
        if (pace !== undefined) pace.bytes += wanted;
        response.send(buf, isLastSegment && at === endAt);
        response.checkSending();
      }
    }
    while (response.isSending) yield response.writable;
    response.checkSending();
  } finally {
    for (const buf of bufs) buf.release(); // those that are being sent, when they are
  }
}

/** @throws {FileCut} @throws {FileUnreadable} */
export function readInto(file: Deno.FsFile, buf: Buf, wanted: number, at: number): void {
  const end = buf.last + wanted;
  while (buf.last < end) {
    let read: number | null;
    try {
      read = file.readSync(buf.cell.subarray(buf.last, end));
    } catch (error) {
      throw new FileUnreadable(systemErrorText(error), { cause: error });
    }
    if (read === null || read === 0) throw new FileCut(at + wanted - (end - buf.last));
    buf.last += read;
  }
}

async function* untilDue(pace: Pace, { client }: Request): Phase<void> {
  const pause = new Pause(client.context.deadlines);
  pause.until(pace.dueMs);
  yield pause;
}

async function* acquire({ client }: Request, sizeBytes: number): Phase<Buf> {
  const { pool } = client.context;
  let buf = pool.acquire(sizeBytes, "file");
  while (buf === undefined) {
    yield* waitForRoom(client.context);
    buf = pool.acquire(sizeBytes, "file");
  }
  return buf;
}
