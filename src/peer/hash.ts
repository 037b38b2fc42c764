/**
 * `hash KEY`: a text of the request decides; nginx's very choice. A change of the peers
 * moves most keys: see `consistent_hash.ts`.
 *
 * @module
 */
import { BaseBalancer, DRAWS_MAX, mayTry, type OnPeerDisabled } from "./base.ts";
import { addText, CRC_START, crcOf } from "./crc32.ts";
import type { Peer, Selection } from "./peer.ts";
import { inTurn } from "./round_robin.ts";
import { Shares } from "./shares.ts";

export class Hash extends BaseBalancer {
  readonly #shares: Shares;

  constructor(peers: readonly Peer[], onDisabled?: OnPeerDisabled) {
    super(peers, onDisabled);
    this.#shares = new Shares(this.primary);
  }

  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    const { key, onBackup } = selection;
    const isInTurn = key === "" || onBackup || this.#shares.total === 0;
    for (; !isInTurn && selection.draws <= DRAWS_MAX; selection.draws++) {
      selection.hash += drawOf(key, selection.hashes++);
      const peer = this.#shares.peerAt(selection.hash % this.#shares.total);
      if (mayTry(peer, selection, nowMs)) return peer;
    }
    return inTurn(peers, selection, nowMs);
  }
}

/** The n-th draw of a key: as Cache::Memcached has it. */
function drawOf(key: string, draw: number): number {
  const crc = addText(CRC_START, draw === 0 ? "" : String(draw));
  return (crcOf(addText(crc, key)) >>> 16) & 0x7fff;
}
