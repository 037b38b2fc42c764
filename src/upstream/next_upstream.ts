/**
 * Whether another peer is tried. The only place that decides it.
 *
 * @module
 */
import type { FailureKind } from "../event/mod.ts";
import type { NextUpstreamCondition, NextUpstreamConf } from "./conf.ts";

/** How an attempt went wrong: a condition of `proxy_next_upstream`. */
export type AttemptKind = Exclude<NextUpstreamCondition, "non_idempotent">;

const REFUSALS: readonly (AttemptKind | undefined)[] = Object.assign([], {
  403: "http_403",
  404: "http_404",
  429: "http_429",
  500: "http_500",
  502: "http_502",
  503: "http_503",
  504: "http_504",
});

/** Names the refusal that a response status stands for, if it is one. */
export function refusalOf(status: number): AttemptKind | undefined {
  return REFUSALS[status];
}

/** Names the condition that an upstream failure falls under. */
export function conditionOf(kind: FailureKind): AttemptKind {
  switch (kind) {
    case "timeout":
      return "timeout";
    case "invalid_header":
    case "invalid_body":
      return "invalid_header";
    case "refused":
    case "unreachable":
    case "tls":
    case "closed":
    case "reset":
      return "error";
  }
}

/** The status that the client gets when such an attempt was the last one. */
export function statusFor(kind: AttemptKind): number {
  return kind === "timeout" ? 504 : 502;
}

/** Everything the decision depends on, and nothing else. */
export interface AttemptFacts {
  readonly method: string;
  /** The client has our status line. */
  readonly isResponseBegun: boolean;
  /** Any byte of the request may have reached the peer. */
  readonly isRequestSent: boolean;
  /** The connection had been idle, and broke before a byte of an answer came. */
  readonly isStale: boolean;
  /** The body was begun and cannot be had again. */
  readonly isBodyGone: boolean;
  /** Attempts left, the one that failed included. */
  readonly triesLeft: number;
  /** `retry_budget`: too many requests have been tried again already. */
  readonly isBudgetSpent: boolean;
  /** Time since the request's first attempt began, in ms. */
  readonly elapsedMs: number;
}

/** Why no other peer is tried. */
export type NotTriedAgain =
  | "the response has begun"
  | "the body was streamed and is gone"
  | "the request was sent and is not idempotent"
  | "not in next_upstream"
  | "no tries left"
  | "next_upstream_timeout has passed"
  | "retry budget spent";

/** - `next`: another peer. - `again`: the same peer, on a fresh connection. - else answer the client. */
export type Decision = "next" | "again" | NotTriedAgain;

/**
 * Methods that may be repeated once sent (RFC 9110, 9.2.2, and those of WebDAV that are
 * registered so). Of others nobody knows: nginx repeats all but POST, LOCK and PATCH.
 */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
  "COPY",
  "MKCOL",
  "MOVE",
  "PROPFIND",
  "PROPPATCH",
  "QUERY",
  "REPORT",
  "SEARCH",
  "UNLOCK",
]);

/** Decides. Pure: no clock, no peer, no socket. */
export function decideNext(
  kind: AttemptKind,
  facts: AttemptFacts,
  conf: NextUpstreamConf,
): Decision {
  if (facts.isResponseBegun) return "the response has begun";
  const isRepeatable = !facts.isRequestSent || IDEMPOTENT.has(facts.method) ||
    conf.conditions.has("non_idempotent");
  // The peer closed an idle connection just as we wrote to it: that is no failure of
  // the peer's and costs no try. (nginx counts it as an error of a cached connection.)
  const isJustStale = facts.isStale && kind === "error";
  if (isJustStale && isRepeatable && !facts.isBodyGone) return "again";
  if (!conf.conditions.has(kind)) return "not in next_upstream";
  if (facts.isBodyGone) return "the body was streamed and is gone";
  if (!isRepeatable) return "the request was sent and is not idempotent";
  if (facts.triesLeft <= 1) return "no tries left";
  if (conf.timeoutMs > 0 && facts.elapsedMs >= conf.timeoutMs) {
    return "next_upstream_timeout has passed";
  }
  if (facts.isBudgetSpent) return "retry budget spent";
  return "next";
}
