/** Directives of the logs. @module */
import { LOG_LEVELS, type LogPath } from "../../log/conf.ts";
import {
  type ArgumentType,
  directive,
  HTTP_SERVER_LOCATION,
  type Settings,
  type Table,
} from "../directive.ts";
import { parameters } from "../parameters.ts";
import { choice, located, mapOf, orOff, scalarType, size, template, time } from "../types.ts";

/** A format as `log.formats` states it. */
export interface LogFormat {
  readonly text: string;
  readonly escape: "default" | "json" | "none";
}

/** The formats that are always there. */
export const BUILT_IN_FORMATS: ReadonlyMap<string, LogFormat> = new Map<string, LogFormat>([
  ["combined", {
    text: '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent ' +
      '"$http_referer" "$http_user_agent"',
    escape: "default",
  }],
  ["json", {
    text: '{"time":"$time_iso8601","remote_addr":"$remote_addr","host":"$host",' +
      '"request":"$request","status":$status,"body_bytes_sent":$body_bytes_sent,' +
      '"request_time":$request_time,"referer":"$http_referer","user_agent":"$http_user_agent",' +
      '"upstream_addr":"$upstream_addr","upstream_status":"$upstream_status",' +
      '"upstream_response_time":"$upstream_response_time"}',
    escape: "json",
  }],
]);

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
    doc: "Where errors are told, and from which level on.",
  }),
  access: directive({
    name: "access_log",
    yaml: "log.access",
    contexts: HTTP_SERVER_LOCATION,
    type: orOff(parameters(accessLogParameters, ["path", "format"], "a path and a format")),
    default: "stdout combined",
    doc: "Where a line for each request goes, and in which format; `off` for no such lines.",
  }),
  formats: directive({
    name: "log_format",
    yaml: "log.formats",
    contexts: ["http"],
    type: mapOf(
      "map of names to formats",
      "a map of names to formats",
      logFormat,
      (name) => /^[\w.-]+$/.test(name) && !BUILT_IN_FORMATS.has(name),
      "a name of letters, digits, _, - and ., other than combined and json, which are built in",
    ),
    doc: "Formats of the access log, by name. Built in are `combined` and `json`.",
  }),
} satisfies Table;
