/**
 * Where the requests of a `pass` go: for all of a location the same, or made of variables.
 *
 * @module
 */
import { compileTemplate, type Template } from "../log/mod.ts";
import type { DynamicGroups, PeerGroup } from "../peer/mod.ts";
import type { ProxyAction, VariablePass } from "./conf.ts";
import { byteText } from "./field_text.ts";
import { parsePassUrl, type PassUrl } from "./pass_url.ts";
import type { Request } from "./request.ts";
import { variable } from "./variables.ts";

/** Where one request goes. */
export interface PassTarget {
  readonly group: PeerGroup;
  /** What the choice of a peer goes by, where it goes by something. */
  readonly balancerKey: Template<Request> | undefined;
  /** `$proxy_host`. */
  readonly proxyHost: string;
  /** `$proxy_port`. */
  readonly proxyPort: string;
  readonly isTls: boolean;
  /** The URI part of `pass`. */
  readonly uri: string | undefined;
  /** Whether `uri` is all of the request's target; else it stands for what the location matched. */
  readonly isWholeUri: boolean;
}

/** Finds the target of a request; returns undefined after saying in the log why there is none. */
export type TargetOf = (request: Request) => PassTarget | undefined;

/** The groups that a location may pass to. */
export interface PassGroups {
  /** Those of the configuration, by their names. */
  readonly groups: ReadonlyMap<string, PeerGroup>;
  /** Those that requests make. */
  dynamic(peer: VariablePass["peer"]): DynamicGroups;
}

export function compileTarget(conf: ProxyAction, groups: PassGroups): TargetOf {
  if (conf.variable !== undefined) return new VariableTarget(conf.variable, groups).of;
  const group = conf.group && groups.groups.get(conf.group.name);
  if (group === undefined) throw new Error(`Cannot find the group ${conf.group?.name}`);
  const { proxyHost, proxyPort, uri } = conf;
  const isTls = conf.dial.tls !== undefined;
  const target: PassTarget = {
    group,
    balancerKey: keyOf(group),
    proxyHost,
    proxyPort,
    isTls,
    uri,
    isWholeUri: false,
  };
  return () => target;
}

function keyOf({ keyText }: PeerGroup): Template<Request> | undefined {
  return keyText === undefined ? undefined : compileTemplate(byteText(keyText), variable);
}

class VariableTarget {
  readonly #url: Template<Request>;
  readonly #groups: ReadonlyMap<string, PeerGroup>;
  readonly #dynamic: DynamicGroups;
  readonly #keys: ReadonlyMap<PeerGroup, Template<Request> | undefined>;

  constructor({ url, peer }: VariablePass, { groups, dynamic }: PassGroups) {
    this.#url = compileTemplate(url, variable);
    this.#groups = new Map(
      Array.from(groups, ([name, group]) => [name.toLowerCase(), group]),
    );
    this.#keys = new Map(Array.from(groups.values(), (group) => [group, keyOf(group)]));
    this.#dynamic = dynamic(peer);
  }

  readonly of = (request: Request): PassTarget | undefined => {
    const url = parsePassUrl(this.#url.render(request));
    if (typeof url === "string") {
      request.report("error", url);
      return undefined;
    }
    const { proxyHost, proxyPort, isTls, uri } = url;
    const group = this.#groupOf(url);
    const balancerKey = this.#keys.get(group);
    return { group, balancerKey, proxyHost, proxyPort, isTls, uri, isWholeUri: true };
  };

  /** A group of the configuration, by its name or by its one address; else one for this address. */
  #groupOf({ authority, to, isPlain }: PassUrl): PeerGroup {
    const own = isPlain ? this.#groups.get(authority.toLowerCase()) : undefined;
    if (own !== undefined) return own;
    return to.kind === "socket"
      ? this.#dynamic.ofSocket(to.path)
      : this.#dynamic.ofHost(to.hostname, to.port);
  }
}
