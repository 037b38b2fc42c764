/** Directives about how many requests are let in. @module */
import {
  type ArgumentType,
  type Context,
  directive,
  HTTP_SERVER_LOCATION,
  type Table,
} from "../directive.ts";
import { parameters } from "../parameters.ts";
import {
  choice,
  flag,
  integer,
  listOf,
  located,
  scalarType,
  size,
  template,
  withPlace,
} from "../types.ts";

const HTTP: readonly Context[] = ["http"];

/** What `zone=name:size` says. */
export interface ZoneSize {
  readonly name: string;
  readonly sizeBytes: number;
}

export const zoneSize: ArgumentType<ZoneSize> = {
  label: "name:size",
  expected: 'a name and a size, such as "one:10m"',
  read(node, reading): ZoneSize | undefined {
    const { text } = node.kind === "scalar" ? node : { text: "" };
    const colon = text.lastIndexOf(":");
    if (colon <= 0 || node.kind !== "scalar") return reading.refuse(node, this.expected);
    const bytes = { ...node, text: text.slice(colon + 1), raw: text.slice(colon + 1) };
    const sizeBytes = size({ min: "8k", max: "1g" }).read(bytes, reading);
    return sizeBytes === undefined ? undefined : { name: text.slice(0, colon), sizeBytes };
  },
};

/** In thousandths of a request a second; nginx's whole numbers. */
const rate: ArgumentType<number> = scalarType(
  "rate",
  'a rate such as "10r/s" or "30r/m"',
  (text) => {
    const [, digits, unit] = /^(\d{1,7})r\/([sm])$/.exec(text) ?? [];
    const requests = Number(digits);
    if (!(requests > 0)) return undefined;
    return unit === "s" ? requests * 1_000 : Math.floor(requests * 1_000 / 60);
  },
);

export const limitReqZoneParameters = {
  key: directive({
    name: "key",
    contexts: ["limit_req_zone"],
    type: template,
    doc: "What has a bucket of its own. Requests for which it is empty are not limited.",
  }),
  zone: directive({
    name: "zone",
    contexts: ["limit_req_zone"],
    type: zoneSize,
    doc: "Its name, and the memory that it may take: 20 bytes a key.",
  }),
  rate: directive({
    name: "rate",
    contexts: ["limit_req_zone"],
    type: rate,
    doc: "Requests a second (`r/s`) or a minute (`r/m`).",
  }),
} satisfies Table;

export const limitConnZoneParameters = {
  key: directive({
    name: "key",
    contexts: ["limit_conn_zone"],
    type: template,
    doc: "What is counted on its own. Requests for which it is empty are not counted.",
  }),
  zone: directive({
    name: "zone",
    contexts: ["limit_conn_zone"],
    type: zoneSize,
    doc: "Its name, and the memory that it may take: 12 bytes a key, and 4 more for each worker.",
  }),
} satisfies Table;

const zoneName = located("name", "the name of a zone");

export const limitReqParameters = {
  zone: directive({
    name: "zone",
    contexts: ["limit_req"],
    type: zoneName,
    doc: "Name of a `limit_req_zone`.",
  }),
  burst: directive({
    name: "burst",
    contexts: ["limit_req"],
    type: integer({ max: 2_000_000 }),
    default: "0",
    doc: "Requests that may come too early; more are refused.",
  }),
  delay: directive({
    name: "delay",
    contexts: ["limit_req"],
    type: integer({ max: 2_000_000 }),
    default: "0",
    doc: "How many of those do not wait for their time.",
  }),
  nodelay: directive({
    name: "nodelay",
    contexts: ["limit_req"],
    type: flag,
    default: "off",
    doc: "None of them waits.",
  }),
} satisfies Table;

export const limitConnParameters = {
  zone: directive({
    name: "zone",
    contexts: ["limit_conn"],
    type: zoneName,
    doc: "Name of a `limit_conn_zone`.",
  }),
  connections: directive({
    name: "number",
    contexts: ["limit_conn"],
    type: integer({ min: 1, max: 65_535 }),
    doc: "Requests at once.",
  }),
} satisfies Table;

