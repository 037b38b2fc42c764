/** How `sticky` is written: nginx's words, or a map. @module */
import type { StickyConf } from "../../peer/conf.ts";
import { type ArgumentType, directive, type Reading, type Table } from "../directive.ts";
import { type NginxForm, someWords, wordTexts } from "../nginx_form.ts";
import { type Node, wordsOf } from "../node.ts";
import { parameters } from "../parameters.ts";
import { choice, fieldName, flag, scalarType, template, time } from "../types.ts";

const EXPECTED = "{cookie: NAME, …} or {route: $VARIABLE}";

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

const cookie = parameters(cookieParameters, ["cookie"], EXPECTED);

const form: NginxForm = {
  ...someWords,
  print: (node, name, printer) => {
    if (node.kind !== "mapping") return someWords.print(node, name, printer);
    const [first] = node.entries;
    const kind = first?.key === "route" ? "route" : "cookie";
    const args = first?.key === "route"
      ? wordTexts(first.value)
      : cookie.nginx?.print(node, name, printer).flatMap(({ args }) => args) ?? [];
    return [{ name, args: [kind, ...args] }];
  },
};

export const sticky: ArgumentType<StickyConf> = {
  nginx: form,
  label: "cookie NAME … | route $VARIABLE …",
  expected: EXPECTED,
  read(node, reading): StickyConf | undefined {
    if (node.kind === "mapping") {
      const [first, ...others] = node.entries;
      if (first?.key !== "route") return readCookie(node, reading);
      return others.length > 0 ? reading.refuse(node, EXPECTED) : readRoute(first.value, reading);
    }
    const [first, ...items] = wordsOf(node) ?? [];
    const rest: Node = { kind: "list", span: node.span, items };
    if (first?.text === "cookie") return readCookie(rest, reading);
    if (first?.text === "route") return readRoute(rest, reading);
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
