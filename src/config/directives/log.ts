/** Directives of the logs. @module */
import { LOG_FORMATS, type LogFormat } from "../../log/access_log.ts";
import { type AccessLogConf, LOG_LEVELS, type LogPath } from "../../log/conf.ts";
import {
  type ArgumentType,
  directive,
  HTTP_SERVER_LOCATION,
  type Reading,
  type Settings,
  type Table,
} from "../directive.ts";
import {
  entriesOf,
  type NginxForm,
  oneArgument,
  spanOf,
  switchText,
  valueOf,
} from "../nginx_form.ts";
import type { Entry, Mapping, Node, Scalar } from "../node.ts";
import { parameters } from "../parameters.ts";
import { parseSyslog } from "../syslog.ts";
import {
  choice,
  integer,
  listOf,
  located,
  mapOf,
  orOff,
  scalarType,
  size,
  template,
  time,
  withPlace,
} from "../types.ts";

const PATH_EXPECTED = 'stdout, stderr, the path of a file, or "syslog:server=127.0.0.1"';

/** nginx's `gzip` alone is level 1; a parameter that stands alone has its name for a value. */
const gzipLevel: ArgumentType<number> = scalarType(
  "on | off | level",
  "on, off or a level from 1 to 9",
  (text) =>
    text === "on" || text === "true" || text === "gzip"
      ? 1
      : text === "off" || text === "false"
      ? 0
      : /^[1-9]$/.test(text)
      ? Number(text)
      : undefined,
);

/** Where an access log goes: the path of a file may have variables. */
const accessPath: ArgumentType<AccessLogConf["path"]> = {
  label: "stdout | stderr | path, may have $variables | syslog:server=…",
  expected: PATH_EXPECTED,
  nginx: oneArgument,
  read(node, reading): AccessLogConf["path"] | undefined {
    if (node.kind !== "scalar" || !node.text.includes("$") || node.text.startsWith("syslog:")) {
      return readPath(node, reading);
    }
    const text = template.read(node, reading);
    return text === undefined ? undefined : { template: text };
  },
};

const errorPath: ArgumentType<LogPath> = {
  label: "stdout | stderr | path | syslog:server=…",
  expected: PATH_EXPECTED,
  nginx: oneArgument,
  read: readPath,
};

function readPath(node: Node, reading: Reading): LogPath | undefined {
  if (node.kind !== "scalar" || node.text === "") return reading.refuse(node, PATH_EXPECTED);
  const { text } = node;
  if (text === "stdout" || text === "stderr") return text;
  // nginx has no other way to these than their files; Deno opens those of another process's, too.
  if (text === "/dev/stdout" || text === "/dev/fd/1") return "stdout";
  if (text === "/dev/stderr" || text === "/dev/fd/2") return "stderr";
  if (text.startsWith("memory:")) {
    return reading.refusePart(
      node.span,
      text,
      "a log in memory can be read with a debugger of nginx alone: use a file",
    );
  }
  if (!text.startsWith("syslog:")) return { file: text };
  const syslog = parseSyslog(text.slice("syslog:".length));
  return typeof syslog === "string" ? reading.refusePart(node.span, text, syslog) : { syslog };
}

const logFormatParameters = {
  text: directive({
    name: "text",
    contexts: ["log_format"],
    type: template,
    doc: "What a line says.",
  }),
  escape: directive({
    name: "escape",
    contexts: ["log_format"],
    type: choice(["default", "json", "none"]),
    default: "default",
    doc: "How the variables' values are escaped.",
  }),
} satisfies Table;

const formatParameters = parameters(logFormatParameters, ["text"], "a text, or {text, escape}");

