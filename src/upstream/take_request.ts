/**
 * Phase `take_request`: the request as it will be sent, its body taken in if it is to
 * be buffered (`request_buffering`): behind the head in one piece of memory, or in a
 * temp file. Either can be sent again to another peer.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { AGAIN, type Phase, Repeated, until, waitForRoom } from "../event/mod.ts";
import { PROCESS_SLOTS } from "../log/mod.ts";
import type { RequestBody } from "./downstream.ts";
import { type Exchange, Refused } from "./exchange.ts";
import { FileBody } from "./file_body.ts";
import { BODY_BUF_BYTES, createRequest } from "./send_request.ts";

/**
 * Creates the request, waiting for memory if there is none, and for the body.
 *
 * @throws {Failure} of the client. @throws {BadMessage} The body is malformed or too large.
 * @throws {Refused} 500: the temp file cannot be written; 503: temp files have as much as
 * they may. It has been reported.
 */
export async function* takeRequest(exchange: Exchange): Phase<void> {
  const { downstream, context } = exchange;
  if (downstream.replacesBody) return yield* replaceBody(exchange);
  if (exchange.keptBody !== undefined) return yield* takeKept(exchange, exchange.keptBody);
  const body = downstream.requestBody;
  if (body !== undefined && isSmall(exchange, body)) return yield* takeLater(exchange, body);
  if (body !== undefined && isToBeBuffered(exchange)) yield* store(exchange, body);
  else exchange.requestBody = body;
  if (exchange.requestBuf !== undefined) return;
  while (!createRequest(exchange, 0)) yield* waitForRoom(context);
}

/**
 * Takes in a small body. Most have come with their head: there is nothing to wait for. The rest of
 * others is waited for without the phase, since thousands may dribble.
 *
 * @returns Whether all of it is here, or what to wait for until {@linkcode endSmall}; false:
 * {@linkcode takeRequest} is to do it.
 * @throws What that throws.
 */
export function takeSmall(exchange: Exchange): boolean | Repeated {
  const body = exchange.downstream.requestBody;
  if (body === undefined || !isSmall(exchange, body)) return false;
  if (!createRequest(exchange, body.lengthBytes)) return false;
  exchange.doing = "reading client request body";
  body.needWhole?.();
  const buf = exchange.requestBuf!;
  try {
    if (!fill(buf, body)) return new Repeated(body.readable, () => fill(buf, body));
  } catch (error) {
    stopReading(exchange, body);
    throw error;
  }
  stopReading(exchange, body);
  return true;
}

/** The wait of {@linkcode takeSmall} is over. @throws What ended it, if it was not the body's end. */
export function endSmall(exchange: Exchange, rest: Repeated): void {
  const body = exchange.downstream.requestBody!;
  try {
    exchange.driver.unblock();
    rest.check();
  } finally {
    stopReading(exchange, body);
  }
}

/** What {@linkcode takeSmall} has left, since there was no memory for it. */
async function* takeLater(exchange: Exchange, body: RequestBody): Phase<void> {
  while (exchange.requestBuf === undefined) {
    yield* waitForRoom(exchange.context);
    createRequest(exchange, body.lengthBytes);
  }
  exchange.doing = "reading client request body";
  body.needWhole?.();
  const buf = exchange.requestBuf;
  try {
    yield* until(body.readable, () => fill(buf, body));
  } finally {
    stopReading(exchange, body);
  }
}

/** Returns whether all of the body is in `buf`; if not, the rest has to be waited for. */
function fill(buf: Buf, body: RequestBody): boolean {
  while (!body.isDone) {
    if (body.read(buf) === AGAIN) return false;
  }
  return true;
}

/** A Buf that a read is still pending in is the client's to give back. */
function stopReading(exchange: Exchange, body: RequestBody): void {
  if (body.stop(exchange.requestBuf!)) exchange.requestBuf = undefined;
}

function isSmall(exchange: Exchange, body: RequestBody): boolean {
  const { downstream, keptBody } = exchange;
  return fitsInMemory(body) && isToBeBuffered(exchange) && !downstream.replacesBody &&
    !downstream.wantsBody && keptBody === undefined;
}

function isToBeBuffered({ conf, downstream }: Exchange): boolean {
  return conf.requestBuffering || downstream.needsBodyLength;
}

/** The client's body is read to its end all the same, so that it can be watched: as in nginx. */
async function* replaceBody(exchange: Exchange): Phase<void> {
  const { downstream, context } = exchange;
  const body = downstream.requestBody;
  exchange.dropKeptBody();
  if (body !== undefined && !body.isDone) {
    exchange.doing = "reading client request body";
    body.needWhole?.();
    const sizeBytes = Math.max(body.bufferBytes, 1024);
    const buf = yield* acquire(exchange, sizeBytes);
    let isWhole = true;
    try {
      yield* until(body.readable, () => {
        while (!body.isDone) {
          if (body.read(buf) === AGAIN) return false;
          if (buf.room > 0 || body.isDone) continue;
          isWhole = false;
          buf.reset();
        }
        return true;
      });
      if (isWhole && downstream.wantsBody) downstream.keepBody(buf.data());
    } finally {
      if (!body.stop(buf)) buf.release();
    }
  }
  while (!createRequest(exchange, 0)) yield* waitForRoom(context);
}

