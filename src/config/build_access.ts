/**
 * Who a location lets in.
 *
 * @module
 */
import type { AccessConf } from "../http/conf.ts";
import type { Block } from "./block.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import { accessDirectives, satisfyDirectives } from "./directives/access.ts";
import type { Problems, Span } from "./problem.ts";

/** What a level says about access. */
export interface AccessSettings {
  readonly satisfy: Settings<typeof satisfyDirectives>;
  readonly checks: Settings<typeof accessDirectives>;
}

export function settleAccess(
  building: Building,
  block: Block,
  outer?: AccessSettings,
): AccessSettings {
  return {
    satisfy: building.settle(satisfyDirectives, block, outer?.satisfy),
    checks: building.settle(accessDirectives, block, outer?.checks),
  };
}

/** @param span Of the location: what is missing is missing there. */
export function accessConf(
  { satisfy: { satisfy, authDelayMs }, checks: { rules = [], realm, userFile } }: AccessSettings,
  span: Span,
  problems: Problems,
): AccessConf {
  if (realm !== "off" && userFile === undefined) {
    problems.add({
      span,
      cannot: "ask for a password (auth_basic)",
      found: "none",
      expected: "need auth_basic_user_file here or around it; nginx would let everybody in",
    });
  }
  const basic = realm === "off" || userFile === undefined ? undefined : { realm, userFile };
  return { satisfy, rules, basic, authDelayMs };
}
