/**
 * Whose word on where a request comes from is taken.
 *
 * @module
 */
import { type Cidr, cidrHas, parseCidr, parseClientIp } from "../wire/mod.ts";

/** `set_real_ip_from`, and `proxy` of `geo`. */
export class Trusted {
  readonly #networks: readonly Cidr[];
  readonly #trustsSockets: boolean;

  /** @param from Addresses, networks, and `unix:` for all unix sockets. */
  constructor(from: readonly string[]) {
    this.#trustsSockets = from.includes("unix:");
    this.#networks = from.filter((text) => text !== "unix:").map((text) => {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new Error(`Cannot use the network ${text}`); // config has checked it
      return cidr;
    });
  }

  get isEmpty(): boolean {
    return this.#networks.length === 0 && !this.#trustsSockets;
  }

  has(address: string): boolean {
    if (address === "unix:") return this.#trustsSockets;
    const ip = parseClientIp(address);
    return ip !== undefined && this.#networks.some((network) => cidrHas(network, ip));
  }
}
