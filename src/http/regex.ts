/**
 * Regexes of a configuration: PCRE's spelling, read into the runtime's. What the runtime
 * cannot do is refused, never matched in another way.
 *
 * @module
 */
import type { Setter, Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import { translatePcre } from "./pcre.ts";
import type { Request } from "./request.ts";

/**
 * A regex as nginx's PCRE would read it. Texts that it is to match hold one byte a character.
 *
 * @throws {SyntaxError} It is none, or needs something that the runtime lacks.
 */
export function compileRegex(source: string, ignoresCase: boolean): RegExp {
  const translated = translatePcre(byteText(source), ignoresCase);
  const regex = new RegExp(translated.source, ignoresCase ? "i" : "");
  return translated.helpers.length === 0 ? regex : withoutGroups(regex, translated.helpers);
}

/** The same, but what it catches is numbered as if some of its groups were not there. */
function withoutGroups(regex: RegExp, helpers: readonly number[]): RegExp {
  const find = regex.exec.bind(regex);
  const last = helpers.toReversed();
  regex.exec = (text) => {
    const match = find(text);
    for (const number of match === null ? [] : last) match?.splice(number, 1);
    return match;
  };
  return regex;
}

/** The same of a regex that is not compiled yet, in any of PCRE's spellings. */
export function captureNamesIn(source: string): readonly string[] {
  return [...source.matchAll(/\(\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/g)]
    .map(([, angled, quoted]) => angled ?? quoted ?? "");
}

/** The names of a regex's named groups. */
export function captureNames(regex: RegExp): readonly string[] {
  return [...new Set([...regex.source.matchAll(NAMED_GROUP)].map(([, name = ""]) => name))];
}

const NAMED_GROUP = /(?<!\\)(?:\\\\)*\(\?<([A-Za-z_]\w*)>/g;

/** A regex whose captures are variables of the request: `$1` to `$9`, and its named ones. */
export class CapturingRegex {
  readonly #regex: RegExp;
  readonly #hasGroups: boolean;
  readonly #named: readonly (readonly [name: string, set: Setter])[];

  constructor(regex: RegExp, variables: Variables) {
    this.#regex = regex;
    this.#hasGroups = /(?<!\\)(?:\\\\)*\((?!\?[:=!]|\?<[=!])/.test(regex.source);
    this.#named = captureNames(regex).map((name) => [name, variables.setter(name)]);
  }

  /** Whether it matches. If it does, the captures are what it has caught: nothing, if it has no groups. */
  match(request: Request, text: string): boolean {
    if (!this.#hasGroups) {
      if (!this.#regex.test(text)) return false;
      request.captures = undefined;
      return true;
    }
    const match = this.#regex.exec(text);
    if (match === null) return false;
    request.captures = match;
    for (const [name, set] of this.#named) set(request, match.groups?.[name] ?? "");
    return true;
  }

  /** Makes the captures those of a text that it is known to match. */
  catch(request: Request, text: string): void {
    if (this.#hasGroups) this.match(request, text);
    else request.captures = undefined;
  }
}
