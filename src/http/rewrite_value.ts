/**
 * Rules that replace a part of a field's value: `proxy_redirect`, `proxy_cookie_domain`,
 * `proxy_cookie_path`.
 *
 * @module
 */
import { compileTemplate, type Template } from "../log/mod.ts";
import type { RewriteConf } from "./response_conf.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText, fieldSafe } from "./field_text.ts";
import { captureNames, compileRegex } from "./regex.ts";
import type { Request } from "./request.ts";

/** What a replacement is rendered from. */
interface Source {
  readonly request: Request;
  readonly match: RegExpExecArray | undefined;
}

/** - `prefix`: what the value begins with. - `domain`: all of it, in any case, a leading dot apart. */
export type RewriteKind = "prefix" | "domain";

/** Some rules, in the order they are tried in. */
export class Rewrites {
  readonly #rules: readonly Rule[];

  constructor(conf: readonly RewriteConf[], kind: RewriteKind, variables: Variables) {
    this.#rules = conf.map(({ from, to }) => compileRule(from, to, kind, variables));
  }

  /** The value as the first rule that applies makes it; undefined when none does. */
  apply(request: Request, value: string): string | undefined {
    for (const rule of this.#rules) {
      const rewritten = rule(request, value);
      if (rewritten !== undefined) return fieldSafe(rewritten);
    }
    return undefined;
  }
}

type Rule = (request: Request, value: string) => string | undefined;

function compileRule(from: string, to: string, kind: RewriteKind, variables: Variables): Rule {
  const regex = rewriteRegex(from, kind);
  if (regex !== undefined) {
    const replacement = compileReplacement(to, regex, variables);
    return (request, value) => {
      const match = regex.exec(value);
      return match === null ? undefined : replacement.render({ request, match });
    };
  }
  const undotted = (text: string) => kind === "domain" && text.startsWith(".");
  const pattern = variables.compile(byteText(undotted(from) ? from.slice(1) : from));
  const replacement = variables.compile(byteText(undotted(to) ? to.slice(1) : to));
  if (kind === "prefix") {
    return (request, value) => {
      const prefix = pattern.render(request);
      return value.startsWith(prefix)
        ? replacement.render(request) + value.slice(prefix.length)
        : undefined;
    };
  }
  return (request, value) => {
    const dot = value.startsWith(".") ? "." : "";
    const domain = value.slice(dot.length);
    return domain.toLowerCase() === pattern.render(request).toLowerCase()
      ? dot + replacement.render(request)
      : undefined;
  };
}

/**
 * The regex of a rule that begins with `~` or `~*`. Domains are compared in any case.
 *
 * @throws {SyntaxError} When it is not one.
 */
export function rewriteRegex(from: string, kind: RewriteKind): RegExp | undefined {
  if (!from.startsWith("~")) return undefined;
  const ignoresCase = from.startsWith("~*");
  return compileRegex(from.slice(ignoresCase ? 2 : 1), ignoresCase || kind === "domain");
}

/** A text in which `$1` and `$name` are what the regex has caught. */
function compileReplacement(
  text: string,
  regex: RegExp,
  variables: Variables,
): Template<Source> {
  return compileTemplate<Source>(byteText(text), (name) => {
    if (/^\d$/.test(name)) return ({ match }) => match?.[Number(name)] ?? "";
    if (captureNames(regex).includes(name)) return ({ match }) => match?.groups?.[name] ?? "";
    const get = variables.lookup(name);
    return get === undefined ? undefined : ({ request }) => get(request);
  });
}
