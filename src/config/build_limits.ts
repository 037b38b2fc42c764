/**
 * The zones of limits, and a location's limits in them.
 *
 * @module
 */
import type {
  LimitConnectionsConf,
  LimitConnZoneConf,
  LimitRequestsConf,
  LimitReqZoneConf,
} from "../http/conf.ts";
import type { Block } from "./block.ts";
import type { Building } from "./building.ts";
import type { Settings } from "./directive.ts";
import {
  type limitConnZoneParameters,
  type limitDirectives,
  type limitReqZoneParameters,
  limitZoneDirectives,
} from "./directives/limit.ts";
import { nearestName } from "./nearest.ts";
import { type Problems, quote, type Span } from "./problem.ts";
import type { Located } from "./types.ts";

export type LimitSettings = Settings<typeof limitDirectives>;

/** All zones, by their names. */
export interface LimitZones {
  readonly requests: ReadonlyMap<string, LimitReqZoneConf>;
  readonly connections: ReadonlyMap<string, LimitConnZoneConf>;
}

export function buildLimitZones(root: Block, building: Building): LimitZones {
  const { problems } = building;
  const { requestZones = [], connectionZones = [] } = building.settle(limitZoneDirectives, root);
  const requests = new Map<string, LimitReqZoneConf>();
  for (const { value, span } of requestZones) {
    const zone = readZone("limit_req_zone", value, span, problems);
    if (value.rate === undefined) {
      miss("limit_req_zone", span, 'need a rate such as "rate=10r/s"', problems);
    } else if (zone !== undefined) add(requests, { ...zone, rate: value.rate }, span, problems);
  }
  const connections = new Map<string, LimitConnZoneConf>();
  for (const { value, span } of connectionZones) {
    const zone = readZone("limit_conn_zone", value, span, problems);
    if (zone !== undefined) add(connections, zone, span, problems);
  }
  return { requests, connections };
}

function readZone(
  name: string,
  { key, zone }: Settings<typeof limitConnZoneParameters | typeof limitReqZoneParameters>,
  span: Span,
  problems: Problems,
): LimitConnZoneConf | undefined {
  if (zone === undefined) return miss(name, span, 'need a zone such as "zone=one:10m"', problems);
  return { ...zone, key: key ?? "" };
}

/** It is not there, or is no good, of which there is a problem then. */
function miss(name: string, span: Span, expected: string, problems: Problems): undefined {
  if (problems.hasWithin(span)) return undefined;
  return problems.add({ span, cannot: `use ${name}`, found: "none", expected });
}

function add<Conf extends LimitConnZoneConf>(
  zones: Map<string, Conf>,
  conf: Conf,
  span: Span,
  problems: Problems,
): void {
  if (zones.has(conf.name)) {
    problems.add({
      span,
      cannot: `have a second zone ${quote(conf.name)}`,
      found: quote(conf.name),
      expected: "need each name once",
    });
  }
  zones.set(conf.name, conf);
}

export function limitRequestsConf(
  { requests = [], requestsDryRun, requestsStatus, requestsLogLevel }: LimitSettings,
  zones: LimitZones,
  problems: Problems,
): LimitRequestsConf {
  const used = new Set<LimitReqZoneConf>();
  const limits = requests.flatMap(({ value, span }) => {
    const { burst, delay, nodelay } = value;
    const zone = find("limit_req", value.zone, zones.requests, used, span, problems);
    if (nodelay && delay > 0) {
      problems.add({
        span,
        cannot: "use both delay and nodelay in limit_req",
        found: "both",
        expected: "need one of them",
      });
    }
    return zone === undefined ? [] : [{ zone, burst, delay: nodelay ? Infinity : delay }];
  });
  return { limits, dryRun: requestsDryRun, status: requestsStatus, logLevel: requestsLogLevel };
}

export function limitConnectionsConf(
  { connections = [], connectionsDryRun, connectionsStatus, connectionsLogLevel }: LimitSettings,
  zones: LimitZones,
  problems: Problems,
): LimitConnectionsConf {
  const used = new Set<LimitConnZoneConf>();
  const limits = connections.flatMap(({ value, span }) => {
    const zone = find("limit_conn", value.zone, zones.connections, used, span, problems);
    if (value.connections === undefined) {
      return miss("limit_conn", span, 'need a number, such as "addr 10"', problems) ?? [];
    }
    return zone === undefined ? [] : [{ zone, connections: value.connections }];
  });
  return {
    limits,
    dryRun: connectionsDryRun,
    status: connectionsStatus,
    logLevel: connectionsLogLevel,
  };
}

function find<Conf>(
  directive: string,
  named: Located | undefined,
  zones: ReadonlyMap<string, Conf>,
  used: Set<Conf>,
  span: Span,
  problems: Problems,
): Conf | undefined {
  const name = named?.text ?? "";
  const zone = zones.get(name);
  if (zone === undefined) {
    return problems.add({
      span: named?.span ?? span,
      cannot: `use zone ${quote(name)} in ${directive}`,
      found: quote(name),
      expected: `no such ${directive}_zone`,
      nearest: nearestName(name, zones.keys()),
    });
  }
  if (used.has(zone)) {
    return problems.add({
      span: named?.span ?? span,
      cannot: `use zone ${quote(name)} twice in ${directive}`,
      found: quote(name),
      expected: "need each zone once",
    });
  }
  used.add(zone);
  return zone;
}