/** `log_format NAME [escape=HOW] TEXT …`: the texts are one, written in pieces. */
const logFormatForm: NginxForm = {
  arity: { least: 2, most: Infinity },
  isRepeatable: true,
  read: (statements): Mapping => ({
    kind: "mapping",
    span: spanOf(statements),
    entries: statements.map(({ args, span }): Entry => {
      const [name, ...pieces] = args;
      const escape = pieces[0] === undefined ? undefined : valueOf(pieces[0], "escape");
      const text = joined(escape === undefined ? pieces : pieces.slice(1)) ?? name!;
      const value: Node = escape === undefined ? text : {
        kind: "mapping",
        span,
        entries: [
          { key: "text", keySpan: text.span, value: text },
          { key: "escape", keySpan: escape.span, value: escape },
        ],
      };
      return { key: name!.text, keySpan: name!.span, value };
    }),
  }),
  print: (node, name) =>
    entriesOf(node).map(({ key, value }) => {
      if (value.kind === "scalar") {
        // A text that looks like the parameter is none if there is one before it.
        const before = value.text.startsWith("escape=") ? ["escape=default"] : [];
        return { name, args: [key, ...before, value.text] };
      }
      const textOf = (part: string) => {
        const found = entriesOf(value).find(({ key }) => key === part)?.value;
        return found?.kind === "scalar" ? switchText(found.text) : undefined;
      };
      const escape = textOf("escape");
      const args = [...(escape === undefined ? [] : [`escape=${escape}`]), textOf("text") ?? ""];
      return { name, args: [key, ...args] };
    }),
};

/** One text of several; as it stands in the file it has blanks between them. */
function joined(pieces: readonly Scalar[]): Scalar | undefined {
  return pieces.reduce((all: Scalar | undefined, piece) => {
    if (all === undefined) return piece;
    const gap = " ".repeat(Math.max(0, piece.span.start - all.span.end));
    return {
      ...all,
      text: all.text + piece.text,
      raw: all.raw + gap + piece.raw,
      span: { start: all.span.start, end: piece.span.end },
    };
  }, undefined);
}

/** A text alone is not split into words: it is the format. */
const logFormat: ArgumentType<LogFormat> = {
  label: "text | {text, escape}",
  expected: formatParameters.expected,
  read(node, reading): LogFormat | undefined {
    if (node.kind === "scalar") {
      if (node.text === "") return reading.refuse(node, formatParameters.expected);
      const text = template.read(node, reading);
      return text === undefined ? undefined : { text, escape: "default" };
    }
    const settings = formatParameters.read(node, reading);
    return settings?.text === undefined
      ? undefined
      : { text: settings.text, escape: settings.escape };
  },
};

export const accessLogParameters = {
  path: directive({
    name: "path",
    contexts: ["access_log"],
    type: accessPath,
    doc: "Where the lines go. A path with variables names a file for each request: its lines are " +
      "written as they come, and a path that has `..` or control characters in it by then is none.",
  }),
  format: directive({
    name: "format",
    contexts: ["access_log"],
    type: located("name", "the name of a log format"),
    default: "combined",
    doc: "Name of a format: `combined`, `json`, or one of `log.formats`.",
  }),
  bufferBytes: directive({
    name: "buffer",
    contexts: ["access_log"],
    type: size({ max: "16m" }),
    default: "64k",
    doc: "Bytes of lines gathered before a write. 0 writes each line.",
  }),
  gzipLevel: directive({
    name: "gzip",
    contexts: ["access_log"],
    type: gzipLevel,
    default: "off",
    doc:
      "What is written is compressed, one gzip member a write; alone it stands for level 1. For files.",
  }),
  when: directive({
    name: "if",
    contexts: ["access_log"],
    type: template,
    doc: "Only requests for which this is neither empty nor `0` have a line.",
  }),
  flushMs: directive({
    name: "flush",
    contexts: ["access_log"],
    type: time({ min: "1ms" }),
    default: "1s",
    doc: "The longest time a line waits for that.",
  }),
} satisfies Table;

export const openLogFileCacheParameters = {
  max: directive({
    name: "max",
    contexts: ["open_log_file_cache"],
    type: integer({ min: 1, max: 100_000 }),
    doc: "How many at once; the longest unused is closed first.",
  }),
  inactiveMs: directive({
    name: "inactive",
    contexts: ["open_log_file_cache"],
    type: time({ min: "1ms" }),
    default: "10s",
    doc: "One that was not used for this long is closed.",
  }),
  minUses: directive({
    name: "min_uses",
    contexts: ["open_log_file_cache"],
    type: integer({ min: 1 }),
    default: "1",
    doc: "Uses within `inactive` which keep it open.",
  }),
  validMs: directive({
    name: "valid",
    contexts: ["open_log_file_cache"],
    type: time({ min: "1ms" }),
    default: "60s",
    doc: "After this long it is opened again, lest it was moved.",
  }),
} satisfies Table;

