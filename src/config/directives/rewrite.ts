/** Directives of nginx's rewrite module. @module */
import type { ConditionConf } from "../../http/conf.ts";
import { compileRegex } from "../../http/regex.ts";
import { regexProblem } from "../building.ts";
import {
  type ArgumentType,
  type Context,
  directive,
  type Reading,
  type Table,
} from "../directive.ts";
import {
  type Line,
  type NginxForm,
  spanOf,
  type Statement,
  type StatementPrinter,
  type StatementReader,
  wordAt,
  wordList,
  wordsNode,
} from "../nginx_form.ts";
import { type Entry, type Mapping, type Node, part, type Scalar, wordsOf } from "../node.ts";
import { quote, type Span } from "../problem.ts";
import { checkVariables, firstWordAndRest, flag } from "../types.ts";
import { type Return, returnType } from "./server.ts";
import { VARIABLE_NAME } from "./variables.ts";

/** One directive of the list, read as far as it can be without the block around it. */
export type RewriteStep =
  | { readonly kind: "set"; readonly name: string; readonly value: string }
  | {
    readonly kind: "rewrite";
    readonly regex: string;
    readonly replacement: string;
    readonly flag: RewriteFlag | undefined;
  }
  | { readonly kind: "return" } & Return
  | { readonly kind: "break" }
  | {
    readonly kind: "if";
    readonly condition: ConditionConf;
    /** The directives of its block, as a level of its own. */
    readonly body: Mapping;
    readonly span: Span;
  };

const FLAGS = ["last", "break", "redirect", "permanent"] as const;
type RewriteFlag = typeof FLAGS[number];

const EXPECTED =
  'a list of {rewrite: "REGEX REPLACEMENT [FLAG]"}, {set: "$NAME VALUE"}, {if: {when: CONDITION, ' +
  "then: LIST}}, {return: …} and {break: on}";
const REWRITE_EXPECTED =
  "a regex, a replacement and at most one of last, break, redirect, permanent";
const WHEN_EXPECTED =
  'a condition such as "$name", "$name = text", "$name ~* regex" or "!-f $path"';

/** Names and numbers of arguments of the statements that make the list. */
const STATEMENTS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  rewrite: [2, 3],
  set: [2, 2],
  if: [1, Infinity],
  break: [0, 0],
  return: [1, 2],
};

const form: NginxForm = {
  names: ["set", "if", "break", "return"],
  arity: { least: 0, most: Infinity },
  isRepeatable: true,
  block: "either",
  read: (statements, reader) => ({
    kind: "list",
    span: spanOf(statements),
    items: statements.flatMap((statement) => readStatement(statement, reader)),
  }),
  shorten: (value) => {
    const [entry, ...others] = stepEntries(value);
    return others.length === 0 && entry?.key === "return" ? entry : undefined;
  },
  print: (node, _name, printer) => stepEntries(node).flatMap((entry) => printStep(entry, printer)),
};

function readStatement(statement: Statement, reader: StatementReader): Mapping[] {
  const { name, args, block, span } = statement;
  const key = name.text;
  const [least, most] = STATEMENTS[key] ?? [0, 0];
  const found = quote(key);
  const complain = (words: string): Mapping[] => {
    reader.problems.addNginx({ span, words, found });
    return [];
  };
  if (args.length < least || args.length > most) {
    return complain(`invalid number of arguments in ${found} directive`);
  }
  if (key === "if" && block === undefined) return complain(`directive ${found} has no opening "{"`);
  if (key !== "if" && block !== undefined) {
    return complain(`directive ${found} is not terminated by ";"`);
  }
  const one = (value: Node): Mapping[] => [
    { kind: "mapping", span, entries: [{ key, keySpan: name.span, value }] },
  ];
  if (key === "break") return one(wordAt("on", span));
  if (key !== "if") return one(wordsNode(args, span));
  const words = withoutParens(args);
  if (words === undefined) {
    return complain(`invalid condition ${quote(args.map(({ text }) => text).join(" "))}`);
  }
  const context = reader.context === "server" ? "server_if" : "location_if";
  const body = reader.readBlock(block ?? [], context, span);
  const when: Entry = { key: "when", keySpan: span, value: wordList(words, span) };
  const entries = body.entries.map((entry) =>
    entry.key === "rewrite" ? { ...entry, key: "then" } : entry
  );
  return one({ kind: "mapping", span, entries: [when, ...entries] });
}

/** `(`, which may be an argument of its own, and `)`, likewise. */
function withoutParens(args: readonly Scalar[]): readonly Scalar[] | undefined {
  const [first, ...rest] = args;
  if (first === undefined || !first.text.startsWith("(")) return undefined;
  const words = first.text === "(" ? [...rest] : [part(first, 1, first.text.slice(1)), ...rest];
  const last = words.pop();
  if (last === undefined || !last.text.endsWith(")")) return undefined;
  if (last.text !== ")") words.push(part(last, 0, last.text.slice(0, -1)));
  return words.length === 0 ? undefined : words;
}

