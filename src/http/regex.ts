/**
 * Regexes of a configuration: PCRE's spelling, read into the runtime's. What the runtime
 * cannot do is refused, never matched in another way.
 *
 * @module
 */
import type { Setter, Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";

/**
 * A regex as nginx's PCRE would read it. Texts that it is to match hold one byte a character.
 *
 * @throws {SyntaxError} It is none, or needs something that the runtime lacks.
 */
export function compileRegex(source: string, ignoresCase: boolean): RegExp {
  const { pattern, flags } = new Translation(byteText(source)).whole();
  return new RegExp(pattern, ignoresCase && !flags.includes("i") ? `${flags}i` : flags);
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

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "\\x21-\\x7e",
  lower: "a-z",
  print: "\\x20-\\x7e",
  punct: "!-\\/:-@\\[-`{-~",
  space: " \\t-\\r",
  upper: "A-Z",
  word: "\\w",
  xdigit: "0-9A-Fa-f",
};

/** Escapes that PCRE has and the runtime spells in another way. */
const ESCAPES: Readonly<Record<string, string>> = {
  A: "^",
  z: "$",
  Z: "(?=\\n?$)",
  a: "\\x07",
  e: "\\x1b",
  h: "[ \\t\\xa0]",
  H: "[^ \\t\\xa0]",
  N: "[^\\n]",
  R: "(?:\\r\\n|[\\n-\\r\\x85])",
  s: "[ \\t-\\r]",
  S: "[^ \\t-\\r]",
};

/** The same within a class. */
const CLASS_ESCAPES: Readonly<Record<string, string>> = {
  a: "\\x07",
  e: "\\x1b",
  h: " \\t\\xa0",
  s: " \\t-\\r",
};

const UNKNOWN_ESCAPES = "CEGKLNPQUXglopuv";

class Translation {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): { readonly pattern: string; readonly flags: string } {
    const [leading = "", flags = ""] = /^\(\?([ims]+)\)/.exec(this.#source) ?? [];
    this.#at = leading.length;
    let pattern = "";
    while (this.#at < this.#source.length) pattern += this.#piece();
    return { pattern, flags: [...new Set(flags)].join("") };
  }

  #piece(): string {
    const rest = this.#source.slice(this.#at);
    const character = rest[0]!;
    if (character === "\\") return this.#escape(ESCAPES, UNKNOWN_ESCAPES);
    if (character === "[") return this.#class();
    if (character === "(") return this.#group(rest);
    if (character === ".") return this.#take(1, "[^\\n]");
    const quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\})\+/.exec(rest)?.[0];
    if (quantifier !== undefined) this.#refuse("possessive quantifiers", quantifier);
    return this.#take(1, character);
  }

  #group(rest: string): string {
    const [comment] = /^\(\?#[^)]*\)/.exec(rest) ?? [];
    if (comment !== undefined) return this.#take(comment.length, "");
    const [named, inP, inQuotes] = /^\(\?(?:P<(\w+)>|'(\w+)')/.exec(rest) ?? [];
    if (named !== undefined) return this.#take(named.length, `(?<${inP ?? inQuotes}>`);
    const [reference, name] = /^\(\?P=(\w+)\)/.exec(rest) ?? [];
    if (reference !== undefined) return this.#take(reference.length, `\\k<${name}>`);
    if (rest.startsWith("(?>")) this.#refuse("atomic groups", "(?>");
    if (rest.startsWith("(*")) this.#refuse("verbs", rest.slice(0, 8));
    const [plain] = /^\((?:\?(?::|=|!|<=|<!|<[A-Za-z_]\w*>|[ims]*(?:-[ims]+)?:))?/.exec(rest)!;
    if (plain === "(" && rest[1] === "?") this.#refuse("this kind of group", rest.slice(0, 4));
    return this.#take(plain.length, plain);
  }

  #class(): string {
    const [open] = /^\[\^?/.exec(this.#source.slice(this.#at))!;
    let text = this.#take(open.length, open);
    // A bracket that comes first is one of its members.
    if (this.#source[this.#at] === "]") text += this.#take(1, "\\]");
    while (this.#at < this.#source.length) {
      const rest = this.#source.slice(this.#at);
      if (rest[0] === "]") return text + this.#take(1, "]");
      const [posix, name = ""] = /^\[:(\w+):\]/.exec(rest) ?? [];
      if (posix !== undefined) {
        const members = POSIX_CLASSES[name] ?? this.#refuse("this class", posix);
        text += this.#take(posix.length, members);
      } else if (rest[0] === "\\") {
        text += this.#escape(CLASS_ESCAPES, UNKNOWN_ESCAPES);
      } else {
        text += this.#take(1, rest[0]!);
      }
    }
    throw new SyntaxError("missing terminating ] for a class");
  }

  #escape(known: Readonly<Record<string, string>>, unknown: string): string {
    const rest = this.#source.slice(this.#at);
    const [quoted, inner] = /^\\Q(.*?)(?:\\E|$)/s.exec(rest) ?? [];
    if (quoted !== undefined) {
      return this.#take(quoted.length, inner!.replace(/[\\^$.*+?()[\]{}|\/-]/g, "\\$&"));
    }
    const [braced, hex] = /^\\x\{([0-9A-Fa-f]{1,2})\}/.exec(rest) ?? [];
    if (braced !== undefined) return this.#take(braced.length, `\\x${hex!.padStart(2, "0")}`);
    const letter = rest[1];
    if (letter === undefined) throw new SyntaxError("\\ at the end of the pattern");
    const spelled = Object.hasOwn(known, letter) ? known[letter] : undefined;
    if (spelled !== undefined) return this.#take(2, spelled);
    if (letter === "p" || unknown.includes(letter)) {
      this.#refuse("this escape", `\\${letter}`);
    }
    return this.#take(2, `\\${letter}`);
  }

  #take(length: number, text: string): string {
    this.#at += length;
    return text;
  }

  #refuse(what: string, text: string): never {
    throw new SyntaxError(`${what} of PCRE are not available here: ${text}`);
  }
}
