/**
 * Regexes in PCRE's spelling, as nginx takes them, in the runtime's. What would match other
 * texts here is refused by name.
 *
 * Known to differ, in what no configuration should rest on: a group that a later turn of a loop
 * does not take part in is empty here and keeps its last text there; a back reference to a group
 * that has not matched is the empty text here and fails there.
 *
 * @module
 */

/** What the runtime is given. */
export interface TranslatedRegex {
  readonly source: string;
  /** Numbers of groups that are no captures of the pattern. */
  readonly helpers: readonly number[];
}

/** `(?i)` and its like. */
interface Options {
  /** `i` */
  readonly ignoresCase: boolean;
  /** `m` */
  readonly isMultiline: boolean;
  /** `s` */
  readonly dotIsAll: boolean;
  /** `x` */
  readonly isExtended: boolean;
  /** `U` */
  readonly isUngreedy: boolean;
}

/** Ranges of code units, both ends included, in order. */
type Ranges = readonly (readonly [first: number, last: number])[];

const MAX_UNIT = 0xffff;

const CLASSES: Readonly<Record<string, Ranges>> = {
  alnum: [[0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a]],
  alpha: [[0x41, 0x5a], [0x61, 0x7a]],
  ascii: [[0, 0x7f]],
  blank: [[0x09, 0x09], [0x20, 0x20]],
  cntrl: [[0, 0x1f], [0x7f, 0x7f]],
  digit: [[0x30, 0x39]],
  graph: [[0x21, 0x7e]],
  lower: [[0x61, 0x7a]],
  print: [[0x20, 0x7e]],
  punct: [[0x21, 0x2f], [0x3a, 0x40], [0x5b, 0x60], [0x7b, 0x7e]],
  space: [[0x09, 0x0d], [0x20, 0x20]],
  upper: [[0x41, 0x5a]],
  word: [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]],
  xdigit: [[0x30, 0x39], [0x41, 0x46], [0x61, 0x66]],
  horizontal: [[0x09, 0x09], [0x20, 0x20], [0xa0, 0xa0]],
  vertical: [[0x0a, 0x0d], [0x85, 0x85]],
};

/** Escapes that are classes; in capitals they are all else. */
const CLASS_ESCAPES: Readonly<Record<string, string>> = {
  d: "digit",
  h: "horizontal",
  s: "space",
  v: "vertical",
  w: "word",
};

/** Escapes that are one character. */
const CHARACTER_ESCAPES: Readonly<Record<string, number>> = {
  a: 0x07,
  e: 0x1b,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
};

const QUANTIFIER = /^(?:[*+?]|\{\d+(?:,\d*)?\})/;

/** Begin what the translation fills in when it knows all groups. No pattern has them: see literal(). */
const GROUP_MARK = "\x01";
const REFERENCE_MARK = "\x02";

/** @throws {SyntaxError} What is wrong with it, or cannot be had. */
export function translatePcre(pattern: string, ignoresCase: boolean): TranslatedRegex {
  return new Translation(pattern, ignoresCase).whole();
}

class Translation {
  readonly #pattern: string;
  readonly #ignoresCase: boolean;
  #at = 0;
  /** Captures of the pattern so far. */
  #groups = 0;
  /** Groups that only carry an atomic group. */
  #helpers = 0;

  constructor(pattern: string, ignoresCase: boolean) {
    this.#pattern = pattern;
    this.#ignoresCase = ignoresCase;
  }

