/**
 * From the statements of nginx.conf to the nodes that YAML would give. Which names stand where
 * is looked up in the table; what their arguments mean is left to their types.
 *
 * @module
 */
import type { Context, Directive } from "./directive.ts";
import { BLOCKS, DIRECTIVES } from "./directives.ts";
import { nearestName } from "./nearest.ts";
import type { NginxContext, Statement, StatementReader } from "./nginx_form.ts";
import { spanOf } from "./nginx_form.ts";
import { ACCEPTED, refusalOf } from "./nginx_known.ts";
import type { Entry, Mapping, Node } from "./node.ts";
import { type Problems, quote, type Span } from "./problem.ts";

const CONTEXTS: readonly NginxContext[] = [
  "main",
  "events",
  "http",
  "upstream",
  "server",
  "location",
  "server_if",
  "location_if",
  "limit_except",
];

/** Directives that may stand in a block, by every name that leads to them. */
const DIRECTIVES_OF: ReadonlyMap<NginxContext, ReadonlyMap<string, Directive<unknown>>> = new Map(
  CONTEXTS.map((context) => [
    context,
    new Map(
      DIRECTIVES.filter(({ contexts }) => contexts.includes(context)).flatMap((directive) =>
        [directive.name, ...directive.nginx.names ?? []].map((name) => [name, directive])
      ),
    ),
  ]),
);

/** nginx's blocks that hold directives: `http` and `events` are YAML's top level. */
interface Block {
  readonly contexts: readonly Context[];
  readonly context: NginxContext;
  readonly least: number;
  readonly most: number;
  /** Where YAML has such blocks, and whether by name. */
  readonly yaml: { readonly key: string; readonly isNamed: boolean } | undefined;
}

/** How many arguments a block may have that has not just a name. */
const MOST: Readonly<Record<string, number>> = { location: 2, limit_except: Infinity };

const BLOCKS_BY_NAME: ReadonlyMap<string, Block> = new Map<string, Block>([
  ["events", { contexts: ["main"], context: "events", least: 0, most: 0, yaml: undefined }],
  ["http", { contexts: ["main"], context: "http", least: 0, most: 0, yaml: undefined }],
  ...BLOCKS.map(({ name, yaml, contexts, shape }): [string, Block] => [name, {
    contexts,
    context: name,
    least: shape === "map" ? 1 : 0,
    most: MOST[name] ?? (shape === "map" ? 1 : 0),
    yaml: { key: yaml, isNamed: shape === "map" },
  }]),
]);

/** The folder that a file is in, without a slash behind. */
export function folderOf(fileName: string): string {
  const slash = fileName.lastIndexOf("/");
  return slash < 0 ? "." : fileName.slice(0, slash);
}

/** The document that YAML would have for the statements of a whole file. */
export function nginxDocument(statements: readonly Statement[], problems: Problems): Mapping {
  const span = { start: 0, end: 0 };
  return new Reader(problems, "main").readBlock(withoutTwins(statements), "main", span);
}

/**
 * The main context and `http` are one level in YAML. What both set (`error_log`) stays in the
 * main one for the process; that of `http` moves into the servers which would inherit it.
 */
function withoutTwins(statements: readonly Statement[]): readonly Statement[] {
  const main = new Set(statements.map(({ name }) => name.text));
  const isTwin = ({ name: { text } }: Statement) =>
    main.has(text) && DIRECTIVES_OF.get("main")?.has(text) === true &&
    DIRECTIVES_OF.get("server")?.has(text) === true;
  return statements.map((statement) => {
    const { name, block } = statement;
    const twins = name.text === "http" ? block?.filter(isTwin) ?? [] : [];
    if (block === undefined || twins.length === 0) return statement;
    const inside = block.filter((one) => !isTwin(one)).map((one) => {
      if (one.name.text !== "server" || one.block === undefined) return one;
      const own = new Set(one.block.map(({ name }) => name.text));
      return { ...one, block: [...twins.filter(({ name }) => !own.has(name.text)), ...one.block] };
    });
    return { ...statement, block: inside };
  });
}

/**
 * The value of one directive that the statements of a block stand for; undefined after
 * complaining of how many they are, or of how many arguments they have.
 */
export function readStatements(
  directive: Directive<unknown>,
  statements: readonly Statement[],
  problems: Problems,
  context: NginxContext = "location",
): Node | undefined {
  const { nginx: form } = directive;
  const { arity: { least, most }, block } = form;
  const good = statements.filter((statement) =>
    isWellFormed(statement, least, most, block ?? "never", problems)
  );
  const [first, ...others] = good;
  if (first === undefined) return undefined;
  if (form.isRepeatable) return form.read(good, new Reader(problems, context));
  for (const other of others) complainOfSecond(other, first, problems);
  return form.read([first], new Reader(problems, context));
}

