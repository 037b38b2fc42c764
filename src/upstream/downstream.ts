/**
 * The port: what the upstream journey needs of the side that it answers. Upstream and
 * downstream do not know each other; http joins them.
 *
 * @module
 */
import type { Buf, Chain } from "../buffer/mod.ts";
import type { Conn, Wait } from "../event/mod.ts";
import type { LogLevel } from "../log/conf.ts";
import type { FieldLines, HeadWriter, ResponseHead } from "../wire/mod.ts";
import type { RateLimit } from "./pace.ts";

/** The client's side of one request. */
export interface Downstream {
  /**
   * Writes the request head as the current peer is to see it: nginx's `create_request`.
   *
   * @param bodyBytes Length of the body that will follow; -1: it comes in chunks.
   */
  writeRequestHead(into: HeadWriter, bodyBytes: number): void;
  /** The client's request body, if there is one. */
  readonly requestBody: RequestBody | undefined;
  /**
   * What is sent in the place of the client's body, if that is not to be passed on:
   * nothing at all, or a text of our own. Asked once the client's body has been read.
   */
  readonly substituteBody: Uint8Array | undefined;
  /** Whether a substitute there is. */
  readonly replacesBody: boolean;
  /** Whether {@linkcode keepBody} wants to be told, before the request head is written. */
  readonly wantsBody: boolean;
  /** Takes a look at a whole body that is in memory. */
  keepBody(bytes: Uint8Array): void;
  /** Whether the peer has to be told the body's length, which only its end tells. */
  readonly needsBodyLength: boolean;

  /** Whether the peer gets the trailer fields of a request body that is streamed. */
  readonly passesTrailers: boolean;

  /** Set where the response is not forwarded but gathered whole. */
  readonly memory: InMemory | undefined;

  /** Whether the request asks the peer to change to another protocol, so that it may answer 101. */
  readonly asksForUpgrade: boolean;
  /** Whether the request tells the peer that no other one follows on its connection. */
  readonly asksToClose: boolean;
  /** Passes a 101 on: the connection is a {@linkcode tunnel} from then on. */
  beginTunnel(response: ResponseHead): void;
  /** The client's connection, once it belongs to another protocol. */
  readonly tunnel: Tunnel | undefined;

  /**
   * Calls `onGone` as soon as the client leaves; while the request body is not complete,
   * only when the connection is aborted: who reads the body notices the rest.
   */
  watch(onGone: () => void, seesAbortsOnly: boolean): void;
  unwatch(): void;

  /**
   * Whether this response is not for the client: an error page, or what
   * `X-Accel-Redirect` names, will take its place. Asked once the head is there.
   */
  diverts(response: ResponseHead): boolean;
  /** Whether something else will answer, so that what was taken in of the request is still needed. */
  readonly isDiverted: boolean;
  /** Begins to keep a response of status 200 (`store`). Asked only where that is configured. */
  openStore(response: ResponseHead): ResponseStore | undefined;
  /**
   * Makes sure of the memory that {@linkcode beginResponse} needs. Returns whether it is there.
   *
   * @param bodyBytes Body bytes that are there already, to leave together with the head.
   */
  prepare(bodyBytes: number): boolean;
  /**
   * Takes the response's head and decides how the client sees its body end. The
   * bytes are borrowed until it returns. They leave together with the first piece
   * of the body, or with {@linkcode flush}.
   *
   * @param bodyBytes Length of the body; -1 when only its end will tell.
   */
  beginResponse(response: ResponseHead, bodyBytes: number): void;
  /** Passes an interim (1xx) head on. */
  sendInterim(response: ResponseHead): void;
  /** How many body bytes {@linkcode send} would copy, so that their Buf is free at once. */
  readonly copiesUpTo: number;
  /**
   * Sends the unread bytes of `from` as the next piece of the body, and after the
   * last one its end. `from` is lent until it is sent, or empty at once if it was
   * copied. Its bytes in front of `pos` and behind `last` may be used for framing.
   */
  send(from: Buf, isLast: boolean): void;
  /** Whether something changes the body on its way, so that what is sent says nothing of what is on its way. */
  readonly isFiltered: boolean;
  /** Whether the client has all that it is to get: what the peer still sends makes no difference. */
  readonly isSatisfied: boolean;
  /** Ends the body behind what was sent, with the trailer fields that may be passed. */
  end(trailers?: FieldLines): void;
  /** `limit_rate` towards the client, once the response has begun. */
  readonly limitRate: RateLimit | undefined;
  /** `limit_rate` of the reading from the peer. */
  readonly upstreamLimitRate: RateLimit | undefined;
  /** Sends what {@linkcode beginResponse} left waiting. */
  flush(): void;
  /** Whether anything is still on its way to the client. */
  readonly isSending: boolean;
  readonly writable: Wait;
  /** Throws the Failure that ended the sending, if one did. */
  checkSending(): void;

