/**
 * Variables, in nginx's names. Read only when something uses them.
 *
 * @module
 */
import { SERVER_VERSION } from "../downstream/mod.ts";
import { type Getter, timeIso8601, timeLocal } from "../log/mod.ts";
import type { Attempt } from "../upstream/mod.ts";
import { bytesOf, fieldId, type FieldLines, latin1, NO_LENGTH, parseIp } from "../wire/mod.ts";
import { basicCredentials } from "./basic_credentials.ts";
import { upstreamValue } from "./kept.ts";
import { locationRate } from "./rate.ts";
import { gzipRatio } from "./compression.ts";
import type { Setter } from "./configured_variables.ts";
import { documentRoot, realpathRoot, requestFilename } from "./location_files.ts";
import type { Request } from "./request.ts";
import { requestId } from "./request_id.ts";
import { connectionsVariable } from "./stub_status.ts";
import { userIdVariable } from "./user_id.ts";
import { sentField, sentTrailer } from "./sent_fields.ts";
import { invalidReferer } from "./valid_referers.ts";

type Variable = Getter<Request>;

const COOKIE = bytesOf("cookie");
const FORWARDED_FOR = bytesOf("x-forwarded-for");

const VARIABLES: ReadonlyMap<string, Variable> = new Map<string, Variable>([
  ["args", (request) => request.args],
  ["binary_remote_addr", binaryRemoteAddr],
  ["body_bytes_sent", ({ client }) => String(client.response.bodyBytes)],
  ["bytes_sent", ({ client }) => String(client.response.sentBytes)],
  ["connection", ({ client }) => String(client.id)],
  ["connections_active", connectionsVariable("active")],
  ["connections_reading", connectionsVariable("reading")],
  ["connections_waiting", connectionsVariable("waiting")],
  ["connections_writing", connectionsVariable("writing")],
  ["connection_requests", ({ client }) => String(client.requests)],
  [
    "connection_time",
    ({ client, worker }) => seconds(worker.context.deadlines.nowMs - client.connectedAtMs),
  ],
  [
    "content_length",
    ({ head }) => head.contentLength === NO_LENGTH ? "" : String(head.contentLength),
  ],
  ["content_type", (request) => field(request, bytesOf("content-type"))],
  ["document_root", documentRoot],
  ["document_uri", (request) => request.path],
  ["gzip_ratio", gzipRatio],
  ["host", (request) => request.host],
  ["hostname", () => hostname()],
  ["http2", nothing],
  ["http3", nothing],
  ["https", nothing],
  ["invalid_referer", invalidReferer],
  ["is_args", ({ args }) => args === "" ? "" : "?"],
  ["is_request_port", (request) => requestPort(request) === "" ? "" : ":"],
  ["limit_rate", (request) => limitRate(request)],
  ["limit_conn_status", (request) => request.limitConnStatus],
  ["limit_req_status", (request) => request.limitReqStatus],
  ["msec", ({ worker }) => (worker.wallMs / 1000).toFixed(3)],
  ["nginx_version", () => SERVER_VERSION],
  ["pid", () => String(Deno.pid)],
  ["pipe", ({ client }) => client.isPipelined ? "p" : "."],
  ["proxy_add_x_forwarded_for", proxyAddXForwardedFor],
  ["proxy_host", (request) => request.proxyHost],
  ["proxy_port", (request) => request.proxyPort],
  ["proxy_protocol_addr", ({ client }) => client.proxied?.source.hostname ?? ""],
  ["proxy_protocol_port", ({ client }) => portText(client.proxied?.source.port ?? 0)],
  [
    "proxy_protocol_server_addr",
    ({ client }) => client.proxied?.destination.hostname ?? "",
  ],
  [
    "proxy_protocol_server_port",
    ({ client }) => portText(client.proxied?.destination.port ?? 0),
  ],
  ["query_string", (request) => request.args],
  ["realip_remote_addr", ({ client }) => client.conn.remote.hostname],
  ["realip_remote_port", ({ client }) => portText(client.conn.remote.port)],
  ["realpath_root", realpathRoot],
  ["remote_addr", (request) => request.remoteAddress],
  ["remote_port", ({ client }) => portText(client.remote.port)],
  ["remote_user", (request) => basicCredentials(request)?.user ?? ""],
  ["request", (request) => request.requestLine],
  ["request_body", (request) => request.bodyText],
  ["request_body_file", (request) => request.bodyPath],
  ["request_completion", requestCompletion],
  ["request_filename", requestFilename],
  ["request_id", requestId],
  ["request_length", ({ head, client }) => String(head.end + client.body.bytes)],
  ["request_method", requestMethod],
  ["request_port", requestPort],
  ["request_time", requestTime],
  ["request_uri", requestUri],
  ["scheme", () => "http"],
  ["secure_link", (request) => request.location?.secureLink?.value(request) ?? ""],
  ["secure_link_expires", (request) => request.location?.secureLink?.expires(request) ?? ""],
  ["server_addr", ({ client }) => client.conn.local.hostname],
  ["server_name", (request) => request.serverName],
  [
    "server_port",
    ({ client, serverPort }) => portText(client.conn.local.port || serverPort),
  ],
  ["server_protocol", ({ head }) => head.targetEnd === 0 ? "" : `HTTP/1.${head.minorVersion}`],
  ["ssl_cipher", nothing],
  ["ssl_client_s_dn", nothing],
  ["ssl_client_verify", nothing],
  ["ssl_protocol", nothing],
  ["ssl_server_name", nothing],
  ["ssl_session_reused", nothing],
  ["status", status],
  ["time_iso8601", ({ worker }) => timeIso8601(worker.wallMs)],
  ["time_local", ({ worker }) => timeLocal(worker.wallMs)],
  ["upstream_addr", (request) => list(request, (attempt) => attempt.peerName)],
  [
    "upstream_bytes_received",
    (request) => list(request, (attempt) => String(attempt.bytesReceived)),
  ],
  ["upstream_bytes_sent", (request) => list(request, (attempt) => String(attempt.bytesSent))],
  ["upstream_cache_etag", nothing],
  ["upstream_cache_last_modified", nothing],
  ["upstream_cache_status", nothing],
  ["upstream_connect_time", (request) => list(request, (attempt) => seconds(attempt.connectMs))],
  ["upstream_failure", upstreamFailure],
  ["upstream_header_time", (request) => list(request, (attempt) => seconds(attempt.headerMs))],
  [
    "upstream_response_length",
    (request) => list(request, (attempt) => String(attempt.responseBytes)),
  ],
  ["upstream_response_time", (request) => list(request, (attempt) => seconds(attempt.responseMs))],
  [
    "upstream_status",
    (request) => list(request, (attempt) => attempt.status === 0 ? "-" : String(attempt.status)),
  ],
  ["uid_got", userIdVariable("got")],
  ["uid_set", userIdVariable("set")],
  ["uri", (request) => request.path],
]);