  whole(): TranslatedRegex {
    this.#at = /^(?:\(\*(?:UTF8?|NO_JIT|NO_AUTO_POSSESS)\))*/.exec(this.#pattern)![0].length;
    const options: Options = {
      ignoresCase: this.#ignoresCase,
      isMultiline: false,
      dotIsAll: false,
      isExtended: false,
      isUngreedy: false,
    };
    const body = this.#alternatives(options);
    if (this.#at < this.#pattern.length) throw new SyntaxError("unmatched closing parenthesis");
    return this.#numbered(body);
  }

  /** The body of a group, to its parenthesis or to the end. */
  #alternatives(around: Options): string {
    let options = around;
    let text = "";
    let open = 0;
    for (;;) {
      const rest = this.#rest;
      if (rest === "" || rest[0] === ")") return text + ")".repeat(open);
      const [whole, set = ""] = /^\(\?([a-zA-Z^-]*)\)/.exec(rest) ?? [];
      if (whole !== undefined) {
        // To the end of the group, over all of the alternatives that follow.
        this.#at += whole.length;
        const changed = this.#optionsOf(set, options, whole);
        const isOther = changed.ignoresCase !== options.ignoresCase;
        options = changed;
        if (isOther) {
          text += options.ignoresCase ? "(?i:" : "(?-i:";
          open += 1;
        }
      } else if (rest[0] === "|") {
        this.#at += 1;
        text += ")".repeat(open) + "|";
        const isOther = options.ignoresCase !== around.ignoresCase;
        open = isOther ? 1 : 0;
        if (isOther) text += options.ignoresCase ? "(?i:" : "(?-i:";
      } else {
        text += this.#quantified(options);
      }
    }
  }

