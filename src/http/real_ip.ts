/**
 * nginx's realip module: a request is from whom a trusted proxy names.
 *
 * @module
 */
import type { RemoteAddress } from "../event/mod.ts";
import { bytesOf } from "../wire/mod.ts";
import type { RealIpConf } from "./conf.ts";
import { forwardedAddress, listedIn } from "./forwarded_address.ts";
import type { Request } from "./request.ts";
import type { Step, StepResult } from "./step.ts";
import { Trusted } from "./trusted.ts";

/** Of `real_ip_header`: what the PROXY protocol says, not a field. */
export const PROXY_PROTOCOL = "proxy_protocol";

/** First of all at the server; in a location that says something else, if nobody was named there. */
export class RealIp implements Step {
  readonly #trusted: Trusted;
  readonly #isRecursive: boolean;
  readonly #field: Uint8Array | undefined;

  constructor({ from, header, isRecursive }: RealIpConf) {
    const lower = header.toLowerCase();
    this.#trusted = new Trusted(from);
    this.#isRecursive = isRecursive;
    this.#field = lower === PROXY_PROTOCOL ? undefined : bytesOf(lower);
  }

  run(request: Request): StepResult {
    const { client } = request;
    // Once a request: whoever was named is not asked again.
    if (client.remote === client.conn.remote) {
      const named = this.#field === undefined
        ? this.#proxied(request)
        : this.#named(request, this.#field);
      if (named !== undefined) client.remote = named;
    }
    return "go on";
  }

  #proxied({ client }: Request): RemoteAddress | undefined {
    return this.#trusted.has(client.remote.hostname) ? client.proxied?.source : undefined;
  }

  #named({ client, head: { fields } }: Request, field: Uint8Array): RemoteAddress | undefined {
    const { hostname } = client.remote;
    return forwardedAddress(hostname, listedIn(fields, field), this.#trusted, this.#isRecursive);
  }
}
