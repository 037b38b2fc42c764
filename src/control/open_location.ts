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
  Return,
} from "../http/mod.ts";
import type { PeerGroup } from "../peer/mod.ts";
import type { TlsClients } from "./tls_files.ts";

/** What actions need. */
export interface ActionParts {
  readonly groups: ReadonlyMap<string, PeerGroup>;
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
      const group = parts.groups.get(action.group.name);
      if (group === undefined) throw new Error(`Cannot find the group ${action.group.name}`);
      const { tls } = action.dial;
      return new Proxy(location, action, group, tls && parts.tlsClients.get(tls));
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
