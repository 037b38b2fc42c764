/**
 * What a location matches: a path, the beginning of one, a regex, or a name.
 *
 * @module
 */
import type { LocationModifier } from "../http/conf.ts";
import { locationRegex } from "../http/router.ts";
import type { Block } from "./block.ts";
import { regexProblem } from "./building.ts";
import { type Problems, quote } from "./problem.ts";

/** A location's name, taken apart. */
export interface Pattern {
  readonly modifier: LocationModifier;
  readonly pattern: string;
}

/** `/x`, `= /x`, `^~ /x`, `~ regex`, `~* regex`, `@name`; nginx does not need the blank either. */
export function readPattern({ name, span }: Block, problems: Problems): Pattern | undefined {
  if (/^@[^\s@]+$/.test(name)) return { modifier: "@", pattern: name };
  const [, sign = "", pattern = ""] = /^(=|\^~|~\*|~)?\s*(.*)$/s.exec(name) ?? [];
  const modifier = MODIFIERS.find((modifier) => modifier === sign) ?? "";
  const refuse = (expected: string): undefined =>
    problems.add({ span, cannot: `use location ${quote(name)}`, found: quote(name), expected });
  if (modifier === "~" || modifier === "~*") {
    if (pattern === "") return refuse(`need a regex after ${modifier}`);
    const wrong = regexProblem(() => locationRegex(modifier, pattern));
    return wrong === undefined ? { modifier, pattern } : refuse(`need a regex (${wrong})`);
  }
  if (pattern.startsWith("/")) return { modifier, pattern };
  return refuse(
    'need a path such as "/x", "= /x" or "^~ /x", a regex such as "~ ^/x", or a name such as "@x"',
  );
}

const MODIFIERS: readonly LocationModifier[] = ["", "=", "^~", "~", "~*"];

/** As nginx writes it. */
export function patternText({ modifier, pattern }: Pattern): string {
  return modifier === "" || modifier === "@" ? pattern : `${modifier} ${pattern}`;
}
