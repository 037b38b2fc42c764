/**
 * The seam between a protocol and the ways of treating a response's body: what takes the
 * body out of the peer's framing. nginx's `input_filter_init` and `input_filter`.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import { BodyDecoder, type FieldLines, NO_LENGTH, type ResponseHead } from "../wire/mod.ts";

/** One protocol's framing. Used again for the next response of its exchange. */
export interface InputFilter {
  /** Begins with a response whose head has been read. */
  init(head: ResponseHead, method: string): void;
  /**
   * Takes in what was read at `from` and behind it: `buf` ends with body bytes then.
   *
   * @returns Whether there was more behind the body's end.
   * @throws {BadMessage} The framing is illegal; nothing of it may be passed on.
   */
  filter(buf: Buf, from: number): boolean;
  /** Whether the whole body has been seen. */
  readonly isDone: boolean;
  /** Bytes that the body still has, or -1 where only its end will tell. */
  readonly remainingBytes: number;
  /** The connection has ended. Returns whether the body is complete; if not it was cut short. */
  endOfStream(): boolean;
  /** Trailer fields, once the body is done and if there were any. */
  readonly trailers: FieldLines | undefined;
}

/** HTTP/1: a length, chunks, or the end of the connection (RFC 9112, 6.3). */
export class HttpInputFilter extends BodyDecoder implements InputFilter {
  init(head: ResponseHead, method: string): void {
    const { status } = head;
    if (method === "HEAD" || status === 204 || status === 304) this.beginNone();
    else if (head.isChunked) this.beginChunked();
    else if (head.contentLength !== NO_LENGTH) this.beginLength(head.contentLength);
    else this.beginToEof();
  }

  filter(buf: Buf, from: number): boolean {
    const { last } = buf;
    this.decode(buf.cell, from, last);
    buf.last = this.dataEnd;
    return this.restStart < last;
  }
}
