/** The decision on another peer: each row is a rule of `proxy_next_upstream`, to be read line by line. */
import { assertEquals } from "@std/assert";
import type { FailureKind } from "../../../src/event/mod.ts";
import type { NextUpstreamCondition } from "../../../src/upstream/conf.ts";
import {
  type AttemptFacts,
  type AttemptKind,
  conditionOf,
  decideNext,
  type Decision,
  refusalOf,
  statusFor,
} from "../../../src/upstream/next_upstream.ts";

/** A GET that was sent to the first of three peers, a second ago. */
const FACTS: AttemptFacts = {
  method: "GET",
  isResponseBegun: false,
  isRequestSent: true,
  isStale: false,
  isBodyGone: false,
  triesLeft: 3,
  isBudgetSpent: false,
  elapsedMs: 1_000,
};

const UNSENT = { isRequestSent: false };
const STALE = { isStale: true };
const POST = { method: "POST" };
const GONE = { isBodyGone: true };
const BEGUN = { isResponseBegun: true };

/** nginx's default. */
const DEFAULT = ["error", "timeout"] as const;
const WITH_NON_IDEMPOTENT = ["error", "timeout", "non_idempotent"] as const;

type Row = readonly [
  rule: string,
  conditions: readonly NextUpstreamCondition[],
  kind: AttemptKind,
  facts: Partial<AttemptFacts>,
  decision: Decision,
];

const NOT_IN = "not in next_upstream";
const NOT_IDEMPOTENT = "the request was sent and is not idempotent";

const ROWS: readonly Row[] = [
  // The classes: what is named is tried again, what is not is the answer.
  ["an error", DEFAULT, "error", {}, "next"],
  ["a timeout", DEFAULT, "timeout", {}, "next"],
  ["an error that is not named", ["timeout"], "error", {}, NOT_IN],
  ["a timeout that is not named", ["error"], "timeout", {}, NOT_IN],
  ["an illegal head is not in the default", DEFAULT, "invalid_header", {}, NOT_IN],
  ["an illegal head", ["invalid_header"], "invalid_header", {}, "next"],
  ["403 is not in the default", DEFAULT, "http_403", {}, NOT_IN],
  ["403", ["http_403"], "http_403", {}, "next"],
  ["404", ["http_404"], "http_404", {}, "next"],
  ["429", ["http_429"], "http_429", {}, "next"],
  ["500", ["http_500"], "http_500", {}, "next"],
  ["502", ["http_502"], "http_502", {}, "next"],
  ["503", ["http_503"], "http_503", {}, "next"],
  ["504", ["http_504"], "http_504", {}, "next"],
  ["503 where 502 is named", ["http_502"], "http_503", {}, NOT_IN],
  ["a 504 is no timeout", ["timeout"], "http_504", {}, NOT_IN],
  ["off: nothing", [], "error", {}, NOT_IN],
  ["off: nothing, though nothing was sent", [], "error", UNSENT, NOT_IN],

  // Methods that must not be repeated: only before a byte was sent, or where it is asked for.
  ["a POST that was sent", DEFAULT, "error", POST, NOT_IDEMPOTENT],
  ["a LOCK that was sent", DEFAULT, "error", { method: "LOCK" }, NOT_IDEMPOTENT],
  ["a PATCH that was sent", DEFAULT, "error", { method: "PATCH" }, NOT_IDEMPOTENT],
  ["a POST that timed out", DEFAULT, "timeout", POST, NOT_IDEMPOTENT],
  ["a POST that was answered 503", ["http_503"], "http_503", POST, NOT_IDEMPOTENT],
  ["a POST that was not sent", DEFAULT, "error", { ...POST, ...UNSENT }, "next"],
  ["a POST, non_idempotent", WITH_NON_IDEMPOTENT, "error", POST, "next"],
  ["non_idempotent adds no class", ["non_idempotent"], "error", POST, NOT_IN],
  ["PUT is idempotent", DEFAULT, "error", { method: "PUT" }, "next"],
  ["DELETE is idempotent", DEFAULT, "timeout", { method: "DELETE" }, "next"],
  ["PROPFIND is idempotent", DEFAULT, "error", { method: "PROPFIND" }, "next"],
  ["a method that nobody knows", DEFAULT, "error", { method: "BREW" }, NOT_IDEMPOTENT],

  // Once the client has a status line nobody else can help.
  ["the response has begun", DEFAULT, "error", BEGUN, "the response has begun"],
  [
    "begun, on a stale connection",
    DEFAULT,
    "error",
    { ...BEGUN, ...STALE },
    "the response has begun",
  ],
  ["begun, non_idempotent", WITH_NON_IDEMPOTENT, "error", BEGUN, "the response has begun"],

  // A streamed body can be had once.
  ["the body is gone", DEFAULT, "error", GONE, "the body was streamed and is gone"],
  [
    "the body of a POST is gone, non_idempotent",
    WITH_NON_IDEMPOTENT,
    "error",
    { ...POST, ...GONE },
    "the body was streamed and is gone",
  ],
  ["a body that was not begun", DEFAULT, "error", { ...POST, ...UNSENT }, "next"],

  // Bounds.
  ["the last try", DEFAULT, "error", { triesLeft: 1 }, "no tries left"],
  ["no try left", DEFAULT, "error", { triesLeft: 0 }, "no tries left"],
  ["one more try", DEFAULT, "error", { triesLeft: 2 }, "next"],
  ["just in time", DEFAULT, "error", { elapsedMs: 4_999 }, "next"],
  ["the budget is spent", DEFAULT, "error", { isBudgetSpent: true }, "retry budget spent"],
  [
    "a stale connection costs no budget",
    DEFAULT,
    "error",
    { ...STALE, isBudgetSpent: true },
    "again",
  ],
  ["too late", DEFAULT, "error", { elapsedMs: 5_000 }, "next_upstream_timeout has passed"],

  // A kept connection that broke before a byte of an answer: a fresh one to the same peer.
  ["stale", DEFAULT, "error", STALE, "again"],
  ["stale, off: it is no other peer", [], "error", STALE, "again"],
  ["stale, and it was the last try: it costs none", DEFAULT, "error", {
    ...STALE,
    triesLeft: 1,
  }, "again"],
  ["stale, and late: it is no other peer", DEFAULT, "error", {
    ...STALE,
    elapsedMs: 9_999,
  }, "again"],
  ["stale, a POST that was sent", DEFAULT, "error", { ...STALE, ...POST }, NOT_IDEMPOTENT],
  ["stale, a POST that was not", DEFAULT, "error", { ...STALE, ...POST, ...UNSENT }, "again"],
  ["stale, a POST, non_idempotent", WITH_NON_IDEMPOTENT, "error", { ...STALE, ...POST }, "again"],
  ["stale, the body gone", DEFAULT, "error", {
    ...STALE,
    ...GONE,
  }, "the body was streamed and is gone"],
  ["a kept connection that times out is not stale", DEFAULT, "timeout", STALE, "next"],
  [
    "a kept connection with an illegal answer is not stale",
    DEFAULT,
    "invalid_header",
    STALE,
    NOT_IN,
  ],
];