function printStep({ key, value }: Entry, printer: StatementPrinter): readonly Line[] {
  if (key === "break") return [{ name: "break", args: [] }];
  if (key === "return") return returnType.nginx?.print(value, "return", printer) ?? [];
  if (key !== "if") {
    const words = key === "set" ? setWords(value) : wordsOf(value);
    return [{ name: key, args: (words ?? []).map(({ text }) => text) }];
  }
  if (value.kind !== "mapping") return [];
  const when = value.entries.find(({ key }) => key === "when")?.value;
  const words = when === undefined ? [] : conditionWords(when)?.map(({ text }) => text) ?? [];
  const [first = "", ...rest] = words;
  const last = rest.pop();
  const args = last === undefined ? [`(${first})`] : [`(${first}`, ...rest, ...closed(last)];
  return [{ name: "if", args, block: printer.printBlock(ifBody(value), "location_if") }];
}

/** A word in quotes has the parenthesis as an argument of its own behind it. */
function closed(word: string): readonly string[] {
  return /[\s;"'{}#\\]/.test(word) || word === "" ? [word, ")"] : [`${word})`];
}

/** The directives of an `if`: without its condition, `then` as the list that it is. */
function ifBody(node: Mapping): Mapping {
  const entries = node.entries.filter(({ key }) => key !== "when").map((entry) =>
    entry.key === "then" ? { ...entry, key: "rewrite", spelling: "then" } : entry
  );
  return { ...node, entries };
}

/** The one entry of each map in the list; a map alone is one of its entries. */
function stepEntries(node: Node): readonly Entry[] {
  if (node.kind === "mapping") return node.entries;
  return node.kind === "list" ? node.items.flatMap(stepEntries) : [];
}

const steps: ArgumentType<readonly RewriteStep[]> = {
  label: "list of rewrite, set, if, return and break",
  expected: EXPECTED,
  nginx: form,
  read(node, reading): readonly RewriteStep[] | undefined {
    const isList = node.kind === "mapping" ||
      (node.kind === "list" && node.items.every(({ kind }) => kind === "mapping"));
    if (!isList) return reading.refuse(node, EXPECTED);
    return stepEntries(node).flatMap((entry) => readStep(entry, reading) ?? []);
  },
};

function readStep(
  { key, keySpan, value }: Entry,
  reading: Reading,
): RewriteStep | undefined {
  const own = reading.of(key);
  switch (key) {
    case "set":
      return readSet(value, own);
    case "rewrite":
      return readRewrite(value, own);
    case "if":
      return readIf(value, keySpan, own);
    case "break":
      return { kind: "break" };
    case "return": {
      const answer = returnType.read(value, own);
      return answer && { kind: "return", ...answer };
    }
    default:
      return reading.refusePart(keySpan, key, "need rewrite, set, if, return or break");
  }
}

/** The variable, and all that stands behind it. */
function setWords(node: Node): readonly Scalar[] | undefined {
  if (node.kind !== "scalar") return wordsOf(node);
  const words = firstWordAndRest(node);
  if (words === undefined || words[1].text === "") return words && [words[0]];
  return [words[0], unquoted(words[1])];
}

function readSet(node: Node, reading: Reading): RewriteStep | undefined {
  const [variable, value, ...more] = setWords(node) ?? [];
  if (variable === undefined || value === undefined || more.length > 0) {
    return reading.refuse(node, 'a variable and its value, such as "$name text"');
  }
  if (!VARIABLE_NAME.test(variable.text)) {
    return reading.refusePart(variable.span, variable.text, 'need a variable such as "$name"');
  }
  if (!checkVariables(value, reading)) return undefined;
  return { kind: "set", name: variable.text.slice(1), value: value.text };
}

function readRewrite(node: Node, reading: Reading): RewriteStep | undefined {
  const [regex, replacement, word, ...more] = wordsOf(node) ?? [];
  if (regex === undefined || replacement === undefined || more.length > 0) {
    return reading.refuse(node, REWRITE_EXPECTED);
  }
  if (replacement.text === "") {
    return reading.refusePart(replacement.span, "", "need a replacement that is not empty");
  }
  const flag = FLAGS.find((flag) => flag === word?.text);
  if (word !== undefined && flag === undefined) {
    return reading.refusePart(word.span, word.text, `need ${REWRITE_EXPECTED}`);
  }
  const isGood = [checkRegex(regex, false, reading), checkVariables(replacement, reading)];
  if (isGood.includes(false)) return undefined;
  return { kind: "rewrite", regex: regex.text, replacement: replacement.text, flag };
}

function checkRegex({ text, span }: Scalar, ignoresCase: boolean, reading: Reading): boolean {
  const wrong = regexProblem(() => compileRegex(text, ignoresCase));
  if (wrong !== undefined) reading.refusePart(span, text, `need a regex (${wrong})`);
  return wrong === undefined;
}