  /** One atom, and how often. */
  #quantified(options: Options): string {
    const atom = this.#atom(options);
    if (options.isExtended) this.#skipBlanks();
    const [quantifier = ""] = QUANTIFIER.exec(this.#rest) ?? [];
    if (quantifier === "") return atom;
    if (atom === "") throw new SyntaxError("quantifier does not follow a repeatable item");
    this.#at += quantifier.length;
    const [kind = ""] = /^[?+]/.exec(this.#rest) ?? [];
    this.#at += kind.length;
    if (QUANTIFIER.test(this.#rest) && !/^\{/.test(this.#rest)) {
      throw new SyntaxError("quantifier does not follow a repeatable item");
    }
    // An assertion may not be repeated here, but in a group it may.
    const repeated = /^(?:\(\?<?[=!]|\^|\$|\\[bB])/.test(atom) ? `(?:${atom})` : atom;
    if (kind === "+") return this.#atomic(repeated + quantifier);
    const isLazy = (kind === "?") !== options.isUngreedy;
    return repeated + quantifier + (isLazy ? "?" : "");
  }

  #atom(options: Options): string {
    const rest = this.#rest;
    const character = rest[0]!;
    if (options.isExtended && /^[\s#]/.test(character)) {
      this.#skipBlanks();
      return "";
    }
    switch (character) {
      case "\\":
        return this.#escape();
      case "[":
        return this.#class();
      case "(":
        return this.#group(options);
      case ".":
        this.#at += 1;
        return options.dotIsAll ? "[^]" : "[^\\n]";
      case "^":
        this.#at += 1;
        return options.isMultiline ? "(?<![^\\n])" : "^";
      case "$":
        // A line end at the end of the text may follow.
        this.#at += 1;
        return options.isMultiline ? "(?![^\\n])" : "(?=\\n?$)";
      case "*":
      case "+":
      case "?":
        throw new SyntaxError("quantifier does not follow a repeatable item");
      default:
        this.#at += 1;
        return literal(character);
    }
  }

  #group(options: Options): string {
    const rest = this.#rest;
    const [comment] = /^\(\?#[^)]*\)/.exec(rest) ?? [];
    if (comment !== undefined) {
      this.#at += comment.length;
      return "";
    }
    const [reference, name = ""] = /^\(\?P=(\w+)\)/.exec(rest) ?? [];
    if (reference !== undefined) {
      this.#at += reference.length;
      return `\\k<${name}>`;
    }
    if (rest.startsWith("(*")) this.#refuse("verbs", rest.slice(0, 8));
    const [named, plain, inP, inQuotes] =
      /^\(\?(?:<([A-Za-z_]\w*)>|P<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/.exec(rest) ?? [];
    if (named !== undefined) {
      this.#at += named.length;
      return this.#capture(`?<${plain ?? inP ?? inQuotes}>`, options);
    }
    if (rest.startsWith("(?>")) {
      this.#at += 3;
      return this.#atomic(`(?:${this.#inside(options)})`, true);
    }
    const [assertion] = /^\(\?(?:<?[=!]|:)/.exec(rest) ?? [];
    if (assertion !== undefined) {
      this.#at += assertion.length;
      return `${assertion}${this.#inside(options)})`;
    }
    const [optioned, set = ""] = /^\(\?([a-zA-Z^-]*):/.exec(rest) ?? [];
    if (optioned !== undefined) {
      this.#at += optioned.length;
      const changed = this.#optionsOf(set, options, optioned);
      const isOther = changed.ignoresCase !== options.ignoresCase;
      const open = isOther ? changed.ignoresCase ? "(?i:" : "(?-i:" : "(?:";
      return `${open}${this.#inside(changed)})`;
    }
    if (rest.startsWith("(?")) this.#refuse("this kind of group", rest.slice(0, 4));
    this.#at += 1;
    return this.#capture("", options);
  }

  #capture(name: string, options: Options): string {
    this.#groups += 1;
    const mark = `${GROUP_MARK}${this.#groups}${GROUP_MARK}`;
    return `${mark}(${name}${this.#inside(options)})`;
  }

  #inside(options: Options): string {
    const text = this.#alternatives(options);
    if (this.#rest === "") throw new SyntaxError("missing closing parenthesis");
    this.#at += 1;
    return text;
  }

  /** Once it has matched, nothing in it is tried in another way: what is looked ahead at is not. */
  #atomic(text: string, isGroup = false): string {
    this.#helpers += 1;
    const id = `h${this.#helpers}`;
    const inner = isGroup ? text.slice(3, -1) : text;
    return `(?:(?=${GROUP_MARK}${id}${GROUP_MARK}(${inner}))` +
      `${REFERENCE_MARK}${id}${REFERENCE_MARK})`;
  }

  #optionsOf(set: string, around: Options, text: string): Options {
    const options = { ...around };
    let isOn = true;
    for (const letter of set) {
      if (letter === "-") isOn = false;
      else if (letter === "i") options.ignoresCase = isOn;
      else if (letter === "m") options.isMultiline = isOn;
      else if (letter === "s") options.dotIsAll = isOn;
      else if (letter === "x") options.isExtended = isOn;
      else if (letter === "U") options.isUngreedy = isOn;
      else this.#refuse("this kind of group", text);
    }
    return options;
  }

  #skipBlanks(): void {
    const [blanks] = /^(?:\s|#[^\n]*(?:\n|$))*/.exec(this.#rest)!;
    this.#at += blanks.length;
  }

  #escape(): string {
    const rest = this.#rest;
    const [quoted, inner = ""] = /^\\Q(.*?)(?:\\E|$)/s.exec(rest) ?? [];
    if (quoted !== undefined) {
      this.#at += quoted.length;
      // A quantifier behind it is the last character's.
      return [...inner].map(literal).join("");
    }
    if (rest.startsWith("\\E")) {
      this.#at += 2;
      return "";
    }
    const unit = this.#characterEscape(false);
    if (unit !== undefined) return literal(String.fromCharCode(unit));
    const reference = /^\\(?:g(?:\{(-?\w+)\}|(-?\d+))|k(?:<(\w+)>|'(\w+)'|\{(\w+)\})|([1-9]\d?))/
      .exec(rest);
    if (reference !== null) {
      this.#at += reference[0].length;
      return this.#reference(reference.slice(1).find((text) => text !== undefined) ?? "");
    }
    const letter = rest[1];
    if (letter === undefined) throw new SyntaxError("\\ at the end of the pattern");
    this.#at += 2;
    const ranges = classOf(letter);
    if (ranges !== undefined) return /[dDwW]/.test(letter) ? `\\${letter}` : `[${written(ranges)}]`;
    switch (letter) {
      case "A":
        return "(?<![^])";
      case "z":
        return "(?![^])";
      case "Z":
        return "(?=\\n?(?![^]))";
      case "b":
      case "B":
        return `\\${letter}`;
      case "N":
        return "[^\\n]";
      case "R":
        return this.#atomic("\\r\\n|[\\n-\\r\\x85]");
      default:
        return this.#refuse("this escape", `\\${letter}`);
    }
  }

  #reference(text: string): string {
    if (!/^-?\d+$/.test(text)) return `\\k<${text}>`;
    const number = text.startsWith("-") ? this.#groups + 1 + Number(text) : Number(text);
    return `${REFERENCE_MARK}${number}${REFERENCE_MARK}`;
  }

  /** The one character that an escape stands for, if it stands for one. */
  #characterEscape(isInClass: boolean): number | undefined {
    const rest = this.#rest;
    const take = (length: number, unit: number): number => {
      this.#at += length;
      return unit;
    };
    const [braced, hex = ""] = /^\\x\{([0-9A-Fa-f]+)\}/.exec(rest) ?? [];
    if (braced !== undefined) {
      if (Number.parseInt(hex, 16) > 0xff) this.#refuse("this escape", braced);
      return take(braced.length, Number.parseInt(hex, 16));
    }
    const [octalBraced, octal = ""] = /^\\o\{([0-3]?[0-7]{1,2})\}/.exec(rest) ?? [];
    if (octalBraced !== undefined) return take(octalBraced.length, Number.parseInt(octal, 8));
    const [x, digits = ""] = /^\\x([0-9A-Fa-f]{0,2})/.exec(rest) ?? [];
    if (x !== undefined) return take(x.length, Number.parseInt(digits || "0", 16));
    const zero = (isInClass ? /^\\([0-3]?[0-7]{1,2})/ : /^\\(0[0-7]{0,2})/).exec(rest);
    if (zero !== null) return take(zero[0].length, Number.parseInt(zero[1] ?? "0", 8));
    const [control, letter = ""] = /^\\c([\x20-\x7e])/.exec(rest) ?? [];
    if (control !== undefined) {
      return take(control.length, letter.toUpperCase().charCodeAt(0) ^ 0x40);
    }
    const known = CHARACTER_ESCAPES[rest[1] ?? ""];
    if (known !== undefined) return take(2, known);
    if (isInClass && rest[1] === "b") return take(2, 0x08);
    const [plain] = /^\\[^0-9A-Za-z]/s.exec(rest) ?? [];
    return plain === undefined ? undefined : take(2, plain.charCodeAt(1));
  }

  #class(): string {
    const [open] = /^\[\^?/.exec(this.#rest)!;
    this.#at += open.length;
    let text = "";
    // A bracket that comes first is one of its members.
    for (let isFirst = true;; isFirst = false) {
      const rest = this.#rest;
      if (rest === "") throw new SyntaxError("missing terminating ] for a class");
      if (rest[0] === "]" && !isFirst) break;
      const member = this.#member(rest);
      if (typeof member === "string") {
        text += member;
        continue;
      }
      const [dash, last] = /^-([^\]])/s.exec(this.#rest) ?? [];
      if (dash === undefined || last === undefined) {
        text += unitText(member);
        continue;
      }
      this.#at += 1;
      const end = this.#member(this.#rest);
      if (typeof end === "string") text += `${unitText(member)}\\-${end}`;
      else if (end < member) throw new SyntaxError("range out of order in a class");
      else text += `${unitText(member)}-${unitText(end)}`;
    }
    this.#at += 1;
    return open === "[" ? `[${text}]` : `[^${text}]`;
  }

  /** A character, or what several are written as. */
  #member(rest: string): number | string {
    const [posix, caret = "", name = ""] = /^\[:(\^?)(\w+):\]/.exec(rest) ?? [];
    if (posix !== undefined) {
      const ranges = POSIX.has(name) ? CLASSES[name] : undefined;
      if (ranges === undefined) return this.#refuse("this class", posix);
      this.#at += posix.length;
      return written(caret === "" ? ranges : complement(ranges));
    }
    const [quoted, inner = ""] = /^\\Q(.*?)(?:\\E|$)/s.exec(rest) ?? [];
    if (quoted !== undefined) {
      this.#at += quoted.length;
      return [...inner].map((character) => unitText(character.charCodeAt(0))).join("");
    }
    if (rest[0] !== "\\") {
      this.#at += 1;
      return rest.charCodeAt(0);
    }
    const unit = this.#characterEscape(true);
    if (unit !== undefined) return unit;
    const letter = rest[1];
    if (letter === undefined) throw new SyntaxError("\\ at the end of the pattern");
    const ranges = classOf(letter);
    if (ranges === undefined) return this.#refuse("this escape", `\\${letter}`);
    this.#at += 2;
    return written(ranges);
  }

  /** The marks are replaced by what they stand for, now that the order of all groups is known. */
  #numbered(body: string): TranslatedRegex {
    const numbers = new Map<string, number>();
    const helpers: number[] = [];
    for (const [, id = ""] of body.matchAll(GROUP_MARKS)) {
      numbers.set(id, numbers.size + 1);
      if (id.startsWith("h")) helpers.push(numbers.size);
    }
    const source = body.replace(GROUP_MARKS, "").replace(REFERENCE_MARKS, (_, id: string) => {
      const number = numbers.get(id);
      if (number === undefined) throw new SyntaxError(`reference to non-existent group ${id}`);
      return `(?:\\${number})`;
    });
    return { source, helpers };
  }

