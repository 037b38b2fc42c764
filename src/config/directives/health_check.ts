/** How `health_check` is written: parameters, of which none is needed. @module */
import type { BodyMatch, HealthCheckConf, TlsConf } from "../../peer/conf.ts";
import { type ArgumentType, directive, type Settings, type Table } from "../directive.ts";
import { type NginxForm, someWords, wordAt } from "../nginx_form.ts";
import type { Node } from "../node.ts";
import { parameters, withoutParameters } from "../parameters.ts";
import { regexProblem } from "../building.ts";
import { choice, fieldName, flag, integer, scalarType, time } from "../types.ts";
import { pemFile, protocols } from "./proxy_ssl.ts";

const EXPECTED = "parameters such as {path: /healthz, interval: 5s}, or on";

type Ranges = HealthCheckConf["statuses"];

const statuses: ArgumentType<Ranges> = {
  label: "status | status-status | 2xx …",
  expected: "statuses such as 200, 200-399 or 2xx",
  nginx: someWords,
  read(node, reading): Ranges | undefined {
    const texts = node.kind === "mapping" ? [] : textsOf(node);
    const ranges = texts.map(statusRange);
    const isGood = ranges.length > 0 && ranges.every((range) => range !== undefined);
    return isGood ? ranges : reading.refuse(node, this.expected);
  },
};

function textsOf(node: Node): readonly string[] {
  if (node.kind === "list") return node.items.flatMap(textsOf);
  return node.kind === "scalar" ? node.text.split(/\s+/).filter((text) => text !== "") : [""];
}

function statusRange(text: string): readonly [number, number] | undefined {
  const [, digit] = /^([1-5])xx$/.exec(text) ?? [];
  if (digit !== undefined) return [Number(digit) * 100, Number(digit) * 100 + 99];
  const [, from, to = from] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(text) ?? [];
  const range: readonly [number, number] = [Number(from), Number(to)];
  return range[0] <= range[1] ? range : undefined;
}

const HEADERS_EXPECTED = 'a map of fields to values, or lines such as "X-Check: on"';

type Headers = HealthCheckConf["headers"];

const headers: ArgumentType<Headers> = {
  label: "map of fields to text",
  expected: HEADERS_EXPECTED,
  nginx: someWords,
  read(node, reading): Headers | undefined {
    const pairs = node.kind === "mapping"
      ? node.entries.map(({ key, value }) =>
        [key, value.kind === "scalar" ? value.text : "\n"] as const
      )
      : node.kind === "scalar"
      ? node.text.split("\n").filter((line) => line.trim() !== "").map(splitLine)
      : [];
    const isGood = pairs.length > 0 &&
      pairs.every(([name, value]) =>
        fieldName.test(name) && /^[\t -~\x80-\xff]*$/.test(value) && !OURS.has(name.toLowerCase())
      );
    return isGood ? pairs : reading.refuse(node, HEADERS_EXPECTED);
  },
};

/** Fields that have parameters of their own, or that frame the request. */
const OURS: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
]);

