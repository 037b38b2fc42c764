/**
 * Where the keys and values of a YAML text stand. `@std/yaml` reads the text but tells no
 * positions, so this walks over it once more and remembers offsets. It expects a text that
 * `@std/yaml` has accepted, and is no second opinion on that: where the text is stranger
 * than it knows (explicit `?` keys, keys that are collections), a path leads to the nearest
 * thing around it that it does know.
 *
 * @module
 */
import type { Span } from "./problem.ts";

/** A value's place, and the places in it. */
export interface Mark {
  readonly span: Span;
  readonly keys: ReadonlyMap<string, KeyMark>;
  readonly items: readonly Mark[];
}

export interface KeyMark {
  readonly keySpan: Span;
  readonly value: Mark;
}

/** A path from the document's root: keys of maps, indexes of lists. */
export type Path = readonly (string | number)[];

/** A place as people count it: from 1, columns in UTF-16 units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The marks of a whole text. */
export function markYaml(text: string): Mark {
  try {
    return new Walker(text).document();
  } catch (error) {
    if (error instanceof TooDeep) return leaf({ start: 0, end: 0 });
    throw error;
  }
}

/**
 * Line and column of the key and of the value at a path. A key that the text does not have
 * leads to the deepest value on the way. Items of lists have no key: theirs is the value.
 */
export function locate(text: string, path: Path): { readonly key: Place; readonly value: Place } {
  let mark = markYaml(text);
  let key = mark.span;
  for (const step of path) {
    const entry = typeof step === "string" ? mark.keys.get(step) : undefined;
    const next = typeof step === "string" ? entry?.value : mark.items[step];
    if (next === undefined) {
      key = mark.span;
      break;
    }
    key = entry?.keySpan ?? next.span;
    mark = next;
  }
  return { key: placeAt(text, key.start), value: placeAt(text, mark.span.start) };
}

function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

const NO_KEYS: ReadonlyMap<string, KeyMark> = new Map();

function leaf(span: Span): Mark {
  return { span, keys: NO_KEYS, items: [] };
}

class TooDeep extends Error {}

/** More than any configuration nests, less than the stack holds. */
const DEPTH_LIMIT = 200;

/** A key of a block mapping: where it stands and what it says. */
interface Key {
  readonly span: Span;
  readonly text: string;
  /** Just after its colon. */
  readonly valueStart: number;
}

/** Reads one document from front to back. Columns count from 0 here. */
class Walker {
  readonly #text: string;
  #position = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Mark {
    if (this.#text.startsWith("\uFEFF")) this.#position = 1;
    this.#skipBlank();
    while (this.#peek() === "%" && this.#column() === 0) {
      this.#skipLine();
      this.#skipBlank();
    }
    if (this.#text.startsWith("---", this.#position) && isBlankOrEnd(this.#peek(3))) {
      this.#position += 3;
    }
    return this.#value(-1, false);
  }

