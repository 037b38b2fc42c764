/**
 * What is rewritten at a server or location, and the locations that its `if`s are.
 *
 * @module
 */
import type {
  LocationConf,
  RealIpConf,
  ReferersConf,
  RewritePhaseConf,
  RewriteStepConf,
} from "../http/conf.ts";
import { type Block, yamlBlock } from "./block.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import type { RefererSettings } from "./directives/referer.ts";
import type { RealIpSettings } from "./directives/real_ip.ts";
import { rewriteDirectives, type RewriteStep } from "./directives/rewrite.ts";
import { actionDirectives } from "./directives/server.ts";

/** Undefined where nobody is trusted. */
export function realIpConf({ from, header, isRecursive }: RealIpSettings): RealIpConf | undefined {
  return from === undefined ? undefined : { from, header, isRecursive };
}

/** @param serverNames What `server_names` stands for. */
export function referersConf(
  { validReferers }: RefererSettings,
  serverNames: readonly string[],
): ReferersConf | undefined {
  if (validReferers === undefined) return undefined;
  const own = validReferers.includes("server_names") ? serverNames : [];
  const words = new Set(["none", "blocked", "server_names"]);
  const listed = validReferers.filter((word) => !words.has(word));
  return {
    allowsNone: validReferers.includes("none"),
    allowsBlocked: validReferers.includes("blocked"),
    names: [...listed, ...own].filter((name) => !name.startsWith("~") && name !== ""),
    hostRegexes: own.filter((name) => name.startsWith("~")),
    regexes: listed.filter((name) => name.startsWith("~")).map((name) => name.slice(1)),
  };
}

export type RewriteSettings = Settings<typeof rewriteDirectives>;

/** What an `if` block says beside what is to be rewritten; undefined where it says nothing. */
export type IfPlace = (block: Block, rewrite: RewriteSettings) => LocationConf | undefined;

/** Directives of an `if` that do not make a location of it. */
const NO_PLACE = ["rewrite", "return", "rewrite_log", "uninitialized_variable_warn"];

/** @param place Of an `if` of a location. */
export function buildRewrite(
  block: Block,
  settings: RewriteSettings,
  building: Building,
  place: IfPlace,
): RewritePhaseConf | undefined {
  const steps = buildSteps(block, settings, building, place);
  return steps.length === 0 ? undefined : { steps, isLogged: settings.isLogged };
}

/** The list, and `return`, which stands behind it. */
function buildSteps(
  block: Block,
  settings: RewriteSettings,
  building: Building,
  place: IfPlace,
): readonly RewriteStepConf[] {
  const steps = (settings.steps ?? []).map((step) =>
    step.kind === "if" ? buildIf(step, block, settings, building, place) : step
  );
  const answer = building.settle(actionDirectives, block).return;
  return answer === undefined || steps.length === 0 && !isIf(block)
    ? steps
    : [...steps, { kind: "return", ...answer.value }];
}

function isIf({ context }: Block): boolean {
  return context === "server_if" || context === "location_if";
}

function buildIf(
  { condition, body, span }: Extract<RewriteStep, { kind: "if" }>,
  around: Block,
  settings: RewriteSettings,
  building: Building,
  place: IfPlace,
): RewriteStepConf {
  const context = around.context === "server" || around.context === "server_if"
    ? "server_if"
    : "location_if";
  const block = yamlBlock(body, building.problems, context, around.name, span);
  const own = building.settle(rewriteDirectives, block, settings);
  const isPlace = context === "location_if" &&
    [...block.settings.keys()].some((name) => !NO_PLACE.includes(name));
  return {
    kind: "if",
    condition,
    steps: buildSteps(block, own, building, place),
    location: isPlace ? place(block, own) : undefined,
  };
}
