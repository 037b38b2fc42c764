/** Directives about responses, whoever makes them. @module */
import type { AddHeaderConf, ErrorPageConf } from "../../http/response_conf.ts";
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import {
  entriesOf,
  hasEntries,
  type NginxForm,
  spanOf,
  switchText,
  wordAt,
} from "../nginx_form.ts";
import { noArguments } from "../nginx_form.ts";
import { compressionDirectives } from "./compression.ts";
import { expiresDirectives } from "./expires.ts";
import type { Entry, Mapping, Node } from "../node.ts";
import { userIdDirectives } from "./user_id.ts";
import { type Rule, rules } from "../rules.ts";
import { checkVariables, choice, fieldName, fieldValue, flag, integer } from "../types.ts";

const errorPages: ArgumentType<readonly ErrorPageConf[]> = rules(
  "map of statuses to [=[status]] path | @name | URL",
  'statuses from 300 to 599 and where they lead, such as {404: /404.html, "502 504": "= @fallback"}',
  [],
  (rule, reading, refuse) => {
    const [target, ...before] = rule.toReversed() as [Rule[0], ...Rule];
    const texts = before.reverse().map(({ text }) => text);
    const overwrite = texts.at(-1)?.startsWith("=") ? texts.pop() : undefined;
    const statuses = texts.map(Number);
    const isGood = statuses.length > 0 &&
      texts.every((text) => /^[345]\d\d$/.test(text) && text !== "499") &&
      (overwrite === undefined || /^=(?:[2-5]\d\d)?$/.test(overwrite)) &&
      /^(?:[/@]|https?:\/\/|\$)/.test(target.text);
    if (!isGood) return refuse();
    if (!checkVariables(target, reading)) return undefined;
    const status = overwrite === undefined ? undefined : Number(overwrite.slice(1));
    return { statuses, status, target: target.text };
  },
);

const ADD_HEADER_EXPECTED =
  'a map of fields to values, such as {X-Frame-Options: DENY, X-Id: {value: "$request_uri", always: on}}';

/** `add_header NAME VALUE [always]`, one after the other. */
const addHeaderForm: NginxForm = {
  arity: { least: 2, most: 3 },
  isRepeatable: true,
  read: (statements): Mapping => ({
    kind: "mapping",
    span: spanOf(statements),
    entries: statements.map(({ args, span }): Entry => {
      const [name, value, word] = args;
      const [key, keySpan] = [name!.text, name!.span];
      if (word === undefined) return { key, keySpan, value: value! };
      const entries: Entry[] = [
        { key: "value", keySpan: value!.span, value: value! },
        { key: word.text, keySpan: word.span, value: wordAt("on", word.span) },
      ];
      return { key, keySpan, value: { kind: "mapping", span, entries } };
    }),
  }),
  print: (node, name) =>
    entriesOf(node).flatMap(({ key, value }) =>
      (value.kind === "list" ? value.items : [value]).map((one) => {
        if (one.kind === "scalar") return { name, args: [key, one.text] };
        const textOf = (part: string) => {
          const found = entriesOf(one).find(({ key }) => key === part)?.value;
          return found?.kind === "scalar" ? found.text : "";
        };
        const always = switchText(textOf("always")) === "on" ? ["always"] : [];
        return { name, args: [key, textOf("value"), ...always] };
      })
    ),
};

const addHeaders: ArgumentType<readonly AddHeaderConf[]> = {
  nginx: addHeaderForm,
  label: "map of fields to text with $variables, or to {value, always}, or to a list of such",
  expected: ADD_HEADER_EXPECTED,
  read(node, reading): readonly AddHeaderConf[] | undefined {
    if (!hasEntries(node)) return reading.refuse(node, ADD_HEADER_EXPECTED);
    return entriesOf(node).flatMap(({ key, keySpan, value }) => {
      if (!fieldName.test(key)) {
        reading.refusePart(keySpan, key, "need the name of a field");
        return [];
      }
      const values: readonly Node[] = value.kind === "list" ? value.items : [value];
      return values.flatMap((one) => {
        if (one.kind !== "mapping") {
          const text = fieldValue.read(one, reading.of(key));
          return text === undefined ? [] : [{ name: key, value: text, always: false }];
        }
        let text: string | undefined;
        let always: boolean | undefined = false;
        for (const entry of one.entries) {
          if (entry.key === "value") text = fieldValue.read(entry.value, reading.of(key));
          else if (entry.key === "always") always = flag.read(entry.value, reading.of("always"));
          else reading.refusePart(entry.keySpan, entry.key, "need value or always");
        }
        if (text === undefined || always === undefined) {
          if (!one.entries.some((entry) => entry.key === "value")) {
            reading.refuse(one, ADD_HEADER_EXPECTED);
          }
          return [];
        }
        return [{ name: key, value: text, always }];
      });
    });
  },
};

