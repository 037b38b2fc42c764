/** Directives about the fields of requests to a peer and of its responses. @module */
import type { CookieFlag, CookieFlagsConf, RewriteConf } from "../../http/response_conf.ts";
import { cookieRegex } from "../../http/cookie.ts";
import { captureNames } from "../../http/regex.ts";
import { type RewriteKind, rewriteRegex } from "../../http/rewrite_value.ts";
import type { IgnorableHeader } from "../../upstream/conf.ts";
import { regexProblem } from "../building.ts";
import { type ArgumentType, directive, HTTP_SERVER_LOCATION, Reading } from "../directive.ts";
import type { Table } from "../directive.ts";
import { oneWordEach } from "../nginx_form.ts";
import { wordsOf } from "../node.ts";
import { rules } from "../rules.ts";
import { checkVariables, fieldName, flag } from "../types.ts";

const fieldNames: ArgumentType<readonly string[]> = {
  label: "names of fields",
  expected: "the name of a field, or a list of such",
  nginx: oneWordEach,
  read(node, reading): readonly string[] | undefined {
    const words = wordsOf(node);
    const isGood = words !== undefined && words.every(({ text }) => fieldName.test(text)) &&
      (words.length > 0 || node.kind === "list");
    return isGood ? words.map(({ text }) => text) : reading.refuse(node, this.expected);
  },
};

const IGNORABLE: readonly [name: string, lower: IgnorableHeader][] = [
  ["X-Accel-Redirect", "x-accel-redirect"],
  ["X-Accel-Expires", "x-accel-expires"],
  ["X-Accel-Limit-Rate", "x-accel-limit-rate"],
  ["X-Accel-Buffering", "x-accel-buffering"],
  ["X-Accel-Charset", "x-accel-charset"],
  ["Expires", "expires"],
  ["Cache-Control", "cache-control"],
  ["Set-Cookie", "set-cookie"],
  ["Vary", "vary"],
];

const ignorable: ArgumentType<ReadonlySet<IgnorableHeader>> = {
  label: IGNORABLE.map(([name]) => name).join(" | ") + " …",
  expected: `some of ${IGNORABLE.map(([name]) => name).join(", ")}`,
  read(node, reading): ReadonlySet<IgnorableHeader> | undefined {
    const words = wordsOf(node);
    if (words === undefined) return reading.refuse(node, this.expected);
    const found = words.map(({ text }) =>
      IGNORABLE.find(([, lower]) => lower === text.toLowerCase())?.[1]
    );
    const known = found.filter((name) => name !== undefined);
    return known.length === found.length ? new Set(known) : reading.refuse(node, this.expected);
  },
};

/** `proxy_redirect default`: what it is depends on the location. */
export const DEFAULT_REDIRECT = "default";

function rewrites(
  kind: RewriteKind,
  expected: string,
  hasDefault: boolean,
): ArgumentType<readonly (RewriteConf | typeof DEFAULT_REDIRECT)[]> {
  const label = `${hasDefault ? "default | " : ""}off | map of what to what`;
  return rules(label, expected, ["off"], (rule, reading, refuse) => {
    const [from, to, ...more] = rule;
    if (hasDefault && to === undefined && from.text === DEFAULT_REDIRECT) return DEFAULT_REDIRECT;
    if (to === undefined || more.length > 0) return refuse();
    let regex: RegExp | undefined;
    const wrong = regexProblem(() => regex = rewriteRegex(from.text, kind) ?? /(?:)/);
    if (wrong !== undefined) {
      return reading.refusePart(from.span, from.text, `need a regex (${wrong})`);
    }
    const caught = regex === undefined ? [] : captureNames(regex);
    const isRegex = from.text.startsWith("~");
    const within = new Reading(reading.problems, reading.name, {
      ...reading.known,
      ...reading.known,
      isVariable: (name) =>
        (isRegex && (/^\d$/.test(name) || caught.includes(name))) || reading.known.isVariable(name),
    });
    const isGood = (isRegex || checkVariables(from, reading)) && checkVariables(to, within);
    return isGood ? { from: from.text, to: to.text } : undefined;
  });
}

/** Without `default` there is none of it. */
function plainRewrites(kind: RewriteKind, expected: string): ArgumentType<readonly RewriteConf[]> {
  const type = rewrites(kind, expected, false);
  return {
    ...type,
    read: (node, reading) => type.read(node, reading)?.filter((rule) => rule !== DEFAULT_REDIRECT),
  };
}

const FLAGS: readonly CookieFlag[] = [
  "secure",
  "nosecure",
  "httponly",
  "nohttponly",
  "samesite=strict",
  "samesite=lax",
  "samesite=none",
  "nosamesite",
];

const cookieFlags: ArgumentType<readonly CookieFlagsConf[]> = rules(
  "off | map of cookies to flags",
  `a map of cookies to flags (${
    FLAGS.join(", ")
  }), such as {session: [secure, samesite=lax]}, or off`,
  ["off"],
  (rule, reading, refuse) => {
    const [cookie, ...rest] = rule;
    const flags = rest.map(({ text }) => FLAGS.find((flag) => flag === text));
    const known = flags.filter((flag) => flag !== undefined);
    if (known.length === 0 || known.length < flags.length) return refuse();
    const wrong = regexProblem(() => cookieRegex(cookie.text) ?? /(?:)/);
    if (wrong !== undefined) {
      return reading.refusePart(cookie.span, cookie.text, `need a regex (${wrong})`);
    }
    const isGood = cookie.text.startsWith("~") || checkVariables(cookie, reading);
    return isGood ? { cookie: cookie.text, flags: known } : undefined;
  },
);

