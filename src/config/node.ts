/**
 * A configuration's values with their places, whichever syntax they were written in: the
 * readers of YAML and of nginx.conf make these, the directive table reads them.
 *
 * @module
 */
import { quote, type Span } from "./problem.ts";

export type Node = Scalar | List | Mapping;

/** One value. */
export interface Scalar {
  readonly kind: "scalar";
  readonly span: Span;
  /** Numbers and booleans as they are written: a version 1.0 is not 1. */
  readonly text: string;
  /** As it stands in the file, quotes and all. */
  readonly raw: string;
  /** Nothing is written there: a key without a value. */
  readonly isEmpty: boolean;
}

export interface List {
  readonly kind: "list";
  readonly span: Span;
  readonly items: readonly Node[];
  /** Arguments of one statement of nginx.conf, which YAML may also write as one text. */
  readonly isWords?: true;
}

export interface Mapping {
  readonly kind: "mapping";
  readonly span: Span;
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly key: string;
  readonly keySpan: Span;
  /** What messages call it, where that is not the key: the name it has in nginx.conf. */
  readonly spelling?: string;
  readonly value: Node;
}

/** A value as messages name it: quoted, or what kind of thing it is. */
export function describe(node: Node): string {
  if (node.kind === "list") return "a list";
  if (node.kind === "mapping") return "a map";
  return node.isEmpty ? "nothing" : quote(node.text);
}

/** A scalar that stands in no file: a default. */
export function scalarOf(text: string): Scalar {
  return { kind: "scalar", span: { start: 0, end: 0 }, text, raw: text, isEmpty: false };
}

/** The words of a value as nginx counts them: split at blanks, or already a list of scalars. */
export function wordsOf(node: Node): readonly Scalar[] | undefined {
  if (node.kind === "mapping") return undefined;
  if (node.kind === "list") {
    const scalars = node.items.filter((item) => item.kind === "scalar");
    return scalars.length === node.items.length ? scalars : undefined;
  }
  return Array.from(node.text.matchAll(/\S+/g), ({ 0: word, index }) => part(node, index, word));
}

/** The part of a scalar that begins at an index of its text. */
export function part(scalar: Scalar, index: number, text: string): Scalar {
  return { ...scalar, text, raw: text, isEmpty: false, span: partSpan(scalar, index, text.length) };
}

/** Where a part of a scalar's text stands; the whole scalar if escapes or line breaks hide it. */
export function partSpan(scalar: Scalar, index: number, length: number): Span {
  const offset = scalar.raw.indexOf(scalar.text);
  if (offset < 0) return scalar.span;
  const start = scalar.span.start + offset + index;
  return { start, end: start + length };
}
