/**
 * From YAML text to nodes: `@std/yaml` says what is there, the locator says where.
 *
 * @module
 */
import { parse } from "@std/yaml";
import { type Mark, markYaml } from "./locate.ts";
import type { Entry, Node, Scalar } from "./node.ts";
import type { Problems, Span } from "./problem.ts";

/** More than any configuration nests; deeper ones would only exhaust the stack. */
const DEPTH_LIMIT = 64;

/** The document's nodes, or undefined when it is not YAML (which is then a problem). */
export function readYamlNodes(problems: Problems): Node | undefined {
  const { text } = problems.source;
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    return complainOfSyntax(problems, error);
  }
  return new Pairing(problems).node(document, markYaml(text), 0);
}

/** Joins a parsed value with its marks. */
class Pairing {
  readonly #problems: Problems;
  /** An anchor's value is one node, wherever its aliases are: a document cannot explode. */
  readonly #seen = new Map<object, Node>();
  readonly #open = new Set<object>();
  #isTooDeep = false;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  node(value: unknown, mark: Mark, depth: number): Node {
    if (typeof value !== "object" || value === null || !isCollection(value)) {
      return this.#scalar(value, mark.span);
    }
    const seen = this.#seen.get(value);
    if (seen !== undefined) return seen;
    if (this.#open.has(value) || depth >= DEPTH_LIMIT) {
      const isCycle = this.#open.has(value);
      if (!isCycle && this.#isTooDeep) return this.#scalar(null, mark.span);
      this.#isTooDeep ||= !isCycle;
      this.#problems.add({
        span: mark.span,
        cannot: isCycle ? "use an alias inside of what it stands for" : "nest values so deeply",
        found: isCycle ? "an alias of something around it" : `more than ${DEPTH_LIMIT} levels`,
        expected: isCycle ? "need a value that ends" : `need at most ${DEPTH_LIMIT} levels`,
      });
      return this.#scalar(null, mark.span);
    }
    this.#open.add(value);
    const node = Array.isArray(value)
      ? this.#list(value, mark, depth)
      : this.#mapping(value, mark, depth);
    this.#open.delete(value);
    this.#seen.set(value, node);
    return node;
  }

  #list(values: readonly unknown[], mark: Mark, depth: number): Node {
    const items = values.map((value, index) =>
      this.node(value, mark.items[index] ?? around(mark), depth + 1)
    );
    return { kind: "list", span: mark.span, items };
  }

  #mapping(value: object, mark: Mark, depth: number): Node {
    const entries = Object.entries(value).map(([key, value]): Entry => {
      const found = mark.keys.get(key);
      return {
        key,
        keySpan: found?.keySpan ?? mark.span,
        value: this.node(value, found?.value ?? around(mark), depth + 1),
      };
    });
    // An object has keys that are numbers first; in a map of rules the order may count.
    const inOrder = entries.toSorted((a, b) => a.keySpan.start - b.keySpan.start);
    return { kind: "mapping", span: mark.span, entries: inOrder };
  }

  #scalar(value: unknown, span: Span): Scalar {
    const raw = this.#problems.source.text.slice(span.start, span.end);
    const isEmpty = value === null || value === undefined;
    // A number, a boolean or a date as it is written, if that is known to be a plain word.
    const asWritten = /^[\w.+:-]+$/.test(raw) ? raw : String(value);
    const text = typeof value === "string" ? value : isEmpty ? "" : asWritten;
    return { kind: "scalar", span, text, raw, isEmpty };
  }
}

/** Lists and maps; not the dates and bytes that YAML's tags can make. */
function isCollection(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** The place of what the locator did not find: what is around it. */
function around({ span }: Mark): Mark {
  return { span, keys: new Map(), items: [] };
}

function complainOfSyntax(problems: Problems, error: unknown): undefined {
  if (error instanceof SyntaxError) {
    const [, reason = error.message, line = "1", column = "1"] =
      /^(.*) at line (\d+), column (\d+)/s.exec(error.message) ?? [];
    const span = spanAt(problems.source.text, Number(line), Number(column));
    const expected = tidy(reason);
    return problems.add({ span, cannot: "read this as YAML", found: "bad YAML", expected });
  }
  if (!(error instanceof Error)) throw error;
  // The stack has run out, or the parser met what its authors did not think of, such as an
  // `!!int` without a number. In either case the text is at fault, and it does not say where.
  const isTooDeep = error instanceof RangeError;
  return problems.add({
    span: { start: 0, end: 0 },
    cannot: "read this as YAML",
    found: isTooDeep ? "too many levels" : "bad YAML",
    expected: isTooDeep
      ? `need at most ${DEPTH_LIMIT} levels`
      : `the parser fails on it (${error.message})`,
  });
}

/** `Cannot store mapping pair: duplicated key` says it all after its colon. */
function tidy(reason: string): string {
  return /duplicated key/.test(reason)
    ? "need each key once in a map"
    : reason.replace(/^Cannot [^:]*: /, "");
}

function spanAt(text: string, line: number, column: number): Span {
  let start = 0;
  for (let current = 1; current < line; current++) {
    const lineEnd = text.indexOf("\n", start);
    // The parser counts a line after the last one.
    if (lineEnd < 0) return { start: text.length, end: text.length };
    start = lineEnd + 1;
  }
  start = Math.min(start + column - 1, text.length);
  return { start, end: start };
}
