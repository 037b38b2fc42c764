/**
 * What answers the requests of a location: its action, and around it what comes first.
 *
 * @module
 */
import {
  AuthRequest,
  type CustomHandler,
  type Handler,
  HandlerLocation,
  type LocationConf,
  Mirror,
  Proxy,
  removeLeftovers,
  Return,
} from "../http/mod.ts";
import type { DynamicPeerConf, PeerGroup } from "../peer/mod.ts";
import type { Names } from "./names.ts";
import type { TlsClients } from "./tls_files.ts";

/** What actions need. */
export interface ActionParts {
  readonly groups: ReadonlyMap<string, PeerGroup>;
  readonly names: Names;
  readonly tlsClients: TlsClients;
  /** By the names that locations know them by. */
  readonly handlers: Readonly<Record<string, CustomHandler>>;
}

/** A location that is neither asked for nor copied has its action alone: it pays for nothing. */
export function openLocation(location: LocationConf, parts: ActionParts): Handler {
  const action = openAction(location, parts);
  // nginx's `return` answers before anybody is asked.
  if (location.action.kind === "return") return action;
  const { authRequest, authRequestSet, mirrors, mirrorRequestBody, mirrorLimit } =
    location.subrequests;
  let handler = action;
  if (mirrors.length > 0) {
    const options = { targets: mirrors, copiesBody: mirrorRequestBody, limit: mirrorLimit };
    handler = new Mirror(options, handler);
  }
  return authRequest === undefined
    ? handler
    : new AuthRequest(authRequest, authRequestSet, handler);
}

function openAction(location: LocationConf, parts: ActionParts): Handler {
  const { action } = location;
  switch (action.kind) {
    case "proxy": {
      if (action.store !== undefined) removeLeftovers(action.store);
      const { tls } = action.dial;
      const groups = {
        groups: parts.groups,
        dynamic: (peer: DynamicPeerConf) => parts.names.dynamic(peer),
      };
      return new Proxy(location, action, groups, tls && parts.tlsClients.get(tls));
    }
    case "return":
      return new Return(action);
    case "handler": {
      const { name, timeoutMs } = action;
      const handler = parts.handlers[name];
      if (handler === undefined) throw new Error(`Cannot find the handler ${name}`);
      return new HandlerLocation(name, handler, timeoutMs);
    }
  }
}