  get #rest(): string {
    return this.#pattern.slice(this.#at);
  }

  #refuse(what: string, text: string): never {
    throw new SyntaxError(`${what} of PCRE are not available here: ${text}`);
  }
}

const GROUP_MARKS = new RegExp(`${GROUP_MARK}(\\w+)${GROUP_MARK}`, "g");
const REFERENCE_MARKS = new RegExp(`${REFERENCE_MARK}(\\w+)${REFERENCE_MARK}`, "g");

const POSIX: ReadonlySet<string> = new Set(
  Object.keys(CLASSES).filter((name) => name !== "horizontal" && name !== "vertical"),
);

function classOf(letter: string): Ranges | undefined {
  const name = CLASS_ESCAPES[letter.toLowerCase()];
  const ranges = name === undefined ? undefined : CLASSES[name];
  if (ranges === undefined) return undefined;
  return letter === letter.toLowerCase() ? ranges : complement(ranges);
}

function complement(ranges: Ranges): Ranges {
  const all: [number, number][] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) all.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= MAX_UNIT) all.push([next, MAX_UNIT]);
  return all;
}

/** As members of a class. */
function written(ranges: Ranges): string {
  return ranges.map(([first, last]) =>
    first === last ? unitText(first) : `${unitText(first)}-${unitText(last)}`
  ).join("");
}

/** One code unit as a member of a class. */
function unitText(unit: number): string {
  const character = String.fromCharCode(unit);
  if (/[0-9A-Za-z_]/.test(character)) return character;
  return unit < 0x100
    ? `\\x${unit.toString(16).padStart(2, "0")}`
    : `\\u${unit.toString(16).padStart(4, "0")}`;
}

/** One character that stands for itself, outside of a class. */
function literal(character: string): string {
  if (/[\\^$.*+?()[\]{}|/]/.test(character)) return `\\${character}`;
  return /[\x20-\x7e\xa1-\uffff]/.test(character) ? character : unitText(character.charCodeAt(0));
}
