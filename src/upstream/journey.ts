/**
 * The whole journey of one request through the upstream, in one place. Every branch
 * between phases is here and nowhere else; each phase is a straight line in a file of
 * its own.
 *
 * ```text
 *   init ─► take_request ─► resolve ─► get peer ─► connect ─► send_request ─► process_header ─► respond_… ─► finalize
 *           (if there is      (if its     ▲        (if no       (its body, if        │        (if it is not
 *            a body)           address    │         idle one)    it is not sent      │         whole already)
 *                              is not     │                      with the head:      │
 *                              known)     │                      beside the rest)    │
 *                                         └─────── next_upstream ◄─ a failure or a refusal
 * ```
 *
 * Where all peers have their `max_conns` and the group has a `queue`, the request waits for
 * one of them (`wait_for_peer`).
 *
 * A phase is an async generator that the exchange's driver runs. Where a request meets
 * nothing to wait for, or one thing that thousands may wait for, the phase is not entered
 * at all: that is what makes a small request cheap, and one whose body dribbles.
 *
 * @module
 */
import { CannotReadBack } from "../buffer/mod.ts";
import { Failure, OutOfBuffers, type Phase } from "../event/mod.ts";
import { countAttempt, PEER_SLOTS } from "../log/mod.ts";
import type { Peer, PeerVerdict, UpstreamConn } from "../peer/mod.ts";
import { BadMessage } from "../wire/mod.ts";
import { connect } from "./connect.ts";
import { readAccel } from "./accel.ts";
import { type Attempt, type Exchange, Refused } from "./exchange.ts";
import { FileBody } from "./file_body.ts";
import { CLIENT_CLOSED_REQUEST, finalize, reportFailure } from "./finalize.ts";
import { init, watchClient } from "./init.ts";
import {
  type AttemptKind,
  conditionOf,
  decideNext,
  type Decision,
  refusalOf,
  statusFor,
} from "./next_upstream.ts";
import { awaitHeader, processHeader, takeHeader } from "./process_header.ts";
import {
  releaseUpstream,
  respondWhole,
  roomToRespond,
  startResponse,
  takeBody,
} from "./respond.ts";
import { resolve } from "./resolve.ts";
import { respondBuffered } from "./respond_buffered.ts";
import { respondInMemory } from "./respond_in_memory.ts";
import { respondUnbuffered } from "./respond_unbuffered.ts";
import { respondUpgraded, sendUpgraded, startTunnel } from "./respond_upgraded.ts";
import { regainRequest, roomToResend, sendHead, sendRequest } from "./send_request.ts";
import { beginStore } from "./store_response.ts";
import { endSmall, takeRequest, takeSmall } from "./take_request.ts";
import { isWorthWaiting, waitForPeer } from "./wait_for_peer.ts";

const SWITCHING_PROTOCOLS = 101;
const REQUEST_TIMEOUT = 408;
const BAD_GATEWAY = 502;
const INTERNAL_SERVER_ERROR = 500;
const SERVICE_UNAVAILABLE = 503;
const CONTENT_TOO_LARGE = 413;

/**
 * Takes one request from the choice of a peer to the end of its response. The client
 * has been answered when it resolves, as far as it can be; nothing is held any more.
 */
