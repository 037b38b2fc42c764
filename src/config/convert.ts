/**
 * A configuration in the other syntax. What one writes and the other says in another way is
 * written as a reader of that one would have it: the result means the same.
 *
 * @module
 */
import { printNginxDocument } from "./nginx_print.ts";
import type { ReadConf } from "./read_conf.ts";
import { printYamlNode } from "./yaml_print.ts";

/** The text of a configuration, which was read without problems, in the syntax that it was not in. */
export function convertConf({ syntax, document, sources }: ReadConf): string {
  const names = sources.map(({ fileName }) => fileName).join(", ");
  return syntax === "nginx"
    ? `# Converted from ${names}.\n${printYamlNode(document)}`
    : `# Converted from ${names}.\n${printNginxDocument(document)}`;
}
