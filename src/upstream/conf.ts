/**
 * What the upstream journey needs to know of the configuration: plain numbers, in
 * the units their names end in. Config produces these records.
 *
 * @module
 */

/** The conditions of `proxy_next_upstream`, under the names operators write. */
export type NextUpstreamCondition =
  | "error"
  | "timeout"
  | "invalid_header"
  | "http_403"
  | "http_404"
  | "http_429"
  | "http_500"
  | "http_502"
  | "http_503"
  | "http_504"
  | "non_idempotent";

/** When another peer is tried. */
export interface NextUpstreamConf {
  /** `next_upstream`. Empty (`off`) means never. */
  readonly conditions: ReadonlySet<NextUpstreamCondition>;
  /** `next_upstream_tries`: attempts in all; 0 means as many as there are peers. */
  readonly tries: number;
  /** `next_upstream_timeout`: no new attempt once this much has passed; 0 means no limit. */
  readonly timeoutMs: number;
}

/** One location's way of talking to its upstream. */
export interface UpstreamConf {
  /** `connect_timeout`. */
  readonly connectTimeoutMs: number;
  /** `send_timeout`: between two writes to the peer that make progress. */
  readonly sendTimeoutMs: number;
  /** `read_timeout`: between two reads from the peer. */
  readonly readTimeoutMs: number;
  /** `buffer_size`: bound of the response head, and the one buffer of an unbuffered response. */
  readonly bufferSizeBytes: number;
  readonly nextUpstream: NextUpstreamConf;
  /** `ignore_client_abort`: the upstream finishes though the client has left. */
  readonly ignoreClientAbort: boolean;
}
