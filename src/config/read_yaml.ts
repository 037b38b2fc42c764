/**
 * Reads a configuration from YAML.
 *
 * @module
 */
import type { SluiceConf } from "../http/conf.ts";
import { yamlBlock } from "./block.ts";
import { buildConf } from "./build.ts";
import type { Node } from "./node.ts";
import { describe, type Mapping } from "./node.ts";
import { Problems } from "./problem.ts";
import { readYamlNodes } from "./yaml_nodes.ts";

export interface ReadOptions {
  /**
   * Whether a name without its `$` is a variable.
   *
   * @default Every name is.
   */
  readonly isKnownVariable?: (name: string) => boolean;
}

/**
 * The configuration that a YAML text states: merged, checked, in ms and bytes.
 *
 * @param fileName What messages call the text.
 * @throws {ConfigError} Of all problems, in the order of the file.
 */
export function readYaml(text: string, fileName: string, options: ReadOptions = {}): SluiceConf {
  const problems = new Problems({ fileName, text });
  const node = readYamlNodes(problems);
  problems.throwIfAny();
  const root = node === undefined ? undefined : rootOf(node, problems);
  problems.throwIfAny();
  const { isKnownVariable = () => true } = options;
  const conf = buildConf(
    yamlBlock(root ?? { kind: "mapping", span: { start: 0, end: 0 }, entries: [] }, problems),
    problems,
    { isVariable: isKnownVariable },
  );
  problems.throwIfAny();
  return conf;
}

function rootOf(node: Node, problems: Problems): Mapping | undefined {
  if (node.kind === "mapping") return node;
  const found = describe(node);
  return problems.add({
    span: node.span,
    cannot: `use ${found} as a configuration`,
    found,
    expected: "need a map with servers",
  });
}
