/**
 * `max_connections_per_address`: how many connections one client has.
 *
 * @module
 */
import { parseClientIp } from "../wire/mod.ts";
import { KeyTable, NO_ROOM, type Zone, type ZoneLayout } from "../zone/mod.ts";

/** Of an IPv6 address the first 64 bits count: whoever has one of a network has them all. */
const IPV6_NETWORK_BYTES = 8;

/** Addresses that the table has places for, for each connection that there may be: it is never full. */
const PLACES_PER_CONNECTION = 2;

/** The zone that it needs. @param connections Of all workers. */
export function addressesLayout(connections: number): ZoneLayout {
  return {
    kind: "keys",
    size: { entries: PLACES_PER_CONNECTION * connections },
    words: 0,
    counts: 1,
  };
}

/** A connection that is counted, until it has ended. */
export interface CountedConnection {
  release(): void;
}

/** Counts the connections of a listening address, those of all workers. */
export class ConnectionsByAddress {
  readonly #table: KeyTable;
  readonly #nowMs: () => number;

  /** @param nowMs Of a clock that all workers have. */
  constructor(zone: Zone, nowMs: () => number) {
    this.#table = new KeyTable(zone);
    this.#nowMs = nowMs;
  }

  /** Counts one more, unless there are `most` already: then there is nothing to release. */
  take(address: string, most: number): CountedConnection | undefined {
    const entry = this.#table.claim(keyOf(address), this.#nowMs(), most);
    if (entry === NO_ROOM) return undefined;
    if (entry < 0) return UNCOUNTED;
    return { release: () => this.#table.release(entry) };
  }
}

/** Better one too many than one too few. */
const UNCOUNTED: CountedConnection = { release() {} };

function keyOf(address: string): string {
  if (!address.includes(":")) return address;
  const bytes = parseClientIp(address);
  return bytes === undefined || bytes.length === 4
    ? bytes?.join(".") ?? address
    : bytes.subarray(0, IPV6_NETWORK_BYTES).toHex();
}