function splitLine(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(":");
  return colon < 0 ? ["", ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}

const bodyMatch: ArgumentType<BodyMatch> = {
  label: "text | ~ regex | ~* regex, behind ! for not",
  expected: 'a text, or a regex such as "~ ok|ready"; behind ! what it may not have',
  read(node, reading): BodyMatch | undefined {
    if (node.kind !== "scalar" || node.text === "") return reading.refuse(node, this.expected);
    const [, not = "", tilde = "", rest = ""] = /^(!?)(~\*?)?\s*(.*)$/s.exec(node.text) ?? [];
    if (rest === "") return reading.refuse(node, this.expected);
    const isNegated = not === "!";
    if (tilde === "") return { text: rest, isNegated, regex: undefined };
    const flags = tilde === "~*" ? "iu" : "u";
    const problem = regexProblem(() => new RegExp(rest, flags));
    if (problem !== undefined) return reading.refuse(node, `a regex: ${problem}`);
    return { text: rest, isNegated, regex: new RegExp(rest, flags) };
  },
};

export const healthCheckParameters = {
  type: directive({
    name: "type",
    contexts: ["upstream"],
    type: choice(["http", "tcp"]),
    default: "http",
    doc: "`tcp`: a peer is well if it can be connected to, with `tls` if it has that.",
  }),
  path: directive({
    name: "path",
    contexts: ["upstream"],
    type: scalarType(
      "path",
      'a path such as "/healthz", without blanks',
      (text) => /^\/[!-~]*$/.test(text) ? text : undefined,
    ),
    default: "/",
    doc: "What is asked for: path and query.",
  }),
  method: directive({
    name: "method",
    contexts: ["upstream"],
    type: choice(["GET", "HEAD", "OPTIONS"]),
    default: "GET",
    doc: "How.",
  }),
  host: directive({
    name: "host",
    contexts: ["upstream"],
    type: scalarType(
      "host",
      'a host such as "example.org"',
      (text) => /^[\w.:[\]-]+$/.test(text) ? text : undefined,
    ),
    doc: "`Host`; else it is the group's name.",
  }),
  headers: directive({
    name: "headers",
    contexts: ["upstream"],
    type: headers,
    doc: "Further fields.",
  }),
  statuses: directive({
    name: "status",
    contexts: ["upstream"],
    type: statuses,
    default: "2xx 3xx",
    doc: "What the answer's status may be.",
  }),
  body: directive({
    name: "body",
    contexts: ["upstream"],
    type: bodyMatch,
    doc: "What the first 256 KB of the answer's body have to hold.",
  }),
  intervalMs: directive({
    name: "interval",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "5s",
    doc:
      "From the beginning of a check to that of the next. The second one comes up to half of it " +
      "sooner, by chance, so that not all peers are asked at once.",
  }),
  jitterMs: directive({
    name: "jitter",
    contexts: ["upstream"],
    type: time(),
    default: "0",
    doc: "A check may begin this much later, by chance, so that many proxies do not ask at once.",
  }),
  timeoutMs: directive({
    name: "timeout",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "5s",
    doc: "For all of a check, from the connection on.",
  }),
  fails: directive({
    name: "fails",
    contexts: ["upstream"],
    type: integer({ min: 1 }),
    default: "1",
    doc: "Checks in a row that have to fail for a peer to be taken out.",
  }),
  passes: directive({
    name: "passes",
    contexts: ["upstream"],
    type: integer({ min: 1 }),
    default: "1",
    doc: "Checks in a row that have to pass for it to come back, by `slow_start` if it has that.",
  }),
  port: directive({
    name: "port",
    contexts: ["upstream"],
    type: integer({ min: 1, max: 65_535 }),
    doc: "Another port than the peer's own.",
  }),
  isMandatory: directive({
    name: "mandatory",
    contexts: ["upstream"],
    type: flag,
    default: "off",
    doc: "A peer is not used before its first check has passed.",
  }),
  keepaliveTimeMs: directive({
    name: "keepalive_time",
    contexts: ["upstream"],
    type: time(),
    default: "0",
    doc: "How long one connection is used for checks; 0: each has a new one.",
  }),
  isTls: directive({
    name: "tls",
    contexts: ["upstream"],
    type: flag,
    default: "off",
    doc: "Whether the checks speak TLS.",
  }),
  sslName: directive({
    name: "ssl_name",
    contexts: ["upstream"],
    type: scalarType("name", "a host's name", (text) => /^[\w.-]+$/.test(text) ? text : undefined),
    doc: "The name that the certificate is to have; else it is the host.",
  }),
  sslServerName: directive({
    name: "ssl_server_name",
    contexts: ["upstream"],
    type: flag,
    default: "off",
    doc: "Whether that name is sent (SNI).",
  }),
  sslVerify: directive({
    name: "ssl_verify",
    contexts: ["upstream"],
    type: flag,
    default: "off",
    doc: "Whether the certificate is verified; it needs `ssl_trusted_certificate`.",
  }),
  sslTrustedCertificate: directive({
    name: "ssl_trusted_certificate",
    contexts: ["upstream"],
    type: pemFile,
    doc: "Who is trusted.",
  }),
  sslCertificate: directive({
    name: "ssl_certificate",
    contexts: ["upstream"],
    type: pemFile,
    doc: "Our own certificate, if the peer asks for one; it needs `ssl_certificate_key`.",
  }),
  sslCertificateKey: directive({
    name: "ssl_certificate_key",
    contexts: ["upstream"],
    type: pemFile,
    doc: "Its key.",
  }),
  sslProtocols: directive({
    name: "ssl_protocols",
    contexts: ["upstream"],
    type: protocols,
    default: "TLSv1.2 TLSv1.3",
    doc: "The versions of TLS.",
  }),
} satisfies Table;

type CheckSettings = Settings<typeof healthCheckParameters>;

const table = parameters(healthCheckParameters, [], EXPECTED);

/** Several fields have one argument: a line each. */
const form: NginxForm = {
  ...someWords,
  print: (node, name, printer) => {
    if (node.kind !== "mapping") return someWords.print(node, name, printer);
    const entries = node.entries.map((entry) => {
      const { key, value } = entry;
      if (key !== "headers" || value.kind !== "mapping") return entry;
      const lines = value.entries.map(({ key, value }) =>
        `${key}: ${value.kind === "scalar" ? value.text : ""}`
      );
      return { ...entry, value: wordAt(lines.join("\n"), value.span) };
    });
    return table.nginx?.print({ ...node, entries }, name, printer) ?? [];
  },
};

/** The group's name is filled in later where no host is given. */
export const healthCheck: ArgumentType<HealthCheckConf> = withoutParameters({
  nginx: form,
  label: "on | parameters",
  expected: EXPECTED,
  read(node, reading): HealthCheckConf | undefined {
    const settings = table.read(node, reading);
    if (settings === undefined) return undefined;
    const { isTls, sslVerify, sslTrustedCertificate, sslCertificate, sslCertificateKey } = settings;
    if (sslVerify && sslTrustedCertificate === undefined) {
      return reading.refuse(node, "ssl_trusted_certificate for ssl_verify");
    }
    if ((sslCertificate === undefined) !== (sslCertificateKey === undefined)) {
      return reading.refuse(node, "ssl_certificate and ssl_certificate_key, both or none");
    }
    const { type, method, path, host = "", headers = [], statuses, body } = settings;
    const { intervalMs, jitterMs, timeoutMs, fails, passes, port, isMandatory, keepaliveTimeMs } =
      settings;
    return {
      type,
      method,
      path,
      host,
      headers,
      statuses,
      body,
      intervalMs,
      jitterMs,
      timeoutMs,
      fails,
      passes,
      port,
      tls: isTls ? tlsConf(settings) : undefined,
      isMandatory,
      keepaliveTimeMs,
    };
  },
});

function tlsConf(settings: CheckSettings): TlsConf {
  const [minVersion = "TLSv1.2", maxVersion = minVersion] = [...settings.sslProtocols];
  return {
    sendsServerName: settings.sslServerName,
    name: settings.sslName ?? "",
    verify: settings.sslVerify,
    verifyDepth: 1,
    trustedCertificatePath: settings.sslTrustedCertificate,
    certificatePath: settings.sslCertificate,
    certificateKeyPath: settings.sslCertificateKey,
    minVersion,
    maxVersion,
  };
}