export async function journey(exchange: Exchange): Promise<void> {
  const { driver, selection, group, context, downstream } = exchange;
  try {
    const taken = init(exchange) || takeSmall(exchange);
    if (taken === false) {
      await driver.run(takeRequest(exchange));
    } else if (taken !== true) {
      await driver.block(taken);
      endSmall(exchange, taken);
    }
    watchClient(exchange);
    const { onDemand } = group;
    if (onDemand?.isDue(context.deadlines.nowMs)) await driver.run(resolve(exchange, onDemand));
    while (true) { // bounded: a selection never returns a peer twice
      const { queue } = group;
      let peer: Peer | undefined;
      if (queue === undefined || queue.count === 0) {
        peer = group.balancer.get(selection, context.deadlines.nowMs);
      }
      if (peer === undefined && queue !== undefined) {
        if (queue.count > 0 || isWorthWaiting(exchange)) {
          exchange.doing = "waiting for a peer";
          peer = await driver.run(waitForPeer(exchange, queue));
        }
      }
      if (peer === undefined) {
        exchange.doing = "connecting to upstream";
        const record = exchange.beginAttempt(group.name); // as in nginx's lists
        record.status = BAD_GATEWAY;
        record.responseMs = 0;
        const why = group.whyEmpty ?? "no live upstreams";
        downstream.report("error", why);
        if (exchange.reason.what === "") exchange.reason.what = why;
        return finalize(exchange, BAD_GATEWAY);
      }
      let outcome: Outcome | "again" = "again";
      try {
        outcome = await roundTrip(exchange, peer, group.idle.take(peer, exchange.dial));
        // The idle connection had gone stale; a fresh one never is.
        if (outcome === "again") outcome = await roundTrip(exchange, peer, undefined);
      } finally {
        const attempt = exchange.attempt!;
        selection.headerMs = attempt.headerMs;
        selection.responseMs = attempt.responseMs;
        group.balancer.free(selection, peer, verdictOn(exchange), context.deadlines.nowMs);
        group.outliers?.note(peer, attempt, context.deadlines.nowMs);
        queue?.wake();
      }
      if (outcome === "next" && peer.counts !== undefined) peer.counts[PEER_SLOTS.retried]! += 1;
      if (outcome === "served") return finalize(exchange);
      if (outcome !== "next") {
        return finalize(exchange, outcome === "again" ? BAD_GATEWAY : outcome);
      }
    }
  } catch (error) {
    finalize(exchange, statusOf(exchange, driver.interruption ?? error));
  } finally {
    if (downstream.isDiverted) exchange.keepBody();
    exchange.requestBuf?.release();
    if (exchange.requestBody instanceof FileBody) exchange.requestBody.close();
    exchange.requestBuf = exchange.requestBody = undefined;
  }
}

/** How an attempt ended: with another peer's turn, a client that has a response, or a status to answer with. */
type Outcome = "next" | "served" | number;

