/**
 * The upstream: one request's journey to a peer and back. Start reading in journey.ts.
 *
 * @module
 */
export type { NextUpstreamCondition, NextUpstreamConf, UpstreamConf } from "./conf.ts";
export { Pace, type RateLimit } from "./pace.ts";
export type { Downstream, InMemory, RequestBody, ResponseStore, Tunnel } from "./downstream.ts";
export { type Attempt, Exchange, type Reason } from "./exchange.ts";
export { type CheckResult, HealthProbe, HealthQuestion, SKIPPED } from "./health_probe.ts";
export { HttpInputFilter, type InputFilter } from "./input_filter.ts";
export { journey } from "./journey.ts";
