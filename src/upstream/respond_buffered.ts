/**
 * Phase `respond_buffered`: upstream speed first. The peer is read as fast as it
 * sends, the client is written to as fast as it takes, both at once; what has no
 * room in memory goes to a temp file. The peer is released as soon as it has been
 * read to its end, however slow the client is.
 *
 * ```text
 *   peer ─► free ─► in ──────────────► busy ─► client
 *                    └─► temp file ─────┘
 * ```
 *
 * From "too full" to "stop reading" and back: when no Buf is free, `in` is written to
 * the temp file, which frees its Bufs. When that is not allowed, or the file is full
 * or broken, nothing is read any more (`upstream_blocked`) and the peer's window
 * closes, until the client has taken a Buf, which is read into again. One Buf is always
 * kept from the client, so that a client that takes nothing cannot stop the reading
 * while there is room in the file; and one for the way back from the file.
 *
 * @module
 */
import { type Buf, TempFile, WorkingSet } from "../buffer/mod.ts";
import {
  AGAIN,
  type ConnContext,
  Failure,
  FirstOf,
  Pause,
  type Phase,
  Room,
  type Wait,
} from "../event/mod.ts";
import { CHUNK_HEADROOM, CHUNK_TAILROOM } from "../wire/mod.ts";
import type { Exchange } from "./exchange.ts";
import { Pace } from "./pace.ts";
import { isRestUnwanted, releaseUpstream, takeBody } from "./respond.ts";
import { respondUnbuffered } from "./respond_unbuffered.ts";
import { hasClientLeft } from "./store_response.ts";

/**
 * Of `temp_disk`, whoever has taken it: a response can do without a file, and a request body
 * that is too large for memory cannot.
 */
const RESPONSES_SHARE = 1 / 2;

/** Turns of reading and writing without a pause; then others have their turn. */
const TURNS_MAX = 16;

/**
 * Relays what is left of the body.
 *
 * @throws {Failure} of either side. The client has the head by then.
 */
export async function* respondBuffered(exchange: Exchange): Phase<void> {
  exchange.doing = "reading upstream";
  const pipe = new EventPipe(exchange);
  try {
    // Without memory for a pipe the response goes through the one Buf that is there.
    if (!pipe.hasRoom) return yield* respondUnbuffered(exchange);
    pipe.begin();
    while (true) {
      let turns = 0;
      while (turns++ < TURNS_MAX && (pipe.write() || pipe.read()));
      if (pipe.isFinished) return pipe.end();
      yield pipe.wait();
    }
  } finally {
    pipe.release();
  }
}

/** Both directions of one response, and what is between them. */
class EventPipe {
  readonly #exchange: Exchange;
  readonly #set: WorkingSet;
  /** Made when both directions have to be waited for. */
  #bothBlocked: Wait | undefined;
  /** Given to the pending read. */
  #reading: Buf | undefined;
  /** What is left of a piece that is sent in parts (`limit_rate`): goes before all else. */
  #rest: Buf | undefined;
  /** Nothing more comes: the body is complete, or {@linkcode EventPipe.#failure} says why not. */
  #isUpstreamDone = false;
  #failure: Failure | undefined;
  #isLastSent = false;
  /** One piece at a time is on its way: what its bytes become is not in these Bufs. */
  #isFiltered = false;
  /** The client has left; what still comes is stored, and nothing else. */
  #isClientGone = false;
  #file: TempFile | undefined;
  #mayUseFile: boolean;
  /** It is told once a response that `temp_disk` is spent. */
  #isWithoutSpace = false;
  /** `limit_rate` towards the client, and its pause if it is in one. */
  readonly #clientPace: Pace | undefined;
  #clientPause: Pause | undefined;
  /** `limit_rate` of the reading from the peer, likewise. */
  readonly #peerPace: Pace | undefined;
  #peerPause: Pause | undefined;

