/**
 * Where the requests of a `pass` go: for all of a location the same, or made of variables.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { DynamicGroups, PeerGroup } from "../peer/mod.ts";
import type { ProxyAction, VariablePass } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { parsePassUrl, type PassUrl } from "./pass_url.ts";
import type { Request } from "./request.ts";
import { compileSticky, type SessionsOf, type Sticky } from "./sticky.ts";

/** Where one request goes. */
export interface PassTarget {
  readonly group: PeerGroup;
  /** What the choice of a peer goes by, where it goes by something. */
  readonly balancerKey: Template<Request> | undefined;
  /** How the group's requests are bound to peers, if they are. */
  readonly sticky: Sticky | undefined;
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
  readonly variables: Variables;
  readonly sessionsOf: SessionsOf;
}

export function compileTarget(conf: ProxyAction, groups: PassGroups): TargetOf {
  if (conf.variable !== undefined) return new VariableTarget(conf.variable, groups).of;
  const group = conf.group && groups.groups.get(conf.group.name);
  if (group === undefined) throw new Error(`Cannot find the group ${conf.group?.name}`);
  const { proxyHost, proxyPort, uri } = conf;
  const isTls = conf.dial.tls !== undefined;
  const target: PassTarget = {
    group,
    ...choiceOf(group, groups),
    proxyHost,
    proxyPort,
    isTls,
    uri,
    isWholeUri: false,
  };
  return () => target;
}

/** What a group's choice of a peer goes by. */
type Choice = Pick<PassTarget, "balancerKey" | "sticky">;

const NO_CHOICE: Choice = { balancerKey: undefined, sticky: undefined };

function choiceOf(group: PeerGroup, { variables, sessionsOf }: PassGroups): Choice {
  const { keyText, sticky } = group;
  return {
    balancerKey: keyText === undefined ? undefined : variables.compile(byteText(keyText)),
    sticky: sticky && compileSticky(sticky, group, variables, sessionsOf),
  };
}

class VariableTarget {
  readonly #url: Template<Request>;
  readonly #groups: ReadonlyMap<string, PeerGroup>;
  readonly #dynamic: DynamicGroups;
  readonly #choices: ReadonlyMap<PeerGroup, Choice>;

  constructor({ url, peer }: VariablePass, passGroups: PassGroups) {
    const { groups, dynamic, variables } = passGroups;
    this.#url = variables.compile(url);
    this.#groups = new Map(
      Array.from(groups, ([name, group]) => [name.toLowerCase(), group]),
    );
    this.#choices = new Map(
      Array.from(groups.values(), (group) => [group, choiceOf(group, passGroups)]),
    );
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
    const { balancerKey, sticky } = this.#choices.get(group) ?? NO_CHOICE;
    return { group, balancerKey, sticky, proxyHost, proxyPort, isTls, uri, isWholeUri: true };
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