/** One request and its response on one connection, which is kept or closed whatever happens. */
async function roundTrip(
  exchange: Exchange,
  peer: Peer,
  idle: UpstreamConn | undefined,
): Promise<Outcome | "again"> {
  const { driver, head, body, downstream } = exchange;
  const record = beginAttempt(exchange, peer, idle);
  try {
    if (idle === undefined) await driver.run(connect(exchange, peer));
    record.connectMs = elapsedMs(exchange);

    if (!regainRequest(exchange)) await driver.run(roomToResend(exchange));
    sendHead(exchange);
    if (exchange.requestBody !== undefined) {
      exchange.sending = sendBeside(exchange, sendRequest(exchange, exchange.requestBody));
    }

    await driver.block(awaitHeader(exchange));
    driver.unblock();
    if (!takeHeader(exchange)) await driver.run(processHeader(exchange));
    record.headerMs = elapsedMs(exchange);
    record.status = head.status;

    const refusal = refusalOf(head.status);
    if (refusal !== undefined) {
      const decision = decide(exchange, refusal);
      if (decision !== "not in next_upstream") note(exchange, refusal, decision);
      if (decision === "next") {
        record.failure = refusal;
        return "next";
      }
    }
    readAccel(exchange);
    if (downstream.diverts(head)) {
      body.init(head, exchange.method);
      takeBody(exchange, exchange.upstream!.buf, exchange.upstream!.buf.pos);
      record.responseBytes = 0; // nobody's: nginx does not count them
      return "served"; // something else will serve it
    }
    if (exchange.conf.isStored) beginStore(exchange);
    if (downstream.memory !== undefined) {
      await driver.run(respondInMemory(exchange, downstream.memory));
      return "served";
    }
    if (!downstream.prepare(exchange.upstream!.buf.size)) await driver.run(roomToRespond(exchange));
    if (head.status === SWITCHING_PROTOCOLS) {
      startTunnel(exchange);
      exchange.sending = sendBeside(exchange, sendUpgraded(exchange));
      await driver.run(respondUpgraded(exchange));
      await exchange.sending; // until the other direction has ended too
      return "served";
    }
    const progress = startResponse(exchange);
    if (progress === "sending") await driver.run(respondWhole(exchange));
    if (progress === "begun") {
      await driver.run(
        exchange.accelBuffering ?? exchange.conf.buffering
          ? respondBuffered(exchange)
          : respondUnbuffered(exchange),
      );
    }
    return "served";
  } catch (error) {
    const { sendFailure } = exchange;
    const isInSending = !exchange.isRequestComplete || sendFailure !== undefined;
    if (isInSending && exchange.isRequestSent && !exchange.isHeaderSent) {
      exchange.doing = "sending request to upstream";
    }
    // How the sending broke says more than the end of the stream that followed.
    const isEnd = error instanceof Failure && error.kind === "closed" && !exchange.isHeaderSent;
    const failure = driver.interruption ?? (isEnd ? sendFailure : undefined) ?? error;
    if (failure instanceof Failure && failure.side === "upstream") {
      const condition = conditionOf(failure.kind);
      // As in nginx: what breaks behind the head does not count against the peer.
      if (!exchange.isHeaderSent) record.failure = condition;
      const decision = decide(exchange, condition);
      note(exchange, failure.kind, decision);
      if (decision !== "again") reportFailure(exchange, failure);
      if (!exchange.isHeaderSent) record.status = statusFor(condition);
      if (decision === "next" || decision === "again") return decision;
    } else if (failure instanceof Failure) {
      note(exchange, `client ${failure.kind}`, "the client is gone");
    }
    const status = statusOf(exchange, failure);
    if (!exchange.isHeaderSent) return status;
    downstream.cutShort();
    return "served";
  } finally {
    if (exchange.sending !== undefined) await stopSending(exchange);
    record.responseMs = elapsedMs(exchange);
    releaseUpstream(exchange);
    if (exchange.context.counts !== undefined) {
      peer.counts ??= exchange.context.counts.peers.of(exchange.group.name, peer.name);
      countAttempt(peer.counts, record, idle !== undefined);
    }
  }
}

/** Runs a phase that sends beside the others. Never rejects: what goes wrong is the driver's to tell. */
async function sendBeside(exchange: Exchange, phase: Phase<void>): Promise<void> {
  const { driver, sender, downstream, context, conf, isTunnel } = exchange;
  sender.reset();
  try {
    await sender.run(phase);
    if (isTunnel) return;
    if (exchange.requestBody === downstream.requestBody) watchClient(exchange);
  } catch (error) {
    if (sender.interruption !== undefined) return; // the attempt is over
    // A peer that stops taking the body may have answered already: the response decides.
    if (isTunnel || !(error instanceof Failure) || error.side === "downstream") {
      return driver.interrupt(error as Error);
    }
    exchange.sendFailure = error;
  }
  exchange.isRequestComplete = true;
  exchange.upstream?.conn.setReadDeadline(context.deadlines.nowMs + conf.readTimeoutMs);
}

/** Ends the sending of a body that nobody waits for any more. */
async function stopSending(exchange: Exchange): Promise<void> {
  if (!exchange.isRequestComplete || exchange.isTunnel) {
    exchange.sender.interrupt(new Error("the attempt is over"));
  }
  await exchange.sending;
  exchange.sending = undefined;
}

/** Keeps the one reason of a request that went wrong: `$upstream_failure`. */
function note(exchange: Exchange, what: string, decision: Decision | "the client is gone"): void {
  const { reason, doing } = exchange;
  reason.what = what;
  reason.peerName = exchange.attempt!.peerName;
  reason.doing = doing;
  reason.decision = decision;
}

