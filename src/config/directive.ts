/**
 * What a directive is, and how the directives of one level of the configuration become a
 * record. Nothing here knows YAML from nginx.conf.
 *
 * @module
 */
import { type NginxForm, someWords } from "./nginx_form.ts";
import { describe, type Node, scalarOf } from "./node.ts";
import type { Schema } from "./schema.ts";
import { Problems, quote, type Span } from "./problem.ts";

/**
 * Where a directive may stand, in nginx's words; `server_if` and `location_if` are
 * `if` blocks; `peer`, `listen`, `access_log` and `error_log` are the parameters of those
 * directives. In YAML, `main`, `events` and `http` are all the top level.
 */
export type Context =
  | "main"
  | "events"
  | "http"
  | "upstream"
  | "server"
  | "location"
  | "server_if"
  | "location_if"
  | "limit_except"
  | "peer"
  | "listen"
  | "access_log"
  | "error_log"
  | "log_format"
  | "open_log_file_cache"
  | "return"
  | "admin"
  | "limit_req_zone"
  | "limit_conn_zone"
  | "limit_req"
  | "limit_conn"
  | "resolver";

export const HTTP_SERVER_LOCATION: readonly Context[] = ["http", "server", "location"];

/** One directive, or one parameter of a directive. */
export interface Directive<Value> {
  /** nginx's name. */
  readonly name: string;
  /** Path of its key in YAML, from the block it stands in: `proxy.read_timeout`. */
  readonly yaml: string;
  readonly contexts: readonly Context[];
  /** `inherit`: what a level sets replaces, as a whole, what the level around it set. `own`: for that level only. */
  readonly merge: "inherit" | "own";
  /** As one would write it; undefined: there is none. */
  readonly defaultText: string | undefined;
  /** The value where no level sets it. */
  readonly initial: Value;
  readonly type: ArgumentType<unknown>;
  /** How it is written in nginx.conf. */
  readonly nginx: NginxForm;
  /** For the manual, where the default shows too little. */
  readonly example: Example | undefined;
  /** One sentence, or a few. */
  readonly doc: string;
  /** The version of Sluice that has it first. */
  readonly since: string;
  /** The value of what is written; undefined after complaining. */
  read(node: Node, reading: Reading): Value | undefined;
}

/** What stands behind the name, in either syntax. */
export interface Example {
  readonly yaml: string;
  /** The arguments; or, with a semicolon or a brace at its end, whole statements. */
  readonly nginx: string;
}

/** How a directive's arguments are written and read. */
export interface ArgumentType<Value> {
  /** For the manual: `time`, `size`, `on | off`. */
  readonly label: string;
  /** What a message says is needed: `a time such as "60s" or "500ms"`. */
  readonly expected: string;
  /** How it is written in nginx.conf. @default Some words in one statement. */
  readonly nginx?: NginxForm;
  /** What an editor is told of the values. @default Anything may stand there. */
  readonly schema?: Schema;
  /** Returns undefined after complaining. */
  read(node: Node, reading: Reading): Value | undefined;
}

interface Description<Value> {
  readonly name: string;
  /** @default The name. */
  readonly yaml?: string;
  readonly contexts: readonly Context[];
  readonly type: ArgumentType<Value>;
  /** @default "inherit" */
  readonly merge?: "inherit" | "own";
  /** @default The type's. */
  readonly nginx?: NginxForm;
  readonly example?: Example;
  readonly doc: string;
  /** @default "0.1.0" */
  readonly since?: string;
}

/** Declares a directive. Without a default its value is undefined where nothing sets it. */
export function directive<Value>(
  description: Description<Value> & { readonly default: string },
): Directive<Value>;
export function directive<Value>(description: Description<Value>): Directive<Value | undefined>;
export function directive<Value>(
  description: Description<Value> & { readonly default?: string },
): Directive<Value | undefined> {
  const { name, type, contexts, doc, default: defaultText } = description;
  const initial = defaultText === undefined ? undefined : readDefault(name, type, defaultText);
  return {
    name,
    yaml: description.yaml ?? name,
    contexts,
    merge: description.merge ?? "inherit",
    defaultText,
    initial,
    type,
    nginx: description.nginx ?? type.nginx ?? someWords,
    example: description.example,
    doc,
    since: description.since ?? "0.1.0",
    read: (node, reading) => type.read(node, reading),
  };
}

