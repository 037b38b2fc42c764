/**
 * `hash KEY consistent`: ketama. Servers stand at many points of a ring, and a key goes to
 * the next point from its own, so that a server that comes or goes moves only its share.
 * The points are nginx's, which are those of Cache::Memcached::Fast.
 *
 * @module
 */
import { BaseBalancer, DRAWS_MAX, type OnPeerDisabled } from "./base.ts";
import { addByte, addText, CRC_START, crcOf } from "./crc32.ts";
import type { Peer, Selection } from "./peer.ts";
import { inTurn } from "./round_robin.ts";

/** nginx's number: with ten peers of weight 1 their shares are from 7 to 13 %. */
const POINTS_PER_WEIGHT = 160;

export class ConsistentHash extends BaseBalancer {
  /** In rising order, none twice. */
  readonly #points: Uint32Array;
  /** The peers of each point's server: more than one where it is a name. */
  readonly #peersAt: readonly (readonly Peer[])[];

  constructor(peers: readonly Peer[], onDisabled?: OnPeerDisabled) {
    super(peers, onDisabled);
    const servers = new Map<string, Peer[]>();
    for (const peer of this.primary) {
      const server = peer.conf.written ?? peer.name;
      const own = servers.get(server);
      if (own === undefined) servers.set(server, [peer]);
      else own.push(peer);
    }
    const ring = [...servers].flatMap(([server, own]) => {
      const weight = Math.max(...own.map(({ conf }) => conf.weight));
      return pointsOf(server, weight).map((point) => ({ point, own }));
    });
    ring.sort((one, other) => one.point - other.point);
    const kept = ring.filter(({ point }, at) => at === 0 || ring[at - 1]!.point !== point);
    this.#points = Uint32Array.from(kept, ({ point }) => point);
    this.#peersAt = kept.map(({ own }) => own);
  }

  override begin(selection: Selection): void {
    super.begin(selection);
    selection.hash = this.#find(crcOf(addText(CRC_START, selection.key)));
  }

  protected override pick(
    peers: readonly Peer[],
    selection: Selection,
    nowMs: number,
  ): Peer | undefined {
    const count = this.#points.length;
    const isInTurn = selection.key === "" || selection.onBackup || count === 0;
    for (; !isInTurn && selection.draws <= DRAWS_MAX; selection.draws++) {
      const peer = inTurn(this.#peersAt[selection.hash % count]!, selection, nowMs);
      if (peer !== undefined) return peer;
      selection.hash++;
    }
    return inTurn(peers, selection, nowMs);
  }

  /** Index of the first point from `hash` on; the number of points behind the last one. */
  #find(hash: number): number {
    let [from, to] = [0, this.#points.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#points[middle]! < hash) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function pointsOf(server: string, weight: number): number[] {
  const [host, port] = hostAndPort(server);
  const base = addText(addByte(addText(CRC_START, host), 0), port);
  const points: number[] = [];
  let point = 0;
  for (let left = weight * POINTS_PER_WEIGHT; left > 0; left--) {
    let crc = base;
    for (let shift = 0; shift < 32; shift += 8) crc = addByte(crc, (point >>> shift) & 0xff);
    point = crcOf(crc);
    points.push(point);
  }
  return points;
}

/** Split where digits behind the last colon are a port. */
function hostAndPort(server: string): readonly [string, string] {
  if (/^unix:/i.test(server)) return [server.slice("unix:".length), ""];
  const [, host, port] = /^(.*):(\d*)$/s.exec(server) ?? [];
  return host === undefined || port === undefined ? [server, ""] : [host, port];
}
