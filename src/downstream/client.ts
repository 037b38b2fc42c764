/**
 * Whom a request is from and its answer is for, as those who answer it see them.
 *
 * @module
 */
import type { Buf } from "../buffer/mod.ts";
import type { Conn, ConnContext, RemoteAddress, Wait } from "../event/mod.ts";
import type { FieldLines, HeadWriter, ProxyHeader, RequestHead } from "../wire/mod.ts";
import type { BodyFilter } from "./body_filter.ts";
import type { ClientBody } from "./client_body.ts";
import type { ClientConf } from "./conf.ts";

/**
 * A client's connection at its current request; or, for a subrequest, the request that
 * it is part of.
 */
export interface Client {
  readonly context: ConnContext;
  /** Number of the connection, for logs: nginx's `*1`. */
  readonly id: number;
  readonly conn: Conn;
  /** Whom the request is from: the far end of the connection, or whom that names (`set_real_ip_from`). */
  remote: RemoteAddress;
  /** What a balancer in front says of the connection (`listen … proxy_protocol`). */
  readonly proxied: ProxyHeader["ends"];
  /** Requests of the connection so far, the current one included. */
  readonly requests: number;
  /** When the request began, in ms of the clock. */
  readonly startedAtMs: number;
  /** When the connection was accepted, likewise. */
  readonly connectedAtMs: number;
  /** Whether the request came together with the one before it. */
  readonly isPipelined: boolean;
  /** Of the location that the request is for. */
  conf: ClientConf;
  /** Whether the connection is to end after this request; a subrequest has no say in that. */
  isDraining?: boolean;
  readonly head: RequestHead;
  readonly body: RequestBodyReader;
  readonly response: ResponseWriter;

  /** Hands the connection over to another protocol. None of a subrequest's can be. */
  openTunnel(): ClientTunnel | undefined;

  /**
   * Calls `onGone` when the client leaves; while the request body is not complete, only
   * when the connection is aborted: who reads the body notices the rest.
   *
   * @param seesAbortsOnly The client may leave; only when we end at once is `onGone` called.
   */
  watch(onGone: () => void, seesAbortsOnly?: boolean): void;
  unwatch(): void;
}

/** A rate, and what it does not count. */
export interface LimitRate {
  readonly bytesPerSecond: number;
  readonly afterBytes: number;
}

/** A connection that carries another protocol. */
export interface ClientTunnel {
  readonly conn: Conn;
  /** Hands over the Buf that holds what has come already, or that a read is pending on. */
  takeFirst(): Buf | undefined;
  /** Counts what is sent to the client. */
  onSent(byteCount: number): void;
}

/** The body of a request on its way in. */
export type RequestBodyReader = Pick<
  ClientBody,
  | "lengthBytes"
  | "bufferBytes"
  | "tempPath"
  | "inFileOnly"
  | "isStarted"
  | "isDone"
  | "trailers"
  | "bytes"
  | "readable"
  | "read"
  | "needWhole"
  | "stop"
>;

/** Where the response to a request goes. */
export interface ResponseWriter {
  /** Status that was sent, or that stands in the log though nothing could be sent. 0: none yet. */
  status: number;
  /** Body bytes so far, without their framing. */
  readonly bodyBytes: number;
  /** Bytes so far, head and framing included. */
  readonly sentBytes: number;

  /** Makes sure of the memory for the head. Returns whether there is some. */
  prepare(bodyBytes?: number): boolean;
  /**
   * Writes the head: calls `writeFields` for the status line and all fields but those
   * about the connection. Goes out with the first piece of the body.
   *
   * @param bodyBytes Length of the body; -1 when only its end will tell.
   * @param hasBody Whether a body follows: not for HEAD, 204 and 304.
   */
  writeHead(
    status: number,
    bodyBytes: number,
    hasBody: boolean,
    writeFields: (writer: HeadWriter) => void,
  ): void;
  /** Sends an interim head at once. `write` writes all of it, its empty line too. */
  sendInterim(write: (writer: HeadWriter) => void): void;
  /** Sends the head of a 101. `write` writes all of it. */
  sendSwitch(status: number, write: (writer: HeadWriter) => void): void;
  /** What changes the body on its way. Set before the head is written; none for the next response. */
  filter?: BodyFilter | undefined;
  /** Writes the lines of trailers of ours. Called once the body has been sent; only a chunked one has any. */
  writeTrailers?: ((into: HeadWriter) => void) | undefined;
  /** Bytes of body that {@linkcode send} would copy, so that their Buf is free at once. */
  readonly copiesUpTo: number;
  /** Sends the unread bytes of `from` as the next piece of the body. It is lent until it is sent. */
  send(from: Buf, isLast: boolean): void;
  /** Ends the body behind what was sent. */
  end(trailers?: FieldLines): void;
  /** `limit_rate`, once the response has begun. */
  limitRate: LimitRate | undefined;
  /** Sends the head if it is still waiting. */
  flush(): void;
  readonly isSending: boolean;
  readonly writable: Wait;
  /** Throws the Failure that ended the sending, if one did. */
  checkSending(): void;
  /** Whether {@linkcode cutShort} was called. */
  readonly isCut: boolean;
  /** The response cannot be completed, and whom it is for has to see that. */
  cutShort(): void;
  /** Gives back what waits to be sent. */
  drop(): void;
  /** The head: what is written of it so far, or a copy where `keepsHead` asks for one. Borrowed. */
  headBytes(): Uint8Array | undefined;
  /** Likewise the trailers. */
  trailerBytes?(): Uint8Array | undefined;
}
