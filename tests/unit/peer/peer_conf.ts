/**
 * Configurations of peers for tests.
 *
 * @module
 */
import type { PeerConf } from "../../../src/peer/conf.ts";

let count = 0;

/** A peer as nginx has it by default, with a name of its own. */
export function peerConf(conf: Partial<PeerConf> = {}): PeerConf {
  const port = 9000 + ++count;
  return {
    name: `192.0.2.1:${port}`,
    address: { transport: "tcp", hostname: "192.0.2.1", port },
    weight: 1,
    maxFails: 1,
    failTimeoutMs: 10_000,
    maxConns: 0,
    isBackup: false,
    isDown: false,
    ...conf,
  };
}