  constructor(exchange: Exchange) {
    const { conf, context } = exchange;
    this.#exchange = exchange;
    // Beyond `buffer_size` the Buf of the response's beginning counts as one of `buffers`.
    const beyondBytes = exchange.upstream!.buf.cell.length - conf.bufferSizeBytes;
    this.#set = new WorkingSet(
      Math.max(1, conf.bufferCount - Math.ceil(beyondBytes / conf.bufferBytes)),
      conf.bufferBytes,
      context.pool,
      expectedBytes(exchange),
    );
    this.#mayUseFile = conf.maxTempFileSizeBytes > 0;
    const { nowMs } = context.deadlines;
    const { limitRate, upstreamLimitRate } = exchange.downstream;
    if (limitRate !== undefined) this.#clientPace = new Pace(limitRate, nowMs);
    if (upstreamLimitRate !== undefined) this.#peerPace = new Pace(upstreamLimitRate, nowMs);
  }

  /** Whether there is at least one Buf to read into, so that it will get on. */
  get hasRoom(): boolean {
    const buf = this.#set.take();
    if (buf !== undefined) this.#set.give(buf);
    return buf !== undefined;
  }

  /** Sends the head with the body bytes that came with it. */
  begin(): void {
    const { body, downstream, upstream } = this.#exchange;
    const { buf } = upstream!;
    this.#isUpstreamDone = body.isDone;
    this.#isLastSent = body.isDone && body.trailers === undefined;
    this.#isFiltered = downstream.isFiltered;
    if (this.#clientPace !== undefined) this.#clientPace.bytes += buf.size;
    if (this.#peerPace !== undefined) this.#peerPace.bytes += buf.size;
    if (buf.size > 0 || this.#isLastSent) downstream.send(buf, this.#isLastSent);
    else downstream.flush();
  }

  /** Nothing is left to be done. */
  get isFinished(): boolean {
    return (this.#isLastSent || (this.#isClientGone && this.#isUpstreamDone) ||
      (this.#failure !== undefined && this.#isDrained)) &&
      !this.#exchange.downstream.isSending;
  }

  /** All bytes that were read are on their way. */
  get #isDrained(): boolean {
    return this.#rest === undefined && this.#set.in.isEmpty && !this.#isFileInUse;
  }

  /** Whether the next bytes behind {@linkcode EventPipe.#rest} are in the file. */
  get #isFileInUse(): boolean {
    return this.#file !== undefined && this.#file.size > 0;
  }

  /** Tells how it went. */
  end(): void {
    this.#exchange.downstream.checkSending();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Gives the client what it can take. Returns whether anything moved. */
  write(): boolean {
    const { body, downstream } = this.#exchange;
    const set = this.#set;
    set.recycle();
    this.#isClientGone ||= hasClientLeft(this.#exchange);
    this.#releaseUpstreamWhenDone();
    if (this.#isClientGone) return this.#dropUnsent();
    if (this.#isLastSent) return false;
    if (this.#isFiltered && downstream.isSending) return false;
    if (!set.busy.isEmpty && !this.#mayQueue()) return false;
    if (this.#isPaced && !this.#mayPass()) return false;
    const piece = this.#nextPiece();
    if (piece !== undefined) {
      const isPart = this.#clientPace !== undefined && this.#sendPart(piece, this.#clientPace);
      if (isPart) return true;
      this.#isLastSent = this.#isComplete && body.trailers === undefined;
      downstream.send(piece, this.#isLastSent);
      set.busy.push(piece);
      if (isRestUnwanted(this.#exchange)) this.#isLastSent = true;
      return true;
    }
    if (!this.#isComplete) return false;
    this.#isLastSent = true;
    downstream.end(body.trailers);
    return true;
  }

  /** Takes what the peer has sent. Returns whether anything moved. */
  read(): boolean {
    const { upstream, body, context, conf } = this.#exchange;
    if (this.#isUpstreamDone) return false;
    if (this.#peerPace !== undefined && this.#reading === undefined && !this.#mayRead()) {
      return false;
    }
    const buf = this.#reading ?? this.#bufToRead();
    if (buf === undefined) return false; // upstream_blocked
    const { conn } = upstream!;
    try {
      const received = conn.recv(buf);
      if (received === AGAIN) {
        this.#reading = buf;
        conn.setReadDeadline(context.deadlines.nowMs + conf.readTimeoutMs);
        return false;
      }
      this.#reading = undefined;
      if (received > 0) {
        if (this.#peerPace !== undefined) this.#peerPace.bytes += received;
        takeBody(this.#exchange, buf, buf.pos);
      } else if (!body.endOfStream()) {
        throw new Failure("upstream", "closed", "upstream prematurely closed connection");
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // What came before this read is good, and the client's.
      this.#reading = undefined;
      this.#failure = error;
      buf.last = buf.pos;
    }
    this.#isUpstreamDone = body.isDone || this.#failure !== undefined;
    this.#keep(buf);
    this.#releaseUpstreamWhenDone();
    return true;
  }

  /** What to wait for when neither side moves. */
  wait(): Wait {
    const { downstream, upstream, context } = this.#exchange;
    const isReading = this.#reading !== undefined;
    if (this.#clientPause !== undefined || this.#peerPause !== undefined) {
      const waits: Wait[] = isReading ? [upstream!.conn.readable] : [];
      if (downstream.isSending) waits.push(downstream.writable);
      if (this.#clientPause !== undefined) waits.push(this.#clientPause);
      if (this.#peerPause !== undefined) waits.push(this.#peerPause);
      this.#clientPause = this.#peerPause = undefined;
      return waits.length === 1 ? waits[0]! : new FirstOf(...waits);
    }
    if (isReading) {
      // With nothing to send next, the end of a write changes nothing; and a client that
      // leaves, or takes too long, is noticed by its watch.
      if (this.#isDrained || !downstream.isSending) return upstream!.conn.readable;
      return this.#bothBlocked ??= new FirstOf(upstream!.conn.readable, downstream.writable);
    }
    return downstream.isSending ? downstream.writable : new Room(context);
  }

  release(): void {
    this.#file?.close();
    // The peer's connection is closed by the journey if its read is still pending.
    this.#reading?.release();
    this.#rest?.release();
    this.#set.release();
  }

  /** Makes room for what comes for the store alone. Returns that nothing moved. */
  #dropUnsent(): false {
    const set = this.#set;
    if (this.#rest !== undefined) set.give(this.#rest);
    for (let buf = set.in.shift(); buf !== undefined; buf = set.in.shift()) set.give(buf);
    this.#file?.close();
    this.#rest = this.#file = undefined;
    this.#mayUseFile = false;
    return false;
  }

  /** Whether another piece may be queued behind what is on its way. */
  #mayQueue(): boolean {
    const { busy, in: read, spareCount } = this.#set;
    const { busyBuffersSizeBytes } = this.#exchange.conf;
    const nextBytes = this.#isFileInUse
      ? Math.min(this.#file!.size, busy.first!.cell.length)
      : read.first?.size ?? 0;
    if (busy.sizeBytes + nextBytes > busyBuffersSizeBytes) return false;
    if (this.#isUpstreamDone || this.#reading !== undefined) return true;
    const othersAfterwards = spareCount + read.length - 1;
    return othersAfterwards > 0;
  }

  get #isComplete(): boolean {
    return this.#isUpstreamDone && this.#failure === undefined && this.#isDrained;
  }

  /** Whether the client is sent to at a rate, so that one piece at a time is on its way. */
  get #isPaced(): boolean {
    return this.#clientPace !== undefined;
  }

  /** Whether the rate lets more pass to the client now; if not, sets the pause. */
  #mayPass(): boolean {
    const { downstream, context } = this.#exchange;
    if (downstream.isSending) return false;
    this.#clientPause = pauseUntil(this.#clientPace!.dueMs, context);
    return this.#clientPause === undefined;
  }

  /** The same for reading from the peer. */
  #mayRead(): boolean {
    this.#peerPause = pauseUntil(this.#peerPace!.dueMs, this.#exchange.context);
    return this.#peerPause === undefined;
  }

  /** Sends as much of a piece as the rate wants at a time. Returns whether some of it is left. */
  #sendPart(piece: Buf, pace: Pace): boolean {
    const { downstream, context } = this.#exchange;
    const partBytes = Math.min(piece.size, pace.pieceBytes);
    const part = partBytes === piece.size ? undefined : context.pool.acquire(
      partBytes + CHUNK_HEADROOM + CHUNK_TAILROOM,
      "paced response",
    );
    // Without memory for evenness: the whole piece, then a longer pause.
    pace.bytes += part === undefined ? piece.size : partBytes;
    if (part === undefined) return false;
    part.reset(CHUNK_HEADROOM);
    part.cell.set(piece.cell.subarray(piece.pos, piece.pos + partBytes), part.last);
    part.last += partBytes;
    piece.pos += partBytes;
    this.#rest = piece;
    try {
      downstream.send(part, false);
    } finally {
      part.release();
    }
    return true;
  }

  /** The next bytes for the client: those in the file came before those in memory. */
  #nextPiece(): Buf | undefined {
    const rest = this.#rest;
    if (rest !== undefined) {
      this.#rest = undefined;
      return rest;
    }
    const set = this.#set;
    if (!this.#isFileInUse) return set.in.shift();
    const file = this.#file!;
    const buf = set.take();
    if (buf === undefined) return undefined;
    buf.reset(CHUNK_HEADROOM, CHUNK_TAILROOM);
    try {
      file.read(buf);
    } catch (error) {
      set.give(buf);
      throw error;
    }
    if (this.#exchange.conf.cyclicTempFile) file.reuse();
    return buf;
  }

  /** A Buf for the next read; frees one by writing to the temp file if it has to. */
  #bufToRead(): Buf | undefined {
    const set = this.#set;
    let buf = this.#isLastKept ? undefined : set.take();
    if (buf === undefined && this.#spill() && !this.#isLastKept) buf = set.take();
    buf?.reset(CHUNK_HEADROOM, CHUNK_TAILROOM);
    if (buf !== undefined && this.#peerPace !== undefined) {
      buf.end = Math.min(buf.end, buf.last + this.#peerPace.pieceBytes);
    }
    return buf;
  }

  /** Whether the last free Buf is kept for the way from the file to the client. */
  get #isLastKept(): boolean {
    const { busy, spareCount } = this.#set;
    return this.#isFileInUse && busy.isEmpty && this.#rest === undefined && spareCount < 2;
  }

  /** Queues what was read: behind what is in the file, if there is any. */
  #keep(buf: Buf): void {
    const set = this.#set;
    if (buf.size === 0) return set.give(buf);
    const last = set.in.last;
    if (last !== undefined && buf.size <= last.room) { // a trickle: several reads a Buf
      last.cell.set(buf.cell.subarray(buf.pos, buf.last), last.last);
      last.last += buf.size;
      set.give(buf);
    } else {
      set.in.push(buf);
    }
    if (this.#isFileInUse) this.#spill();
  }

  /** Writes `in` to the temp file, as far as it may. Returns whether a Buf came free. */
  #spill(): boolean {
    const { conf } = this.#exchange;
    const set = this.#set;
    let written = 0;
    let hasFreed = false;
    for (let buf = set.in.first; buf !== undefined; buf = set.in.first) {
      if (!this.#mayUseFile) break;
      const onDisk = this.#file?.bytesOnDisk ?? 0;
      if (onDisk + buf.size > conf.maxTempFileSizeBytes) break;
      if (written > 0 && written + buf.size > conf.tempFileWriteSizeBytes) break;
      if (!this.#hasSpaceFor(buf.size)) break;
      written += buf.size;
      if (!this.#writeToFile(buf)) break;
      set.give(set.in.shift()!);
      hasFreed = true;
    }
    return hasFreed;
  }

  /** Without space in the budget of all temp files it waits, as for a file that is full. */
  #hasSpaceFor(byteCount: number): boolean {
    const { context: { tempSpace }, downstream } = this.#exchange;
    if (tempSpace.hasRoomFor(byteCount, RESPONSES_SHARE)) return true;
    if (!this.#isWithoutSpace) {
      this.#isWithoutSpace = true;
      downstream.report(
        "warn",
        `half of the ${tempSpace.maxBytes} bytes of temp_disk are taken: an upstream response ` +
          "waits for its client",
      );
    }
    return false;
  }

  /** A disk that is full or missing does not end the response: it goes on at the client's pace. */
  #writeToFile(buf: Buf): boolean {
    const { conf, context, downstream, openSpillFile } = this.#exchange;
    const { size } = buf;
    try {
      if (this.#file === undefined) {
        this.#file = new TempFile(
          conf.tempPath,
          openSpillFile,
          context.tempSpace,
          RESPONSES_SHARE,
        );
        downstream.report("warn", "an upstream response is buffered to a temporary file");
      }
      return this.#file.write(buf); // false: another worker was faster
    } catch (error) {
      this.#mayUseFile = false;
      const why = error instanceof Error ? error.message : String(error);
      downstream.report(
        "crit",
        `cannot write ${size} bytes to a temporary file in "${conf.tempPath}" (${why}); ` +
          "going on without it",
      );
      return false;
    }
  }

  #releaseUpstreamWhenDone(): void {
    const exchange = this.#exchange;
    if (!this.#isUpstreamDone || exchange.upstream === undefined) return;
    if (!exchange.isRequestComplete) return;
    releaseUpstream(exchange);
  }
}

function pauseUntil(dueMs: number, { deadlines }: ConnContext): Pause | undefined {
  if (deadlines.stamp() >= dueMs) return undefined;
  const pause = new Pause(deadlines);
  pause.until(dueMs);
  return pause;
}

/** How much is still to be read, with room for its framing; -1 where only the end will tell. */
function expectedBytes({ body }: Exchange): number {
  const { remainingBytes } = body;
  return remainingBytes < 0 ? -1 : remainingBytes + CHUNK_HEADROOM + CHUNK_TAILROOM;
}
