/**
 * `Set-Cookie` on its way to the client: domain, path and flags, as nginx rewrites them.
 *
 * @module
 */
import type { Template } from "../log/mod.ts";
import type { CookieFlag, HeaderPolicyConf } from "./response_conf.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { compileRegex } from "./regex.ts";
import type { Request } from "./request.ts";
import { Rewrites } from "./rewrite_value.ts";

/** An attribute; a value of undefined has no equals sign either. */
interface Attribute {
  readonly key: string;
  readonly value: string | undefined;
}

interface FlagRule {
  readonly regex: RegExp | undefined;
  readonly name: Template<Request>;
  readonly flags: readonly CookieFlag[];
}

/** The cookie directives of a location, compiled. */
export class CookieRewriter {
  readonly #domains: Rewrites;
  readonly #paths: Rewrites;
  readonly #flags: readonly FlagRule[];

  constructor({ domains, paths, flags }: HeaderPolicyConf["cookies"], variables: Variables) {
    this.#domains = new Rewrites(domains, "domain", variables);
    this.#paths = new Rewrites(paths, "prefix", variables);
    this.#flags = flags.map(({ cookie, flags }) => ({
      regex: cookieRegex(cookie),
      name: variables.compile(cookie.startsWith("~") ? "" : byteText(cookie)),
      flags,
    }));
  }

  /** The field's value as the client is to see it; undefined: as it is. */
  rewrite(request: Request, value: string): string | undefined {
    const [cookie, ...attributes] = parse(value);
    if (cookie?.value === undefined) return undefined; // no cookie: nginx leaves it alone too
    let isChanged = false;
    let result: readonly Attribute[] = attributes.map((attribute) => {
      const { key, value } = attribute;
      if (value === undefined) return attribute;
      const name = key.toLowerCase();
      const rules = name === "domain" ? this.#domains : name === "path" ? this.#paths : undefined;
      const rewritten = rules?.apply(request, value);
      if (rewritten === undefined) return attribute;
      isChanged = true;
      return { key, value: rewritten };
    });
    for (const { regex, name, flags } of this.#flags) {
      const applies = regex === undefined
        ? name.render(request).toLowerCase() === cookie.key.toLowerCase()
        : regex.test(cookie.key);
      if (!applies) continue;
      result = editFlags(result, flags);
      isChanged = true;
      break;
    }
    return isChanged ? [cookie, ...result].map(write).join("; ") : undefined;
  }
}

/**
 * The regex of a `cookie_flags` rule that begins with `~`.
 *
 * @throws {SyntaxError} When it is not one.
 */
export function cookieRegex(cookie: string): RegExp | undefined {
  return cookie.startsWith("~") ? compileRegex(cookie.slice(1), true) : undefined;
}

function parse(text: string): readonly Attribute[] {
  return text.split(";").map((part) => {
    const equals = part.indexOf("=");
    return equals < 0
      ? { key: trim(part), value: undefined }
      : { key: trim(part.slice(0, equals)), value: trim(part.slice(equals + 1)) };
  });
}

function trim(text: string): string {
  return text.replace(/^ +| +$/g, "");
}

function write({ key, value }: Attribute): string {
  return value === undefined ? key : `${key}=${value}`;
}

const SAMESITE = { "samesite=strict": "Strict", "samesite=lax": "Lax", "samesite=none": "None" };

/** What is there already keeps its place; what is missing comes behind the rest. */
function editFlags(
  attributes: readonly Attribute[],
  flags: readonly CookieFlag[],
): readonly Attribute[] {
  const has = (flag: CookieFlag) => flags.includes(flag);
  let sameSite: string | undefined;
  for (const [flag, value] of Object.entries(SAMESITE)) {
    if (has(flag as keyof typeof SAMESITE)) sameSite = value;
  }
  const seen = new Set<string>();
  const kept = attributes.flatMap((attribute): Attribute[] => {
    const name = attribute.key.toLowerCase();
    seen.add(name);
    if (name === "secure" && has("nosecure")) return [];
    if (name === "httponly" && has("nohttponly")) return [];
    if (name !== "samesite") return [attribute];
    if (has("nosamesite")) return [];
    const isSame = attribute.value?.toLowerCase() === sameSite?.toLowerCase();
    return [
      sameSite === undefined || isSame ? attribute : { key: attribute.key, value: sameSite },
    ];
  });
  if (has("secure") && !seen.has("secure")) kept.push({ key: "Secure", value: undefined });
  if (has("httponly") && !seen.has("httponly")) kept.push({ key: "HttpOnly", value: undefined });
  if (sameSite !== undefined && !seen.has("samesite")) {
    kept.push({ key: "SameSite", value: sameSite });
  }
  return kept;
}
