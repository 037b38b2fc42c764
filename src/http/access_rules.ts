/**
 * `allow` and `deny`: the first rule that has the client's address decides.
 *
 * @module
 */
import { type Cidr, cidrHas, parseClientIp } from "../wire/mod.ts";
import type { AccessCheck, Verdict } from "./access.ts";
import type { AccessRuleConf } from "./conf.ts";
import type { Request } from "./request.ts";

const FORBIDDEN = 403;

export class AccessRules implements AccessCheck {
  readonly #rules: readonly AccessRuleConf[];
  /** Whether a refusal is final here, and so told here. */
  readonly #tells: boolean;
  /** Of the last client: the requests of one connection come from one address. */
  #lastAddress = "";
  #lastVerdict: Verdict = "undecided";

  constructor(rules: readonly AccessRuleConf[], satisfy: "all" | "any") {
    this.#rules = rules;
    this.#tells = satisfy === "all";
  }

  check(request: Request): Verdict {
    const { remoteAddress } = request;
    if (remoteAddress !== this.#lastAddress || remoteAddress === "") {
      this.#lastVerdict = this.#verdictOn(remoteAddress);
      this.#lastAddress = remoteAddress;
    }
    if (this.#lastVerdict === FORBIDDEN && this.#tells) {
      request.report("error", "access forbidden by rule");
    }
    return this.#lastVerdict;
  }

  #verdictOn(address: string): Verdict {
    const ip = parseClientIp(address);
    for (const { isAllowed, from } of this.#rules) {
      if (has(from, ip)) return isAllowed ? "allowed" : FORBIDDEN;
    }
    return "undecided";
  }
}

/** @param ip Undefined for a client at a unix socket. */
function has(from: Cidr | "unix:" | "all", ip: Uint8Array | undefined): boolean {
  if (from === "all") return true;
  return from === "unix:" ? ip === undefined : ip !== undefined && cidrHas(from, ip);
}
