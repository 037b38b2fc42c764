/** Directives about the cookie by which a client is known again. @module */
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, type Table } from "../directive.ts";
import { choice, choices, integer, scalarType, template, time } from "../types.ts";

const FLAGS = ["secure", "httponly", "samesite=strict", "samesite=lax", "samesite=none"] as const;

const token: ArgumentType<string> = scalarType(
  "name",
  "the name of a cookie",
  (text) => /^[!#$%&'*+.^_`|~\w-]+$/.test(text) ? text : undefined,
);

/** Of a cookie's attribute (RFC 6265, 4.1.1). */
const attribute = (label: string, example: string): ArgumentType<string> =>
  scalarType(
    label,
    `${label} such as ${example}`,
    (text) => /^[\x21-\x3a\x3c-\x7e]+$/.test(text) ? text : undefined,
  );

const expires: ArgumentType<number | "max" | "off"> = {
  label: "time | max | off",
  expected: 'a time such as "365d", max or off',
  read(node, reading): number | "max" | "off" | undefined {
    const text = node.kind === "scalar" ? node.text : "";
    if (text === "max") return text;
    if (text === "off" || text === "false") return "off";
    return /^\d/.test(text) ? time().read(node, reading) : reading.refuse(node, this.expected);
  },
};

export const userIdDirectives = {
  userId: directive({
    name: "userid",
    contexts: HTTP_SERVER_LOCATION,
    type: choice(["on", "v1", "log", "off"]),
    default: "off",
    doc:
      "Whether clients are given a cookie by which they are known again (`$uid_set`, `$uid_got`): " +
      "`on` in the second version of its format, `v1` in the first; `log` only reads what they " +
      "send. A client that `set` gives a `$uid_reset` other than empty and `0` gets a new one.",
  }),
  userIdName: directive({
    name: "userid_name",
    contexts: HTTP_SERVER_LOCATION,
    type: token,
    default: "uid",
    doc: "Its name.",
  }),
  userIdDomain: directive({
    name: "userid_domain",
    contexts: HTTP_SERVER_LOCATION,
    type: attribute("a domain, or none,", "example.org"),
    default: "none",
    doc: "Its domain.",
  }),
  userIdPath: directive({
    name: "userid_path",
    contexts: HTTP_SERVER_LOCATION,
    type: attribute("a path", "/"),
    default: "/",
    doc: "Its path.",
  }),
  userIdExpires: directive({
    name: "userid_expires",
    contexts: HTTP_SERVER_LOCATION,
    type: expires,
    default: "off",
    doc: "How long clients keep it: `max` until the end of 2037, `off` for a session.",
  }),
  userIdFlags: directive({
    name: "userid_flags",
    contexts: HTTP_SERVER_LOCATION,
    type: choices(FLAGS),
    default: "off",
    example: { yaml: "secure httponly samesite=strict", nginx: "secure httponly samesite=strict" },
    doc: "Its further attributes.",
  }),
  userIdMark: directive({
    name: "userid_mark",
    contexts: HTTP_SERVER_LOCATION,
    type: scalarType(
      "letter | digit | = | off",
      "a letter, a digit, = or off",
      (text) =>
        /^[A-Za-z\d=]$/.test(text) ? text : text === "off" || text === "false" ? "" : undefined,
    ),
    default: "off",
    doc:
      "A character that stands in the cookie; clients whose cookie has another one, or none, are " +
      "given theirs again. So `userid_expires` and the like can be changed for clients that have " +
      "one already.",
  }),
  userIdService: directive({
    name: "userid_service",
    contexts: HTTP_SERVER_LOCATION,
    type: integer({ max: 0xffff_ffff }),
    example: { yaml: "1", nginx: "1" },
    doc:
      "What tells several servers apart. Where it is not set it is the server's address, and 0 " +
      "in the first version.",
  }),
  userIdP3p: directive({
    name: "userid_p3p",
    contexts: HTTP_SERVER_LOCATION,
    type: template,
    default: "none",
    example: {
      yaml: 'policyref="/w3c/p3p.xml", CP="CUR"',
      nginx: `'policyref="/w3c/p3p.xml", CP="CUR"'`,
    },
    doc: "The `P3P` field that goes with it.",
  }),
} satisfies Table;
