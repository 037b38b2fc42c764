/**
 * `valid_referers`: whether a request comes from a page that may lead here.
 *
 * @module
 */
import { bytesOf } from "../wire/mod.ts";
import type { ReferersConf } from "./conf.ts";
import { byteText } from "./field_text.ts";
import { compileRegex } from "./regex.ts";
import type { Request } from "./request.ts";
import { HostTable, serverNameRegex } from "./router.ts";

const REFERER = bytesOf("referer");
/** nginx's: shorter ones have no host. */
const SHORTEST = "http://i.ru".length;
const LONGEST_HOST = 256;

/** `$invalid_referer`: "1", or empty. */
export function invalidReferer({ location, head: { fields } }: Request): string {
  const referers = location?.referers;
  if (referers === undefined) return "";
  const index = fields.find(REFERER);
  return referers.allows(index < 0 ? undefined : fields.value(index)) ? "" : "1";
}

/** One location's. */
export class ValidReferers {
  readonly #conf: ReferersConf;
  /** By host: what the path has to begin with; empty: anything. */
  readonly #hosts: HostTable<{ readonly path: string }>;
  readonly #hostRegexes: readonly RegExp[];
  readonly #regexes: readonly RegExp[];

  constructor(conf: ReferersConf) {
    this.#conf = conf;
    const names = conf.names.map((name) => {
      const slash = name.indexOf("/");
      const host = slash < 0 ? name : name.slice(0, slash);
      const path = slash < 0 ? "" : byteText(name.slice(slash));
      return [byteText(host).toLowerCase(), { path }] as const;
    });
    this.#hosts = new HostTable(names);
    this.#hostRegexes = conf.hostRegexes.map(serverNameRegex);
    this.#regexes = conf.regexes.map((regex) => compileRegex(regex, true));
  }

  /** @param referer The field's value; undefined: there is none. */
  allows(referer: string | undefined): boolean {
    if (referer === undefined) return this.#conf.allowsNone;
    const scheme = referer.length < SHORTEST ? null : /^https?:\/\//i.exec(referer);
    if (scheme === null) return this.#conf.allowsBlocked;
    const rest = referer.slice(scheme[0].length);
    const host = /^[^/:]*/.exec(rest)![0].toLowerCase();
    if (host.length > LONGEST_HOST) return false;
    const known = this.#hosts.find(host);
    if (known !== undefined) {
      const slash = rest.indexOf("/");
      return known.path === "" || (slash >= 0 && rest.startsWith(known.path, slash));
    }
    return this.#hostRegexes.some((regex) => regex.test(host)) ||
      this.#regexes.some((regex) => regex.test(rest));
  }
}
