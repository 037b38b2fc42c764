/**
 * The kinds of arguments that directives take.
 *
 * @module
 */
import type { ArgumentType, Reading } from "./directive.ts";
import { nearestName } from "./nearest.ts";
import {
  eachOf,
  entriesOf,
  entryEach,
  gatheredWords,
  hasEntries,
  offOr,
  oneArgument,
  oneFolder,
  oneSwitch,
  someWords,
} from "./nginx_form.ts";
import { type Node, part, type Scalar, wordsOf } from "./node.ts";
import type { Span } from "./problem.ts";
import {
  INTEGER,
  mapSchema,
  oneOfWords,
  orList,
  SCALAR,
  SIZE,
  SWITCH,
  TIME,
  WORDS,
} from "./schema_parts.ts";

const TIME_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  "": 1_000,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
};

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
};

/** A time in ms: `500ms`, `60s`, `1h 30m`; a bare number is seconds. */
export function time({ min }: { readonly min?: string } = {}): ArgumentType<number> {
  const least = min === undefined ? 0 : parseTime(min) ?? 0;
  const example = 'a time such as "60s" or "500ms"';
  const expected = min === undefined ? example : `${example}, at least ${min}`;
  const type = scalarType(
    "time",
    expected,
    (text) => {
      const value = parseTime(text);
      return value !== undefined && value >= least ? value : undefined;
    },
    example,
    (text) => parseTime(text) !== undefined,
  );
  return { ...type, schema: TIME };
}

/** nginx's times: units from large to small, each once at most. */
function parseTime(text: string): number | undefined {
  if (text === "") return undefined;
  let sum = 0;
  let last = Infinity;
  let position = 0;
  for (const { 0: whole, 1: digits, 2: unit = "", index } of text.matchAll(TIME_PART)) {
    const factor = TIME_UNITS[unit];
    if (index !== position || factor === undefined || factor >= last) return undefined;
    sum += Number(digits) * factor;
    last = factor;
    position += whole.length;
  }
  return position === text.length && Number.isSafeInteger(sum) ? sum : undefined;
}

const TIME_PART = /(\d+)([a-zA-Z]*)(?: (?=\d))?/g;

/** A size in bytes: `4k`, `8m`, `1g`; a bare number is bytes. */
export function size(
  { min, max }: { readonly min?: string; readonly max?: string } = {},
): ArgumentType<number> {
  const least = min === undefined ? 0 : parseSize(min) ?? 0;
  const most = max === undefined ? Infinity : parseSize(max) ?? 0;
  const example = 'a size such as "4k" or "1m"';
  const expected = [
    example,
    ...(min === undefined ? [] : [`at least ${min}`]),
    ...(max === undefined ? [] : [`at most ${max}`]),
  ].join(", ");
  const type = scalarType(
    "size",
    expected,
    (text) => {
      const value = parseSize(text);
      return value !== undefined && value >= least && value <= most ? value : undefined;
    },
    example,
    (text) => parseSize(text) !== undefined,
  );
  return { ...type, schema: SIZE };
}