function isWellFormed(
  { name, args, block, span }: Statement,
  least: number,
  most: number,
  wanted: "never" | "always" | "either",
  problems: Problems,
): boolean {
  const found = quote(name.text);
  if (block !== undefined && wanted === "never") {
    problems.addNginx({ span, words: `directive ${found} is not terminated by ";"`, found });
    return false;
  }
  if (block === undefined && wanted === "always") {
    problems.addNginx({ span, words: `directive ${found} has no opening "{"`, found });
    return false;
  }
  if (args.length >= least && args.length <= most) return true;
  problems.addNginx({
    span,
    words: `invalid number of arguments in ${found} directive`,
    found: `${args.length}`,
    advice: `need ${countText(least, most)}`,
  });
  return false;
}

/**
 * A directive that goes on in the next line with what is a directive there has lost its
 * semicolon: that is a problem, and what follows is read as it was meant.
 */
function parted(
  statements: readonly Statement[],
  context: NginxContext,
  problems: Problems,
): readonly Statement[] {
  return statements.flatMap((statement): readonly Statement[] => {
    const { name, args, block } = statement;
    const at = args.findIndex((arg, index) =>
      isDirective(arg.text, context) && arg.text === arg.raw &&
      problems.textOf({ start: (args[index - 1] ?? name).span.end, end: arg.span.start })
        .includes("\n")
    );
    const next = args[at];
    if (next === undefined) return [statement];
    const own = args.slice(0, at);
    const end = (own.at(-1) ?? name).span.end;
    const found = quote(name.text);
    problems.addNginx({
      span: { start: end, end },
      words: `directive ${found} is not terminated by ";"`,
      found,
      advice: `need it before ${quote(next.text)}`,
    });
    const span = { start: next.span.start, end: statement.span.end };
    const rest: Statement = { name: next, args: args.slice(at + 1), block, span };
    return [
      { name, args: own, block: undefined, span: { start: name.span.start, end } },
      ...parted([rest], context, problems),
    ];
  });
}

function isDirective(name: string, context: NginxContext): boolean {
  return DIRECTIVES_OF.get(context)?.has(name) === true ||
    BLOCKS_BY_NAME.get(name)?.contexts.includes(context) === true ||
    ACCEPTED.get(name)?.contexts.includes(context) === true || refusalOf(name) !== undefined;
}

function countText(least: number, most: number): string {
  if (most === 0) return "none";
  if (least === most) return least === 1 ? "one" : `${least}`;
  return most === Infinity ? `at least ${least === 1 ? "one" : least}` : `${least} to ${most}`;
}

function complainOfSecond({ name, span }: Statement, first: Statement, problems: Problems): void {
  const found = quote(name.text);
  problems.addNginx({
    span,
    words: `${found} directive is duplicate`,
    found,
    advice: first.name.text === name.text
      ? undefined
      : `there is ${quote(first.name.text)} already`,
  });
}

class Reader implements StatementReader {
  readonly problems: Problems;
  readonly context: NginxContext;
  readonly folder: string;

  constructor(problems: Problems, context: NginxContext) {
    this.problems = problems;
    this.folder = folderOf(problems.source.fileName);
    this.context = context;
  }

  readBlock(statements: readonly Statement[], context: NginxContext, span: Span): Mapping {
    const level = new Level(span);
    this.#readInto(level, statements, context);
    return level.mapping();
  }

