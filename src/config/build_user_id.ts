/**
 * `userid`, as a location has it.
 *
 * @module
 */
import type { UserIdConf } from "../http/response_conf.ts";
import type { Settings } from "./directive.ts";
import type { userIdDirectives } from "./directives/user_id.ts";

export function userIdConf(settings: Settings<typeof userIdDirectives>): UserIdConf | undefined {
  const { userId, userIdName, userIdDomain, userIdExpires, userIdP3p } = settings;
  if (userId === "off") return undefined;
  const expiresMs = userIdExpires === "max" ? Infinity : userIdExpires;
  return {
    version: userId === "on" ? 2 : userId === "v1" ? 1 : undefined,
    name: userIdName,
    domain: userIdDomain === "none" ? "" : userIdDomain,
    path: settings.userIdPath,
    expiresMs: expiresMs === "off" ? undefined : expiresMs,
    flags: [...settings.userIdFlags],
    mark: settings.userIdMark,
    service: settings.userIdService,
    p3p: userIdP3p === "none" ? "" : userIdP3p,
  };
}
