/**
 * One request on its way through the phases, and what they leave for each other.
 *
 * @module
 */
import { type Buf, type OpenSpillFile, openUnlinked } from "../buffer/mod.ts";
import { type ConnContext, type DialOptions, Driver, Failure, PLAIN_DIAL } from "../event/mod.ts";
import { type PeerGroup, Selection, type UpstreamConn } from "../peer/mod.ts";
import { HeadWriter, ResponseHead } from "../wire/mod.ts";
import type { UpstreamConf } from "./conf.ts";
import type { Downstream, RequestBody, ResponseStore } from "./downstream.ts";
import type { FileBody } from "./file_body.ts";
import { HttpInputFilter, type InputFilter } from "./input_filter.ts";
import type { AttemptKind } from "./next_upstream.ts";

/** Bound of the field lines of a response head. */
const RESPONSE_FIELDS_MAX = 1_000;

/** One try at one peer, for logs and variables. Times are in ms; -1: it did not get there. */
export interface Attempt {
  peerName: string;
  /** Whether an internal redirect led here from the attempt before. */
  isRedirected: boolean;
  /** Status of the peer's answer, or 502 or 504 in its place; 0 if the client ended it first. */
  status: number;
  startedAtMs: number;
  connectMs: number;
  headerMs: number;
  responseMs: number;
  bytesSent: number;
  bytesReceived: number;
  /** Body bytes received. */
  responseBytes: number;
  /** What went wrong, if something did. */
  failure: AttemptKind | undefined;
  /** It broke on a connection that had been idle, before a byte of an answer came. */
  isStale: boolean;
}

/** Why a request went wrong, or an attempt of it did: one reason, the last. */
export interface Reason {
  /** The class: how the attempt failed, or the refusal; empty if nothing went wrong. */
  what: string;
  peerName: string;
  /** The phase, in the error log's words. */
  doing: string;
  /** `next` or `again` if it was tried again, else why not. */
  decision: string;
}

/** The request is answered with a status of our own; why has been reported. */
export class Refused extends Error {
  override readonly name = "Refused";

  constructor(readonly status: number) {
    super(`refused with ${status}`);
  }
}

/** What a request is and where it stands. Used again for the next request. */
export class Exchange {
  readonly context: ConnContext;
  readonly driver = new Driver();
  /** Runs `send_request` beside the reading of the response, for requests with a body. */
  readonly sender = new Driver();
  readonly selection = new Selection();
  readonly head = new ResponseHead(RESPONSE_FIELDS_MAX);
  readonly body: InputFilter = new HttpInputFilter();
  readonly writer = new HeadWriter();
  /** Opens the temp files of responses; tests put another one here. */
  openSpillFile: OpenSpillFile = openUnlinked;

  conf!: UpstreamConf;
  group!: PeerGroup;
  /** How the peers are connected to. */
  dial = PLAIN_DIAL;
  downstream!: Downstream;
  method = "GET";
  startedAtMs = 0;

  /** What every attempt sends first: the head, and a small body. Kept to the journey's end. */
  requestBuf: Buf | undefined;
  /** What is sent behind it: a streamed body, or one in a file. */
  requestBody: RequestBody | undefined;
  /** Length of the request's head within {@linkcode requestBuf}; the body may be behind it. */
  requestHeadBytes = 0;
  /** A request body that an internal redirect carries from one journey into the next. */
  keptBody: Buf | FileBody | undefined;
  /** `$request_body_file`: empty where there is none. */
  requestBodyPath = "";
  upstream: UpstreamConn | undefined;
  /** The running {@linkcode sender}; settles when it has ended, however it did. */
  sending: Promise<void> | undefined;
  /** Any byte of the request may have reached the current peer. */
  isRequestSent = false;
  /** All of the request is on its way to the current peer. */
  isRequestComplete = false;
  /** What ended the sending of the request before its end: the connection has had its time. */
  sendFailure: Failure | undefined;
  /** The client has our status line: from here on no other peer can help. */
  isHeaderSent = false;
  /** Keeps the response besides (`store`). */
  store: ResponseStore | undefined;
  /** The peer sent more than its response. */
  hasExtraData = false;
  /** The connection was handed over to another protocol (101). */
  isTunnel = false;
  /** What the peer says in `X-Accel-*`, unless `ignore_headers` names it; undefined: nothing. */
  accelRedirect: string | undefined;
  /** Whether one of these is set. */
  hasAccel = false;
  /** Whether the response is to be buffered. */
  accelBuffering: boolean | undefined;
  /** Bytes a second to the client; 0 for no limit. Holds behind `X-Accel-Redirect` too. */
  accelLimitRate: number | undefined;
  accelCharset: string | undefined;
  /** How long the response may be cached, in s; or `@` and the moment it ends, in s since 1970. */
  accelExpires: string | undefined;
  /** What is being done, as nginx's error log names it. */
  doing = "";