/** Fails at start, in every test, if a table states a default that its own type refuses. */
function readDefault<Value>(
  name: string,
  type: ArgumentType<Value>,
  text: string,
): Value | undefined {
  const problems = new Problems({ fileName: "default", text });
  const value = type.read(scalarOf(text), new Reading(problems, name));
  problems.throwIfAny();
  return value;
}

/** Directives by the name of their field in the record that the program sees. */
export type Table = Readonly<Record<string, Directive<unknown>>>;

/** The record that a table's directives become. */
export type Settings<T extends Table> = {
  readonly [Key in keyof T]: T[Key] extends Directive<infer Value> ? Value : never;
};

/** What is written for one directive at one level. */
export interface Setting {
  /** As this syntax calls it: `read_timeout` in YAML. */
  readonly spelling: string;
  readonly keySpan: Span;
  readonly value: Node;
}

/** What is written at one level, by nginx's names. */
export type Written = ReadonlyMap<string, Setting>;

/** What the values of a configuration are checked against. */
export interface Known {
  isVariable(name: string): boolean;
  /** Of those that are not of a family, for hints. */
  variableNames(): Iterable<string>;
  /** Whether it is one without the configuration's doing. */
  isBuiltIn(name: string): boolean;
  /** Names of functions that may answer. */
  readonly handlers: ReadonlySet<string>;
  /** Names of functions that may balance. */
  readonly balancers: ReadonlySet<string>;
}

const ANYTHING: Known = {
  isVariable: () => true,
  variableNames: () => [],
  isBuiltIn: () => false,
  handlers: new Set(),
  balancers: new Set(),
};

/** What a type needs while it reads one directive's value. */
export class Reading {
  readonly problems: Problems;
  readonly known: Known;
  /** The directive, as the file spells it. */
  readonly name: string;

  constructor(problems: Problems, name: string, known: Known = ANYTHING) {
    this.problems = problems;
    this.name = name;
    this.known = known;
  }

  /** The same for a part of the value that has a name of its own. */
  of(name: string): Reading {
    return new Reading(this.problems, name, this.known);
  }

  /** `Cannot set NAME to FOUND: need EXPECTED`. */
  refuse(node: Node, expected: string): undefined {
    const found = describe(node);
    const cannot = `set ${this.name} to ${found}`;
    return this.problems.add({ span: node.span, cannot, found, expected: `need ${expected}` });
  }

  /** `Cannot use FOUND in NAME: EXPECTED`. */
  refusePart(span: Span, text: string, expected: string, nearest?: string): undefined {
    const found = quote(text);
    return this.problems.add({
      span,
      cannot: `use ${found} in ${this.name}`,
      found,
      expected,
      nearest,
    });
  }
}

/**
 * The settings of one level: what is written there, over what the level around it has,
 * over the defaults. A bad value is a problem, and then counts as not written.
 */
export function settle<T extends Table>(
  table: T,
  written: Written,
  inherited: Settings<T> | undefined,
  reading: (name: string) => Reading,
): Settings<T> {
  const settings: Record<string, unknown> = {};
  for (const [key, directive] of Object.entries(table)) {
    const outer = directive.merge === "inherit" ? inherited?.[key] : undefined;
    const setting = written.get(directive.name);
    const value = setting === undefined
      ? undefined
      : directive.read(setting.value, reading(setting.spelling));
    settings[key] = value ?? outer ?? directive.initial;
  }
  // Each field was read by its own directive, which is what the type says.
  return settings as Settings<T>;
}
