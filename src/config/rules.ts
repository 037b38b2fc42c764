/**
 * Rules of a few words, such as `error_page 404 /404.html`: a text as nginx writes it, a
 * map of what stands first to the rest, or a list of either.
 *
 * @module
 */
import type { ArgumentType, Reading } from "./directive.ts";
import { type Node, type Scalar, wordsOf } from "./node.ts";

/** One rule: its words, with their places. Never empty. */
export type Rule = readonly [Scalar, ...Scalar[]];

/**
 * @param read One rule's value; undefined after complaining.
 * @param words Words that stand alone for no rules, such as `off`.
 */
export function rules<Value>(
  label: string,
  expected: string,
  none: readonly string[],
  read: (rule: Rule, reading: Reading, refuse: () => undefined) => Value | undefined,
): ArgumentType<readonly Value[]> {
  return {
    label,
    expected,
    read(node, reading): readonly Value[] | undefined {
      if (node.kind === "scalar") {
        const word = node.text === "false" ? "off" : node.text;
        if (none.includes(word)) return [];
      }
      const found = rulesOf(node);
      if (found === undefined || found.length === 0) return reading.refuse(node, expected);
      const values = found.map(({ rule, node }) =>
        read(rule, reading, () => reading.refuse(node, expected))
      );
      return values.filter((value) => value !== undefined);
    },
  };
}

interface Found {
  readonly rule: Rule;
  /** What to complain of. */
  readonly node: Node;
}

function rulesOf(node: Node): readonly Found[] | undefined {
  if (node.kind === "list") {
    const found = node.items.map((item) => item.kind === "list" ? undefined : rulesOf(item));
    return found.some((rules) => rules === undefined) ? undefined : found.flatMap((one) => one!);
  }
  if (node.kind === "scalar") {
    const [first, ...rest] = wordsOf(node) ?? [];
    return first === undefined ? undefined : [{ rule: [first, ...rest], node }];
  }
  const found: Found[] = [];
  for (const { key, keySpan, value } of node.entries) {
    const name = wordsOf({ kind: "scalar", span: keySpan, text: key, raw: key, isEmpty: false });
    const rest = wordsOf(value);
    const [first, ...more] = [...name ?? [], ...rest ?? []];
    if (rest === undefined || first === undefined) return undefined;
    found.push({ rule: [first, ...more], node: value });
  }
  return found;
}
