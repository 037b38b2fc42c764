/**
 * A group whose addresses are asked for by the requests that want them: one that is
 * not in the configuration, but made of a request's variables.
 *
 * @module
 */
import type { PeerServerConf } from "./conf.ts";
import type { PeerGroup } from "./group.ts";
import type { Answer, Resolution, Resolver } from "./resolver.ts";

/** How the addresses of such a group are found. */
export class OnDemand {
  readonly #group: PeerGroup;
  readonly #server: PeerServerConf;
  readonly #hostname: string;
  readonly #resolver: Resolver;
  #untilMs = -Infinity;

  /** @param server The group's only one. */
  constructor(group: PeerGroup, server: PeerServerConf, hostname: string, resolver: Resolver) {
    this.#group = group;
    this.#server = server;
    this.#hostname = hostname;
    this.#resolver = resolver;
  }

  /** Whether the addresses have to be asked for before a peer can be chosen. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#untilMs;
  }

  lookUp(): Resolution {
    return this.#resolver.lookUp({ name: this.#hostname, isService: false });
  }

  /** From now on these are the group's addresses. */
  take({ endpoints, untilMs }: Answer): void {
    this.#group.place(this.#server, endpoints);
    this.#untilMs = untilMs;
  }
}