async function* acquire({ context }: Exchange, sizeBytes: number): Phase<Buf> {
  let buf = context.pool.acquire(sizeBytes, "request body");
  while (buf === undefined) {
    yield* waitForRoom(context);
    buf = context.pool.acquire(sizeBytes, "request body");
  }
  return buf;
}

/** The request of before, with its body, in the head of where it was redirected to. */
async function* takeKept(exchange: Exchange, kept: Buf | FileBody): Phase<void> {
  const { context } = exchange;
  if (kept instanceof FileBody) {
    exchange.keptBody = undefined;
    exchange.requestBody = kept;
    while (!createRequest(exchange, 0)) yield* waitForRoom(context);
    return;
  }
  const body = kept.cell.subarray(exchange.requestHeadBytes, kept.last);
  while (!createRequest(exchange, body.length)) yield* waitForRoom(context);
  const request = exchange.requestBuf!;
  request.cell.set(body, request.last);
  request.last += body.length;
  exchange.dropKeptBody();
}

function fitsInMemory(body: RequestBody): boolean {
  return body.lengthBytes >= 0 && body.lengthBytes <= body.bufferBytes && body.inFileOnly === "off";
}

/** Reads a body that is large, or whose length only its end tells. */
async function* store(exchange: Exchange, body: RequestBody): Phase<void> {
  const { context, downstream } = exchange;
  exchange.doing = "reading client request body";
  body.needWhole?.();
  const isLarge = body.lengthBytes > body.bufferBytes;
  if (isLarge && !mayBegin(exchange, body.lengthBytes)) throw withoutSpace(exchange);
  let buf = yield* acquire(exchange, body.bufferBytes);
  let file: FileBody | undefined;
  try {
    yield* until(body.readable, () => {
      while (!body.isDone) {
        if (body.read(buf) === AGAIN) return false;
        if (buf.room > 0 || body.isDone) continue;
        file = writeToFile(exchange, body, file, buf);
        if (isLarge) buf = largerOf(exchange, buf);
      }
      return true;
    });
    if (file === undefined && body.inFileOnly === "off" && buf.size <= body.bufferBytes) {
      // All of it is here after all: behind the head with it.
      if (downstream.wantsBody) downstream.keepBody(buf.data());
      while (!createRequest(exchange, buf.size)) yield* waitForRoom(context);
      const request = exchange.requestBuf!;
      request.cell.set(buf.data(), request.last);
      request.last += buf.size;
      return;
    }
    file = writeToFile(exchange, body, file, buf);
    exchange.requestBodyPath = file.path;
    exchange.requestBody = file;
    file = undefined; // the exchange's now
  } finally {
    file?.close();
    if (!body.stop(buf)) buf.release();
  }
}

/**
 * On its way to a file a large body passes through a large cell, since that is fewer reads and
 * writes; but not before it has filled a small one, which a client that dribbles never does.
 */
function largerOf({ context: { pool } }: Exchange, buf: Buf): Buf {
  if (buf.cell.length >= BODY_BUF_BYTES) return buf;
  const larger = pool.acquire(BODY_BUF_BYTES, "request body");
  if (larger === undefined) return buf;
  buf.release();
  return larger;
}

/** Writes what is in `buf` to the file, which is opened if it is not yet. */
function writeToFile(
  exchange: Exchange,
  body: RequestBody,
  file: FileBody | undefined,
  buf: Buf,
): FileBody {
  const { size } = buf;
  const { tempSpace, spareFiles } = exchange.context;
  if (file === undefined && !mayBegin(exchange, size)) throw withoutSpace(exchange);
  let opened: FileBody | undefined;
  try {
    if (file === undefined) {
      const onTrouble = (message: string) => exchange.downstream.report("crit", message);
      opened = new FileBody(
        body.tempPath,
        body.inFileOnly,
        tempSpace,
        onTrouble,
        spareFiles?.open,
      );
      exchange.downstream.report("warn", "a client request body is buffered to a temporary file");
    }
    const into = opened ?? file!;
    if (!into.append(buf)) throw withoutSpace(exchange);
    buf.reset();
    return into;
  } catch (error) {
    opened?.close();
    if (error instanceof Refused) throw error;
    const why = error instanceof Error ? error.message : String(error);
    exchange.downstream.report(
      "crit",
      `cannot write ${size} bytes behind the first ${file?.lengthBytes ?? 0} of a client request ` +
        `body to a temporary file in "${body.tempPath}": ${why}`,
    );
    throw new Refused(500);
  }
}

/** Uploads that have begun may have the rest. */
function mayBegin({ context: { tempSpace } }: Exchange, byteCount: number): boolean {
  return tempSpace.hasRoomFor(byteCount, tempSpace.shareOfNew);
}

/** `temp_disk` is spent: worth another try, as others end. */
function withoutSpace({ context, downstream }: Exchange): Refused {
  const { counts, tempSpace } = context;
  if (counts !== undefined) counts.process[PROCESS_SLOTS.shedForTempDisk]! += 1;
  downstream.report(
    "error",
    `shedding load: no room for a client request body in the ${tempSpace.maxBytes} bytes of temp_disk`,
  );
  downstream.askAgainLater();
  return new Refused(503);
}
