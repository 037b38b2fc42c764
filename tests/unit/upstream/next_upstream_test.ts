/** The decision table of `next_upstream`, line by line. */
import { assertEquals } from "@std/assert";
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

const FACTS: AttemptFacts = {
  method: "GET",
  isResponseBegun: false,
  isRequestSent: true,
  isStale: false,
  isBodyGone: false,
  triesLeft: 2,
  elapsedMs: 0,
};

const DEFAULT: readonly NextUpstreamCondition[] = ["error", "timeout"];

interface Row {
  readonly when: string;
  readonly kind: AttemptKind;
  readonly facts?: Partial<AttemptFacts>;
  readonly conditions?: readonly NextUpstreamCondition[];
  readonly timeoutMs?: number;
  readonly decision: Decision;
}

const ROWS: readonly Row[] = [
  { when: "an error", kind: "error", decision: "next" },
  { when: "a timeout", kind: "timeout", decision: "next" },
  { when: "an error, off", kind: "error", conditions: [], decision: "not in next_upstream" },
  { when: "an invalid header", kind: "invalid_header", decision: "not in next_upstream" },
  {
    when: "an invalid header, asked for",
    kind: "invalid_header",
    conditions: ["invalid_header"],
    decision: "next",
  },
  { when: "a 404", kind: "http_404", decision: "not in next_upstream" },
  { when: "a 404, asked for", kind: "http_404", conditions: ["http_404"], decision: "next" },
  { when: "no tries left", kind: "error", facts: { triesLeft: 1 }, decision: "no tries left" },
  {
    when: "the time just not over",
    kind: "error",
    facts: { elapsedMs: 99 },
    timeoutMs: 100,
    decision: "next",
  },
  {
    when: "the time over",
    kind: "error",
    facts: { elapsedMs: 100 },
    timeoutMs: 100,
    decision: "next_upstream_timeout has passed",
  },
  {
    when: "the response begun",
    kind: "error",
    facts: { isResponseBegun: true, isStale: true },
    decision: "the response has begun",
  },
  ...["POST", "LOCK", "PATCH"].flatMap((method): Row[] => [
    {
      when: `${method} that was sent`,
      kind: "error",
      facts: { method },
      decision: "the request was sent and is not idempotent",
    },
    {
      when: `${method} that was not sent`,
      kind: "error",
      facts: { method, isRequestSent: false },
      decision: "next",
    },
    {
      when: `${method} that was sent, non_idempotent`,
      kind: "error",
      facts: { method },
      conditions: ["error", "non_idempotent"],
      decision: "next",
    },
    {
      when: `${method} on a stale connection`,
      kind: "error",
      facts: { method, isStale: true },
      decision: "the request was sent and is not idempotent",
    },
  ]),
  ...["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"].map((method): Row => ({
    when: `${method} that was sent`,
    kind: "error",
    facts: { method },
    decision: "next",
  })),
  {
    when: "a streamed body",
    kind: "error",
    facts: { method: "PUT", isBodyGone: true },
    decision: "the body was streamed and is gone",
  },
  { when: "a stale connection", kind: "error", facts: { isStale: true }, decision: "again" },
  {
    when: "a stale connection, no tries left, the time over, off",
    kind: "error",
    facts: { isStale: true, triesLeft: 1, elapsedMs: 1_000 },
    conditions: [],
    timeoutMs: 1,
    decision: "again",
  },
  {
    when: "a stale connection, the body streamed",
    kind: "error",
    facts: { isStale: true, isBodyGone: true },
    decision: "the body was streamed and is gone",
  },
  {
    when: "a timeout on a kept connection",
    kind: "timeout",
    facts: { isStale: true },
    decision: "next",
  },
];

for (const { when, kind, facts, conditions = DEFAULT, timeoutMs = 0, decision } of ROWS) {
  Deno.test(`decideNext: ${when}: ${decision}`, () => {
    const conf = { conditions: new Set(conditions), tries: 0, timeoutMs };
    assertEquals(decideNext(kind, { ...FACTS, ...facts }, conf), decision);
  });
}

Deno.test("conditionOf and statusFor: each kind of failure has its condition and its status", () => {
  const kinds = [
    "refused",
    "unreachable",
    "closed",
    "reset",
    "timeout",
    "invalid_header",
    "invalid_body",
  ] as const;
  assertEquals(
    kinds.map((kind) => [kind, conditionOf(kind), statusFor(conditionOf(kind))]),
    [
      ["refused", "error", 502],
      ["unreachable", "error", 502],
      ["closed", "error", 502],
      ["reset", "error", 502],
      ["timeout", "timeout", 504],
      ["invalid_header", "invalid_header", 502],
      ["invalid_body", "invalid_header", 502],
    ],
  );
});

Deno.test("refusalOf: the statuses that next_upstream knows, and no others", () => {
  const refusals = Array.from({ length: 500 }, (_, n) => 100 + n).filter((status) =>
    refusalOf(status) !== undefined
  );
  assertEquals(refusals, [403, 404, 429, 500, 502, 503, 504]);
});