export const proxyHeaderDirectives = {
  passRequestHeaders: directive({
    name: "proxy_pass_request_headers",
    yaml: "proxy.pass_request_headers",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "on",
    doc:
      "Whether the fields of the client's request reach the peer. Without them it gets those of " +
      "`set_header`, and what it has to know of the body.",
  }),
  hideHeaders: directive({
    name: "proxy_hide_header",
    yaml: "proxy.hide_header",
    contexts: HTTP_SERVER_LOCATION,
    type: fieldNames,
    example: {
      yaml: "[X-Powered-By, X-Runtime]",
      nginx: "proxy_hide_header X-Powered-By; proxy_hide_header X-Runtime;",
    },
    doc:
      "Fields of responses that do not reach the client, besides `Date`, `Server`, `X-Pad` and " +
      "`X-Accel-*`.",
  }),
  passHeaders: directive({
    name: "proxy_pass_header",
    yaml: "proxy.pass_header",
    contexts: HTTP_SERVER_LOCATION,
    type: fieldNames,
    example: {
      yaml: "[Server, X-Accel-Expires]",
      nginx: "proxy_pass_header Server; proxy_pass_header X-Accel-Expires;",
    },
    doc: "Fields of responses that reach the client though they would be hidden. What is about " +
      "the connection to the peer alone never does.",
  }),
  ignoreHeaders: directive({
    name: "proxy_ignore_headers",
    yaml: "proxy.ignore_headers",
    contexts: HTTP_SERVER_LOCATION,
    type: ignorable,
    default: "",
    example: { yaml: "[X-Accel-Redirect, Set-Cookie]", nginx: "X-Accel-Redirect Set-Cookie" },
    doc: "Fields of responses that the proxy does not heed. Else `X-Accel-Redirect` sends the " +
      "request to the path or the `@name` that it says, which may be `internal`; " +
      "`X-Accel-Buffering` and `X-Accel-Limit-Rate` set `buffering` and `limit_rate` for the " +
      "response; `X-Accel-Charset` is added to `Content-Type` if that has none (in nginx only if a " +
      "`charset` somewhere names it).",
  }),
  redirects: directive({
    name: "proxy_redirect",
    yaml: "proxy.redirect",
    contexts: HTTP_SERVER_LOCATION,
    type: rewrites(
      "prefix",
      'default, off, or a map of what URLs begin with to what they are to, such as {"http://app/": /x/}',
      true,
    ),
    default: DEFAULT_REDIRECT,
    example: {
      yaml: '[default, { "http://app:8080/": /, "~^http://[^/]+/(.*)": /other/$1 }]',
      nginx: "proxy_redirect default; proxy_redirect http://app:8080/ /; " +
        "proxy_redirect ~^http://[^/]+/(.*) /other/$1;",
    },
    doc:
      "Rewrites `Location` and the URL of `Refresh`. The first that applies does: a beginning is " +
      "replaced; of a regex (behind `~` or `~*`) all of it is, with `$1` and named groups. " +
      "`default` makes of what `pass` says what the location's pattern says.",
  }),
  cookieDomains: directive({
    name: "proxy_cookie_domain",
    yaml: "proxy.cookie_domain",
    contexts: HTTP_SERVER_LOCATION,
    type: plainRewrites(
      "domain",
      "off, or a map of domains to domains, such as {app.local: $host}",
    ),
    default: "off",
    example: { yaml: "{ app.local: $host }", nginx: "app.local $host" },
    doc: "Rewrites the `Domain` of cookies that the peer sets: a domain, in any case and with or " +
      "without a leading dot, or a regex behind `~`.",
  }),
  cookiePaths: directive({
    name: "proxy_cookie_path",
    yaml: "proxy.cookie_path",
    contexts: HTTP_SERVER_LOCATION,
    type: plainRewrites(
      "prefix",
      "off, or a map of what paths begin with to what they are to, such as {/app/: /}",
    ),
    default: "off",
    example: { yaml: "{ /app/: / }", nginx: "/app/ /" },
    doc: "Rewrites the `Path` of cookies that the peer sets, by its beginning or by a regex " +
      "behind `~` or `~*`.",
  }),
  cookieFlags: directive({
    name: "proxy_cookie_flags",
    yaml: "proxy.cookie_flags",
    contexts: HTTP_SERVER_LOCATION,
    type: cookieFlags,
    default: "off",
    example: {
      yaml: '{ session: [secure, httponly], "~.": samesite=strict }',
      nginx: "proxy_cookie_flags session secure httponly; proxy_cookie_flags ~. samesite=strict;",
    },
    doc:
      "Adds flags to cookies that the peer sets, or takes them away, by the cookie's name or a " +
      "regex behind `~`. The first that applies does.",
  }),
  interceptErrors: directive({
    name: "proxy_intercept_errors",
    yaml: "proxy.intercept_errors",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether responses from status 300 on that `error_page` names are replaced by what it " +
      "leads to.",
  }),
  forceRanges: directive({
    name: "proxy_force_ranges",
    yaml: "proxy.force_ranges",
    contexts: HTTP_SERVER_LOCATION,
    type: flag,
    default: "off",
    doc: "Whether ranges are cut out of whole responses of a known length here, whether the peer " +
      "does so or not. Several ranges are served in one answer if each begins behind the one " +
      "before, where nginx sends the whole; ranges of other methods than GET and HEAD are not " +
      "served, and a weak ETag in `If-Range` does not match, as RFC 9110 has it. Once the ranges " +
      "are sent and much of the response is left, the connection to the peer is closed; nginx " +
      "reads the rest.",
  }),
} satisfies Table;
