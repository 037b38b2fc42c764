/**
 * The texts that a file makes messages of, found in its syntax tree: what is given to a function
 * that complains, and what stands under a name that messages have for their parts.
 *
 * @module
 */

/** A text of a message, as far as it stands in the file. */
export interface MessagePart {
  /** Where: `src/config/types.ts:178`. */
  readonly place: string;
  /** `need a regex (…)`. */
  readonly text: string;
  /** Matches what it may become. */
  readonly pattern: RegExp;
}

/** Functions that complain: `reading.refuse()`, `complainOfEnd()`. */
const COMPLAINING = /refuse|complain|unexpected|Problem/i;
/** Properties that a message is made of. */
const PROPERTIES = new Set(["cannot", "expected", "words", "advice", "why", "expectedName"]);
/** What is given to a complaint by name: `const EXPECTED = "…"`. */
const VARIABLES = /expected|wrong|advice|words/i;

/** Stands for what is not known before the program runs. */
const HOLE = "…";

/** The texts of a file that its messages have. */
export function messageParts(path: string, source: string): MessagePart[] {
  const parts: MessagePart[] = [];
  visit(path, source, (node, pieces) => {
    if (!isInMessage(node)) return;
    parts.push({
      place: `${path}:${source.slice(0, node.range[0]).split("\n").length}`,
      text: pieces.join(HOLE),
      pattern: new RegExp(pieces.map((piece) => RegExp.escape(piece)).join("[^]+?")),
    });
  });
  return parts;
}

/** All texts of a file; those that are added together count as one. */
export function texts(path: string, source: string): string[] {
  const all: string[] = [];
  visit(path, source, (_, pieces) => all.push(pieces.join(HOLE)));
  return all;
}

/** Calls back for each text that is not a part of a longer one. */
function visit(
  path: string,
  source: string,
  found: (node: Deno.lint.Node, pieces: readonly string[]) => void,
): void {
  const look = (node: Deno.lint.Node) => {
    const { parent } = node as { readonly parent?: Deno.lint.Node | null };
    if (parent?.type === "BinaryExpression" && parent.operator === "+") return;
    const pieces = piecesOf(node);
    if (pieces?.some((piece) => piece !== "")) found(node, pieces);
  };
  const plugin: Deno.lint.Plugin = {
    name: "messages",
    rules: {
      texts: {
        create: () => ({ Literal: look, TemplateLiteral: look, BinaryExpression: look }),
      },
    },
  };
  Deno.lint.runPlugin(plugin, path, source);
}

/** What is known of a text, with holes between; undefined where nothing is. */
function piecesOf(node: Deno.lint.Node): string[] | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? [node.value] : undefined;
  if (node.type === "TemplateLiteral") return node.quasis.map(({ cooked }) => cooked);
  if (node.type !== "BinaryExpression" || node.operator !== "+") return undefined;
  const left = piecesOf(node.left) ?? ["", ""];
  const [first, ...rest] = piecesOf(node.right) ?? ["", ""];
  return [...left.slice(0, -1), `${left.at(-1)}${first}`, ...rest];
}

function isInMessage(text: Deno.lint.Node): boolean {
  let node = text;
  for (;;) {
    const { parent } = node as { readonly parent?: Deno.lint.Node | null };
    if (parent === undefined || parent === null) return false;
    switch (parent.type) {
      case "Property":
        return parent.value === node && PROPERTIES.has(nameOf(parent.key));
      case "VariableDeclarator":
        if (parent.init === node && VARIABLES.test(nameOf(parent.id))) return true;
        break;
      case "CallExpression":
        if (parent.callee !== node) return COMPLAINING.test(nameOf(parent.callee));
        break;
      case "BinaryExpression":
        if (parent.operator !== "+") return false; // compared with
        break;
      case "ArrowFunctionExpression":
      case "FunctionDeclaration":
      case "MemberExpression":
      case "TSLiteralType":
        return false;
    }
    node = parent;
  }
}

function nameOf(node: Deno.lint.Node): string {
  switch (node.type) {
    case "Identifier":
    case "PrivateIdentifier":
      return node.name;
    case "MemberExpression":
      return nameOf(node.property);
    default:
      return "";
  }
}
