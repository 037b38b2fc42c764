/** Directives of the logs. @module */
import { LOG_FORMATS, type LogFormat } from "../../log/access_log.ts";
import { LOG_LEVELS, type LogPath } from "../../log/conf.ts";
import {
  type ArgumentType,
  directive,
  HTTP_SERVER_LOCATION,
  type Settings,
  type Table,
} from "../directive.ts";
import { entriesOf, type NginxForm, spanOf, switchText, valueOf } from "../nginx_form.ts";
import type { Entry, Mapping, Node, Scalar } from "../node.ts";
import { parameters } from "../parameters.ts";
import { choice, located, mapOf, orOff, scalarType, size, template, time } from "../types.ts";

const path: ArgumentType<LogPath> = scalarType(
  "stdout | stderr | path of a file",
  "stdout, stderr or the path of a file",
  (text) =>
    text === "stdout" || text === "stderr" ? text : text === "" ? undefined : { file: text },
);

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
      if (value.kind === "scalar") return { name, args: [key, value.text] };
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
    type: path,
    doc: "Where the lines go.",
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
  flushMs: directive({
    name: "flush",
    contexts: ["access_log"],
    type: time({ min: "1ms" }),
    default: "1s",
    doc: "The longest time a line waits for that.",
  }),
} satisfies Table;

export type AccessLog = Settings<typeof accessLogParameters>;

export const errorLogParameters = {
  path: directive({
    name: "path",
    contexts: ["error_log"],
    type: path,
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
    contexts: ["main"],
    type: parameters(errorLogParameters, ["path", "level"], "a path and a level"),
    default: "stderr error",
    example: { yaml: "{ path: stderr, level: info }", nginx: "stderr info" },
    doc: "Where errors are told, and from which level on.",
  }),
  access: directive({
    name: "access_log",
    yaml: "log.access",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: orOff(parameters(accessLogParameters, ["path", "format"], "a path and a format")),
    default: "stdout combined",
    example: {
      yaml: "{ path: /var/log/sluice/access.log, format: json, buffer: 64k, flush: 1s }",
      nginx: "/var/log/sluice/access.log json buffer=64k flush=1s",
    },
    doc: "Where a line for each request goes, and in which format; `off` for no such lines.",
  }),
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
    doc: "Formats of the access log, by name. Built in are `combined` and `json`.",
  }),
} satisfies Table;
