/** How `sticky` is written: nginx's words, or a map. @module */
import type { StickyConf } from "../../peer/conf.ts";
import { type ArgumentType, directive, type Reading, type Table } from "../directive.ts";
import { type NginxForm, someWords, switchText, wordAt, wordTexts } from "../nginx_form.ts";
import { type List, type Mapping, type Node, part, type Scalar, wordsOf } from "../node.ts";
import { parameters } from "../parameters.ts";
import type { Span } from "../problem.ts";
import { choice, fieldName, flag, listOf, scalarType, template, time } from "../types.ts";
import { zoneSize } from "./limit.ts";

const EXPECTED = "{cookie: NAME, …}, {route: $VARIABLE} or {learn: {create, lookup, zone}}";
const LEARN_EXPECTED = "create and lookup, texts with $variables, and zone, such as one:1m";

/** An attribute of a cookie (RFC 6265, 4.1.1). */
const attribute = scalarType(
  "text",
  "a text without ; and blanks",
  (text) => /^[!-:<-~]+$/.test(text) ? text : undefined,
);

const cookieParameters = {
  name: directive({
    name: "cookie",
    contexts: ["upstream"],
    type: scalarType(
      "name",
      "the name of a cookie",
      (text) => fieldName.test(text) ? text : undefined,
    ),
    doc: "The cookie's name.",
  }),
  expiresMs: directive({
    name: "expires",
    contexts: ["upstream"],
    type: time(),
    doc: "How long the client keeps it.",
  }),
  domain: directive({
    name: "domain",
    contexts: ["upstream"],
    type: attribute,
    doc: "Its domain.",
  }),
  path: directive({ name: "path", contexts: ["upstream"], type: attribute, doc: "Its path." }),
  isHttpOnly: directive({
    name: "httponly",
    contexts: ["upstream"],
    type: flag,
    default: "off",
    doc: "Hidden from scripts.",
  }),
  isSecure: directive({
    name: "secure",
    contexts: ["upstream"],
    type: flag,
    default: "off",
    doc: "Over TLS only.",
  }),
  sameSite: directive({
    name: "samesite",
    contexts: ["upstream"],
    type: choice(["strict", "lax", "none"]),
    doc: "Whether it goes with requests that other sites cause.",
  }),
} satisfies Table;

const learnParameters = {
  create: directive({
    name: "create",
    contexts: ["upstream"],
    type: listOf(template),
    doc: "The first of these texts that is not empty is the session of an answer.",
  }),
  lookup: directive({
    name: "lookup",
    contexts: ["upstream"],
    type: listOf(template),
    doc: "Likewise of a request.",
  }),
  zone: directive({
    name: "zone",
    contexts: ["upstream"],
    type: zoneSize,
    doc: "Name and size of the memory for sessions.",
  }),
  timeoutMs: directive({
    name: "timeout",
    contexts: ["upstream"],
    type: time({ min: "1ms" }),
    default: "10m",
    doc: "A session that is not asked for so long is forgotten.",
  }),
  isAtHeader: directive({
    name: "header",
    contexts: ["upstream"],
    type: flag,
    default: "off",
    doc: "A session begins with the answer's head, and not with its end.",
  }),
} satisfies Table;

const learn = parameters(learnParameters, ["create"], LEARN_EXPECTED);

const cookie = parameters(cookieParameters, ["cookie"], EXPECTED);

const form: NginxForm = {
  ...someWords,
  print: (node, name, printer) => {
    if (node.kind !== "mapping") return someWords.print(node, name, printer);
    const [first] = node.entries;
    if (first?.key === "learn") return [{ name, args: ["learn", ...learnArgs(first.value)] }];
    const kind = first?.key === "route" ? "route" : "cookie";
    const args = first?.key === "route"
      ? wordTexts(first.value)
      : cookie.nginx?.print(node, name, printer).flatMap(({ args }) => args) ?? [];
    return [{ name, args: [kind, ...args] }];
  },
};

export const sticky: ArgumentType<StickyConf> = {
  nginx: form,
  label: "cookie NAME … | route $VARIABLE … | learn …",
  expected: EXPECTED,
  read(node, reading): StickyConf | undefined {
    if (node.kind === "mapping") {
      const [first, ...others] = node.entries;
      if (first?.key === "learn" && others.length === 0) return readLearn(first.value, reading);
      if (first?.key !== "route") return readCookie(node, reading);
      return others.length > 0 ? reading.refuse(node, EXPECTED) : readRoute(first.value, reading);
    }
    const [first, ...items] = wordsOf(node) ?? [];
    const rest: List = { kind: "list", span: node.span, items };
    if (first?.text === "cookie") return readCookie(rest, reading);
    if (first?.text === "route") return readRoute(rest, reading);
    if (first?.text === "learn") return readLearn(mapOfWords(rest), reading);
    return reading.refuse(node, EXPECTED);
  },
};

function readCookie(node: Node, reading: Reading): StickyConf | undefined {
  const settings = cookie.read(node, reading);
  if (settings?.name === undefined) return undefined;
  return { kind: "cookie", ...settings, name: settings.name };
}

function readRoute(node: Node, reading: Reading): StickyConf | undefined {
  const words = wordsOf(node) ?? [];
  if (words.length === 0) return reading.refuse(node, EXPECTED);
  const texts = words.map((word) => template.read(word, reading));
  return { kind: "route", texts: texts.filter((text) => text !== undefined) };
}

function readLearn(node: Node, reading: Reading): StickyConf | undefined {
  const settings = learn.read(node, reading.of("learn"));
  if (settings === undefined) return undefined;
  const { create = [], lookup = [], zone, timeoutMs, isAtHeader } = settings;
  const hasTexts = [...create, ...lookup].every((text) => text !== "") && lookup.length > 0;
  if (zone === undefined || !hasTexts) return reading.refuse(node, LEARN_EXPECTED);
  return { kind: "learn", create, lookup, zone, timeoutMs, isAtHeader };
}

/** nginx's words, of which `create=` and `lookup=` may come again. */
function mapOfWords(list: List): Mapping {
  const values = new Map<string, { readonly span: Span; readonly items: Scalar[] }>();
  for (const word of list.items) {
    if (word.kind !== "scalar") continue;
    const equals = word.text.indexOf("=");
    const name = equals < 0 ? word.text : word.text.slice(0, equals);
    const text = equals < 0 ? "on" : word.text.slice(equals + 1);
    const value = values.get(name) ?? { span: word.span, items: [] };
    value.items.push(equals < 0 ? wordAt(text, word.span) : part(word, equals + 1, text));
    values.set(name, value);
  }
  const entries = Array.from(values, ([key, { span, items }]) => {
    const [only] = items;
    const isOne = items.length === 1 && only !== undefined;
    return { key, keySpan: span, value: isOne ? only : { kind: "list" as const, span, items } };
  });
  return { kind: "mapping", span: list.span, entries };
}

/** And back. */
function learnArgs(node: Node): string[] {
  if (node.kind !== "mapping") return [];
  return node.entries.flatMap(({ key, value }) => {
    const texts = value.kind === "list"
      ? value.items.flatMap((item) => item.kind === "scalar" ? [item.text] : [])
      : value.kind === "scalar"
      ? [value.text]
      : [];
    if (key !== "header") return texts.map((text) => `${key}=${text}`);
    return texts.map(switchText).includes("on") ? [key] : [];
  });
}
