/**
 * From nodes, as YAML has them, to the statements of nginx.conf.
 *
 * @module
 */
import { type BlockContext, type Target, targetsOf } from "./block.ts";
import type { Directive } from "./directive.ts";
import { type BlockKind, DIRECTIVES } from "./directives.ts";
import type { Line, NginxContext, StatementPrinter } from "./nginx_form.ts";
import { printNginx } from "./nginx_text.ts";
import type { Mapping, Node } from "./node.ts";

/** A whole configuration, which was read without problems, as the text of an nginx.conf. */
export function printNginxDocument(root: Mapping): string {
  const main: Line[] = [];
  const events: Line[] = [];
  const http: Line[] = [];
  eachTarget(root, "http", (target, node) => {
    if (target.kind === "block") {
      http.push(...blockLines(target.block, node));
      return;
    }
    const directive = directiveOf(target.name, "http");
    const place = directive?.contexts.includes("main")
      ? main
      : directive?.contexts.includes("events")
      ? events
      : http;
    place.push(...linesOf(directive, node));
  });
  return printNginx([
    ...main,
    { name: "events", args: [], block: events },
    { name: "http", args: [], block: http },
  ]);
}

/** Prints the directives of a block. */
export const statementPrinter: StatementPrinter = {
  printBlock(node: Mapping, context: NginxContext): readonly Line[] {
    const level = LEVELS[context];
    const lines: Line[] = [];
    const blocks: Line[] = [];
    eachTarget(node, level, (target, value) => {
      if (target.kind === "block") blocks.push(...blockLines(target.block, value));
      else lines.push(...linesOf(directiveOf(target.name, level), value));
    });
    return [...lines, ...blocks];
  },
};

/** Which level of YAML a block is read like. */
const LEVELS: Readonly<Record<NginxContext, BlockContext>> = {
  main: "http",
  events: "http",
  http: "http",
  upstream: "upstream",
  server: "server",
  location: "location",
  server_if: "server_if",
  location_if: "location_if",
  limit_except: "limit_except",
};

/** What is written at a level, key by key. */
function eachTarget(
  node: Mapping,
  context: BlockContext,
  visit: (target: Exclude<Target, { kind: "group" }>, value: Node) => void,
): void {
  const look = (mapping: Mapping, targets: ReadonlyMap<string, Target>): void => {
    for (const { key, value } of mapping.entries) {
      const target = targets.get(key);
      if (target === undefined) continue;
      if (target.kind !== "group") visit(target, value);
      else if (value.kind === "mapping") look(value, target.keys);
    }
  };
  look(node, targetsOf(context));
}

/** The directive of a name that is written at a level of YAML. */
export function directiveOf(name: string, context: BlockContext): Directive<unknown> | undefined {
  const contexts = context === "http" ? ["main", "events", "http"] : [context];
  return DIRECTIVES.find((directive) =>
    directive.name === name && directive.contexts.some((one) => contexts.includes(one))
  );
}

function linesOf(directive: Directive<unknown> | undefined, node: Node): readonly Line[] {
  return directive?.nginx.print(node, directive.name, statementPrinter) ?? [];
}

function blockLines({ name }: BlockKind, node: Node): readonly Line[] {
  if (node.kind === "list") {
    return node.items.flatMap((item): readonly Line[] =>
      item.kind === "mapping"
        ? [{ name, args: [], block: statementPrinter.printBlock(item, name) }]
        : []
    );
  }
  if (node.kind !== "mapping") return [];
  return node.entries.map(({ key, value }) => ({
    name,
    args: name === "location"
      ? locationArguments(key)
      : name === "limit_except"
      ? key.split(/\s+/)
      : [key],
    block: value.kind === "mapping" ? statementPrinter.printBlock(value, name) : [],
  }));
}

/** The modifier and the pattern behind it, which may have blanks. */
function locationArguments(key: string): readonly string[] {
  const [, sign, pattern = ""] = /^(=|\^~|~\*|~)?\s*(.*)$/s.exec(key) ?? [];
  return sign === undefined ? [pattern] : [sign, pattern];
}