function readIf(node: Node, span: Span, reading: Reading): RewriteStep | undefined {
  const when = node.kind === "mapping"
    ? node.entries.find(({ key }) => key === "when")?.value
    : undefined;
  if (node.kind !== "mapping" || when === undefined) {
    return reading.refuse(node, "{when: CONDITION, then: LIST}");
  }
  const condition = readCondition(when, reading.of("when"));
  return condition && { kind: "if", condition, body: ifBody(node), span };
}

/** At most three: behind an operator stands all the rest. */
function conditionWords(node: Node): readonly Scalar[] | undefined {
  if (node.kind !== "scalar") return wordsOf(node);
  const [first, rest] = firstWordAndRest(node) ?? [];
  if (first === undefined || rest === undefined || rest.text === "") return first && [first];
  if (/^!?-/.test(first.text)) return [first, unquoted(rest)];
  const [operator, value] = firstWordAndRest(rest) ?? [];
  return operator === undefined || value === undefined
    ? [first, rest]
    : [first, operator, unquoted(value)];
}

/** Who comes from nginx may quote a text with blanks. */
function unquoted(scalar: Scalar): Scalar {
  const [, , inner] = /^(["'])(.*)\1$/s.exec(scalar.text) ?? [];
  return inner === undefined ? scalar : part(scalar, 1, inner);
}

function readCondition(node: Node, reading: Reading): ConditionConf | undefined {
  const words = conditionWords(node);
  const [first, second, third, ...more] = words ?? [];
  if (first === undefined || more.length > 0) return reading.refuse(node, WHEN_EXPECTED);
  const [, fileNot, test] = /^(!?)-([fdex])$/.exec(first.text) ?? [];
  if (test !== undefined && second !== undefined && third === undefined) {
    if (!checkVariables(second, reading)) return undefined;
    const isNegated = fileNot === "!";
    return { kind: "file", test: test as "f" | "d" | "e" | "x", path: second.text, isNegated };
  }
  if (!/^\$(?:\w+|\{\w+\})$/.test(first.text)) return reading.refuse(node, WHEN_EXPECTED);
  if (!checkVariables(first, reading)) return undefined;
  const variable = first.text;
  if (second === undefined) return { kind: "truth", variable };
  if (third === undefined) return reading.refuse(node, WHEN_EXPECTED);
  if (second.text === "=" || second.text === "!=") {
    if (!checkVariables(third, reading)) return undefined;
    return { kind: "equals", variable, value: third.text, isNegated: second.text === "!=" };
  }
  const [, not, star] = /^(!?)~(\*?)$/.exec(second.text) ?? [];
  if (not === undefined) {
    return reading.refusePart(second.span, second.text, "need =, !=, ~, ~*, !~ or !~*");
  }
  const ignoresCase = star === "*";
  if (!checkRegex(third, ignoresCase, reading)) return undefined;
  return { kind: "matches", variable, regex: third.text, ignoresCase, isNegated: not === "!" };
}

const EVERYWHERE: readonly Context[] = ["http", "server", "server_if", "location", "location_if"];

export const rewriteDirectives = {
  steps: directive({
    name: "rewrite",
    contexts: ["server", "server_if", "location", "location_if"],
    merge: "own",
    type: steps,
    example: {
      yaml: '[{ set: "$old $uri" }, { rewrite: "^/old/(.*)$ /new/$1?from=$old last" }]',
      nginx: "set $old $uri; rewrite ^/old/(.*)$ /new/$1?from=$old last;",
    },
    doc: "What is done with a request's URI, in this order: in a server before a location is " +
      "looked for, in a location once it is found. `rewrite` is a regex, what takes the path's " +
      "place, and `last`, `break`, `redirect` or `permanent` if wanted; `set` gives a variable a " +
      "value; `return` answers; `break` ends the list; `if` has a condition under `when` " +
      "(`$name`, `$name = text`, `!=`, `~`, `~*`, `!~`, `!~*`, `-f`, `-d`, `-e`, `-x` and their " +
      "negations with `!`) and a list of its own under `then`, such as " +
      '`{ if: { when: "$arg_mode = test", then: [{ return: 403 }] } }`. ' +
      "Beside `then` an `if` of a " +
      "location may have what nginx lets stand there, such as `proxy.pass`, `add_header` or " +
      "`root`: while its condition holds, and nothing after it holds, the location has that. " +
      "In nginx.conf these are directives of their own. A request whose URI changes is led to " +
      "its location again, ten times at most.",
  }),
  isLogged: directive({
    name: "rewrite_log",
    contexts: EVERYWHERE,
    type: flag,
    default: "off",
    doc: "Whether what `rewrite` and `if` do is told in the error log, at level `notice`.",
  }),
  warnsUnset: directive({
    name: "uninitialized_variable_warn",
    contexts: EVERYWHERE,
    type: flag,
    default: "on",
    doc: "Whether it is told in the error log, at level `warn`, that a variable of `set` is read " +
      "which has no value yet.",
  }),
} satisfies Table;
