/**
 * What is done with the responses of a level: its settings over those of the level around it.
 *
 * @module
 */
import type { AddHeaderConf } from "../http/response_conf.ts";
import type { Block } from "./block.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import { responseDirectives } from "./directives/response.ts";

type ResponseSettings = Settings<typeof responseDirectives>;
type Fields = readonly AddHeaderConf[] | undefined;

export function settleResponse(
  building: Building,
  block: Block,
  outer?: ResponseSettings,
): ResponseSettings {
  const own = building.settle(responseDirectives, block, outer);
  const { addHeaderInherit, addTrailerInherit } = own;
  return {
    ...own,
    addHeaders: inherited(addHeaderInherit, block, "add_header", own.addHeaders, outer?.addHeaders),
    trailers: inherited(addTrailerInherit, block, "add_trailer", own.trailers, outer?.trailers),
  };
}

/** What a level adds, by its rule of inheritance. */
function inherited(
  rule: "on" | "off" | "merge",
  { settings }: Block,
  name: string,
  settled: Fields,
  outer: Fields,
): Fields {
  const isOwn = settings.has(name);
  if (rule === "merge" && isOwn) return [...settled ?? [], ...outer ?? []];
  return rule === "off" && !isOwn ? undefined : settled;
}
