/**
 * The locations of a server: patterns, and what each does.
 *
 * @module
 */
import type { AccessConf, LocationAction, LocationConf, SecureLinkConf } from "../http/conf.ts";
import type { ResponseConf } from "../http/response_conf.ts";
import type { Block } from "./block.ts";
import type { LogsBuilder, LogSettings } from "./build_logs.ts";
import { accessConf, type AccessSettings, settleAccess } from "./build_access.ts";
import {
  limitConnectionsConf,
  limitRequestsConf,
  type LimitSettings,
  type LimitZones,
} from "./build_limits.ts";
import { secureLinkDirectives, secureLinkSecretDirectives } from "./directives/secure_link.ts";
import { limitDirectives } from "./directives/limit.ts";
import { buildLimitExcept } from "./build_limit_except.ts";
import {
  buildHandler,
  type HandlerSettings,
  subrequestsConf,
  type SubrequestSettings,
} from "./build_subrequests.ts";
import { compressionConf } from "./build_compression.ts";
import { settleResponse } from "./build_response.ts";
import { filesConf, type FilesLevel, filesLevel, typesConf } from "./build_files.ts";
import { buildRewrite, realIpConf, referersConf, type RewriteSettings } from "./build_rewrite.ts";
import { buildProxy } from "./build_proxy.ts";
import type { Groups } from "./build_upstream.ts";
import { userIdConf } from "./build_user_id.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import { clientDirectives } from "./directives/client.ts";
import { proxyDirectives } from "./directives/proxy.ts";
import { realIpDirectives, type RealIpSettings } from "./directives/real_ip.ts";
import { refererDirectives, type RefererSettings } from "./directives/referer.ts";
import { resolverDirectives } from "./directives/resolver.ts";
import { placeDirectives, type responseDirectives } from "./directives/response.ts";
import { rewriteDirectives } from "./directives/rewrite.ts";
import { actionDirectives } from "./directives/server.ts";
import { handlerDirectives, subrequestDirectives } from "./directives/subrequest.ts";
import { type Pattern, patternText, readPattern } from "./location_pattern.ts";
import { type Problems, quote, type Span } from "./problem.ts";

type ProxySettings = Settings<typeof proxyDirectives>;

/** What the level around a block has settled. */
export interface Levels {
  readonly client: Settings<typeof clientDirectives>;
  readonly realIp: RealIpSettings;
  readonly referers: RefererSettings;
  /** Of the server. */
  readonly serverNames: readonly string[];
  readonly proxy: ProxySettings;
  readonly response: Settings<typeof responseDirectives>;
  readonly files: FilesLevel;
  readonly subrequests: SubrequestSettings;
  readonly access: AccessSettings;
  readonly limits: LimitSettings;
  readonly secureLink: Settings<typeof secureLinkDirectives>;
  readonly limitZones: LimitZones;
  readonly handler: HandlerSettings;
  readonly resolver: Settings<typeof resolverDirectives>;
  readonly groups: Groups;
  readonly logs: LogsBuilder;
  readonly log: LogSettings;
}

function limitsOf(
  settings: LimitSettings,
  zones: LimitZones,
  problems: Problems,
): Pick<LocationConf, "limitRequests" | "limitConnections"> {
  return {
    limitRequests: limitRequestsConf(settings, zones, problems),
    limitConnections: limitConnectionsConf(settings, zones, problems),
  };
}

function secureLinkConf(
  { link, md5 }: Settings<typeof secureLinkDirectives>,
  secret: string | undefined,
  span: Span,
  problems: Problems,
): SecureLinkConf | undefined {
  if (secret !== undefined && (link !== undefined || md5 !== undefined)) {
    problems.add({
      span,
      cannot: "use both secure_link_secret and secure_link",
      found: "both",
      expected: "need one of them",
    });
  }
  if (link === undefined && md5 === undefined && secret === undefined) return undefined;
  return { secret, link, md5 };
}

/** Of what answers before anybody is asked. */
const NO_ACCESS: AccessConf = { satisfy: "all", rules: [], basic: undefined, authDelayMs: 0 };

