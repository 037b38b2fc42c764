/**
 * How a directive is written in nginx.conf: the statements that stand for one value, read into
 * the nodes that YAML would give, and printed back.
 *
 * @module
 */
import type { Entry, List, Mapping, Node, Scalar } from "./node.ts";
import { part, scalarOf, wordsOf } from "./node.ts";
import type { Problems, Span } from "./problem.ts";

/** `name argument …;`, or `name argument … { … }`. */
export interface Statement {
  readonly name: Scalar;
  readonly args: readonly Scalar[];
  /** What stands between its braces; undefined where it ends with a semicolon. */
  readonly block: readonly Statement[] | undefined;
  /** From its name to its last argument. */
  readonly span: Span;
}

/** A statement to print. */
export interface Line {
  readonly name: string;
  readonly args: readonly string[];
  readonly block?: readonly Line[];
}

/** How many arguments a statement may have: `least` to `most`. */
export interface Arity {
  readonly least: number;
  readonly most: number;
}

/** What reads the statements of one directive that stand in one block. */
export interface NginxForm {
  /** Names of statements that lead to it, besides the directive's own. */
  readonly names?: readonly string[];
  readonly arity: Arity;
  /** Whether there may be several in a block. If not, a second one is a duplicate. */
  readonly isRepeatable: boolean;
  /** `never`: it ends with a semicolon. `always`: it has braces. @default "never" */
  readonly block?: "never" | "always" | "either";
  /**
   * The value as YAML has it. There is at least one statement, they are in the order of the
   * file, and their arguments are as many as `arity` says.
   */
  read(statements: readonly Statement[], reader: StatementReader): Node;
  /** A shorter way to say in YAML what some values do. Not taken beside blocks. */
  shorten?(value: Node): { readonly key: string; readonly value: Node } | undefined;
  /** What reads as this value again. `name` is the directive's. */
  print(node: Node, name: string, printer: StatementPrinter): readonly Line[];
}

/** What a form is handed to read statements that are directives themselves. */
export interface StatementReader {
  /** The block that the statements stand in. */
  readonly context: NginxContext;
  readonly problems: Problems;
  /** The folder of the configuration file, without a slash behind: nginx's configuration prefix. */
  readonly folder: string;
  /** The map of directives, as YAML has it, that a block of some context is. */
  readBlock(statements: readonly Statement[], context: NginxContext, span: Span): Mapping;
}

/** What a form is handed to print a map of directives. */
export interface StatementPrinter {
  printBlock(node: Mapping, context: NginxContext): readonly Line[];
}

/** Blocks of nginx.conf that hold directives. */
export type NginxContext =
  | "main"
  | "events"
  | "http"
  | "upstream"
  | "server"
  | "location"
  | "server_if"
  | "location_if"
  | "limit_except";

/** Arguments as one node: the one word there is, or a list. */
export function wordsNode(args: readonly Scalar[], span: Span): Node {
  const [only] = args;
  // Quotes may have made one argument of several words, or of none.
  return only !== undefined && args.length === 1 && /^\S+$/.test(only.text)
    ? only
    : wordList(args, span);
}

/** A list that YAML may also write as one text of words. */
export function wordList(items: readonly Scalar[], span: Span): List {
  return { kind: "list", span, items, isWords: true };
}

/** A scalar that is written nowhere: what a statement without arguments stands for. */
export function wordAt(text: string, span: Span): Scalar {
  return { ...scalarOf(text), span };
}

/** The texts of a value's words. */
export function wordTexts(node: Node): readonly string[] {
  return (wordsOf(node) ?? []).map(({ text }) => text);
}

/** A boolean of YAML as nginx writes it. */
export function switchText(text: string): string {
  return text === "true" ? "on" : text === "false" ? "off" : text;
}

/** One argument, whatever is in it. */
export const oneArgument: NginxForm = {
  arity: { least: 1, most: 1 },
  isRepeatable: false,
  read: ([statement]) => statement!.args[0]!,
  print: (node, name) => node.kind === "scalar" ? [{ name, args: [node.text] }] : [],
};

/** A folder, with the levels of folders in it that nginx may be told: files there have no names. */
export const oneFolder: NginxForm = {
  ...oneArgument,
  arity: { least: 1, most: 4 },
  read: ([statement], { problems }) => {
    const [path, ...levels] = statement!.args;
    for (const { text, span } of levels) {
      if (/^[1-3]$/.test(text)) continue;
      const advice = "need a level from 1 to 3";
      problems.addNginx({ span, words: `invalid value "${text}"`, found: text, advice });
    }
    return path!;
  },
};

/** A file whose path starts from the configuration's folder, as nginx has it for keys and passwords. */
export const oneFile: NginxForm = {
  ...oneArgument,
  read: ([statement], { folder }) => {
    const path = statement!.args[0]!;
    const isElsewhere = folder === "." || /^(?:[/$]|\w+:|off$|$)/.test(path.text);
    return isElsewhere ? path : { ...path, text: `${folder}/${path.text}` };
  },
};

