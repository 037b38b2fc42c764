/**
 * What the client side needs to know of the configuration: plain numbers, in the
 * units their names end in. Config produces these records; nothing here parses.
 *
 * @module
 */

/** Directives that hold before a request names its server: one per listening address. */
export interface ListenConf {
  /** `client_header_timeout`: for the whole request head, from its first byte. */
  readonly clientHeaderTimeoutMs: number;
  /** `client_header_buffer_size`: the cell a connection reads its request head into. */
  readonly clientHeaderBufferSizeBytes: number;
  /** `large_client_header_buffers`: a request head may take `count * sizeBytes` in all. */
  readonly largeClientHeaderBufferCount: number;
  /** `large_client_header_buffers`: bound of the request line and of one field line. */
  readonly largeClientHeaderBufferSizeBytes: number;
  /** `max_connections_per_address`; 0 for no bound. */
  readonly maxConnectionsPerAddress: number;
  /** `max_headers`: bound of the number of field lines. */
  readonly maxHeaders: number;
  /** Bits of what no name of a request's field may have to be passed on: see wire/fields.ts. */
  readonly droppedNames: number;
  /** `merge_slashes`. */
  readonly mergeSlashes: boolean;
  /** `listen … proxy_protocol`: connections begin with a header of the PROXY protocol. */
  readonly proxyProtocol: boolean;
}

/** Directives about one client's connection and body, merged down to the location. */
export interface ClientConf {
  /** `client_body_timeout`: between two reads of the request body. */
  readonly clientBodyTimeoutMs: number;
  /** `client_body_min_rate`: bytes a second of a body that is needed whole; 0 for no bound. */
  readonly clientBodyMinRate: number;
  /** `client_max_body_size`; 0 means no bound. */
  readonly clientMaxBodySizeBytes: number;
  /** `client_body_buffer_size`: a body up to this size is kept in memory. */
  readonly clientBodyBufferSizeBytes: number;
  /** `client_body_temp_path`: the folder of the temp files of larger ones. */
  readonly clientBodyTempPath: string;
  /** `client_body_in_file_only`. */
  readonly clientBodyInFileOnly: "off" | "on" | "clean";
  /** `limit_rate`: bytes a second of one response; a text that may hold `$variables`. `0` for no limit. */
  readonly limitRate: string;
  /** `limit_rate_after`. */
  readonly limitRateAfterBytes: number;
  /** `send_timeout`: between two writes to the client that make progress. */
  readonly sendTimeoutMs: number;
  /** `send_min_rate`: bytes a second of what waits to be sent; 0 for no bound. */
  readonly sendMinRate: number;
  /** `keepalive_timeout`: 0 closes the connection after the response; 0 of `toldMs` tells nothing. */
  readonly keepaliveTimeout: { readonly idleMs: number; readonly toldMs: number };
  /** `keepalive_time`: how old a connection may be and still be kept. */
  readonly keepaliveTimeMs: number;
  /** `keepalive_requests`: requests one connection may carry. */
  readonly keepaliveRequests: number;
  /** `lingering_close`. */
  readonly lingeringClose: "off" | "on" | "always";
  /** `lingering_time`: the longest a closing connection's input is thrown away. */
  readonly lingeringTimeMs: number;
  /** `lingering_timeout`: the longest wait for more of that input. */
  readonly lingeringTimeoutMs: number;
  /** `chunked_transfer_encoding`. */
  readonly chunkedTransferEncoding: boolean;
  /** `server_tokens`: whether `Server` and error pages name the version. */
  readonly serverTokens: boolean;
}