export type AccessLog = Settings<typeof accessLogParameters>;

export const errorLogParameters = {
  path: directive({
    name: "path",
    contexts: ["error_log"],
    type: errorPath,
    doc: "Where the lines go.",
  }),
  level: directive({
    name: "level",
    contexts: ["error_log"],
    type: choice(LOG_LEVELS),
    default: "error",
    doc: "The least severe level that is logged.",
  }),
} satisfies Table;

export const logDirectives = {
  error: directive({
    name: "error_log",
    yaml: "log.error",
    contexts: ["main", "http", "server", "location"],
    type: listOf(parameters(errorLogParameters, ["path", "level"], "a path and a level")),
    default: "stderr error",
    example: { yaml: "{ path: stderr, level: info }", nginx: "stderr info" },
    doc: "Where errors are told, and from which level on: one place or several. Of a server or " +
      "location, for its requests; the process's own lines go where the top level says. A syslog is " +
      "named as in `access_log`, its lines have the severities of their levels; `memory:` is not " +
      "supported.",
  }),
  access: directive({
    name: "access_log",
    yaml: "log.access",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: orOff(
      listOf(withPlace(
        parameters(accessLogParameters, ["path", "format"], "a path and a format"),
      )),
    ),
    default: "stdout combined",
    example: {
      yaml: "{ path: /var/log/sluice/access.log, format: json, buffer: 64k, flush: 1s }",
      nginx: "/var/log/sluice/access.log json buffer=64k flush=1s",
    },
    doc:
      "Where a line for each request goes, and in which format; several may be named, and all are " +
      "written; `off` for no such lines. `syslog:server=ADDRESS[:PORT]` (or `server=unix:/dev/log`) " +
      "with `,facility=local7`, `,severity=info`, `,tag=sluice`, `,nohostname` sends each line as a " +
      "datagram: it needs `--allow-sys=hostname` unless `nohostname`, net access to the address and " +
      "to `0.0.0.0:0`, and for a unix socket all of `--allow-net` and write access to it. A log that " +
      "cannot be written loses its lines: that is said once, counted, and holds no request up.",
  }),
  statusZone: directive({
    name: "status_zone",
    contexts: ["server", "location", "location_if"],
    type: scalarType(
      "name | off",
      "a name of letters, digits, _, -, . and :, or off",
      (text) => text === "false" ? "off" : /^[\w.:-]+$/.test(text) ? text : undefined,
    ),
    example: { yaml: "api", nginx: "api" },
    doc:
      "The name that requests are counted under in `/status` and `/metrics` of `admin`, in place " +
      "of the server's; `off` for the server's again. nginx Plus counts a location's requests under " +
      "its zone and its server's.",
  }),
  openFileCache: directive({
    name: "open_log_file_cache",
    yaml: "log.open_file_cache",
    contexts: HTTP_SERVER_LOCATION,
    type: orOff(parameters(openLogFileCacheParameters, ["max"], "max=N")),
    default: "off",
    example: {
      yaml: "{ max: 1000, inactive: 20s, min_uses: 2, valid: 1m }",
      nginx: "max=1000 inactive=20s min_uses=2 valid=1m",
    },
    doc: "Files of access logs whose path has variables that are kept open. Without it each line " +
      "opens its file and closes it.",
  }),
} satisfies Table;

export const logFormatDirectives = {
  formats: directive({
    name: "log_format",
    yaml: "log.formats",
    contexts: ["http"],
    nginx: logFormatForm,
    type: mapOf(
      "map of names to formats",
      "a map of names to formats",
      logFormat,
      (name) => /^[\w.-]+$/.test(name) && !Object.hasOwn(LOG_FORMATS, name),
      "a name of letters, digits, _, - and ., other than combined and json, which are built in",
    ),
    example: {
      yaml: "{ brief: '$remote_addr \"$request\" $status' }",
      nginx: "brief '$remote_addr \"$request\" $status'",
    },
    doc: "Formats of the access log, by name. Built in are `combined` and `json`. A format is a " +
      "text, or `{text, escape}`; `escape` is `default`, `json` or `none`. Warning: with `none` a " +
      "client begins lines of its own, by a `%0a` in a path.",
  }),
} satisfies Table;