export const responseDirectives = {
  ...expiresDirectives,
  ...userIdDirectives,
  trailers: directive({
    name: "add_trailer",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: addHeaders,
    example: {
      yaml: '{ X-Took: "$request_time" }',
      nginx: "X-Took $request_time",
    },
    doc:
      "Fields that are sent behind the body of a response of the statuses that `add_header` is for, " +
      "with `always` behind all; their variables are looked at then. To clients of HTTP/1.1 alone: " +
      "the response is chunked, and its length not told.",
  }),
  ...compressionDirectives,
  addHeaders: directive({
    name: "add_header",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: addHeaders,
    example: {
      yaml: '{ X-Frame-Options: DENY, X-Request: { value: "$request_uri", always: on } }',
      nginx: "add_header X-Frame-Options DENY; add_header X-Request $request_uri always;",
    },
    doc:
      "Fields added to responses of status 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308; " +
      "with `always` to all. An empty value adds none. `ETag` and `Last-Modified` take the place " +
      "of the peer's. Where it is set it replaces all of the level around it. Line ends that a " +
      "variable brings are escaped; nginx would split the response there.",
  }),
  addHeaderInherit: directive({
    name: "add_header_inherit",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["on", "off", "merge"]),
    default: "on",
    example: { yaml: "merge", nginx: "merge" },
    doc:
      "What a level has of `add_header` of the level around it: all, if it has none of its own; " +
      "nothing (`off`); or all, behind its own (`merge`).",
  }),
  addTrailerInherit: directive({
    name: "add_trailer_inherit",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["on", "off", "merge"]),
    default: "on",
    example: { yaml: "merge", nginx: "merge" },
    doc:
      "What a level has of `add_trailer` of the level around it: all, if it has none of its own; " +
      "nothing (`off`); or all, behind its own (`merge`).",
  }),
  errorPages: directive({
    name: "error_page",
    contexts: [...HTTP_SERVER_LOCATION, "location_if"],
    type: errorPages,
    example: {
      yaml: '{ 404: /404.html, "502 503 504": "=200 @fallback", 403: "https://example.org/" }',
      nginx: "error_page 404 /404.html; error_page 502 503 504 =200 @fallback; " +
        "error_page 403 https://example.org/;",
    },
    doc:
      "What answers in place of an error: another path, asked with GET; a named location, asked " +
      "with the request as it is; or a redirect to a URL. The status stays that of the error, " +
      "with `=status` it is another, with `=` that of the answer. Where it is set it replaces all " +
      "of the level around it. Requests that cannot be read (400, 408, 414, 431) have no error " +
      "page, unlike in nginx: nothing is known of them that a page could be chosen by.",
  }),
  recursiveErrorPages: directive({
    name: "recursive_error_pages",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether an error of what answers an error has an error page too.",
  }),
  absoluteRedirect: directive({
    name: "absolute_redirect",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether redirects of our own to a path name scheme and host too; off: the path alone.",
  }),
  portInRedirect: directive({
    name: "port_in_redirect",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc: "Whether absolute redirects name the port of the listening address, where it is not the " +
      "scheme's own.",
  }),
  serverNameInRedirect: directive({
    name: "server_name_in_redirect",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether absolute redirects name the server's first `server_name` instead of the host " +
      "that was asked for.",
  }),
  maxRanges: directive({
    name: "max_ranges",
    contexts: HTTP_SERVER_LOCATION,
    type: integer({ max: 10_000 }),
    default: "1000",
    doc: "Ranges that one request may ask for: the whole is sent to one that asks for more; 0 " +
      "serves none. nginx has no limit where nothing is set.",
  }),
} satisfies Table;

/** Of a location alone. */
export const placeDirectives = {
  isInternal: directive({
    name: "internal",
    contexts: ["location"],
    merge: "own",
    type: flag,
    default: "off",
    nginx: noArguments,
    example: { yaml: "on", nginx: "" },
    doc:
      "Only the proxy itself sends requests here: by `error_page`, by `X-Accel-Redirect`, as a " +
      "subrequest. To others it is 404.",
  }),
} satisfies Table;
