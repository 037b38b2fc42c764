/**
 * Nodes as YAML text.
 *
 * @module
 */
import type { Entry, List, Mapping, Node, Scalar } from "./node.ts";

/** A document, with a line end behind it. */
export function printYamlNode(node: Node): string {
  if (node.kind === "mapping" && node.entries.length > 0 && !hasTwins(node)) {
    return `${mappingLines(node, "").join("\n")}\n`;
  }
  if (isBlock(node)) return `${listLines(listOf(node), "").join("\n")}\n`;
  return `${inline(node)}\n`;
}

/** Whether a value has lines of its own. */
function isBlock(node: Node): boolean {
  if (node.kind === "mapping") return node.entries.length > 0;
  return node.kind === "list" && !isShort(node);
}

/** Lists of a few texts stand in one line. */
function isShort(list: List): boolean {
  if (joinedWords(list) !== undefined) return true;
  const isFlat = list.items.every((item) =>
    item.kind === "scalar" || (item.kind === "list" && isShort(item))
  );
  return isFlat && inline(list).length <= 80;
}

/** YAML has each key once in a map: one with twins is a list of maps. */
function hasTwins({ entries }: Mapping): boolean {
  return new Set(entries.map(({ key }) => key)).size < entries.length;
}

/** What a list or a map with twins has as items. */
function listOf(node: Node): readonly Node[] {
  if (node.kind === "list") return node.items;
  if (node.kind === "scalar") return [node];
  return node.entries.map((entry) => ({ kind: "mapping", span: entry.keySpan, entries: [entry] }));
}

function mappingLines({ entries }: Mapping, indent: string): string[] {
  return entries.flatMap((entry) => entryLines(entry, indent));
}

function entryLines({ key, value }: Entry, indent: string): string[] {
  const name = `${indent}${printKey(key, false)}:`;
  if (!isBlock(value)) {
    const text = inline(value);
    return [text === "" ? name : `${name} ${text}`];
  }
  const inner = `${indent}  `;
  if (value.kind === "mapping" && !hasTwins(value)) return [name, ...mappingLines(value, inner)];
  return [name, ...listLines(listOf(value), inner)];
}

function listLines(items: readonly Node[], indent: string): string[] {
  return items.flatMap((item) => {
    if (!isBlock(item)) return [`${indent}- ${inline(item)}`];
    const inner = item.kind === "mapping" && !hasTwins(item)
      ? mappingLines(item, `${indent}  `)
      : listLines(listOf(item), `${indent}  `);
    const [first = "", ...rest] = inner;
    return [`${indent}- ${first.trimStart()}`, ...rest];
  });
}

function inline(node: Node): string {
  switch (node.kind) {
    case "scalar":
      return printScalar(node, false);
    case "list": {
      const joined = joinedWords(node);
      return joined === undefined
        ? `[${node.items.map((item) => inFlow(item)).join(", ")}]`
        : printText(joined, false);
    }
    case "mapping":
      return `{${
        node.entries.map(({ key, value }) => ` ${printKey(key, true)}: ${inFlow(value)}`)
      } }`;
  }
}

function inFlow(node: Node): string {
  return node.kind === "scalar" ? printScalar(node, true) : inline(node);
}

/** The text of words that are told apart by the blanks between them. */
function joinedWords({ items, isWords }: List): string | undefined {
  if (isWords !== true || items.length < 2) return undefined;
  const texts = items.map((item) => item.kind === "scalar" ? item.text : "");
  // Quotes within such a text could be taken for quotes around a part of it.
  return texts.every((text) => /^[^\s"'\\]+$/.test(text)) ? texts.join(" ") : undefined;
}

function printScalar({ text, isEmpty }: Scalar, isFlow: boolean): string {
  return isEmpty ? "" : printText(text, isFlow);
}

/** Values are read as they are written, but a key as the number that it is: `1e3` as `1000`. */
function printKey(text: string, isFlow: boolean): string {
  const number = Number(text.replaceAll("_", ""));
  const isOther = !Number.isNaN(number) && String(number) !== text;
  return isOther || /^(?:True|TRUE|False|FALSE)$/.test(text)
    ? `'${text}'`
    : printText(text, isFlow);
}

/** A text that a YAML reader takes for this text, in quotes where it needs them. */
function printText(text: string, isFlow: boolean): string {
  const isPlain = /^[\w/$.^(][\w/$.=@+*?%;()<>^|~&:\\ -]*$/.test(text) &&
    !/: | #| $|:$|^\(|^null$|^Null$|^NULL$/.test(text) && !(isFlow && /\s/.test(text));
  if (isPlain) return text;
  // deno-lint-ignore no-control-regex -- these have to be escaped
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]/.test(text)) return JSON.stringify(text);
  return text.includes("'") && !/["\\]/.test(text)
    ? `"${text}"`
    : `'${text.replaceAll("'", "''")}'`;
}
