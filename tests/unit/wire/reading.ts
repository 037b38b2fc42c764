/**
 * Reads a message in given pieces, and tells all that was understood as plain values: the same
 * message must read the same however it comes.
 *
 * @module
 */
import {
  BadMessage,
  BodyDecoder,
  type Head,
  NO_LENGTH,
  RequestHead,
  ResponseHead,
} from "../../../src/wire/mod.ts";
import { latin1Bytes, latin1Text } from "../../support/scripted_transport.ts";

/** What came of a message. */
export interface Reading {
  /** "complete", "incomplete", or "400 reason". */
  readonly verdict: string;
  /** All that was understood, once complete. */
  readonly meaning: unknown;
}

const INCOMPLETE: Reading = { verdict: "incomplete", meaning: undefined };

export type Parts = readonly (string | Uint8Array)[];

export const MAX_FIELDS = 100;

/** Reads a request head that arrives in `pieces`. Further bytes are a body. */
export function readRequest(pieces: Parts, start = 0): Reading {
  const head = new RequestHead(MAX_FIELDS);
  return readHead(head, pieces, start, () => ({
    method: head.method,
    target: head.target(),
    path: head.path(),
    query: head.query(),
    isPathPlain: head.isPathPlain,
    host: head.host(),
    authority: latin1Text(head.fields.bytes.slice(head.hostStart, head.authorityEnd)),
    expectsContinue: head.expectsContinue,
    allowsKeepalive: head.allowsKeepalive,
    hasBody: head.hasBody,
    upgradeIndex: head.upgradeIndex,
  }));
}

/** Reads a response head that arrives in `pieces`. Further bytes are a body. */
export function readResponse(pieces: Parts, start = 0): Reading {
  const head = new ResponseHead(MAX_FIELDS);
  return readHead(head, pieces, start, () => ({
    status: head.status,
    reason: head.reason(),
    isInterim: head.isInterim,
    allowsKeepalive: head.allowsKeepalive,
    upgradeIndex: head.upgradeIndex,
  }));
}

/** Decodes a chunked body that arrives in `pieces`, each in place in a cell of its own. */
export function readChunks(pieces: Parts): Reading {
  const decoder = new BodyDecoder();
  decoder.beginChunked();
  let body = "";
  let rest = "";
  try {
    for (const piece of pieces.map(bytesOfPart)) {
      if (decoder.isDone) {
        rest += latin1Text(piece);
        continue;
      }
      const cell = new Uint8Array(piece.length + 7).fill(0xee); // not at the cell's start
      cell.set(piece, 3);
      decoder.decode(cell, 3, 3 + piece.length);
      body += latin1Text(cell.slice(3, decoder.dataEnd));
      rest += latin1Text(cell.slice(decoder.restStart, 3 + piece.length));
    }
  } catch (error) {
    return refusal(error);
  }
  if (!decoder.isDone) return INCOMPLETE;
  const { trailers } = decoder;
  const lines = Array.from(
    { length: trailers?.count ?? 0 },
    (_, index) => [trailers!.name(index), trailers!.value(index)],
  );
  return { verdict: "complete", meaning: { body, rest, trailers: lines } };
}

function readHead(head: Head, pieces: Parts, start: number, more: () => unknown): Reading {
  const parts = pieces.map(bytesOfPart);
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  let cell = new Uint8Array(start + total).fill(0x7f);
  let end = start;
  try {
    head.begin(cell, start);
    for (const [index, part] of parts.entries()) {
      cell.set(part, end);
      end += part.length;
      if (index % 2 === 1) { // into a larger cell, and the old one is somebody else's
        const larger = new Uint8Array(cell.length + 1);
        larger.set(cell);
        cell.fill(0xdd);
        cell = larger;
        head.moveTo(cell);
      }
      if (!head.parse(end)) continue;
      for (const late of parts.slice(index + 1)) {
        cell.set(late, end);
        end += late.length;
      }
      return { verdict: "complete", meaning: { ...describe(head, start), more: more() } };
    }
  } catch (error) {
    return refusal(error);
  }
  return INCOMPLETE;
}

function describe(head: Head, start: number): object {
  const { fields } = head;
  const indexes = Array.from({ length: fields.count }, (_, index) => index);
  return {
    minorVersion: head.minorVersion,
    contentLength: head.contentLength === NO_LENGTH ? "none" : head.contentLength,
    isChunked: head.isChunked,
    says: [head.saysClose, head.saysKeepAlive, head.saysUpgrade],
    headBytes: head.end - start,
    fields: indexes.map((index) => [
      fields.name(index),
      fields.value(index),
      fields.id(index),
      latin1Text(fields.bytes.slice(fields.lineStart(index), fields.lineEnd(index))),
    ]),
  };
}

function refusal(error: unknown): Reading {
  if (!(error instanceof BadMessage)) throw error;
  return { verdict: `${error.status} ${error.message}`, meaning: undefined };
}

function bytesOfPart(part: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof part === "string" ? latin1Bytes(part) : part.slice();
}

/** `text` in two pieces, cut at every place (a very long one: at some). */
export function* halves(text: string): Generator<[string, string]> {
  const step = text.length > 2_000 ? 97 : 1;
  for (let at = 0; at <= text.length; at += step) yield [text.slice(0, at), text.slice(at)];
}