for (const [rule, conditions, kind, facts, decision] of ROWS) {
  Deno.test(`next_upstream [${conditions.join(", ")}]: ${rule}: ${decision}`, () => {
    const conf = { conditions: new Set(conditions), tries: 0, timeoutMs: 5_000 };
    assertEquals(decideNext(kind, { ...FACTS, ...facts }, conf), decision);
  });
}

Deno.test("next_upstream_timeout 0: there is no such limit", () => {
  const conf = { conditions: new Set(DEFAULT), tries: 0, timeoutMs: 0 };
  assertEquals(decideNext("error", { ...FACTS, elapsedMs: 1e9 }, conf), "next");
});

/** Every way to break, the condition that it falls under, and the status if nobody else is asked. */
const CONDITIONS: Readonly<Record<FailureKind, readonly [AttemptKind, number]>> = {
  refused: ["error", 502],
  unreachable: ["error", 502],
  tls: ["error", 502],
  closed: ["error", 502],
  reset: ["error", 502],
  timeout: ["timeout", 504],
  invalid_header: ["invalid_header", 502],
  invalid_body: ["invalid_header", 502],
};

Deno.test("each kind of failure falls under one condition, and has a status", () => {
  for (const [kind, [condition, status]] of Object.entries(CONDITIONS)) {
    assertEquals(conditionOf(kind as FailureKind), condition);
    assertEquals(statusFor(condition), status);
  }
});

Deno.test("the refusals are seven statuses", () => {
  const refusals = Array.from({ length: 600 }, (_, status) => refusalOf(status))
    .filter((refusal) => refusal !== undefined);
  assertEquals(refusals, [
    "http_403",
    "http_404",
    "http_429",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
  ]);
});
