/**
 * Phase `take_request`: the request as it will be sent, its body taken in if it is to
 * be buffered (`request_buffering`): behind the head in one piece of memory, or in a
 * temp file. Either can be sent again to another peer.
 *
 * @module
 */
import { type Buf, openNamed, TempFile } from "../buffer/mod.ts";
import { AGAIN, type Phase, waitForRoom } from "../event/mod.ts";
import type { RequestBody } from "./downstream.ts";
import { type Exchange, Refused } from "./exchange.ts";
import { FileBody } from "./file_body.ts";
import { BODY_BUF_BYTES, createRequest } from "./send_request.ts";

/**
 * Creates the request, waiting for memory if there is none, and for the body.
 *
 * @throws {Failure} of the client. @throws {BadMessage} The body is malformed or too large.
 * @throws {Refused} 500: the temp file cannot be written; it has been reported.
 */
export async function* takeRequest(exchange: Exchange): Phase<void> {
  const { downstream, conf, context } = exchange;
  if (exchange.keptBody !== undefined) return yield* takeKept(exchange, exchange.keptBody);
  const body = downstream.requestBody;
  const isBuffered = body !== undefined && (conf.requestBuffering || downstream.needsBodyLength);
  if (isBuffered && fitsInMemory(body)) {
    while (!createRequest(exchange, body.lengthBytes)) yield* waitForRoom(context);
    yield* readWhole(exchange, body);
  } else {
    if (isBuffered) yield* store(exchange, body);
    else exchange.requestBody = body;
    if (exchange.requestBuf !== undefined) return;
    while (!createRequest(exchange, 0)) yield* waitForRoom(context);
  }
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

/** Reads the body right behind the head that is in the Buf already. */
async function* readWhole(exchange: Exchange, body: RequestBody): Phase<void> {
  const buf = exchange.requestBuf!;
  exchange.doing = "reading client request body";
  try {
    while (!body.isDone) {
      if (body.read(buf) === AGAIN) yield body.readable;
    }
  } finally {
    if (body.stop(buf)) exchange.requestBuf = undefined;
  }
}

/** Reads a body that is large, or whose length only its end tells. */
async function* store(exchange: Exchange, body: RequestBody): Phase<void> {
  const { context } = exchange;
  exchange.doing = "reading client request body";
  // On its way to a file a large body passes through a large cell: fewer reads and writes.
  const sizeBytes = body.lengthBytes > body.bufferBytes ? BODY_BUF_BYTES : body.bufferBytes;
  let buf = context.pool.acquire(sizeBytes, "request body");
  while (buf === undefined) {
    yield* waitForRoom(context);
    buf = context.pool.acquire(sizeBytes, "request body");
  }
  let file: TempFile | undefined;
  try {
    while (!body.isDone) {
      if (body.read(buf) === AGAIN) yield body.readable;
      else if (buf.room === 0) file = writeToFile(exchange, body, file, buf);
    }
    if (file === undefined && body.inFileOnly === "off") {
      // All of it is here after all: behind the head with it.
      while (!createRequest(exchange, buf.size)) yield* waitForRoom(context);
      const request = exchange.requestBuf!;
      request.cell.set(buf.data(), request.last);
      request.last += buf.size;
      return;
    }
    file = writeToFile(exchange, body, file, buf);
    exchange.requestBody = new FileBody(file, body.inFileOnly);
    file = undefined; // the exchange's now
  } finally {
    file?.close();
    if (!body.stop(buf)) buf.release();
  }
}

/** Writes what is in `buf` to the file, which is opened if it is not yet. */
function writeToFile(
  exchange: Exchange,
  body: RequestBody,
  file: TempFile | undefined,
  buf: Buf,
): TempFile {
  const { size } = buf;
  try {
    if (file === undefined) {
      file = body.inFileOnly === "off"
        ? new TempFile(body.tempPath)
        : new TempFile(body.tempPath, openNamed);
      exchange.downstream.report("warn", "a client request body is buffered to a temporary file");
    }
    file.write(buf);
    buf.reset();
    return file;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    exchange.downstream.report(
      "crit",
      `cannot write ${size} bytes behind the first ${file?.bytesOnDisk ?? 0} of a client request ` +
        `body to a temporary file in "${body.tempPath}": ${why}`,
    );
    file?.close();
    throw new Refused(500);
  }
}
