/**
 * From the statements of nginx.conf to the nodes that YAML would give, and back. Which names
 * stand where is looked up in the table; what their arguments mean is left to their types.
 *
 * @module
 */
import type { Directive } from "./directive.ts";
import type {
  Line,
  NginxContext,
  Statement,
  StatementPrinter,
  StatementReader,
} from "./nginx_form.ts";
import type { Mapping, Node } from "./node.ts";
import { type Problems, quote } from "./problem.ts";

/**
 * The value of one directive that the statements of a block stand for; undefined after
 * complaining of how many they are, or of how many arguments they have.
 */
export function readStatements(
  directive: Directive<unknown>,
  statements: readonly Statement[],
  problems: Problems,
): Node | undefined {
  const { nginx: form } = directive;
  const good = statements.filter((statement) => isWellFormed(directive, statement, problems));
  const [first, ...others] = good;
  if (first === undefined) return undefined;
  if (form.isRepeatable) return form.read(good, new Reader(problems));
  for (const { name, span } of others) {
    problems.addNginx({
      span,
      words: `${quote(name.text)} directive is duplicate`,
      found: quote(name.text),
      advice: first.name.text === name.text
        ? undefined
        : `there is ${quote(first.name.text)} already`,
    });
  }
  return form.read([first], new Reader(problems));
}

function isWellFormed(
  { nginx: { arity, block = "never" } }: Directive<unknown>,
  { name, args, block: own, span }: Statement,
  problems: Problems,
): boolean {
  const found = quote(name.text);
  if (own !== undefined && block === "never") {
    problems.addNginx({ span, words: `directive ${found} is not terminated by ";"`, found });
    return false;
  }
  if (own === undefined && block === "always") {
    problems.addNginx({ span, words: `directive ${found} has no opening "{"`, found });
    return false;
  }
  if (args.length >= arity.least && args.length <= arity.most) return true;
  problems.addNginx({
    span,
    words: `invalid number of arguments in ${found} directive`,
    found: `${args.length}`,
    advice: `need ${countText(arity.least, arity.most)}`,
  });
  return false;
}

function countText(least: number, most: number): string {
  if (most === 0) return "none";
  if (least === most) return least === 1 ? "one" : `${least}`;
  return most === Infinity ? `at least ${least === 1 ? "one" : least}` : `${least} to ${most}`;
}

class Reader implements StatementReader {
  readonly problems: Problems;

  constructor(problems: Problems) {
    this.problems = problems;
  }

  readBlock(
    _statements: readonly Statement[],
    _context: NginxContext,
    span: Mapping["span"],
  ): Mapping {
    return { kind: "mapping", span, entries: [] };
  }
}

/** Prints the directives of a block. */
export const statementPrinter: StatementPrinter = {
  printBlock: (): readonly Line[] => [],
};