/** What no location matches is the server's own, as in nginx: files, if it says where they are. */
function ownFiles(
  server: Block,
  levels: Levels,
  rewrite: RewriteSettings,
  problems: Problems,
): readonly LocationConf[] {
  const hasAll = server.blocks.some(({ name }) => /^(?:\^~)?\s*\/$/.test(name));
  if (hasAll || levels.files.place === undefined) return [];
  return [{
    modifier: "",
    pattern: "",
    rewrite: undefined,
    warnsUnset: rewrite.warnsUnset,
    realIp: undefined,
    referers: referersConf(levels.referers, levels.serverNames),
    locations: [],
    client: levels.client,
    ...levels.logs.build(levels.log),
    response: responseConf(levels.response),
    files: filesConf(levels.files),
    types: typesConf(levels.files),
    isInternal: false,
    subrequests: subrequestsConf(levels.subrequests),
    ...limitsOf(levels.limits, levels.limitZones, problems),
    secureLink: secureLinkConf(levels.secureLink, undefined, server.span, problems),
    access: accessConf(levels.access, server.span, problems),
    limitExcept: undefined,
    action: { kind: "static" },
  }];
}

/** Who is asked what a location is, and what it stands in. */
interface Around {
  readonly levels: Levels;
  /** What the server has asked already. */
  readonly serverRealIp: RealIpSettings;
  readonly rewrite: RewriteSettings;
  /** Undefined for a location of a server. */
  readonly location: Pattern | undefined;
}

export function buildLocations(
  server: Block,
  building: Building,
  levels: Levels,
  rewrite: RewriteSettings,
): readonly LocationConf[] {
  const { problems } = building;
  const answer = building.settle(actionDirectives, server).return;
  if (answer !== undefined && !server.settings.has("rewrite")) {
    for (const { span, name } of server.blocks) {
      problems.add({
        span,
        cannot: `use location ${quote(name)} in a server with return`,
        found: quote(name),
        expected: "the server's return answers every request",
      });
    }
    // nginx answers before it looks for a location; one that matches all is the same.
    return [{
      modifier: "",
      pattern: "",
      rewrite: undefined,
      warnsUnset: rewrite.warnsUnset,
      realIp: undefined,
      referers: undefined,
      locations: [],
      client: levels.client,
      ...levels.logs.build(levels.log),
      response: responseConf(levels.response),
      files: filesConf(levels.files),
      types: typesConf(levels.files),
      isInternal: false,
      subrequests: subrequestsConf(levels.subrequests),
      ...limitsOf(levels.limits, levels.limitZones, problems),
      secureLink: undefined,
      access: NO_ACCESS,
      limitExcept: undefined,
      action: { kind: "return", ...answer.value },
    }];
  }
  const around: Around = {
    levels,
    serverRealIp: levels.realIp,
    rewrite,
    location: undefined,
  };
  return [
    ...buildInner(server, building, around),
    ...ownFiles(server, levels, rewrite, problems),
  ];
}

/** The locations that stand in a server or a location. */
function buildInner(outer: Block, building: Building, around: Around): readonly LocationConf[] {
  const { problems } = building;
  const taken = new Set<string>();
  const locations = outer.blocks.flatMap((block): readonly LocationConf[] => {
    if (block.context !== "location") return [];
    const pattern = readPattern(block, problems);
    // The settings of a bad location are read too: they have problems of their own.
    const location = buildLocation(block, pattern, building, around);
    if (pattern === undefined) return [];
    if (around.location !== undefined) checkWithin(block, pattern, around.location, problems);
    // A prefix is the same place with ^~ and without.
    const place = (pattern.modifier === "^~" ? "" : pattern.modifier) + " " + pattern.pattern;
    if (taken.has(place)) {
      problems.add({
        span: block.span,
        cannot: `have a second location ${quote(block.name)}`,
        found: quote(block.name),
        expected: "need each pattern once in a server",
      });
    }
    taken.add(place);
    return location === undefined ? [] : [location];
  });
  return withSlashRedirects(locations);
}

/** What nginx lets stand in a location. */
function checkWithin(
  { span, name }: Block,
  { modifier, pattern }: Pattern,
  outer: Pattern,
  problems: Problems,
): void {
  const complain = (expected: string): undefined =>
    problems.add({
      span,
      cannot: `use location ${quote(name)} in ${quote(patternText(outer))}`,
      found: quote(name),
      expected,
    });
  if (outer.modifier === "=") return complain("one path has no locations within it");
  if (outer.modifier === "@") return complain("a name has no locations within it");
  if (modifier === "@") return complain("a name belongs in the server");
  const arePaths = !modifier.startsWith("~") && !outer.modifier.startsWith("~");
  if (arePaths && !pattern.startsWith(outer.pattern)) {
    complain(`need a path that starts with ${quote(outer.pattern)}`);
  }
}