/** One argument that may be `on` or `off`. */
export const oneSwitch: NginxForm = {
  ...oneArgument,
  print: (node, name) => node.kind === "scalar" ? [{ name, args: [switchText(node.text)] }] : [],
};

/** Some arguments: words in YAML. */
export const someWords: NginxForm = {
  arity: { least: 1, most: Infinity },
  isRepeatable: false,
  read: ([statement]) => wordsNode(statement!.args, statement!.span),
  print: (node, name) => {
    if (node.kind === "mapping") return [];
    const texts = wordTexts(node);
    // An empty text is an argument too.
    return [{ name, args: texts.length === 0 ? [""] : texts.map(switchText) }];
  },
};

/** Words that several statements may bring, each some of them: `server_name a b; server_name c`. */
export const gatheredWords: NginxForm = {
  ...someWords,
  isRepeatable: true,
  read: (statements) => wordsNode(statements.flatMap(({ args }) => args), spanOf(statements)),
};

/** The same, one each: `proxy_hide_header A; proxy_hide_header B`. */
export const oneWordEach: NginxForm = {
  ...gatheredWords,
  arity: { least: 1, most: 1 },
  print: (node, name) => wordTexts(node).map((text) => ({ name, args: [text] })),
};

/** A statement that stands alone: `internal;`. */
export const noArguments: NginxForm = {
  arity: { least: 0, most: 0 },
  isRepeatable: false,
  read: ([statement]) => wordAt("on", statement!.span),
  print: (node, name) =>
    node.kind === "scalar" && switchText(node.text) === "on" ? [{ name, args: [] }] : [],
};

/** A list, each item of which is a statement of its own. */
export function eachOf(form: NginxForm): NginxForm {
  return {
    ...form,
    isRepeatable: true,
    read: (statements, reader) => ({
      kind: "list",
      span: spanOf(statements),
      items: statements.map((statement) => form.read([statement], reader)),
    }),
    print: (node, name, printer) => {
      const items = node.kind === "list" ? node.items : [node];
      return items.flatMap((item) => form.print(item, name, printer));
    },
  };
}

/** A map, each entry of which is a statement: its key, and then its value in some form. */
export function entryEach(form: NginxForm): NginxForm {
  const { least, most } = form.arity;
  return {
    ...form,
    arity: { least: least + 1, most: most + 1 },
    isRepeatable: true,
    read: (statements, reader): Mapping => ({
      kind: "mapping",
      span: spanOf(statements),
      entries: statements.map((statement): Entry => {
        const [key, ...args] = statement.args;
        return {
          key: key!.text,
          keySpan: key!.span,
          value: form.read([{ ...statement, args }], reader),
        };
      }),
    }),
    print: (node, name, printer) =>
      entriesOf(node).flatMap(({ key, value }) =>
        form.print(value, name, printer)
          .map((line) => ({ ...line, args: [key, ...line.args] }))
      ),
  };
}

/** Statements whose own names are the first of their words: `allow 10.0.0.0/8; deny all`. */
export function namedEach(form: NginxForm, names: readonly string[], most: number): NginxForm {
  return {
    ...form,
    names,
    arity: { least: 0, most },
    isRepeatable: true,
    read: (statements, reader) =>
      form.read(
        statements.map((statement) => ({
          ...statement,
          args: [statement.name, ...statement.args],
        })),
        reader,
      ),
    print: (node, name, printer) =>
      form.print(node, name, printer).map(({ args: [first = name, ...args] }) => ({
        name: first,
        args,
      })),
  };
}

/** `off` alone, or another form. */
export function offOr(form: NginxForm): NginxForm {
  return {
    ...form,
    arity: { least: Math.min(1, form.arity.least), most: Math.max(1, form.arity.most) },
    read: (statements, reader) => {
      const [first, ...others] = statements;
      const [word, ...more] = first!.args;
      const isOff = others.length === 0 && more.length === 0 && word?.text === "off";
      return isOff ? word : form.read(statements, reader);
    },
    print: (node, name, printer) =>
      node.kind === "scalar" && switchText(node.text) === "off"
        ? [{ name, args: ["off"] }]
        : form.print(node, name, printer),
  };
}

/** Entries of a map, or of the maps in a list. */
export function entriesOf(node: Node): readonly Entry[] {
  if (node.kind === "mapping") return node.entries;
  return node.kind === "list" ? node.items.flatMap(entriesOf) : [];
}

/** Whether a value is a map, or a list of maps and nothing else. */
export function hasEntries(node: Node): boolean {
  return node.kind === "mapping" ||
    (node.kind === "list" && node.items.length > 0 && node.items.every(hasEntries));
}

/** From the first statement to the end of the last. */
export function spanOf(statements: readonly Statement[]): Span {
  const first = statements[0]!.span;
  const last = statements.at(-1)!.span;
  // Of included files it is the place of the first.
  return last.end >= first.start ? { start: first.start, end: last.end } : first;
}

/** The value behind `name=` of an argument; undefined when it is not of that name. */
export function valueOf(argument: Scalar, name: string): Scalar | undefined {
  if (!argument.text.startsWith(`${name}=`)) return undefined;
  return part(argument, name.length + 1, argument.text.slice(name.length + 1));
}
