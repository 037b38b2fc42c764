/** Directives about who is let in. @module */
import type { AccessRuleConf } from "../../http/conf.ts";
import { parseCidr } from "../../wire/mod.ts";
import { type ArgumentType, type Context, directive, type Table } from "../directive.ts";
import { namedEach, oneFile, someWords } from "../nginx_form.ts";
import { rules } from "../rules.ts";
import { choice, template, time } from "../types.ts";

const EVERYWHERE: readonly Context[] = ["http", "server", "location", "limit_except"];

const RULE_EXPECTED =
  '"allow" or "deny" with an address, a network such as "192.0.2.0/24", "unix:" or "all", ' +
  'or a list of such, such as ["allow 10.0.0.0/8", "deny all"]';

const accessRules: ArgumentType<readonly AccessRuleConf[]> = rules(
  "list of allow | deny address | network | unix: | all",
  RULE_EXPECTED,
  [],
  ([word, from, ...more], reading, refuse) => {
    const isAllowed = word.text === "allow";
    if ((!isAllowed && word.text !== "deny") || from === undefined || more.length > 0) {
      return refuse();
    }
    const { text } = from;
    if (text === "all") return { isAllowed, from: text };
    // In YAML a colon at the end of a word in a list makes it a key.
    if (text === "unix:" || text === "unix") return { isAllowed, from: "unix:" };
    const network = parseCidr(text);
    if (network === undefined) {
      return reading.refusePart(
        from.span,
        text,
        'need an address, a network such as "192.0.2.0/24", "unix:" or "all"',
      );
    }
    return { isAllowed, from: network };
  },
);

export const satisfyDirectives = {
  satisfy: directive({
    name: "satisfy",
    contexts: ["http", "server", "location"],
    type: choice(["all", "any"]),
    default: "all",
    doc: "Whether `allow` and `deny`, `auth_basic` and `auth_request` all have to let a request " +
      "in, or one of them is enough.",
  }),
  authDelayMs: directive({
    name: "auth_delay",
    contexts: ["http", "server", "location"],
    type: time(),
    default: "0s",
    doc: "How long a request waits to be told that it is not authorized (401), so that passwords " +
      "cannot be tried quickly. Waiting costs a connection and nothing else.",
  }),
} satisfies Table;

export const accessDirectives = {
  rules: directive({
    name: "allow",
    yaml: "access",
    contexts: EVERYWHERE,
    type: accessRules,
    nginx: namedEach(accessRules.nginx ?? someWords, ["allow", "deny"], 1),
    example: {
      yaml: "[allow 10.0.0.0/8, allow 2001:db8::/32, deny all]",
      nginx: "allow 10.0.0.0/8; allow 2001:db8::/32; deny all;",
    },
    doc: "Rules of nginx's `allow` and `deny`, in order: the first that has the client's address " +
      "decides, and others are let in. Those who are not get 403. `unix:` is every client at a " +
      "unix socket. Where it is set it replaces all of the level around it. Bits of a " +
      "network behind its length mean nothing, as in nginx, which warns of them.",
  }),
  realm: directive({
    name: "auth_basic",
    contexts: EVERYWHERE,
    type: template,
    default: "off",
    example: { yaml: "closed site", nginx: '"closed site"' },
    doc: "Asks for a user and a password (RFC 7617), for the realm of this name; `off` does not.",
  }),
  userFile: directive({
    name: "auth_basic_user_file",
    contexts: EVERYWHERE,
    type: template,
    nginx: oneFile,
    example: { yaml: "/etc/sluice/htpasswd", nginx: "/etc/sluice/htpasswd" },
    doc:
      "Users and their passwords, a `user:password` a line, as `htpasswd` and `openssl passwd` " +
      "write them: bcrypt (`htpasswd -B`), `$apr1$`, `$1$`, `$5$`, `$6$`, `{SHA}`, `{SSHA}`, " +
      "`{PLAIN}`. It is read again when it has changed. The slow ones are calculated piece by " +
      "piece, so that other requests pass meanwhile, one after the other, at most 128 at once " +
      "(503 then); who was right is not calculated again for 5 minutes. bcrypt is refused above " +
      "a cost of 15, SHA crypt above 500,000 rounds, and traditional DES crypt always, with 500: " +
      "it is broken. A file that is not there is 403.",
  }),
} satisfies Table;
