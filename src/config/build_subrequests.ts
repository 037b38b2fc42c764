/**
 * What a location's subrequests are to be, and who of the embedding program answers.
 *
 * @module
 */
import type { HandlerAction, SubrequestsConf } from "../http/conf.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import type { handlerDirectives, subrequestDirectives } from "./directives/subrequest.ts";
import { nearestName } from "./nearest.ts";
import { quote } from "./problem.ts";

export type SubrequestSettings = Settings<typeof subrequestDirectives>;
export type HandlerSettings = Settings<typeof handlerDirectives>;

export function subrequestsConf(
  { authRequest, authRequestSet = [], mirror, ...rest }: SubrequestSettings,
): SubrequestsConf {
  return {
    ...rest,
    authRequest: authRequest === "off" ? undefined : authRequest,
    authRequestSet: authRequestSet.map(([name, value]) => [name.slice(1), value]),
    mirrors: mirror === "off" ? [] : mirror,
  };
}

/** The handler that a location names, if it is one that the program has. */
export function buildHandler(
  { handler, timeoutMs }: HandlerSettings,
  building: Building,
): HandlerAction | undefined {
  if (handler === undefined) return undefined;
  const { handlers } = building.known;
  const { text, span } = handler;
  if (handlers.has(text)) return { kind: "handler", name: text, timeoutMs };
  return building.problems.add({
    span,
    cannot: `use handler ${quote(text)}`,
    found: quote(text),
    expected: handlers.size === 0
      ? "handlers are functions of a program that starts Sluice with mod.ts"
      : "no such handler",
    nearest: nearestName(text, handlers),
  });
}
