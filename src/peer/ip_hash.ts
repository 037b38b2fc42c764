/**
 * `ip_hash`: a client's address decides, the first three bytes of an IPv4 one and all of
 * an IPv6 one; nginx's very choice.
 *
 * @module
 */
import { BaseBalancer, DRAWS_MAX, mayTry, type OnPeerDisabled } from "./base.ts";
import type { Peer, Selection } from "./peer.ts";
import { inTurn } from "./round_robin.ts";
import { Shares } from "./shares.ts";

const START = 89;
const FACTOR = 113;
const MODULUS = 6271;
/** Of a client without an IP address, as in nginx. */
const NO_ADDRESS: readonly number[] = [0, 0, 0];

export class IpHash extends BaseBalancer {
  readonly #shares: Shares;

  constructor(peers: readonly Peer[], onDisabled?: OnPeerDisabled) {
    super(peers, onDisabled);
    this.#shares = new Shares(this.primary);
  }

  override begin(selection: Selection): void {
    super.begin(selection);
    selection.hash = START;
  }

  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    if (selection.onBackup || this.#shares.total === 0) return inTurn(peers, selection, nowMs);
    const bytes = addressBytes(selection.key);
    for (; selection.draws <= DRAWS_MAX; selection.draws++) {
      for (const byte of bytes) selection.hash = (selection.hash * FACTOR + byte) % MODULUS;
      const peer = this.#shares.peerAt(selection.hash % this.#shares.total);
      if (mayTry(peer, selection, nowMs)) return peer;
    }
    return inTurn(peers, selection, nowMs);
  }
}

/** The bytes of an address that count. */
export function addressBytes(address: string): readonly number[] {
  if (address.includes(":") && !address.startsWith("unix:")) return ipv6Bytes(address);
  const bytes = address.split(".").map(Number);
  return bytes.length === 4 ? bytes.slice(0, 3) : NO_ADDRESS;
}

function ipv6Bytes(address: string): readonly number[] {
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const start = groupBytes(head);
  const end = groupBytes(tail ?? "");
  return [
    ...start,
    ...new Array<number>(Math.max(0, 16 - start.length - end.length)).fill(0),
    ...end,
  ];
}

function groupBytes(groups: string): number[] {
  if (groups === "") return [];
  return groups.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