  readonly reason: Reason = { what: "", peerName: "", doing: "", decision: "" };
  /** Records of {@linkcode attempts} that are in use. */
  attemptCount = 0;
  /** Attempts before this many were made where the request was before an internal redirect. */
  groupStart = 0;
  readonly attempts: Attempt[] = [];

  constructor(context: ConnContext) {
    this.context = context;
  }

  /** Keeps the request body, if all of it was taken in. */
  keepBody(): void {
    const { requestBuf, requestBody, requestHeadBytes } = this;
    if (requestBody !== undefined && "rewind" in requestBody) {
      this.keptBody = requestBody as FileBody;
      this.requestBody = undefined;
    } else if (requestBuf !== undefined && requestBuf.last > requestHeadBytes) {
      this.keptBody = requestBuf;
      this.requestBuf = undefined;
    }
  }

  /** Gives it back. */
  dropKeptBody(): void {
    const kept = this.keptBody;
    this.keptBody = undefined;
    if (kept === undefined) return;
    if ("rewind" in kept) kept.close();
    else kept.release();
  }

  /** The client has left: ends whatever the journey waits for. */
  readonly onClientGone = (): void => {
    let reason = new Failure("downstream", "closed", "client prematurely closed connection");
    try {
      this.downstream.checkSending();
    } catch (error) {
      if (error instanceof Failure) reason = error; // it was too slow, so we left
    }
    this.driver.interrupt(reason);
    // Of a tunnel the direction to the peer may be all that is left.
    if (this.isTunnel) this.sender.interrupt(reason);
  };

  /** Makes ready for a request. */
  begin(
    conf: UpstreamConf,
    group: PeerGroup,
    downstream: Downstream,
    method: string,
    dial: DialOptions = PLAIN_DIAL,
  ): void {
    this.conf = conf;
    this.group = group;
    this.dial = dial;
    this.downstream = downstream;
    this.method = method;
    this.startedAtMs = this.context.deadlines.nowMs;
    this.isRequestSent = this.isRequestComplete = this.isHeaderSent = false;
    this.hasExtraData = false;
    this.groupStart = this.attemptCount;
    this.doing = "";
    this.requestBody = undefined;
    this.driver.reset();
  }

  /** Forgets the request before. An internal redirect is the same one still. */
  forget(): void {
    this.attemptCount = this.groupStart = 0;
    this.accelLimitRate = undefined;
    this.reason.what = this.reason.peerName = "";
    this.requestBodyPath = "";
  }

  /** The attempt in progress, or the last one, of the current group of peers. */
  get attempt(): Attempt | undefined {
    return this.attemptCount === this.groupStart ? undefined : this.attempts[this.attemptCount - 1];
  }

  beginAttempt(peerName: string): Attempt {
    const attempt = this.attempts[this.attemptCount] ??= {
      peerName: "",
      isRedirected: false,
      status: 0,
      startedAtMs: 0,
      connectMs: -1,
      headerMs: -1,
      responseMs: -1,
      bytesSent: 0,
      bytesReceived: 0,
      responseBytes: 0,
      failure: undefined,
      isStale: false,
    };
    attempt.isRedirected = this.attemptCount > 0 && this.attemptCount === this.groupStart;
    this.attemptCount++;
    attempt.peerName = peerName;
    attempt.status =
      attempt.bytesSent =
      attempt.bytesReceived =
      attempt.responseBytes =
        0;
    attempt.startedAtMs = this.context.deadlines.nowMs;
    attempt.connectMs = attempt.headerMs = attempt.responseMs = -1;
    attempt.failure = undefined;
    attempt.isStale = false;
    return attempt;
  }
}
