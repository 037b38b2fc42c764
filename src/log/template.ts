/**
 * Texts with `$variables` in nginx's spelling, compiled once and rendered often:
 * log formats, `set_header` values, `return` texts.
 *
 * @module
 */

/** A text compiled for a kind of source, such as a request. */
export interface Template<Source> {
  /** No variable in it: renders the same text for every source. */
  readonly isConstant: boolean;
  render(source: Source): string;
}

/** Reads one variable. An absent value is the empty string. */
export type Getter<Source> = (source: Source) => string;

/** How to read a variable by its name; `undefined` when there is none of that name. */
export type VariableLookup<Source> = (name: string) => Getter<Source> | undefined;

/** A value that stands somewhere as bytes: `bytes[start, end)`, one a character. */
export interface ByteSpan {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * Reads one variable without making a string of it. Returns false where it cannot: the string
 * has to be asked for then. An absent value has no bytes.
 */
export type SpanGetter<Source> = (source: Source, into: ByteSpan) => boolean;

/** How to read a variable's bytes by its name; `undefined` when only its string can be had. */
export type SpanLookup<Source> = (name: string) => SpanGetter<Source> | undefined;

/** A variable's name without `$` and braces. */
export interface VariableUse {
  readonly name: string;
  /** Where its `$` stands in the text, in UTF-16 units from 0. */
  readonly offset: number;
}

/** One piece of a text, in order. */
export type TemplatePart =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "variable" } & VariableUse;

/** A text that names a variable which nobody knows. */
export class UnknownVariable extends Error {
  override readonly name = "UnknownVariable";

  constructor(readonly variable: string, readonly offset: number) {
    super(`Cannot use $${variable}: there is no such variable`);
  }
}

/** A text with a `$` that no name follows, or with a `${` that is not closed. */
export class MalformedVariable extends Error {
  override readonly name = "MalformedVariable";

  constructor(readonly offset: number, expected: string) {
    super(`Cannot read the variable at character ${offset + 1}: expected ${expected}`);
  }
}

/**
 * Compiles `text`.
 *
 * @throws {UnknownVariable} When `lookup` does not know a name.
 * @throws {MalformedVariable}
 */
export function compileTemplate<Source>(
  text: string,
  lookup: VariableLookup<Source>,
): Template<Source> {
  const parts = templateParts(text);
  const [first, ...others] = parts;
  if (first === undefined) return constant("");
  if (others.length === 0) {
    if (first.kind === "literal") return constant(first.text);
    return { isConstant: false, render: getterOf(first, lookup) };
  }
  const pieces = parts.map((part) => part.kind === "literal" ? part.text : getterOf(part, lookup));
  return { isConstant: false, render: (source) => join(pieces, source) };
}

/** The variables that `text` uses, in order, repeated when they are. @throws {MalformedVariable} */
export function variablesOf(text: string): VariableUse[] {
  return templateParts(text).filter((part) => part.kind === "variable")
    .map(({ name, offset }) => ({ name, offset }));
}

/** Splits `text` into literals, none of them empty or beside another, and variables. @throws {MalformedVariable} */
export function templateParts(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let literalFrom = 0;
  for (let offset = text.indexOf("$"); offset >= 0; offset = text.indexOf("$", literalFrom)) {
    if (offset > literalFrom) {
      parts.push({ kind: "literal", text: text.slice(literalFrom, offset) });
    }
    const { name, endOffset } = variableAt(text, offset);
    parts.push({ kind: "variable", name, offset });
    literalFrom = endOffset;
  }
  if (literalFrom < text.length) parts.push({ kind: "literal", text: text.slice(literalFrom) });
  return parts;
}

/** The getter of a variable that a text uses. @throws {UnknownVariable} */
export function getterOf<Source>(
  { name, offset }: VariableUse,
  lookup: VariableLookup<Source>,
): Getter<Source> {
  const getter = lookup(name);
  if (getter === undefined) throw new UnknownVariable(name, offset);
  return getter;
}

function variableAt(text: string, offset: number): { name: string; endOffset: number } {
  const isBraced = text[offset + 1] === "{";
  VARIABLE_NAME.lastIndex = offset + (isBraced ? 2 : 1);
  const name = VARIABLE_NAME.exec(text)?.[0];
  if (name === undefined) {
    throw new MalformedVariable(offset, "a name of letters, digits and _ after the $");
  }
  if (!isBraced) return { name, endOffset: VARIABLE_NAME.lastIndex };
  if (text[VARIABLE_NAME.lastIndex] !== "}") {
    throw new MalformedVariable(offset, `"}" after "\${${name}"`);
  }
  return { name, endOffset: VARIABLE_NAME.lastIndex + 1 };
}

/** A capture of a regex is one digit, whatever follows. */
const VARIABLE_NAME = /[1-9]|[A-Za-z0-9_]+/y;

function constant<Source>(text: string): Template<Source> {
  return { isConstant: true, render: () => text };
}

function join<Source>(pieces: readonly (string | Getter<Source>)[], source: Source): string {
  let text = "";
  for (const piece of pieces) text += typeof piece === "string" ? piece : piece(source);
  return text;
}
