/**
 * Reads a configuration from YAML.
 *
 * @module
 */
import type { SluiceConf } from "../http/conf.ts";
import { VARIABLE_NAMES } from "../http/variables.ts";
import { yamlBlock } from "./block.ts";
import { buildConf } from "./build.ts";
import { describe, type Mapping, type Node } from "./node.ts";
import { Problems } from "./problem.ts";
import { readYamlNodes } from "./yaml_nodes.ts";

export interface ReadOptions {
  /**
   * Whether a name without its `$` is a variable.
   *
   * @default Every name is.
   */
  readonly isKnownVariable?: (name: string) => boolean;
  /** Names of the functions that locations may name as their `handler`. */
  readonly handlers?: readonly string[];
  /** Names of the functions that groups may name as their `balance`. */
  readonly balancers?: readonly string[];
}

/**
 * The configuration that a YAML text states: merged, checked, in ms and bytes.
 *
 * @param fileName What messages call the text.
 * @throws {ConfigError} Of all problems, in the order of the file.
 */
export function readYaml(text: string, fileName: string, options: ReadOptions = {}): SluiceConf {
  const problems = new Problems({ fileName, text });
  const conf = confOf(readYamlDocument(problems), problems, options);
  problems.throwIfAny(conf.errorLogs);
  return conf;
}

/**
 * The map that the first source of `problems` is.
 *
 * @throws {ConfigError} It is no YAML, or no map.
 */
export function readYamlDocument(problems: Problems): Mapping {
  const document = readYamlNodes(problems);
  problems.throwIfAny();
  const root = rootOf(document, problems);
  problems.throwIfAny();
  return root;
}

/** What a document of either syntax states. What is wrong goes to `problems`. */
export function confOf(
  document: Mapping,
  problems: Problems,
  { isKnownVariable, handlers = [], balancers = [] }: ReadOptions,
): SluiceConf {
  return buildConf(yamlBlock(document, problems), problems, {
    isVariable: isKnownVariable ?? (() => true),
    variableNames: () => VARIABLE_NAMES,
    isBuiltIn: isKnownVariable ?? (() => false),
    handlers: new Set(handlers),
    balancers: new Set(balancers),
  });
}

/** The map that the document has to be; where it is not, that is a problem, and an empty one. */
function rootOf(document: Node | undefined, problems: Problems): Mapping {
  if (document?.kind === "mapping") return document;
  const span = document?.span ?? { start: 0, end: 0 };
  const found = document === undefined ? "nothing" : describe(document);
  problems.add({
    span,
    cannot: `use ${found} as a configuration`,
    found,
    expected: "need a map with servers",
  });
  return { kind: "mapping", span, entries: [] };
}
