/**
 * `max_connections_per_address`: how many connections one client has.
 *
 * @module
 */
import { parseClientIp } from "../wire/mod.ts";

/** Of an IPv6 address the first 64 bits count: whoever has one of a network has them all. */
const IPV6_NETWORK_BYTES = 8;

/** Counts the connections of a listening address. */
export class ConnectionsByAddress {
  /** No more entries than there are connections. */
  readonly #counts = new Map<string, number>();

  /** Counts one more, unless there are `most` already. Returns whether it did. */
  take(address: string, most: number): boolean {
    const key = keyOf(address);
    const count = this.#counts.get(key) ?? 0;
    if (count >= most) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  /** One that was counted has ended. */
  give(address: string): void {
    const key = keyOf(address);
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
  }
}

function keyOf(address: string): string {
  if (!address.includes(":")) return address;
  const bytes = parseClientIp(address);
  return bytes === undefined || bytes.length === 4
    ? bytes?.join(".") ?? address
    : bytes.subarray(0, IPV6_NETWORK_BYTES).toHex();
}
