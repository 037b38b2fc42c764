/**
 * Reads a configuration from nginx.conf.
 *
 * @module
 */
import { type Entry, type Mapping, scalarOf } from "./node.ts";
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
  const document = nginxDocument(statements, problems);
  return withDefaultRoot(document);
}

/** In nginx what says nothing else has files to serve; YAML has to say where they are. */
function withDefaultRoot(document: Mapping): Mapping {
  if (has(document, "root") || !mapsOf(document, "servers").some(mayServeFiles)) return document;
  const value = scalarOf("html");
  const root: Entry = { key: "root", keySpan: value.span, value };
  return { ...document, entries: [...document.entries, root] };
}

/** Whether there are paths that nothing else answers. */
function mayServeFiles(server: Mapping): boolean {
  if (has(server, "return")) return false;
  const locations = entriesOf(server, "locations");
  const hasAll = locations.some(({ key }) => /^(?:\^~)?\s*\/$/.test(key));
  return !hasAll || locations.some(({ value }) => value.kind === "mapping" && hasNoAction(value));
}

function hasNoAction(location: Mapping): boolean {
  const isActive = has(location, "return") || has(location, "handler") ||
    entriesOf(location, "proxy").some(({ key }) => key === "pass");
  return !isActive ||
    entriesOf(location, "locations").some(({ value }) =>
      value.kind === "mapping" && hasNoAction(value)
    );
}

function has({ entries }: Mapping, name: string): boolean {
  return entries.some(({ key }) => key === name);
}

function entriesOf({ entries }: Mapping, name: string): readonly Entry[] {
  const value = entries.find(({ key }) => key === name)?.value;
  return value?.kind === "mapping" ? value.entries : [];
}

function mapsOf({ entries }: Mapping, name: string): readonly Mapping[] {
  const value = entries.find(({ key }) => key === name)?.value;
  return value?.kind === "list" ? value.items.filter((item) => item.kind === "mapping") : [];
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
