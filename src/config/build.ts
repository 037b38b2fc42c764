/**
 * From blocks to the records that the hot folders are handed: settings merged from level to
 * level, names looked up, listening addresses grouped.
 *
 * @module
 */
import type { ClientConf, ListenConf } from "../downstream/conf.ts";
import type { ListenerConf, ServerConf, SluiceConf } from "../http/conf.ts";
import { serverNameRegex } from "../http/router.ts";
import { hostname } from "../http/variables.ts";
import { LOG_FORMATS, type LogFormat } from "../log/access_log.ts";
import { HAS_OTHER, HAS_UNDERSCORE } from "../wire/fields.ts";
import type { Block } from "./block.ts";
import { LogsBuilder } from "./build_logs.ts";
import { settleAccess } from "./build_access.ts";
import { filesConf, filesLevel, typesConf } from "./build_files.ts";
import { buildLimitZones } from "./build_limits.ts";
import { secureLinkDirectives } from "./directives/secure_link.ts";
import { limitDirectives } from "./directives/limit.ts";
import { buildLocations, type Levels, responseConf } from "./build_location.ts";
import { buildAdmin } from "./build_admin.ts";
import { settleResponse } from "./build_response.ts";
import { declaredVariables } from "./declared_variables.ts";
import { buildRewrite, realIpConf, referersConf, type RewriteSettings } from "./build_rewrite.ts";
import { buildGroups } from "./build_upstream.ts";
import { Building, regexProblem } from "./building.ts";
import type { Known, Settings } from "./directive.ts";
import { adminDirectives } from "./directives/admin.ts";
import { clientDirectives, listenDirectives } from "./directives/client.ts";
import { coreDirectives } from "./directives/core.ts";
import { logFormatDirectives } from "./directives/log.ts";
import { proxyDirectives } from "./directives/proxy.ts";
import { refererDirectives } from "./directives/referer.ts";
import { realIpDirectives } from "./directives/real_ip.ts";
import { rewriteDirectives } from "./directives/rewrite.ts";
import { resolverDirectives } from "./directives/resolver.ts";
import { type Listen, serverDirectives } from "./directives/server.ts";
import { handlerDirectives, subrequestDirectives } from "./directives/subrequest.ts";
import { variableDirectives } from "./directives/variables.ts";
import { type Problems, quote, type Span } from "./problem.ts";
import type { Located } from "./types.ts";

/** Waiting connections where `backlog` does not say, as in nginx. */
const BACKLOG = 511;

/**
 * The whole configuration. Where there are problems the result has defaults in their
 * places, and is to be thrown away.
 */
export function buildConf(root: Block, problems: Problems, known: Known): SluiceConf {
  const declared = declaredVariables(root, problems, known);
  const building = new Building(problems, {
    ...known,
    isVariable: (name) => declared.names.has(name) || known.isVariable(name),
    variableNames: () => [...declared.names, ...known.variableNames()],
  });
  const core = building.settle(coreDirectives, root);
  const variables = building.settle(variableDirectives, root);
  const logFormats = building.settle(logFormatDirectives, root);
  const formats = new Map<string, LogFormat>([
    ...Object.entries(LOG_FORMATS),
    ...logFormats.formats ?? [],
  ]);
  const logs = new LogsBuilder(building, formats);
  const log = logs.settle(root);
  const resolver = building.settle(resolverDirectives, root);
  const groups = buildGroups(root.blocks.filter(isKind("upstream")), building, resolver);
  const levels: Levels = {
    client: building.settle(clientDirectives, root),
    realIp: building.settle(realIpDirectives, root),
    referers: building.settle(refererDirectives, root),
    serverNames: [],
    proxy: building.settle(proxyDirectives, root),
    response: settleResponse(building, root),
    files: filesLevel(root, building),
    subrequests: building.settle(subrequestDirectives, root),
    access: settleAccess(building, root),
    limits: building.settle(limitDirectives, root),
    secureLink: building.settle(secureLinkDirectives, root),
    limitZones: buildLimitZones(root, building),
    handler: building.settle(handlerDirectives, root),
    logs,
    log,
    resolver,
    groups,
  };
  const rewriteOfRoot = building.settle(rewriteDirectives, root);
  const listenOfRoot = building.settle(listenDirectives, root);
  const servers = root.blocks.filter(isKind("server"));
  if (servers.length === 0) {
    const expected = "need at least one under servers";
    problems.add({ span: root.span, cannot: "run without a server", found: "none", expected });
  }
  const built = servers.map((block) =>
    buildServer(block, building, levels, listenOfRoot, rewriteOfRoot)
  );
  const listeners = groupByAddress(built, problems);
  return {
    admin: buildAdmin(building.settle(adminDirectives, root).admin, listeners, problems),
    errorLogs: logs.build(log).errorLogs,
    workers: core.workers,
    workerConnections: core.workerConnections,
    user: core.user,
    openFiles: core.openFiles,
    pid: core.pid,
    workerShutdownTimeoutMs: core.workerShutdownTimeoutMs,
    bufferMemoryBytes: core.bufferMemoryBytes,
    tempDiskBytes: core.tempDiskBytes,
    shedLoadFrom: core.shedLoadFrom,
    listeners,
    groups: groups.all(),
    variables: {
      settable: declared.settable,
      maps: variables.maps ?? [],
      geos: variables.geos ?? [],
      splits: variables.splits ?? [],
    },
  };
}

