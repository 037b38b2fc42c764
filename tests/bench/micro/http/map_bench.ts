/** `map`: a value looked up, anew each time. @module */
import type { MapConf } from "../../../../src/http/conf.ts";
import { NO_VARIABLES, Variables } from "../../../../src/http/configured_variables.ts";
import { answeredRequest } from "../../../support/answered_request.ts";
import { BROWSER_REQUEST, parsed } from "../messages.ts";

const MAPS: readonly MapConf[] = [
  mapOf("by_path", "$uri", "", { "/small": "public", "/products/list": "private" }),
  mapOf("by_host", "$host", "", { ".example.org": "example", "shop.*": "shop" }, true),
  mapOf("by_agent", "$http_user_agent", "~*", { "bot|crawl|spider": "robot", "firefox": "fox" }),
];

const variables = new Variables({ ...NO_VARIABLES, maps: MAPS });
const request = answeredRequest(parsed(BROWSER_REQUEST));
const names = { by_path: "texts", by_host: "hostnames", by_agent: "2 regexes that do not match" };

for (const [name, what] of Object.entries(names)) {
  const value = variables.compile(`$${name}`);
  Deno.bench(`map: ${what}`, { group: "map" }, () => {
    value.render(request);
  });
}

function mapOf(
  name: string,
  source: string,
  kind: "" | "~*",
  values: Readonly<Record<string, string>>,
  isHostnames = false,
): MapConf {
  const entries = Object.entries(values)
    .map(([key, value]) => ({ kind: kind === "" ? "text" as const : kind, key, value }));
  return { name, source, isHostnames, isVolatile: true, defaultValue: "none", entries };
}
