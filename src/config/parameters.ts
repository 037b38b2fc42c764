/**
 * Directives with parameters, such as `listen 8080 default_server backlog=64`: a text of
 * words as nginx writes them, or a map with the parameters' names.
 *
 * @module
 */
import { type ArgumentType, type Setting, type Settings, settle, type Table } from "./directive.ts";
import { nearestName } from "./nearest.ts";
import { type NginxForm, someWords, switchText, wordsNode, wordTexts } from "./nginx_form.ts";
import { parametersSchema } from "./schema_parts.ts";
import { type Node, part, scalarOf, wordsOf } from "./node.ts";

/**
 * @param table The parameters.
 * @param positional nginx's names of those that stand first, without `name=`, in their
 * order. The first of them is required, and has no default; without any, nothing is.
 * @param expected What a message says is needed.
 * @param refused Parameters of nginx that there are not, and why.
 */
export function parameters<T extends Table>(
  table: T,
  positional: readonly string[],
  expected: string,
  refused: Readonly<Record<string, string>> = {},
): ArgumentType<Settings<T>> {
  const names = Object.values(table).map(({ name }) => name);
  const flags = new Set(
    Object.values(table).filter(({ type }) => type.label === "on | off").map(({ name }) => name),
  );
  const [required] = positional;
  const requiredKey = Object.keys(table).find((key) => table[key]?.name === required);
  return {
    label: [...positional, "…"].join(" "),
    expected,
    nginx: { ...someWords, print: printParameters(table, positional, flags) },
    schema: parametersSchema(table),
    read(node, reading): Settings<T> | undefined {
      const written = readSettings(node, positional, flags, names);
      if (written === undefined) return reading.refuse(node, expected);
      for (const [name, { keySpan }] of written) {
        if (names.includes(name)) continue;
        const why = Object.hasOwn(refused, name) ? refused[name] : undefined;
        if (why !== undefined) reading.refusePart(keySpan, name, why);
        else reading.refusePart(keySpan, name, "no such parameter", nearestName(name, names));
      }
      if (required !== undefined && !written.has(required)) return reading.refuse(node, expected);
      const settings = settle(table, written, undefined, (name) => reading.of(name));
      const isComplete = requiredKey === undefined || settings[requiredKey] !== undefined;
      return isComplete ? settings : undefined;
    },
  };
}

/** For parameters of which none is needed: `on`, or nothing in nginx.conf, for none of them. */
export function withoutParameters<Value>(type: ArgumentType<Value>): ArgumentType<Value> {
  const isOn = (text: string) => text === "on" || text === "true";
  return {
    label: "on | parameters",
    expected: type.expected,
    nginx: {
      ...someWords,
      arity: { least: 0, most: Infinity },
      read: ([statement]) => wordsNode(statement!.args, statement!.span),
      print: (node, name, printer) => {
        const lines = (type.nginx ?? someWords).print(node, name, printer);
        return lines.map((line) => ({
          ...line,
          args: line.args.filter((text) => !isOn(text) && text !== ""),
        }));
      },
    },
    read(node, reading): Value | undefined {
      const isAlone = node.kind === "scalar" && isOn(node.text);
      return type.read(isAlone ? { kind: "list", span: node.span, items: [] } : node, reading);
    },
  };
}

/** Those that stand first, then `name=value`, and the names of flags that are on. */
function printParameters(
  table: Table,
  positional: readonly string[],
  flags: ReadonlySet<string>,
): NginxForm["print"] {
  const isOnByDefault = (name: string) =>
    Object.values(table).some((one) => one.name === name && one.defaultText === "on");
  return (node, name) => {
    if (node.kind !== "mapping") return [{ name, args: wordTexts(node) }];
    // A text is one argument, whatever blanks are in it.
    const first = positional.flatMap((wanted) =>
      node.entries.filter(({ key }) => key === wanted).flatMap(({ value }) =>
        value.kind === "scalar" ? [value.text] : wordTexts(value)
      )
    );
    const rest = node.entries.filter(({ key }) => !positional.includes(key));
    const args = rest.flatMap(({ key, value }) => {
      const text = value.kind === "scalar" ? switchText(value.text) : wordTexts(value).join(" ");
      if (!flags.has(key)) return [`${key}=${text}`];
      return (text === "on") === isOnByDefault(key) ? [] : [text === "on" ? key : `${key}=${text}`];
    });
    return [{ name, args: [...first, ...args] }];
  };
}

/** What is written, by the parameters' names, or undefined when it is neither words nor a map. */
function readSettings(
  node: Node,
  positional: readonly string[],
  flags: ReadonlySet<string>,
  names: readonly string[],
): ReadonlyMap<string, Setting> | undefined {
  const written = new Map<string, Setting>();
  const set = (spelling: string, keySpan: Setting["keySpan"], value: Node) => {
    written.set(spelling, { spelling, keySpan, value });
  };
  if (node.kind === "mapping") {
    for (const { key, keySpan, value } of node.entries) set(key, keySpan, value);
    return written;
  }
  const words = wordsOf(node);
  if (words === undefined || words.length === 0 && positional.length > 0) return undefined;
  const open = [...positional];
  for (const word of words) {
    const [, name, value] = /^([a-z\d_]+)=(.*)$/s.exec(word.text) ?? [];
    // A path may have a = in it, as in nginx; what is named like a parameter is rather that.
    const isPath = open[0] === "path" && name !== undefined && !names.includes(name);
    if (name !== undefined && value !== undefined && !isPath) {
      set(name, word.span, part(word, name.length + 1, value));
    } else if (flags.has(word.text)) {
      set(word.text, word.span, { ...scalarOf("on"), span: word.span });
    } else {
      set(open.shift() ?? word.text, word.span, word);
    }
  }
  return written;
}
