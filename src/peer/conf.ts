/**
 * A group of peers as the configuration states it.
 *
 * @module
 */

/** Where a peer listens: an IP address and port, or a unix socket. */
export type PeerAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** One `server` of an `upstreams` group. */
export interface PeerConf {
  /** As written, for logs: `127.0.0.1:9001`, `[::1]:80`, `unix:/run/app.sock`. */
  readonly name: string;
  readonly address: PeerAddress;
  /** `weight`, 1 or more. */
  readonly weight: number;
  /** `max_fails`: failures within `fail_timeout` that take the peer out; 0 means never. */
  readonly maxFails: number;
  /** `fail_timeout`: the window of failures, and how long the peer is then out. */
  readonly failTimeoutMs: number;
  /** `max_conns`: connections at once; 0 means no bound. */
  readonly maxConns: number;
  /** `backup`: used only when no other peer can be. */
  readonly isBackup: boolean;
  /** `down`: never used. */
  readonly isDown: boolean;
}

/** `keepalive` and its companions: the cache of idle connections of a group. */
export interface KeepaliveConf {
  /** `keepalive`: idle connections kept; 0 turns the cache off. */
  readonly connections: number;
  /** `keepalive_requests`: requests one connection may carry. */
  readonly requests: number;
  /** `keepalive_time`: the age at which a connection is no longer kept. */
  readonly timeMs: number;
  /** `keepalive_timeout`: how long a connection may be idle. */
  readonly timeoutMs: number;
}

/** One named group of `upstreams`, or the implicit group of a literal address. */
export interface UpstreamGroupConf {
  readonly name: string;
  readonly peers: readonly PeerConf[];
  readonly keepalive: KeepaliveConf;
}