  /**
   * A value in block style, nested in something at `parentColumn`.
   *
   * @param isAfterKey It follows `key:`, so that on the same line no mapping may begin, and
   * a list may stand in the key's own column.
   */
  #value(parentColumn: number, isAfterKey: boolean): Mark {
    const nothing = this.#position;
    const line = this.#lineStart();
    this.#skipBlank();
    let column = this.#column();
    const isSameLine = () => this.#lineStart() === line;
    if (!isSameLine() && !this.#isNested(parentColumn, isAfterKey)) return this.#nothing(nothing);
    if (this.#isAtEnd()) return this.#nothing(nothing);

    // An anchor or tag on the line of a mapping's first key belongs to that line's column.
    const propertiesLine = this.#lineStart();
    while (/[&!]/.test(this.#peek())) {
      this.#skipWord();
      this.#skipBlank();
      if (this.#isAtEnd()) return this.#nothing(nothing);
    }
    if (this.#lineStart() !== propertiesLine) {
      if (!this.#isNested(parentColumn, isAfterKey)) return this.#nothing(nothing);
      column = this.#column();
    }

    if (++this.#depth > DEPTH_LIMIT) throw new TooDeep();
    const mark = this.#content(parentColumn, column, isAfterKey && isSameLine());
    this.#depth -= 1;
    return mark;
  }

  /** Nothing is written: the place just after the key or dash. */
  #nothing(position: number): Mark {
    this.#position = position;
    return leaf({ start: position, end: position });
  }

  #isNested(parentColumn: number, isAfterKey: boolean): boolean {
    if (this.#isAtEnd()) return false;
    const column = this.#column();
    return column > parentColumn || (isAfterKey && column === parentColumn && this.#isDash());
  }

  #content(parentColumn: number, column: number, isInline: boolean): Mark {
    if (!isInline && this.#isDash()) return this.#list(column);
    if (!isInline) {
      const key = this.#key();
      if (key !== undefined) return this.#mapping(column, key);
    }
    switch (this.#peek()) {
      case "|":
      case ">":
        return this.#blockScalar(parentColumn);
      case "[":
      case "{":
        return this.#flow();
      case '"':
      case "'":
        return this.#quoted();
      default:
        return this.#plain(parentColumn);
    }
  }

  #list(column: number): Mark {
    const start = this.#position;
    const items: Mark[] = [];
    let end = start;
    while (!this.#isAtEnd() && this.#column() === column && this.#isDash()) {
      this.#position += 1;
      const item = this.#value(column, false);
      items.push(item);
      end = Math.max(item.span.end, this.#position);
      this.#skipBlank();
    }
    this.#position = end;
    return { span: { start, end }, keys: NO_KEYS, items };
  }

  #mapping(column: number, first: Key): Mark {
    const keys = new Map<string, KeyMark>();
    let end = first.span.end;
    for (let key: Key | undefined = first; key !== undefined;) {
      this.#position = key.valueStart;
      const value = this.#value(column, true);
      keys.set(key.text, { keySpan: key.span, value });
      end = Math.max(value.span.end, this.#position);
      this.#skipBlank();
      if (this.#isAtEnd() || this.#column() !== column) break;
      this.#skipProperties();
      key = this.#key();
    }
    this.#position = end;
    return { span: { start: first.span.start, end }, keys, items: [] };
  }

  /** The key that begins here and ends on this line, or undefined. Does not move. */
  #key(): Key | undefined {
    const start = this.#position;
    const first = this.#peek();
    let text: string | undefined;
    if (first === '"' || first === "'") {
      const { span } = this.#quoted();
      text = unquote(this.#text.slice(span.start, span.end));
    } else if (first === "[" || first === "{") {
      this.#flow();
    } else {
      this.#skipPlainLine(false);
    }
    const end = this.#position;
    text ??= this.#text.slice(start, end);
    while (/[ \t]/.test(this.#peek())) this.#position += 1;
    const isKey = this.#peek() === ":" && isBlankOrEnd(this.#peek(1)) &&
      !this.#text.slice(start, end).includes("\n");
    const valueStart = this.#position + 1;
    this.#position = start;
    return isKey ? { span: { start, end }, text, valueStart } : undefined;
  }

  /** A flow value: `[…]`, `{…}`, or a scalar in one of them. */
  #flow(): Mark {
    if (++this.#depth > DEPTH_LIMIT) throw new TooDeep();
    try {
      const first = this.#peek();
      if (first === "[") return this.#flowList();
      if (first === "{") return this.#flowMapping();
      if (first === '"' || first === "'") return this.#quoted();
      return this.#flowPlain();
    } finally {
      this.#depth -= 1;
    }
  }

  #flowList(): Mark {
    const start = this.#position++;
    const items: Mark[] = [];
    for (;;) {
      this.#skipFlowBlank();
      if (this.#isAtEnd() || this.#peek() === "]") break;
      const before = this.#position;
      const { key, value } = this.#flowEntry();
      // `[a: b]` is a list of one map.
      const isPair = value !== undefined;
      items.push(
        isPair
          ? {
            span: { start: before, end: value.span.end },
            keys: this.#pair(key, value),
            items: [],
          }
          : key,
      );
      if (this.#position === before) this.#position += 1;
    }
    this.#position = Math.min(this.#position + 1, this.#text.length);
    return { span: { start, end: this.#position }, keys: NO_KEYS, items };
  }

  #flowMapping(): Mark {
    const start = this.#position++;
    const keys = new Map<string, KeyMark>();
    for (;;) {
      this.#skipFlowBlank();
      if (this.#isAtEnd() || this.#peek() === "}") break;
      const before = this.#position;
      const { key, value } = this.#flowEntry();
      const { end } = key.span;
      for (const pair of this.#pair(key, value ?? leaf({ start: end, end }))) keys.set(...pair);
      if (this.#position === before) this.#position += 1;
    }
    this.#position = Math.min(this.#position + 1, this.#text.length);
    return { span: { start, end: this.#position }, keys, items: [] };
  }

  /** `key`, `key: value`, `key:` or `: value`, up to what separates it from the next. */
  #flowEntry(): { readonly key: Mark; readonly value: Mark | undefined } {
    if (this.#peek() === "?" && isBlankOrEnd(this.#peek(1))) {
      this.#position += 1;
      this.#skipFlowBlank();
    }
    const key = this.#flow();
    this.#skipBlank();
    if (this.#peek() !== ":") return { key, value: undefined };
    this.#position += 1;
    const afterColon = this.#position;
    this.#skipBlank();
    this.#skipProperties();
    if (/[,\]}]/.test(this.#peek()) || this.#isAtEnd()) {
      return { key, value: leaf({ start: afterColon, end: afterColon }) };
    }
    return { key, value: this.#flow() };
  }

  #pair(key: Mark, value: Mark): ReadonlyMap<string, KeyMark> {
    const text = unquote(this.#text.slice(key.span.start, key.span.end));
    return new Map([[text, { keySpan: key.span, value }]]);
  }

  #flowPlain(): Mark {
    const start = this.#position;
    let end = start;
    for (;;) {
      this.#skipPlainLine(true);
      if (this.#position > end) end = this.#position;
      const before = this.#position;
      this.#skipBlank();
      // It goes on in the next line; what follows a comment does not.
      const isFolded = this.#position > before && !this.#isAtEnd() &&
        !/[,[\]{}:#]/.test(this.#peek()) && this.#text.slice(before, this.#position).trim() === "";
      if (!isFolded) break;
    }
    this.#position = end;
    return leaf({ start, end });
  }

  #quoted(): Mark {
    const start = this.#position;
    const delimiter = this.#text[this.#position++];
    while (!this.#isAtEnd()) {
      const character = this.#text[this.#position++];
      if (character === "\\" && delimiter === '"') {
        this.#position += 1;
      } else if (character === delimiter) {
        if (delimiter === "'" && this.#peek() === "'") this.#position += 1;
        else break;
      }
    }
    this.#position = Math.min(this.#position, this.#text.length);
    return leaf({ start, end: this.#position });
  }

  /** A plain scalar, which goes on in lines that are nested deeper than its parent. */
  #plain(parentColumn: number): Mark {
    const start = this.#position;
    let end = start;
    for (;;) {
      this.#skipPlainLine(false);
      if (this.#position > end) end = this.#position;
      const before = this.#position;
      this.#skipBlank();
      const hasComment = this.#text.slice(before, this.#position).trim() !== "";
      if (hasComment || this.#isAtEnd() || this.#position === before) break;
      if (this.#column() <= parentColumn) break;
    }
    this.#position = end;
    return leaf({ start, end });
  }

  /** Moves to the end of a plain scalar on this line, without the blanks behind it. */
  #skipPlainLine(isFlow: boolean): void {
    let end = this.#position;
    while (!this.#isAtEnd()) {
      const character = this.#peek();
      if (character === "\n" || character === "\r") break;
      if (character === "#" && isBlankOrEnd(this.#peek(-1)) && end > 0) break;
      const next = this.#peek(1);
      if (character === ":" && (isBlankOrEnd(next) || (isFlow && /[,[\]{}]/.test(next)))) break;
      if (isFlow && /[,[\]{}]/.test(character)) break;
      this.#position += 1;
      if (character !== " " && character !== "\t") end = this.#position;
    }
    this.#position = end;
  }

  /** `|` or `>`: its header's line and all lines that are blank or nested deeper. */
  #blockScalar(parentColumn: number): Mark {
    const start = this.#position;
    this.#skipLine();
    let end = this.#position;
    while (!this.#isAtEnd()) {
      const lineStart = this.#position;
      while (this.#peek() === " ") this.#position += 1;
      const isBlank = /[\r\n]/.test(this.#peek()) || this.#isAtEnd();
      const isNested = this.#position - lineStart > parentColumn;
      this.#position = lineStart;
      if (!isBlank && !isNested) break;
      this.#skipLine();
      if (!isBlank) end = this.#position;
    }
    this.#position = end;
    return leaf({ start, end });
  }

  #isDash(): boolean {
    return this.#peek() === "-" && isBlankOrEnd(this.#peek(1));
  }

  #skipProperties(): void {
    while (/[&!]/.test(this.#peek())) {
      this.#skipWord();
      this.#skipBlank();
    }
  }

  #skipWord(): void {
    while (!isBlankOrEnd(this.#peek())) this.#position += 1;
  }

  /** Over blanks, line ends and comments. */
  #skipBlank(): void {
    while (!this.#isAtEnd()) {
      const character = this.#peek();
      if (character === "#" && isBlankOrEnd(this.#peek(-1))) {
        while (!this.#isAtEnd() && this.#peek() !== "\n") this.#position += 1;
      } else if (isBlankOrEnd(character)) {
        this.#position += 1;
      } else {
        return;
      }
    }
  }

  #skipFlowBlank(): void {
    this.#skipBlank();
    while (this.#peek() === ",") {
      this.#position += 1;
      this.#skipBlank();
    }
    this.#skipProperties();
  }

  /** To the beginning of the next line. */
  #skipLine(): void {
    const lineEnd = this.#text.indexOf("\n", this.#position);
    this.#position = lineEnd < 0 ? this.#text.length : lineEnd + 1;
  }

  #peek(ahead = 0): string {
    return this.#text[this.#position + ahead] ?? "";
  }

  #isAtEnd(): boolean {
    if (this.#position >= this.#text.length) return true;
    const isMarker = this.#text.startsWith("...", this.#position) ||
      this.#text.startsWith("---", this.#position);
    return isMarker && this.#column() === 0 && isBlankOrEnd(this.#peek(3));
  }

  #lineStart(): number {
    return this.#position === 0 ? 0 : this.#text.lastIndexOf("\n", this.#position - 1) + 1;
  }

  #column(): number {
    const lineStart = this.#lineStart();
    const hasMark = lineStart === 0 && this.#text.startsWith("\uFEFF");
    return this.#position - lineStart - (hasMark ? 1 : 0);
  }
}

function isBlankOrEnd(character: string): boolean {
  return character === "" || character === " " || character === "\t" || character === "\n" ||
    character === "\r";
}

const ESCAPES: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\x07",
  b: "\b",
  e: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** What a key says: quotes off, escapes resolved. */
function unquote(text: string): string {
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (!text.startsWith('"')) return text;
  const escape = /\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(.))/gis;
  return text.slice(1, -1).replace(escape, (whole, x, u, U, character) => {
    const hex = [x, u, U].find((digits) => typeof digits === "string");
    if (hex !== undefined) {
      const code = parseInt(`${hex}`, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : `${whole}`;
    }
    return ESCAPES[`${character}`] ?? `${character}`;
  });
}
