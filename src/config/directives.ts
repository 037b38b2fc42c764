/**
 * The table of all directives. The YAML reader, the nginx.conf reader, the manual and the
 * JSON Schema all come from it: a new directive is one entry in one of its groups.
 *
 * @module
 */
import type { Context, Directive, Table } from "./directive.ts";
import { adminDirectives, adminParameters } from "./directives/admin.ts";
import { clientDirectives, listenDirectives } from "./directives/client.ts";
import { secureLinkDirectives, secureLinkSecretDirectives } from "./directives/secure_link.ts";
import { accessDirectives, satisfyDirectives } from "./directives/access.ts";
import { coreDirectives } from "./directives/core.ts";
import { healthDirectives, outlierParameters, retryBudgetParameters } from "./directives/health.ts";
import { healthCheckParameters } from "./directives/health_check.ts";
import {
  limitConnParameters,
  limitConnZoneParameters,
  limitDirectives,
  limitReqParameters,
  limitReqZoneParameters,
  limitZoneDirectives,
} from "./directives/limit.ts";
import {
  accessLogParameters,
  errorLogParameters,
  logDirectives,
  logFormatDirectives,
  openLogFileCacheParameters,
} from "./directives/log.ts";
import { proxyDirectives } from "./directives/proxy.ts";
import { placeDirectives, responseDirectives } from "./directives/response.ts";
import { resolverDirectives, resolverParameters } from "./directives/resolver.ts";
import { actionDirectives, listenParameters, serverDirectives } from "./directives/server.ts";
import { filesDirectives, placeOfFiles, typesDirectives } from "./directives/static.ts";
import { handlerDirectives, subrequestDirectives } from "./directives/subrequest.ts";
import { refererDirectives } from "./directives/referer.ts";
import { realIpDirectives } from "./directives/real_ip.ts";
import { rewriteDirectives } from "./directives/rewrite.ts";
import { variableDirectives } from "./directives/variables.ts";
import { peerParameters, queueParameters, upstreamDirectives } from "./directives/upstream.ts";

/** Directives that belong together: one page of the manual. */
export interface Group {
  readonly page: string;
  readonly title: string;
  readonly intro: string;
  readonly directives: Table;
  /** Of directives that take parameters: by the directive's name. */
  readonly parameters?: Readonly<Record<string, Table>>;
}