function parseSize(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d+)([kmg]?)$/i.exec(text) ?? [];
  const value = Number(digits) * (SIZE_UNITS[unit.toLowerCase()] ?? NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A whole number. */
export function integer(
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): ArgumentType<number> {
  const expected = max === Number.MAX_SAFE_INTEGER
    ? `a whole number, at least ${min}`
    : `a whole number from ${min} to ${max}`;
  const type = scalarType("number", expected, (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  });
  return { ...type, schema: INTEGER };
}

/** A share, such as `20%`, as a number from 0 to 1. */
export function percent(
  { min = 0, max = 100 }: { readonly min?: number; readonly max?: number } = {},
): ArgumentType<number> {
  return scalarType("percent", `a share from ${min}% to ${max}%`, (text) => {
    const value = /^\d+(?:\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) : NaN;
    return value >= min && value <= max ? value / 100 : undefined;
  });
}

/** `on` or `off`, or a boolean. */
export const flag: ArgumentType<boolean> = {
  ...scalarType(
    "on | off",
    "on or off",
    (text) => text === "on" || text === "true" ? true : isOff(text) ? false : undefined,
  ),
  nginx: oneSwitch,
  schema: SWITCH,
};

function isOff(text: string): boolean {
  return text === "off" || text === "false";
}

/** One of a few words. Where `on` and `off` are among them, booleans stand for them. */
export function choice<const Word extends string>(words: readonly Word[]): ArgumentType<Word> {
  const type = scalarType(words.join(" | "), oneOf(words), (text) => {
    const spelled = text === "true" ? "on" : text === "false" ? "off" : text;
    return words.find((word) => word === text) ?? words.find((word) => word === spelled);
  });
  return { ...type, nginx: oneSwitch, schema: oneOfWords(words) };
}

/** Some of a few words; `off` alone for none of them. */
export function choices<const Word extends string>(
  words: readonly Word[],
): ArgumentType<ReadonlySet<Word>> {
  const expected = `off, or some of ${listed(words)}`;
  return {
    label: `${words.join(" | ")} … | off`,
    expected,
    schema: WORDS,
    read(node, reading): ReadonlySet<Word> | undefined {
      const written = wordsOf(node);
      if (written === undefined || written.length === 0) return reading.refuse(node, expected);
      const [first] = written;
      if (written.length === 1 && first !== undefined && isOff(first.text)) return new Set();
      const chosen = new Set<Word>();
      let isGood = true;
      for (const { text, span } of written) {
        const word = words.find((word) => word === text);
        if (word === undefined) {
          reading.refusePart(span, text, `need ${expected}`, nearestName(text, words));
          isGood = false;
        } else {
          chosen.add(word);
        }
      }
      return isGood ? chosen : undefined;
    },
  };
}

/** A folder of the file system. */
export const folder: ArgumentType<string> = {
  label: "folder",
  expected: "one folder, without levels",
  nginx: oneFolder,
  read(node, reading): string | undefined {
    if (node.kind !== "scalar" || !/^\S+$/.test(node.text)) {
      return reading.refuse(node, "one folder, without levels");
    }
    return node.text;
  },
};

/** A size, or a text with `$variables` that gives one in bytes. */
export const sizeTemplate: ArgumentType<string> = {
  label: "size or text with $variables",
  expected: 'a size such as "100k", or a text with $variables',
  nginx: oneArgument,
  read(node, reading): string | undefined {
    if (node.kind !== "scalar") return reading.refuse(node, this.expected);
    if (node.text.includes("$")) return template.read(node, reading);
    const bytes = size().read(node, reading);
    return bytes === undefined ? undefined : String(bytes);
  },
};

/** One word, checked by nobody here; with its place, for who looks it up. */
export interface Located {
  readonly text: string;
  readonly span: Span;
}

/** A name or an address that is looked up later, and keeps its place till then. */
export function located(label: string, expected: string): ArgumentType<Located> {
  return {
    label,
    expected,
    nginx: oneArgument,
    schema: SCALAR,
    read(node, reading): Located | undefined {
      if (node.kind !== "scalar" || !/^\S+$/.test(node.text)) return reading.refuse(node, expected);
      return { text: node.text, span: node.span };
    },
  };
}

/** The same, but it may have `$variables`, which have to be known. */
export function locatedTemplate(label: string, expected: string): ArgumentType<Located> {
  const type = located(label, expected);
  return {
    ...type,
    read(node, reading): Located | undefined {
      const isGood = node.kind !== "scalar" || checkVariables(node, reading);
      return isGood ? type.read(node, reading) : undefined;
    },
  };
}

/** Some such names: `a b`, or a list of them. */
export function locatedWords(label: string, expected: string): ArgumentType<readonly Located[]> {
  return {
    label,
    expected,
    nginx: gatheredWords,
    schema: WORDS,
    read(node, reading): readonly Located[] | undefined {
      const words = wordsOf(node);
      const isGood = words !== undefined && (words.length > 0 || isEmptyText(node));
      if (!isGood) return reading.refuse(node, expected);
      // The empty name is one too: what a request without Host asks for.
      if (words.length === 0 && node.kind === "scalar") return [{ text: "", span: node.span }];
      return words.map(({ text, span }) => ({ text, span }));
    },
  };
}

function isEmptyText(node: Node): boolean {
  return node.kind === "scalar" && !node.isEmpty && node.text === "";
}

/** A text with `$variables`, which have to be known. Nothing written is the empty text. */
export const template: ArgumentType<string> = {
  label: "text with $variables",
  expected: "a text",
  nginx: oneArgument,
  schema: SCALAR,
  read(node, reading): string | undefined {
    if (node.kind !== "scalar") return reading.refuse(node, "a text");
    return checkVariables(node, reading) ? node.text : undefined;
  },
};

/** The name of a field (RFC 9110, 5.1). */
export const fieldName = /^[!#$%&'*+.^_`|~\w-]+$/;

/** A field's value: one line, without control characters. */
export const fieldValue: ArgumentType<string> = {
  ...template,
  read(node, reading): string | undefined {
    const text = template.read(node, reading);
    // deno-lint-ignore no-control-regex -- these are what a field's value may not have
    const isBad = text !== undefined && /[\x00-\x08\x0a-\x1f\x7f]/.test(text);
    return isBad ? reading.refuse(node, "a text of one line, without control characters") : text;
  },
};

/** Complains of each variable that is not known. */
export function checkVariables(scalar: Scalar, reading: Reading): boolean {
  let isGood = true;
  let dollars = 0;
  for (const { 0: whole, 1: braced, 2: plain } of scalar.text.matchAll(VARIABLE)) {
    const name = braced ?? plain;
    const span = dollarSpan(scalar, dollars, whole.length);
    dollars += 1;
    if (name === undefined) {
      reading.refusePart(span, "$", 'need a variable such as "$host" or "${host}"');
      isGood = false;
    } else if (!CAPTURE.test(name) && !reading.known.isVariable(name)) {
      if (/^tcpinfo_/.test(name)) {
        reading.refusePart(span, whole, "the runtime does not tell what TCP knows of a connection");
        return false;
      }
      const nearest = nearestName(name, reading.known.variableNames());
      reading.refusePart(span, whole, "no such variable", nearest && `$${nearest}`);
      isGood = false;
    }
  }
  return isGood;
}

/** A dollar and the name behind it, if there is one. */
const VARIABLE = /\$(?:\{(\w+)\}|([1-9]|\w+))?/g;

/** What a regex has caught: there for all texts, empty where nothing was. */
const CAPTURE = /^[1-9]$/;

/** Where the n-th dollar of a text stands: quotes, escapes and line breaks keep their count. */
function dollarSpan({ raw, span }: Scalar, dollars: number, length: number): Span {
  let offset = raw.indexOf("$");
  for (let count = 0; count < dollars && offset >= 0; count++) {
    offset = raw.indexOf("$", offset + 1);
  }
  if (offset < 0) return span;
  return { start: span.start + offset, end: span.start + offset + length };
}

/** A map of names to values of one type, in order; or a list of such maps. */
export function mapOf<Value>(
  label: string,
  expected: string,
  type: ArgumentType<Value>,
  isName: (name: string) => boolean,
  expectedName: string,
): ArgumentType<readonly (readonly [name: string, value: Value])[]> {
  return {
    label,
    expected,
    nginx: entryEach(type.nginx ?? someWords),
    schema: mapSchema(type.schema ?? {}),
    read(node, reading): readonly (readonly [string, Value])[] | undefined {
      if (!hasEntries(node)) return reading.refuse(node, expected);
      const pairs: (readonly [string, Value])[] = [];
      for (const { key, keySpan, value } of entriesOf(node)) {
        if (!isName(key)) {
          reading.refusePart(keySpan, key, `need ${expectedName}`);
          continue;
        }
        const read = type.read(value, reading.of(key));
        if (read !== undefined) pairs.push([key, read]);
      }
      return pairs;
    },
  };
}

/** A list of values of one type; one alone need not be in a list. */
export function listOf<Value>(type: ArgumentType<Value>): ArgumentType<readonly Value[]> {
  const expected = `${type.expected}, or a list of such`;
  return {
    label: `${type.label}, or a list`,
    expected,
    nginx: eachOf(type.nginx ?? someWords),
    schema: orList(type.schema ?? {}),
    read(node, reading): readonly Value[] | undefined {
      if (node.kind !== "list") {
        const value = type.read(node, reading);
        return value === undefined ? undefined : [value];
      }
      if (node.items.length === 0) return reading.refuse(node, expected);
      const values = node.items.map((item) => type.read(item, reading));
      return values.filter((value) => value !== undefined);
    },
  };
}

/** `off`, or a value of a type. */
export function orOff<Value>(type: ArgumentType<Value>): ArgumentType<Value | "off"> {
  return {
    label: `${type.label} | off`,
    expected: `${type.expected}, or off`,
    nginx: offOr(type.nginx ?? someWords),
    schema: { anyOf: [{ enum: ["off", false] }, type.schema ?? {}] },
    read(node, reading): Value | "off" | undefined {
      if (node.kind === "scalar" && isOff(node.text)) return "off";
      return type.read(node, reading);
    },
  };
}

/** A value with its place. */
export function withPlace<Value>(
  type: ArgumentType<Value>,
): ArgumentType<{ readonly value: Value; readonly span: Span }> {
  return {
    label: type.label,
    expected: type.expected,
    nginx: type.nginx ?? someWords,
    schema: type.schema ?? {},
    read(node, reading): { readonly value: Value; readonly span: Span } | undefined {
      const value = type.read(node, reading);
      return value === undefined ? undefined : { value, span: node.span };
    },
  };
}

/** A type of one scalar. `isKind` with `kind`: when it is of the right kind, say the bounds. */
export function scalarType<Value>(
  label: string,
  expected: string,
  parse: (text: string) => Value | undefined,
  kind = expected,
  isKind: (text: string) => boolean = () => true,
): ArgumentType<Value> {
  return {
    label,
    expected,
    nginx: oneArgument,
    schema: SCALAR,
    read(node, reading): Value | undefined {
      if (node.kind !== "scalar") return reading.refuse(node, kind);
      const value = parse(node.text);
      if (value !== undefined) return value;
      return reading.refuse(node, isKind(node.text) ? expected : kind);
    },
  };
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? `${words[0]}` : `one of ${listed(words)}`;
}

function listed(words: readonly string[]): string {
  return words.join(", ");
}

/** The words of a scalar or list, or the map that stands for them: see `parameters`. */
export function firstWordAndRest(scalar: Scalar): readonly [Scalar, Scalar] | undefined {
  const [, lead = "", first = "", blank = "", rest = ""] =
    /^(\s*)(\S+)(\s*)(.*)$/s.exec(scalar.text) ?? [];
  if (first === "") return undefined;
  const restStart = lead.length + first.length + blank.length;
  return [part(scalar, lead.length, first), part(scalar, restStart, rest.trimEnd())];
}