  /** What it is refused with says that it may be tried again soon. */
  askAgainLater(): void;
  /** Answers with an error page of our own. Only where nothing of a response was sent. */
  refuse(status: number): void;
  /**
   * The response cannot be completed: the client has to see that it is cut short.
   *
   * @param status For the log, when the client was told none.
   */
  cutShort(status?: number): void;

  /** Writes to the error log, with all that is known of the request. */
  report(level: LogLevel, message: string): void;
}

/** A response that is kept besides being passed on. One of `keep` and `discard` ends it. */
export interface ResponseStore {
  /** Takes the next bytes of the body. @throws What the writing throws. */
  write(bytes: Uint8Array): void;
  /** The body is complete. Returns what went wrong; empty if nothing did. */
  keep(): string;
  /** Nothing of it is to stay. Returns what went wrong; empty if nothing did. */
  discard(): string;
}

/** A client's connection that carries another protocol. */
export interface Tunnel {
  readonly conn: Conn;
  /** Hands over the Buf that holds what the client has sent already, or that a read is pending on. */
  takeFirst(): Buf | undefined;
  /** Counts what is sent to the client. */
  onSent(byteCount: number): void;
}

/** Where a response goes that is not forwarded: the answer to a subrequest. */
export interface InMemory {
  /** `subrequest_output_buffer_size`: bound of the body. */
  readonly maxBytes: number;
  /** Whether the body is wanted. If not, one over the bound is no error. */
  readonly keepsBody: boolean;
  /**
   * Takes a whole response. The head is borrowed until it returns; the Bufs become the
   * taker's, and 'body' is left empty.
   */
  keep(response: ResponseHead, body: Chain): void;
}

/** A request body on its way in. */
export interface RequestBody {
  /** Length in bytes, or -1: it is chunked. */
  readonly lengthBytes: number;
  /** Up to this many bytes are kept in memory when the body is buffered. */
  readonly bufferBytes: number;
  /** Folder of the temp file of a larger one. */
  readonly tempPath: string;
  /** Whether it is to be put into a file whatever its size, and what becomes of that. */
  readonly inFileOnly: "off" | "on" | "clean";
  /** Whether any of it was handed out, so that it cannot be had again. */
  readonly isStarted: boolean;
  /** Whether all of it was handed out. */
  readonly isDone: boolean;
  /** Trailer fields, once it is done and if there were any. */
  readonly trailers: FieldLines | undefined;
  /**
   * Reads behind `into.last`. Returns the bytes that are there now, 0 when the body
   * is done, or AGAIN: `into` is lent then, so ask again with the same Buf.
   *
   * @throws {BadMessage} The body's framing is illegal, or it is too large.
   * @throws {Failure} The client left or timed out.
   */
  read(into: Buf): number;
  readonly readable: Wait;
  /** Nothing is done before all of it is here: a client that sends it slowly may be held to a rate. */
  needWhole?(): void;
  /** Ends the reading for now. Returns whether the body keeps `into`, since a read is pending on it. */
  stop(into: Buf): boolean;
}
