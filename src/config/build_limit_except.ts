/**
 * `limit_except`: what a location is for requests with other methods.
 *
 * @module
 */
import type { LimitExceptConf, LocationConf } from "../http/conf.ts";
import type { Block } from "./block.ts";
import { accessConf, type AccessSettings, settleAccess } from "./build_access.ts";
import type { Building } from "./building.ts";
import { nearestName } from "./nearest.ts";
import { type Problems, quote } from "./problem.ts";

/** nginx's. */
const METHODS: readonly string[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "MKCOL",
  "COPY",
  "MOVE",
  "OPTIONS",
  "PROPFIND",
  "PROPPATCH",
  "LOCK",
  "UNLOCK",
  "PATCH",
  "TRACE",
  "CONNECT",
];

/**
 * @param around The location that it stands in.
 * @param access What that one says about access.
 */
export function buildLimitExcept(
  { blocks }: Block,
  around: LocationConf,
  access: AccessSettings,
  building: Building,
): LimitExceptConf | undefined {
  const { problems } = building;
  const [block, second] = blocks.filter(({ context }) => context === "limit_except");
  if (second !== undefined) {
    problems.add({
      span: second.span,
      cannot: "have a second limit_except in a location",
      found: quote(second.name),
      expected: "need one",
    });
  }
  if (block === undefined) return undefined;
  const methods = readMethods(block, problems);
  const own = accessConf(settleAccess(building, block, access), block.span, problems);
  return { methods, otherwise: { ...around, access: own, limitExcept: undefined } };
}

/** GET means HEAD too. */
function readMethods({ name, span }: Block, problems: Problems): ReadonlySet<string> {
  const methods = new Set<string>();
  for (const word of name.split(/\s+/)) {
    const method = word.toUpperCase();
    if (!METHODS.includes(method)) {
      problems.add({
        span,
        cannot: `use ${quote(word)} in limit_except`,
        found: quote(word),
        expected: 'need methods such as "GET POST"',
        nearest: nearestName(method, METHODS),
      });
    }
    methods.add(method);
    if (method === "GET") methods.add("HEAD");
  }
  return methods;
}
