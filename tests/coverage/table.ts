/**
 * The table of directives as the coverage sees it: each directive and each parameter by the page
 * of the manual that it is on.
 *
 * @module
 */
import type { Directive, Table } from "../../src/config/directive.ts";
import { GROUPS } from "../../src/config/directives.ts";

/** A directive, or a parameter of one: `limit: limit_req burst`. */
export interface Entry {
  /** `PAGE: NAME`, or `PAGE: NAME PARAMETER`. */
  readonly id: string;
  /** The names that a configuration may call it by, in either syntax. */
  readonly spellings: readonly string[];
  readonly directive: Directive<unknown>;
}

/** Every directive and parameter, once, in the manual's order. */
export function entries(): readonly Entry[] {
  return GROUPS.flatMap(({ page, directives, parameters = {} }) => [
    ...entriesOf(`${page}: `, directives),
    ...Object.entries(parameters).flatMap(([name, table]) => entriesOf(`${page}: ${name} `, table)),
  ]);
}

function entriesOf(prefix: string, table: Table): Entry[] {
  return Object.values(table).flatMap((directive) => {
    const { name, yaml, nginx } = directive;
    // In nginx.conf some are written by several names: `least_conn` is one of `balance`.
    const others = (nginx.names ?? []).filter((other) => other !== name);
    return [
      { id: prefix + name, spellings: [name, yaml.split(".").at(-1)!], directive },
      ...others.map((other) => ({ id: prefix + other, spellings: [other], directive })),
    ];
  });
}
