/**
 * The head of a file's response.
 *
 * @module
 */
import { reasonOf } from "../downstream/mod.ts";
import { bytesOf, fieldId, type HeadWriter } from "../wire/mod.ts";
import { fieldSafe } from "./field_text.ts";
import { writeFailure } from "./redirect.ts";
import { type ResponseView, weakened } from "./compression.ts";
import type { Request } from "./request.ts";
import { carriesRanges, prepareReshaped, VARIES, writeCarried, writeReshaped } from "./reshape.ts";
import type { Segment } from "./send_file.ts";

const OK = bytesOf("HTTP/1.1 200 OK\r\n");
const CONTENT_TYPE = bytesOf("Content-Type: ");
const CONTENT_LENGTH = bytesOf("Content-Length: ");
const LAST_MODIFIED = bytesOf("Last-Modified: ");
const ETAG = bytesOf("ETag: ");
const ACCEPT_RANGES = bytesOf("Accept-Ranges: bytes\r\n");
const CONTENT_ENCODING_GZIP = bytesOf("Content-Encoding: gzip\r\n");
const NOTHING = new Uint8Array(fieldId.ID_COUNT);

/** What is told and sent of a file. */
export interface FileAnswer {
  readonly status: number;
  /** `Content-Type`; empty for none. */
  readonly type: string;
  /** Empty for none. */
  readonly etag: string;
  readonly modifiedS: number;
  readonly bodyBytes: number;
  /** `Content-Encoding`: of a file that is there compressed; empty for none. */
  readonly encoding: "" | "gzip";
  /** Whether `Vary: Accept-Encoding` is to be told. */
  readonly varies: boolean;
  /** Whether it may be asked for in parts. */
  readonly hasRanges: boolean;
  /** Whether it has parts, each with a type of its own. */
  readonly isMultipart: boolean;
  readonly segments: readonly Segment[];
  /** Further field lines, without CRLF. */
  readonly lines: readonly string[];
}

/** Writes the head. `response.prepare()` has been called. */
export function writeFileHead(request: Request, answer: FileAnswer, hasBody: boolean): void {
  const { client, policy, worker } = request;
  const { status, modifiedS, lines } = answer;
  const reshaped = policy?.reshaper?.reshape(request, fileView(answer), hasBody);
  if (reshaped !== undefined) prepareReshaped(request, reshaped);
  const type = reshaped?.type || answer.type;
  const isRecoded = reshaped?.isRecoded ?? false;
  const bodyBytes = isRecoded || reshaped?.isChunked ? -1 : answer.bodyBytes;
  const etag = isRecoded ? weakened(answer.etag) : answer.etag;
  const replaced = policy?.hideReplaced(status, NOTHING) ?? NOTHING;
  const write = (prefix: Uint8Array, text: string, into: HeadWriter): void => {
    into.constant(prefix);
    into.text(text);
    into.crlf();
  };
  client.response.writeHead(status, status === 304 ? 0 : bodyBytes, hasBody, (into) => {
    if (status === 200) into.constant(OK);
    else {
      into.text(`HTTP/1.1 ${status} ${reasonOf(status)}`);
      into.crlf();
    }
    into.constant(worker.serverAndDate(client.conf.serverTokens));
    if (type !== "" && status !== 304 && !answer.isMultipart) {
      write(CONTENT_TYPE, fieldSafe(type), into);
    }
    if (status !== 304 && status !== 204 && bodyBytes >= 0) {
      into.constant(CONTENT_LENGTH);
      into.decimal(bodyBytes);
      into.crlf();
    }
    // The page of an error is as new as the error, as in nginx.
    const hasTime = status === 200 || status === 206 || status === 304;
    if (hasTime && replaced[fieldId.LAST_MODIFIED] !== 1) {
      write(LAST_MODIFIED, lastModified(modifiedS), into);
    }
    if (etag !== "" && replaced[fieldId.ETAG] !== 1) write(ETAG, etag, into);
    const tellsRanges = status === 200 && answer.hasRanges && !isRecoded &&
      policy?.maxRanges !== 0 && !carriesRanges(request);
    if (tellsRanges) into.constant(ACCEPT_RANGES);
    if (answer.encoding !== "" && status !== 304 && !reshaped?.isDecoded) {
      into.constant(CONTENT_ENCODING_GZIP);
    }
    if (answer.varies && !reshaped?.lines.includes(VARIES)) {
      into.text(VARIES);
      into.crlf();
    }
    for (const line of lines) {
      into.text(line);
      into.crlf();
    }
    if (request.isMarked) {
      writeCarried(request, reshaped, into);
      writeFailure(request, into);
    }
    if (reshaped !== undefined) writeReshaped(reshaped, into);
    policy?.writeHeaders(request, status, into);
  });
}

/** What the filters see of it. */
export function fileView(
  { status, type, bodyBytes, etag, modifiedS, encoding }: FileAnswer,
): ResponseView {
  return {
    status,
    type,
    bodyBytes,
    flushesEach: false,
    field(name): string {
      if (name === "last-modified") return lastModified(modifiedS);
      return name === "etag" ? etag : name === "content-encoding" ? encoding : "";
    },
  };
}

let lastModifiedS = NaN;
let lastModifiedText = "";

/** The text of the last one is kept: one file is often asked for again and again. */
function lastModified(modifiedS: number): string {
  if (modifiedS !== lastModifiedS) {
    lastModifiedText = new Date(modifiedS * 1_000).toUTCString();
    lastModifiedS = modifiedS;
  }
  return lastModifiedText;
}
