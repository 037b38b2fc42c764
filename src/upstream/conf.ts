/**
 * What the upstream journey needs to know of the configuration: plain numbers, in
 * the units their names end in. Config produces these records.
 *
 * @module
 */
import type { TlsConf } from "../peer/conf.ts";

export type { TlsConf } from "../peer/conf.ts";

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

/** The fields of `ignore_headers`, in lower case. */
export type IgnorableHeader =
  | "x-accel-redirect"
  | "x-accel-expires"
  | "x-accel-limit-rate"
  | "x-accel-buffering"
  | "x-accel-charset"
  | "expires"
  | "cache-control"
  | "set-cookie"
  | "vary";

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
  /** `request_buffering`: the body is read to its end before a peer is connected to. */
  readonly requestBuffering: boolean;
  /** `buffering`: upstream speed first, else downstream speed first. */
  readonly buffering: boolean;
  /** `buffers`: the number. Together they bound the memory of a buffered response. */
  readonly bufferCount: number;
  /** `buffers`: the size of one. */
  readonly bufferBytes: number;
  /** `busy_buffers_size`: once this much is being sent, no more is queued behind it. */
  readonly busyBuffersSizeBytes: number;
  /** `max_temp_file_size`; 0 means that no file is used. */
  readonly maxTempFileSizeBytes: number;
  /** `temp_file_write_size`: bytes written to the file at a time. */
  readonly tempFileWriteSizeBytes: number;
  /** `temp_path`: the folder of temp files. */
  readonly tempPath: string;
  /** `cyclic_temp_file`: the file's space is used again once all of it was sent. */
  readonly cyclicTempFile: boolean;
  readonly nextUpstream: NextUpstreamConf;
  /** `ignore_headers`: what the peer says in these fields is not heeded. */
  readonly ignoreHeaders: ReadonlySet<IgnorableHeader>;
  /** `ignore_client_abort`: the upstream finishes though the client has left. */
  readonly ignoreClientAbort: boolean;
  /** `store`: responses are kept in files as well. */
  readonly isStored: boolean;
}

/** How the peers of a location are connected to. */
export interface DialConf {
  /** `bind`: the IP address to come from. */
  readonly bind: string | undefined;
  /** `socket_keepalive`. */
  readonly socketKeepalive: boolean;
  /** `protocol`: the version of the PROXY protocol that tells of the client. */
  readonly protocol: "off" | "v1" | "v2";
  /** For `https://` only. */
  readonly tls: TlsConf | undefined;
}
