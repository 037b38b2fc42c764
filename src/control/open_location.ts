/**
 * What answers the requests of a location: its steps, in the order of nginx's phases, and
 * then its action. This is the one place where that order stands.
 *
 * @module
 */
import {
  Access,
  type AccessCheck,
  AccessRules,
  AuthBasic,
  AuthRequest,
  type CustomHandler,
  EmptyGif,
  type Handler,
  HandlerLocation,
  LimitConnections,
  LimitExcept,
  LimitRequests,
  type LocationConf,
  type LocationFiles,
  Mirror,
  type PasswordChecks,
  Proxy,
  RealIp,
  removeLeftovers,
  Return,
  StaticFiles,
  type Step,
  Steps,
  StubStatus,
  TryFiles,
  type Variables,
} from "../http/mod.ts";
import type { DynamicPeerConf, PeerGroup } from "../peer/mod.ts";
import type { LimitZones } from "./limit_zones.ts";
import type { SessionZones } from "./session_zones.ts";
import type { Names } from "./names.ts";
import type { TlsClients } from "./tls_files.ts";

/** What actions need. */
export interface ActionParts {
  readonly variables: Variables;
  readonly groups: ReadonlyMap<string, PeerGroup>;
  readonly names: Names;
  readonly tlsClients: TlsClients;
  readonly passwords: PasswordChecks;
  readonly limitZones: LimitZones;
  readonly sessionZones: SessionZones;
  /** By the names that locations know them by. */
  readonly handlers: Readonly<Record<string, CustomHandler>>;
}

/** A location without steps has its action alone: it pays for nothing. */
export function openLocation(
  location: LocationConf,
  files: LocationFiles,
  parts: ActionParts,
): Handler {
  const { limitExcept } = location;
  const action = openAction(location, files, parts);
  // nginx's `return` is of the rewrite phase: it answers before all of the steps.
  const listed = location.action.kind === "return"
    ? action
    : withSteps(location, files, action, parts);
  if (limitExcept === undefined) return listed;
  const { methods, otherwise } = limitExcept;
  // … but not for requests with other methods, which are at a place of their own.
  const content = otherwise.action.kind === "return"
    ? openAction({ ...otherwise, action: { kind: "static" } }, files, parts)
    : openAction(otherwise, files, parts);
  return new LimitExcept(methods, listed, withSteps(otherwise, files, content, parts));
}

function withSteps(
  location: LocationConf,
  files: LocationFiles,
  content: Handler,
  parts: ActionParts,
): Handler {
  const steps = [
    ...openPreaccess(location, parts),
    ...openAccess(location, parts),
    ...openPrecontent(location, files, parts),
  ];
  return steps.length === 0 ? content : new Steps(steps, content);
}

/** How many are let in. */
function openPreaccess(
  { realIp, limitRequests, limitConnections }: LocationConf,
  { limitZones, variables }: ActionParts,
): readonly Step[] {
  const steps: Step[] = [];
  if (realIp !== undefined) steps.push(new RealIp(realIp));
  if (limitRequests.limits.length > 0) {
    steps.push(new LimitRequests(limitRequests, variables, limitZones.bucketsOf));
  }
  if (limitConnections.limits.length > 0) {
    steps.push(new LimitConnections(limitConnections, variables, limitZones.countsOf));
  }
  return steps;
}

/** Who is let in. */
function openAccess(
  { access, subrequests }: LocationConf,
  { variables, passwords }: ActionParts,
): readonly Step[] {
  const { satisfy, rules, basic, authDelayMs } = access;
  const { authRequest, authRequestSet } = subrequests;
  const checks: AccessCheck[] = [];
  if (rules.length > 0) checks.push(new AccessRules(rules, satisfy));
  if (basic !== undefined) checks.push(new AuthBasic(basic, variables, passwords));
  if (authRequest !== undefined) {
    checks.push(new AuthRequest(authRequest, authRequestSet, variables));
  }
  return checks.length === 0 ? [] : [new Access(satisfy, checks, authDelayMs)];
}

/** What is done for a request that was let in. */
function openPrecontent(
  { subrequests }: LocationConf,
  files: LocationFiles,
  { variables }: ActionParts,
): readonly Step[] {
  const { mirrors, mirrorRequestBody, mirrorLimit } = subrequests;
  const { tryFiles } = files.conf;
  const steps: Step[] = [];
  if (tryFiles !== undefined) steps.push(new TryFiles(tryFiles, files, variables));
  if (mirrors.length > 0) {
    steps.push(
      new Mirror({ targets: mirrors, copiesBody: mirrorRequestBody, limit: mirrorLimit }),
    );
  }
  return steps;
}

function openAction(
  location: LocationConf,
  files: LocationFiles,
  parts: ActionParts,
): Handler {
  const { action } = location;
  switch (action.kind) {
    case "proxy": {
      if (action.store !== undefined) removeLeftovers(action.store);
      const { tls } = action.dial;
      const groups = {
        groups: parts.groups,
        dynamic: (peer: DynamicPeerConf) => parts.names.dynamic(peer),
        variables: parts.variables,
        sessionsOf: parts.sessionZones.sessionsOf,
      };
      return new Proxy(location, action, groups, tls && parts.tlsClients.get(tls));
    }
    case "return":
      return new Return(action, files.types, parts.variables);
    case "empty_gif":
      return new EmptyGif();
    case "stub_status":
      return new StubStatus();
    case "static":
      return new StaticFiles(files, location.response.compression, parts.variables);
    case "handler": {
      const { name, timeoutMs } = action;
      const handler = parts.handlers[name];
      if (handler === undefined) throw new Error(`Cannot find the handler ${name}`);
      return new HandlerLocation(name, handler, timeoutMs);
    }
  }
}