export const GROUPS: readonly Group[] = [
  {
    page: "core",
    title: "The process",
    intro: "What holds for the process as a whole.",
    directives: coreDirectives,
  },
  {
    page: "log",
    title: "Logs",
    intro: "What is written where.",
    directives: { ...logDirectives, ...logFormatDirectives },
    parameters: {
      error_log: errorLogParameters,
      access_log: accessLogParameters,
      open_log_file_cache: openLogFileCacheParameters,
    },
  },
  {
    page: "admin",
    title: "The admin listener",
    intro: "Where the operator looks, and acts: status, metrics, peers, reload.",
    directives: adminDirectives,
    parameters: { admin: adminParameters },
  },
  {
    page: "server",
    title: "Servers and locations",
    intro: "Which server and which location a request belongs to.",
    directives: { ...serverDirectives, ...actionDirectives, ...placeDirectives },
    parameters: { listen: listenParameters },
  },
  {
    page: "files",
    title: "Files",
    intro: "Which files are served, and what is told of them. They are served where a location " +
      "says nothing else about what it does, and a `root` or `alias` holds for it.",
    directives: { ...placeOfFiles, ...filesDirectives, ...typesDirectives },
  },
  {
    page: "response",
    title: "Responses",
    intro: "What is done with responses, whoever makes them.",
    directives: responseDirectives,
  },
  {
    page: "client",
    title: "The client",
    intro: "Connections from clients, and bounds of what they may send.",
    directives: { ...listenDirectives, ...clientDirectives },
  },
  {
    page: "access",
    title: "Access",
    intro: "Who is let in.",
    directives: {
      ...accessDirectives,
      ...satisfyDirectives,
      ...secureLinkDirectives,
      ...secureLinkSecretDirectives,
    },
  },
  {
    page: "limit",
    title: "Limits",
    intro: "How many requests are let in: a second, and at once.",
    directives: { ...limitZoneDirectives, ...limitDirectives },
    parameters: {
      limit_req_zone: limitReqZoneParameters,
      limit_conn_zone: limitConnZoneParameters,
      limit_req: limitReqParameters,
      limit_conn: limitConnParameters,
    },
  },
  {
    page: "proxy",
    title: "Proxying",
    intro: "How requests are passed on to a peer, and what is done when that fails.",
    directives: proxyDirectives,
  },
  {
    page: "subrequest",
    title: "Subrequests and handlers",
    intro:
      "Requests of our own within a request: who is let in, who gets a copy; and functions of " +
      "the embedding program that answer, and may ask several locations for it.",
    directives: { ...subrequestDirectives, ...handlerDirectives },
  },
  {
    page: "upstream",
    title: "Upstreams",
    intro: "Groups of peers, and the connections kept to them.",
    directives: upstreamDirectives,
    parameters: { server: peerParameters, queue: queueParameters },
  },
  {
    page: "health",
    title: "The health of peers",
    intro: "Which peers of a group are thought well enough to be used.",
    directives: healthDirectives,
    parameters: {
      health_check: healthCheckParameters,
      outlier_detection: outlierParameters,
      retry_budget: retryBudgetParameters,
    },
  },
  {
    page: "realip",
    title: "Where requests come from",
    intro: "Clients behind proxies, and pages that lead here.",
    directives: { ...realIpDirectives, ...refererDirectives },
  },
  {
    page: "rewrite",
    title: "Rewriting",
    intro: "What is done with a request's URI before and after its location is found.",
    directives: rewriteDirectives,
  },
  {
    page: "variables",
    title: "Variables",
    intro:
      "Variables that the configuration defines. Known everywhere in it, found when they are used.",
    directives: variableDirectives,
  },
  {
    page: "resolver",
    title: "Names",
    intro: "How names of hosts become addresses.",
    directives: resolverDirectives,
    parameters: { resolver: resolverParameters },
  },
];

/** A block: a directive that holds directives. */
export interface BlockKind {
  /** nginx's name. */
  readonly name: "upstream" | "server" | "location" | "limit_except";
  readonly yaml: string;
  readonly contexts: readonly Context[];
  /** In YAML: a list of maps, or a map of names to maps. */
  readonly shape: "list" | "map";
  readonly doc: string;
}

export const BLOCKS: readonly BlockKind[] = [
  {
    name: "upstream",
    yaml: "upstreams",
    contexts: ["http"],
    shape: "map",
    doc: "Groups of peers, by the names that `proxy.pass` knows them by.",
  },
  {
    name: "server",
    yaml: "servers",
    contexts: ["http"],
    shape: "list",
    doc: "Servers: where they listen, which hosts they answer for, and what they do.",
  },
  {
    name: "location",
    yaml: "locations",
    contexts: ["server", "location"],
    shape: "map",
    doc: "What to do with a path: `/x` for all that starts with it, `= /x` for that path alone, " +
      "`^~ /x` before any regex, `~ regex`, `~* regex` for both cases; `@name` for requests that are " +
      "sent there by that name, and matches no path.",
  },
  {
    name: "limit_except",
    yaml: "limit_except",
    contexts: ["location"],
    shape: "map",
    doc:
      'Methods, and who may use others: `{ "GET POST": { access: [deny all] } }`. GET means HEAD ' +
      "too. `proxy_pass` and `access_log` cannot stand in it, unlike in nginx.",
  },
];

/** Every directive, parameters left out. */
export const DIRECTIVES: readonly Directive<unknown>[] = GROUPS.flatMap(({ directives }) =>
  Object.values(directives)
);
