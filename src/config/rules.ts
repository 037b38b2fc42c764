/**
 * Rules of a few words, such as `error_page 404 /404.html`: a text as nginx writes it, a
 * map of what stands first to the rest, or a list of either or of lists of words.
 *
 * @module
 */
import type { ArgumentType, Reading } from "./directive.ts";
import { type NginxForm, someWords, spanOf, switchText, wordsNode } from "./nginx_form.ts";
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
    nginx: ruleEach(none),
    read(node, reading): readonly Value[] | undefined {
      const only = node.kind === "list" && node.items.length === 1 ? node.items[0] : node;
      if (only?.kind === "scalar" && none.includes(switchText(only.text))) return [];
      const found = rulesOf(node);
      if (found === undefined || found.length === 0) return reading.refuse(node, expected);
      const values = found.map(({ rule, node }) =>
        read(rule, reading, () => reading.refuse(node, expected))
      );
      return values.filter((value) => value !== undefined);
    },
  };
}

/** A rule in each statement: its words. */
function ruleEach(none: readonly string[]): NginxForm {
  return {
    ...someWords,
    isRepeatable: true,
    read: (statements) => ({
      kind: "list",
      span: spanOf(statements),
      items: statements.map(({ args, span }) => wordsNode(args, span)),
    }),
    print: (node, name) => {
      if (node.kind === "scalar" && none.includes(switchText(node.text))) {
        return [{ name, args: [switchText(node.text)] }];
      }
      return (rulesOf(node) ?? []).map(({ rule }) => ({
        name,
        args: rule.map(({ text }) => text),
      }));
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
    const found = node.items.map((item) => item.kind === "list" ? ruleOfList(item) : rulesOf(item));
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

/** A list within the list: the words of one rule, which may have blanks in them. */
function ruleOfList(node: Node): readonly Found[] | undefined {
  const [first, ...rest] = wordsOf(node) ?? [];
  return first === undefined ? undefined : [{ rule: [first, ...rest], node }];
}