function decide(exchange: Exchange, kind: AttemptKind): Decision {
  const { conf, selection, context, upstream, group } = exchange;
  const { nowMs } = context.deadlines;
  const record = exchange.attempt!;
  record.isStale = upstream !== undefined && upstream.isReused && record.status === 0 &&
    upstream.buf.size === 0;
  const decision = decideNext(kind, {
    method: exchange.method,
    isResponseBegun: exchange.isHeaderSent,
    isRequestSent: exchange.isRequestSent,
    isStale: record.isStale,
    isBodyGone: exchange.requestBody?.isStarted ?? false,
    triesLeft: selection.triesLeft,
    isBudgetSpent: group.retryBudget?.isSpent(nowMs) ?? false,
    elapsedMs: nowMs - exchange.startedAtMs,
  }, conf.nextUpstream);
  if (decision === "next") group.retryBudget?.withdraw(nowMs);
  return decision;
}

/**
 * What the attempt says of the peer: a 403, 404 or 429 is no fault of it, and as in nginx
 * neither is what happens once the client has its head. Nor is an idle connection that it
 * closed, even where the request may not be repeated (nginx counts that).
 */
function verdictOn(exchange: Exchange): PeerVerdict {
  const { failure, isStale } = exchange.attempt!;
  if (failure === undefined || exchange.isHeaderSent) return "ok";
  if (isStale && failure === "error") return "ok";
  return failure === "http_403" || failure === "http_404" || failure === "http_429"
    ? "next"
    : "failed";
}

/** The status that stands for what ended the request; says in the log what nobody else has said. */
function statusOf(exchange: Exchange, failure: unknown): number {
  if (failure instanceof Failure) {
    if (failure.side === "upstream") return statusFor(conditionOf(failure.kind));
    reportFailure(exchange, failure);
    const isBodyLate = failure.kind === "timeout" &&
      exchange.downstream.requestBody?.isDone === false;
    return isBodyLate ? REQUEST_TIMEOUT : CLIENT_CLOSED_REQUEST;
  }
  if (failure instanceof Refused) return failure.status;
  if (failure instanceof OutOfBuffers) {
    exchange.downstream.report("alert", failure.message);
    exchange.downstream.askAgainLater();
    return SERVICE_UNAVAILABLE;
  }
  if (failure instanceof CannotReadBack) {
    exchange.downstream.report("crit", failure.message);
    return INTERNAL_SERVER_ERROR;
  }
  if (failure instanceof BadMessage) {
    if (failure.status === CONTENT_TOO_LARGE || failure.status >= INTERNAL_SERVER_ERROR) {
      exchange.downstream.report("error", failure.message); // not the client's doing, or nginx's words
    } else {
      exchange.downstream.report("info", `client sent invalid request: ${failure.message}`);
    }
    return failure.status;
  }
  const text = failure instanceof Error ? failure.stack ?? failure.message : String(failure);
  exchange.downstream.report("crit", `a bug in this proxy ended the request: ${text}`);
  return INTERNAL_SERVER_ERROR;
}

function beginAttempt(exchange: Exchange, peer: Peer, idle: UpstreamConn | undefined): Attempt {
  const record = exchange.beginAttempt(peer.name);
  record.bytesReceived = idle === undefined ? 0 : -idle.conn.bytesReceived; // what came before does not count
  exchange.upstream = idle;
  exchange.isRequestSent = exchange.isRequestComplete = exchange.hasExtraData = false;
  exchange.isTunnel = false;
  exchange.sendFailure = undefined;
  return record;
}

/** Time since the attempt in progress began, in ms. */
function elapsedMs(exchange: Exchange): number {
  return exchange.context.deadlines.nowMs - exchange.attempt!.startedAtMs;
}