function buildLocation(
  block: Block,
  pattern: Pattern | undefined,
  building: Building,
  around: Around,
): LocationConf | undefined {
  const { problems } = building;
  const { levels } = around;
  const client = building.settle(clientDirectives, block, levels.client);
  const log = levels.logs.settle(block, levels.log);
  const response = settleResponse(building, block, levels.response);
  const files = filesLevel(block, building, levels.files, pattern);
  const { isInternal } = building.settle(placeDirectives, block);
  const subrequests = building.settle(subrequestDirectives, block, levels.subrequests);
  const limits = building.settle(limitDirectives, block, levels.limits);
  const secureLink = building.settle(secureLinkDirectives, block, levels.secureLink);
  const { secret } = building.settle(secureLinkSecretDirectives, block);
  const accessSettings = settleAccess(building, block, levels.access);
  const referers = building.settle(refererDirectives, block, levels.referers);
  const realIp = building.settle(realIpDirectives, block, levels.realIp);
  const rewriteSettings = building.settle(rewriteDirectives, block, around.rewrite);
  const own: Levels = {
    ...levels,
    client,
    realIp,
    referers,
    response,
    files,
    subrequests,
    limits,
    secureLink,
    access: accessSettings,
    log,
    proxy: building.settle(proxyDirectives, block, levels.proxy),
    handler: building.settle(handlerDirectives, block, levels.handler),
    resolver: building.settle(resolverDirectives, block, levels.resolver),
  };
  const inner: Around = {
    ...around,
    levels: own,
    rewrite: rewriteSettings,
    location: pattern,
  };
  const locations = pattern === undefined ? [] : buildInner(block, building, inner);
  const needsNone = locations.length > 0 || (rewriteSettings.steps ?? []).length > 0;
  const action = buildAction(block, pattern, building, { ...levels, files }, needsNone);
  const base = action && pattern && {
    ...pattern,
    rewrite: undefined,
    warnsUnset: rewriteSettings.warnsUnset,
    referers: referersConf(referers, levels.serverNames),
    realIp: isSame(realIp, around.serverRealIp) ? undefined : realIpConf(realIp),
    locations,
    client,
    ...levels.logs.build(log),
    response: responseConf(response),
    files: filesConf(files),
    types: typesConf(files),
    isInternal,
    subrequests: subrequestsConf(subrequests),
    ...limitsOf(limits, levels.limitZones, problems),
    secureLink: secureLinkConf(secureLink, secret?.text, block.span, problems),
    access: accessConf(accessSettings, block.span, problems),
    limitExcept: undefined,
    action,
  };
  const rewrite = buildRewrite(
    block,
    rewriteSettings,
    building,
    (ifBlock, ifRewrite) => buildIfPlace(ifBlock, base, building, { ...inner, rewrite: ifRewrite }),
  );
  if (base === undefined) return undefined;
  const limitExcept = buildLimitExcept(block, base, accessSettings, building);
  const location: LocationConf = limitExcept === undefined ? base : { ...base, limitExcept };
  const [first, ...others] = rewrite?.steps ?? [];
  // What answers in any case needs no rewriting.
  if (first?.kind === "return" && others.length === 0) return { ...location, action: first };
  return rewrite === undefined ? location : { ...location, rewrite };
}

function isSame(one: RealIpSettings, other: RealIpSettings): boolean {
  return one.from === other.from && one.header === other.header &&
    one.isRecursive === other.isRecursive;
}

/** What a location is while the condition of an `if` holds: all that it was, but for what the `if` says. */
function buildIfPlace(
  block: Block,
  outer: LocationConf | undefined,
  building: Building,
  around: Around,
): LocationConf | undefined {
  const { levels, rewrite } = around;
  const response = settleResponse(building, block, levels.response);
  const files = filesLevel(block, building, levels.files);
  // No prefix is matched by an if: its `pass` has no path.
  const pattern: Pattern = { modifier: "~", pattern: "" };
  const hasAction = ACTIONS.some((name) => name !== "return" && block.settings.has(name));
  const action = hasAction
    ? buildAction(block, pattern, building, { ...levels, files })
    : outer?.action;
  if (outer === undefined || action === undefined) return undefined;
  return {
    ...outer,
    warnsUnset: rewrite.warnsUnset,
    client: building.settle(clientDirectives, block, levels.client),
    ...levels.logs.build(levels.logs.settle(block, levels.log)),
    response: responseConf(response),
    files: filesConf(files),
    types: typesConf(files),
    action,
  };
}