/** Of what there is not: TLS and HTTP/2 towards clients, a cache. As in an nginx that does not use them. */
function nothing(): string {
  return "";
}

/** Those that `set` may change, though they are built in. */
const SETTABLE: ReadonlyMap<string, Setter> = new Map<string, Setter>([
  ["args", (request, value) => request.rewrite(request.path, value)],
  ["limit_rate", setLimitRate],
]);

/** Families: what follows the prefix names the field, argument or cookie. */
const FAMILIES: readonly (readonly [prefix: string, of: (name: string) => Variable])[] = [
  ["http_", (name) => httpField(name)],
  ["sent_http_", sentField],
  ["sent_trailer_", sentTrailer],
  ["upstream_http_", (name) => upstreamField(`upstream_http_${name}`)],
  ["upstream_cookie_", (name) => upstreamField(`upstream_cookie_${name}`)],
  ["upstream_trailer_", (name) => ({ kept }) => kept?.get(`upstream_trailer_${name}`) ?? ""],
  ["arg_", (name) => ({ args }) => argument(args, name)],
  ["cookie_", (name) => (request) => cookie(field(request, COOKIE), name)],
];

/** How `set` sets a variable that is built in and may be set; `undefined` when it may not. */
export function settableVariable(name: string): Setter | undefined {
  return SETTABLE.get(name);
}

/** How to read a variable that is built in; `undefined` when there is none of that name. */
export function builtInVariable(name: string): Variable | undefined {
  const known = VARIABLES.get(name);
  if (known !== undefined) return known;
  for (const [prefix, of] of FAMILIES) {
    if (name.startsWith(prefix) && name.length > prefix.length) {
      return of(name.slice(prefix.length));
    }
  }
  return undefined;
}

/** Whether there is such a variable without the configuration's doing. */
export function isKnownVariable(name: string): boolean {
  return builtInVariable(name) !== undefined;
}

/** Whether a variable is built in, and the configuration may neither set nor define it. */
export function isFixedVariable(name: string): boolean {
  return VARIABLES.has(name) && !SETTABLE.has(name);
}

/** The names of all variables that are not of a family, for the manual. */
export const VARIABLE_NAMES: readonly string[] = [...VARIABLES.keys()];

function field({ head: { fields } }: Request, lower: Uint8Array): string {
  const index = fields.find(lower);
  return index < 0 ? "" : fields.value(index);
}

/** `$http_x`: all fields of the name, joined as nginx joins them. */
function httpField(name: string): Variable {
  const lower = bytesOf(name.toLowerCase().replaceAll("_", "-"));
  const separator = name === "cookie" ? "; " : ", ";
  const spelled = name.includes("_") ? bytesOf(name.toLowerCase()) : undefined;
  return ({ head: { fields } }) => {
    const text = allOf(fields, lower, separator);
    const mayHave = (fields.dropped & fieldId.HAS_UNDERSCORE) === 0;
    return text === "" && spelled !== undefined && mayHave
      ? allOf(fields, spelled, separator)
      : text;
  };
}

function allOf(fields: FieldLines, lower: Uint8Array, separator: string): string {
  let index = fields.find(lower);
  if (index < 0) return "";
  let text = fields.value(index);
  while ((index = fields.find(lower, index + 1)) >= 0) text += separator + fields.value(index);
  return text;
}

