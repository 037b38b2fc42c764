/**
 * Reads a configuration from nginx.conf.
 *
 * @module
 */
import type { Mapping } from "./node.ts";
import { folderOf, nginxDocument } from "./nginx_nodes.ts";
import { type ConfigFiles, parseNginx } from "./nginx_text.ts";
import type { Problems } from "./problem.ts";

/**
 * The document that YAML would have. What is wrong goes to `problems`, and is left out; mistakes
 * of the grammar come alone, since the rest could not be understood.
 *
 * @throws {ConfigError} Of mistakes of the grammar.
 */
export function readNginxDocument(problems: Problems, files: ConfigFiles | undefined): Mapping {
  const statements = parseNginx(problems, folderOf(problems.source.fileName), files);
  problems.throwIfAny();
  return nginxDocument(statements, problems);
}

/**
 * Statements of the main context that stand outside of any file (`-g`), as a document.
 *
 * @param fileName What messages call them.
 * @throws {ConfigError} Of mistakes of the grammar.
 */
export function readNginxGlobals(text: string, fileName: string, problems: Problems): Mapping {
  const source = { fileName, text };
  const statements = parseNginx(problems, ".", undefined, source, problems.addSource(source));
  problems.throwIfAny();
  return nginxDocument(statements, problems);
}