/** Where requests for `/x/` are passed on, `/x` is sent there, unless it has a location of its own: as nginx does. */
function withSlashRedirects(locations: readonly LocationConf[]): readonly LocationConf[] {
  const isPlain = ({ modifier }: LocationConf) => !/^[~@]/.test(modifier);
  const taken = new Set(locations.filter(isPlain).map(({ pattern }) => pattern));
  return locations.flatMap((location) => {
    const { pattern, action } = location;
    const bare = pattern.slice(0, -1);
    const isWanted = action.kind === "proxy" && isPlain(location) && pattern.endsWith("/") &&
      bare !== "" && !taken.has(bare);
    if (!isWanted) return [location];
    taken.add(bare);
    const text = `${encodeURI(pattern.toWellFormed()).replaceAll("$", "%24")}$is_args$args`;
    const redirect: LocationAction = { kind: "return", status: 301, text };
    const own = { modifier: "=", pattern: bare, action: redirect, rewrite: undefined } as const;
    return [location, { ...location, ...own, locations: [] }];
  });
}

export function responseConf(
  settings: Settings<typeof responseDirectives>,
): ResponseConf {
  const { addHeaders = [], errorPages = [], trailers = [], expires } = settings;
  const { absoluteRedirect, portInRedirect, serverNameInRedirect } = settings;
  const { maxRanges, recursiveErrorPages } = settings;
  const redirects = {
    isAbsolute: absoluteRedirect,
    hasPort: portInRedirect,
    hasServerName: serverNameInRedirect,
  };
  return {
    redirects,
    addHeaders,
    errorPages,
    recursiveErrorPages,
    maxRanges,
    trailers,
    expires: expires.text === "off" ? undefined : expires,
    compression: compressionConf(settings),
    charset: settings.charset === "off"
      ? undefined
      : { charset: settings.charset, types: settings.charsetTypes },
    userId: userIdConf(settings),
  };
}

function buildAction(
  block: Block,
  pattern: Pattern | undefined,
  building: Building,
  levels: Levels,
  needsNone = false,
): LocationAction | undefined {
  const { problems } = building;
  const proxy = building.settle(proxyDirectives, block, levels.proxy);
  const { return: answer, emptyGif, stubStatus } = building.settle(actionDirectives, block);
  const location = `use location ${quote(block.name)}`;
  const written = ACTIONS.filter((name) => block.settings.has(name));
  const [first, second] = written;
  if (first !== undefined && second !== undefined) {
    const spellings = [first, second].map((name) => name.replace("_", "."));
    return problems.add({
      span: block.settings.get(first)!.keySpan,
      cannot: `${location} for both ${spellings.join(" and ")}`,
      found: "both",
      expected: "need one of them",
    });
  }
  if (answer !== undefined) return { kind: "return", ...answer.value };
  if (emptyGif) return { kind: "empty_gif" };
  if (stubStatus) return { kind: "stub_status" };
  if (proxy.pass !== undefined) {
    const resolver = building.settle(resolverDirectives, block, levels.resolver);
    return buildProxy(proxy.pass, proxy, pattern, { ...levels, resolver }, problems);
  }
  const handler = building.settle(handlerDirectives, block, levels.handler);
  if (handler.handler !== undefined) return buildHandler(handler, building);
  if (first !== undefined) return undefined;
  if (levels.files.place !== undefined) return { kind: "static" };
  if (needsNone) return NOTHING_HERE;
  return problems.add({
    span: block.span,
    cannot: `${location} for nothing`,
    found: "none",
    expected: "need proxy.pass, return or handler, or a root for files",
  });
}

/** Of a location whose requests are led elsewhere: for those that are not. */
const NOTHING_HERE: LocationAction = { kind: "return", status: 404, text: "" };

/** What a location may do with requests: one of these. By nginx's names. */
const ACTIONS = ["proxy_pass", "return", "handler", "empty_gif", "stub_status"] as const;
