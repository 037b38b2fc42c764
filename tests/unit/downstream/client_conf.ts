/** What a client's side is told in unit tests. */
import type { ClientHandler } from "../../../src/downstream/mod.ts";

export const LISTEN = {
  clientHeaderTimeoutMs: 60_000,
  clientHeaderBufferSizeBytes: 1024,
  largeClientHeaderBufferCount: 4,
  largeClientHeaderBufferSizeBytes: 8192,
  maxConnectionsPerAddress: 0,
  maxHeaders: 100,
  droppedNames: 6,
  mergeSlashes: true,
  proxyProtocol: false,
};
export const CLIENT = {
  clientBodyTimeoutMs: 60_000,
  clientBodyMinRate: 128,
  clientMaxBodySizeBytes: 1 << 20,
  clientBodyBufferSizeBytes: 16_384,
  clientBodyTempPath: "/tmp",
  clientBodyInFileOnly: "off",
  limitRate: "0",
  limitRateAfterBytes: 0,
  sendTimeoutMs: 60_000,
  sendMinRate: 128,
  keepaliveTimeout: { idleMs: 75_000, toldMs: 0 },
  keepaliveTimeMs: 3_600_000,
  chunkedTransferEncoding: true,
  keepaliveRequests: 1000,
  lingeringClose: "on",
  lingeringTimeMs: 30_000,
  lingeringTimeoutMs: 5_000,
  serverTokens: true,
} as const;

/** Of connections whose requests are not handled. */
export const NO_HANDLER: ClientHandler = {
  handle() {},
  onRefused() {},
  onBroken() {},
  onBadProxyHeader() {},
  onBug() {},
};