function isKind(context: Block["context"]): (block: Block) => boolean {
  return (block) => block.context === context;
}

/** A server, and what its listening addresses need of it. */
interface BuiltServer {
  readonly conf: ServerConf;
  readonly listen: ListenConf;
  readonly listens: readonly { readonly value: Listen; readonly span: Span }[];
  readonly names: readonly Located[];
  readonly span: Span;
}

function buildServer(
  block: Block,
  building: Building,
  levels: Levels,
  listenOfRoot: Settings<typeof listenDirectives>,
  rewriteOfRoot: RewriteSettings,
): BuiltServer {
  const { listens, serverNames } = building.settle(serverDirectives, block);
  const client: ClientConf = building.settle(clientDirectives, block, levels.client);
  const realIp = building.settle(realIpDirectives, block, levels.realIp);
  const referers = building.settle(refererDirectives, block, levels.referers);
  const proxy = building.settle(proxyDirectives, block, levels.proxy);
  const response = settleResponse(building, block, levels.response);
  const files = filesLevel(block, building, levels.files);
  const subrequests = building.settle(subrequestDirectives, block, levels.subrequests);
  const accessOf = settleAccess(building, block, levels.access);
  const limits = building.settle(limitDirectives, block, levels.limits);
  const secureLink = building.settle(secureLinkDirectives, block, levels.secureLink);
  const handler = building.settle(handlerDirectives, block, levels.handler);
  const resolver = building.settle(resolverDirectives, block, levels.resolver);
  const log = levels.logs.settle(block, levels.log);
  const rewrite = building.settle(rewriteDirectives, block, rewriteOfRoot);
  // The server for what names no server, as in nginx.
  const names = (serverNames ?? [{ text: "", span: block.span }]).map((name) =>
    name.text === "$hostname" ? { ...name, text: hostname() } : name
  );
  const nameTexts = names.map(({ text }) => text.startsWith("~") ? text : text.toLowerCase());
  checkNames(names, building.problems);
  const { largeClientHeaderBuffers, underscoresInHeaders, ignoreInvalidHeaders, ...listen } =
    building.settle(
      listenDirectives,
      block,
      listenOfRoot,
    );
  return {
    conf: {
      // A return alone is a location that matches all: see buildLocations.
      rewrite: buildRewrite(block, rewrite, building, () => undefined),
      warnsUnset: rewrite.warnsUnset,
      realIp: realIpConf(realIp),
      referers: referersConf(referers, nameTexts),
      serverNames: nameTexts,
      client,
      ...levels.logs.build(log),
      response: responseConf(response),
      files: filesConf(files),
      types: typesConf(files),
      locations: buildLocations(
        block,
        building,
        {
          ...levels,
          client,
          realIp,
          referers,
          serverNames: nameTexts,
          proxy,
          response,
          files,
          subrequests,
          access: accessOf,
          log,
          limits,
          secureLink,
          handler,
          resolver,
        },
        rewrite,
      ),
    },
    listen: {
      ...listen,
      largeClientHeaderBufferCount: largeClientHeaderBuffers.count,
      largeClientHeaderBufferSizeBytes: largeClientHeaderBuffers.sizeBytes,
      droppedNames: ignoreInvalidHeaders
        ? HAS_OTHER | (underscoresInHeaders ? 0 : HAS_UNDERSCORE)
        : 0,
      proxyProtocol: false, // its addresses say
    },
    listens,
    names,
    span: block.span,
  };
}

const SERVER_NAME = /^(?:\*?\.)?[\p{L}\d_-]+(?:\.[\p{L}\d_-]+)*(?:\.\*)?$/iu;