  /** Each directive gets all of its statements at once, where the first of them stands. */
  #readInto(level: Level, statements: readonly Statement[], context: NginxContext): void {
    const directives = DIRECTIVES_OF.get(context);
    const gathered = new Map<Directive<unknown>, Statement[]>();
    const seen = new Map<string, Statement>();
    const inner: (readonly [Statement, Block])[] = [];
    for (const statement of parted(statements, context, this.problems)) {
      const { name } = statement;
      const directive = directives?.get(name.text);
      const block = BLOCKS_BY_NAME.get(name.text);
      if (directive !== undefined) {
        const own = gathered.get(directive);
        if (own === undefined) gathered.set(directive, [statement]);
        else own.push(statement);
      } else if (block?.contexts.includes(context) === true) {
        inner.push([statement, block]);
      } else {
        this.#passOver(statement, context, seen);
      }
    }
    for (const [directive, own] of gathered) {
      const value = readStatements(directive, own, this.problems, context);
      const { text: spelling, span } = own[0]!.name;
      if (value === undefined) continue;
      const short = inner.length === 0 ? directive.nginx.shorten?.(value) : undefined;
      level.set(short?.key ?? directive.yaml, short?.value ?? value, spelling, span);
    }
    for (const [statement, block] of inner) this.#readInner(level, statement, block, seen);
  }

  #readInner(level: Level, statement: Statement, block: Block, seen: Map<string, Statement>): void {
    const { args, name, span } = statement;
    const { least, most, context, yaml } = block;
    if (!isWellFormed(statement, least, most, "always", this.problems)) return;
    const inside = statement.block ?? [];
    if (yaml === undefined) {
      const first = seen.get(name.text);
      if (first !== undefined) complainOfSecond(statement, first, this.problems);
      seen.set(name.text, statement);
      // Blocks that are YAML's top level.
      this.#readInto(level, inside, context);
      return;
    }
    const mapping = this.readBlock(inside, context, span);
    if (!yaml.isNamed) return level.append(yaml.key, mapping, name.span);
    const key = args.map(({ text }) => text).join(" ");
    level.put(yaml.key, { key, keySpan: spanOf([statement]), value: mapping }, name.span);
  }

  /** What the table does not have here: it is let through, or a problem. */
  #passOver(statement: Statement, context: NginxContext, seen: Map<string, Statement>): void {
    const { name, span, args } = statement;
    const { problems } = this;
    const found = quote(name.text);
    const accepted = ACCEPTED.get(name.text);
    const isKnownElsewhere = CONTEXTS.some((other) => DIRECTIVES_OF.get(other)?.has(name.text)) ||
      BLOCKS_BY_NAME.has(name.text);
    if (accepted?.contexts.includes(context) === true) {
      if (!isWellFormed(statement, 1, Infinity, "never", problems)) return;
      const first = seen.get(name.text);
      if (first !== undefined && name.text !== "load_module") {
        complainOfSecond(statement, first, problems);
      }
      seen.set(name.text, statement);
    } else if (isKnownElsewhere || accepted !== undefined) {
      const words = `${found} directive is not allowed here`;
      const where = placesOf(name.text, accepted?.contexts);
      problems.addNginx({ span: name.span, words, found, advice: `it belongs ${where}` });
    } else {
      const refusal = refusalOf(name.text);
      if (refusal === undefined) return this.#complainOfUnknown(statement, context);
      const instead = refusal.instead === undefined ? "" : `; instead: ${refusal.instead}`;
      problems.addNginx({
        span: args.length === 0 ? name.span : span,
        words: `${found} directive is not supported`,
        found,
        advice: refusal.why + instead,
      });
    }
  }

  #complainOfUnknown({ name }: Statement, context: NginxContext): void {
    const here = [
      ...DIRECTIVES_OF.get(context)?.keys() ?? [],
      ...[...BLOCKS_BY_NAME].filter(([, { contexts }]) => contexts.includes(context))
        .map(([name]) => name),
    ];
    const found = quote(name.text);
    this.problems.addNginx({
      span: name.span,
      words: `unknown directive ${found}`,
      found,
      nearest: nearestName(name.text, here),
    });
  }
}

/** `in http, server or location`. */
function placesOf(name: string, accepted: readonly NginxContext[] | undefined): string {
  const places = accepted ??
    CONTEXTS.filter((context) =>
      DIRECTIVES_OF.get(context)?.has(name) ||
      BLOCKS_BY_NAME.get(name)?.contexts.includes(context)
    );
  const texts = places.map((context) => PLACES[context]);
  const last = texts.pop() ?? "";
  return texts.length === 0 ? last : `${texts.join(", ")} or ${last}`;
}

const PLACES: Readonly<Record<NginxContext, string>> = {
  main: "at the top of the file",
  events: "in events",
  http: "in http",
  upstream: "in an upstream",
  server: "in a server",
  location: "in a location",
  server_if: "in an if of a server",
  location_if: "in an if of a location",
  limit_except: "in limit_except",
};

/** A map that is being put together. */
class Level {
  readonly #span: Span;
  readonly #entries: Entry[] = [];
  readonly #levels = new Map<string, Level>();
  readonly #lists = new Map<string, Node[]>();

  constructor(span: Span) {
    this.#span = span;
  }

  mapping(): Mapping {
    return { kind: "mapping", span: this.#span, entries: this.#entries };
  }

  /** @param path Keys from here down: `proxy.read_timeout`. */
  set(path: string, value: Node, spelling: string, keySpan: Span): void {
    const dot = path.indexOf(".");
    if (dot < 0) this.#entries.push({ key: path, keySpan, spelling, value });
    else {this.#level(path.slice(0, dot), keySpan).set(
        path.slice(dot + 1),
        value,
        spelling,
        keySpan,
      );}
  }

  /** Adds an entry to the map behind a key. */
  put(key: string, entry: Entry, keySpan: Span): void {
    this.#level(key, keySpan).#entries.push(entry);
  }

  /** Adds an item to the list behind a key. */
  append(key: string, item: Node, keySpan: Span): void {
    let items = this.#lists.get(key);
    if (items === undefined) {
      items = [];
      this.#lists.set(key, items);
      this.#entries.push({ key, keySpan, value: { kind: "list", span: keySpan, items } });
    }
    items.push(item);
  }

  #level(key: string, keySpan: Span): Level {
    let level = this.#levels.get(key);
    if (level === undefined) {
      level = new Level(keySpan);
      this.#levels.set(key, level);
      this.#entries.push({ key, keySpan, value: level.mapping() });
    }
    return level;
  }
}