const refusal = integer({ min: 400, max: 599 });
const level = choice(["info", "notice", "warn", "error"]);

export const limitZoneDirectives = {
  requestZones: directive({
    name: "limit_req_zone",
    contexts: HTTP,
    type: listOf(withPlace(parameters(
      limitReqZoneParameters,
      ["key"],
      'a key, a zone and a rate, such as "$binary_remote_addr zone=one:10m rate=10r/s"',
    ))),
    example: {
      yaml: "[$binary_remote_addr zone=one:10m rate=10r/s]",
      nginx: "$binary_remote_addr zone=one:10m rate=10r/s",
    },
    doc:
      "Leaky buckets by a key, for `limit_req`. They are one for all workers, and outlive a reload " +
      "if the zone's name and size stay. When there is no place for a new key, one of the keys " +
      "that were not asked for the longest goes. Keys are told apart by 64 bits of a keyed hash, " +
      "so that long ones take no more memory; nginx does not limit those over 65,535 bytes.",
  }),
  connectionZones: directive({
    name: "limit_conn_zone",
    contexts: HTTP,
    type: listOf(withPlace(parameters(
      limitConnZoneParameters,
      ["key"],
      'a key and a zone, such as "$binary_remote_addr zone=addr:10m"',
    ))),
    example: {
      yaml: "[$binary_remote_addr zone=addr:10m]",
      nginx: "$binary_remote_addr zone=addr:10m",
    },
    doc:
      "Counts by a key, for `limit_conn`. They are one for all workers. When there is no place " +
      "for a new key, because all of those that it could be in are in use, the request is " +
      "refused. nginx does not count keys over 255 bytes.",
  }),
} satisfies Table;

export const limitDirectives = {
  requests: directive({
    name: "limit_req",
    contexts: HTTP_SERVER_LOCATION,
    type: listOf(withPlace(parameters(
      limitReqParameters,
      [],
      'a zone, such as "zone=one burst=5 nodelay"',
    ))),
    example: { yaml: "zone=one burst=5 delay=3", nginx: "zone=one burst=5 delay=3" },
    doc:
      "Requests of a key that come faster than the zone's rate wait until it is their time, and " +
      "are refused if more than `burst` are before them. With several, all of them have to let " +
      "a request pass, and it waits for the longest of them. Where it is set it replaces all of " +
      "the level around it.",
  }),
  requestsDryRun: directive({
    name: "limit_req_dry_run",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether requests are neither held up nor refused, but counted, logged and told of in " +
      "`$limit_req_status`.",
  }),
  requestsStatus: directive({
    name: "limit_req_status",
    contexts: HTTP_SERVER_LOCATION,
    type: refusal,
    default: "503",
    doc: "The status of refused requests.",
  }),
  requestsLogLevel: directive({
    name: "limit_req_log_level",
    contexts: HTTP_SERVER_LOCATION,
    type: level,
    default: "error",
    doc: "At which level refusals are logged; delays at one level below.",
  }),
  connections: directive({
    name: "limit_conn",
    contexts: HTTP_SERVER_LOCATION,
    type: listOf(withPlace(parameters(
      limitConnParameters,
      ["zone", "number"],
      'a zone and a number, such as "addr 10"',
    ))),
    example: { yaml: "addr 10", nginx: "addr 10" },
    doc: "How many requests of a key may be under way at once. A connection counts while its " +
      "request is answered, and not while it is idle. With several, all of them have to let a " +
      "request pass. Where it is set it replaces all of the level around it.",
  }),
  connectionsDryRun: directive({
    name: "limit_conn_dry_run",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether requests are not refused, but logged and told of in `$limit_conn_status`.",
  }),
  connectionsStatus: directive({
    name: "limit_conn_status",
    contexts: HTTP_SERVER_LOCATION,
    type: refusal,
    default: "503",
    doc: "The status of refused requests.",
  }),
  connectionsLogLevel: directive({
    name: "limit_conn_log_level",
    contexts: HTTP_SERVER_LOCATION,
    type: level,
    default: "error",
    doc: "At which level refusals are logged.",
  }),
} satisfies Table;