function checkNames(names: readonly Located[], problems: Problems): void {
  for (const { text, span } of names) {
    const complain = (expected: string) =>
      problems.add({
        span,
        cannot: `set server_name to ${quote(text)}`,
        found: quote(text),
        expected,
      });
    if (text.startsWith("~")) {
      const wrong = regexProblem(() => serverNameRegex(text));
      if (wrong !== undefined) complain(`need a regex (${wrong})`);
    } else if (text !== "" && !isServerName(text)) {
      complain('need a name such as "example.org", "*.example.org", "www.example.*" or "~^regex$"');
    }
  }
}

function isServerName(text: string): boolean {
  if (text.startsWith("[") || text === "_") return text === "_" || URL.canParse(`http://${text}`);
  // A star at one end only.
  return SERVER_NAME.test(text) && !(text.startsWith("*") && text.endsWith("*"));
}

/** One listener for each address; its first server is the default one. */
function groupByAddress(
  servers: readonly BuiltServer[],
  problems: Problems,
): readonly ListenerConf[] {
  const found = new Map<string, { server: BuiltServer; listen: Listen; span: Span }[]>();
  for (const server of servers) {
    const own = new Set<string>();
    for (const { value: listen, span } of server.listens) {
      if (listen.address === undefined) continue;
      const { name } = listen.address;
      if (own.has(name)) {
        problems.add({
          span,
          cannot: `listen on ${name} twice`,
          found: quote(name),
          expected: "need each address once in a server",
        });
        continue;
      }
      own.add(name);
      const at = found.get(name) ?? [];
      at.push({ server, listen, span });
      found.set(name, at);
    }
  }
  const overlapping = overlappingFamilies([...found.keys()]);
  return [...found].flatMap(([name, all]) => {
    const defaults = all.filter(({ listen }) => listen.isDefaultServer);
    const backlogs = all.filter(({ listen }) => listen.backlog !== undefined);
    complainOfSecond(defaults, name, "have two servers as default_server", problems);
    complainOfSecond(backlogs, name, "set backlog twice", problems);
    const first = defaults[0] ?? all[0];
    if (first?.listen.address === undefined) return [];
    const ordered = [first, ...all.filter((one) => one !== first)].map(({ server }) => server);
    checkDistinct(ordered, name, problems);
    return [{
      name,
      address: first.listen.address.address,
      backlog: backlogs[0]?.listen.backlog ?? BACKLOG,
      reusePort: overlapping.has(name) ||
        (all.some(({ listen }) => listen.reusePort) &&
          first.listen.address.address.transport === "tcp"),
      listen: {
        ...first.server.listen,
        proxyProtocol: all.some(({ listen }) => listen.proxyProtocol),
      },
      servers: ordered.map(({ conf }) => conf),
    }];
  });
}

/**
 * `[::]` takes IPv4 too, since the runtime does not let a program say otherwise: beside an IPv4
 * address of the same port both have to say that they share it. The system then gives each
 * connection to the address of its own family.
 */
function overlappingFamilies(names: readonly string[]): ReadonlySet<string> {
  const overlapping = new Set<string>();
  for (const name of names) {
    const [, port] = /^\[::\]:(\d+)$/.exec(name) ?? [];
    if (port === undefined || port === "0") continue;
    const others = names.filter((other) =>
      /^[\d.]+:\d+$/.test(other) && other.endsWith(`:${port}`)
    );
    for (const other of others) overlapping.add(other).add(name);
  }
  return overlapping;
}

function complainOfSecond(
  all: readonly { readonly span: Span }[],
  name: string,
  what: string,
  problems: Problems,
): void {
  for (const { span } of all.slice(1)) {
    problems.add({
      span,
      cannot: `${what} on ${name}`,
      found: "a second one",
      expected: "need it in one server only",
    });
  }
}

/** Two servers at one address with one name: the second would never be reached. */
function checkDistinct(
  servers: readonly BuiltServer[],
  address: string,
  problems: Problems,
): void {
  const taken = new Set<string>();
  for (const { names } of servers.toSorted((a, b) => a.span.start - b.span.start)) {
    for (const { text, span } of names) {
      const name = text.startsWith("~") ? text : text.toLowerCase();
      if (taken.has(name)) {
        problems.add({
          span,
          cannot: text === ""
            ? `have two servers without server_name on ${address}`
            : `use server_name ${quote(text)} twice on ${address}`,
          found: quote(text),
          expected: "need names that tell the servers apart",
        });
      }
      taken.add(name);
    }
  }
}
