/**
 * The upstream: one request's journey to a peer and back. Start reading in journey.ts.
 *
 * @module
 */
export type { NextUpstreamCondition, NextUpstreamConf, UpstreamConf } from "./conf.ts";
export type { Downstream, RequestBody } from "./downstream.ts";
export { type Attempt, Exchange } from "./exchange.ts";
export { journey } from "./journey.ts";