/** `$upstream_http_x`, `$upstream_cookie_x`: of the response of a peer. */
function upstreamField(name: string): Variable {
  return (request) => {
    const fields = request.upstreamHead?.fields;
    return fields === undefined ? request.kept?.get(name) ?? "" : upstreamValue(name, fields);
  };
}

/** The value of an argument of a query, as it is written there; empty where there is none. */
export function argument(query: string, name: string): string {
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    const key = equals < 0 ? pair : pair.slice(0, equals);
    if (key.toLowerCase() === name.toLowerCase()) return equals < 0 ? "" : pair.slice(equals + 1);
  }
  return "";
}

function cookie(header: string, name: string): string {
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals >= 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return "";
}

function proxyAddXForwardedFor(request: Request): string {
  const { fields } = request.head;
  let text = "";
  for (let at = fields.find(FORWARDED_FOR); at >= 0; at = fields.find(FORWARDED_FOR, at + 1)) {
    text += fields.value(at) + ", ";
  }
  return text + request.remoteAddress;
}

/** A subrequest's is the client's, as in nginx. */
function requestMethod({ head, method, asked }: Request): string {
  return asked?.method ?? (head.targetEnd === 0 ? "" : method);
}

function requestTime({ client, worker }: Request): string {
  if (client.startedAtMs === 0) return "0.000";
  return seconds(worker.context.deadlines.nowMs - client.startedAtMs);
}

/** One value for each attempt, in nginx's list syntax. */
function list(request: Request, valueOf: (attempt: Attempt) => string): string {
  let text = "";
  for (let at = 0; at < request.attemptCount; at++) {
    const attempt = request.attempt(at);
    if (text !== "") text += attempt.isRedirected ? " : " : ", ";
    text += valueOf(attempt);
  }
  return text;
}

/** `$upstream_failure`: why the request went wrong, or an attempt of it; empty if all was well. */
export function upstreamFailure(request: Request): string {
  const { reason } = request;
  if (reason === undefined || reason.what === "") return "";
  const { what, peerName, doing, decision } = reason;
  if (peerName === "") return what;
  const again = decision === "next"
    ? "another peer was tried"
    : decision === "again"
    ? "a fresh connection was tried"
    : `not tried again, ${decision}`;
  return `${what} of ${peerName} while ${doing}: ${again}`;
}

/** `0.000` to `0.999`: what most times are is looked up. */
const THOUSANDTHS = Array.from({ length: 1_000 }, (_, ms) => `0.${String(ms).padStart(3, "0")}`);

function seconds(ms: number): string {
  if (ms < 0) return "-";
  return THOUSANDTHS[Math.round(ms)] ?? (ms / 1000).toFixed(3);
}

function portText(port: number): string {
  return port === 0 ? "" : String(port);
}

/** Before an error's page has an answer of its own it is that of the error. */
function status({ client, statusOverride }: Request): string {
  return String(client.response.status || statusOverride).padStart(3, "0");
}

/** From the path on, also of an absolute target: what `$scheme://$host$request_uri` is made of. */
function requestUri({ target }: Request): string {
  const [, rest] = /^https?:\/\/[^/?]*(.*)$/is.exec(target) ?? [];
  if (rest === undefined) return target;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** Clients whose addresses' bytes are remembered: limits ask for them at each request. */
const ADDRESSES_MAX = 4_096;
const addressBytes = new Map<string, string>();

/** The bytes of the client's address: 4 or 16 of them, or the text that a unix socket has. */
function binaryRemoteAddr({ remoteAddress }: Request): string {
  const known = addressBytes.get(remoteAddress);
  if (known !== undefined) return known;
  const bytes = parseIp(remoteAddress);
  const text = bytes === undefined ? remoteAddress : String.fromCharCode(...bytes);
  if (addressBytes.size === ADDRESSES_MAX) addressBytes.clear();
  addressBytes.set(remoteAddress, text);
  return text;
}

let hostnameText: string | undefined;

/** The machine's name; empty where Sluice may not ask (`--allow-sys=hostname`). */
export function hostname(): string {
  if (hostnameText !== undefined) return hostnameText;
  try {
    return hostnameText = Deno.hostname();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    return hostnameText = "";
  }
}

/** Of the target or of Host, as it was asked. */
function requestPort({ head }: Request): string {
  const authority = latin1(head.fields.bytes, head.hostEnd, head.authorityEnd);
  return /:(\d+)$/.exec(authority)?.[1] ?? "";
}

/** Bytes a second, as it would be now. */
function limitRate(request: Request): string {
  return String(locationRate(request)?.bytesPerSecond ?? 0);
}

function setLimitRate(request: Request, value: string): void {
  if (!/^\d+[kmg]?$/i.test(value)) {
    request.report("error", `invalid $limit_rate "${value}"`);
    return;
  }
  request.isMarked = true;
  request.limitRate = value;
}

function requestCompletion({ client: { response } }: Request): string {
  return response.sentBytes > 0 && !response.isCut ? "OK" : "";
}
