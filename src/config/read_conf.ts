/**
 * Reads a configuration in whichever syntax it is written.
 *
 * @module
 */
import type { SluiceConf } from "../http/conf.ts";
import type { ConfigFiles } from "./nginx_text.ts";
import type { Entry, Mapping } from "./node.ts";
import { Problems, quote, type Source } from "./problem.ts";
import { readNginxDocument, readNginxGlobals } from "./read_nginx.ts";
import { confOf, type ReadOptions, readYamlDocument } from "./read_yaml.ts";

export type Syntax = "yaml" | "nginx";

export interface ReadFileOptions extends ReadOptions {
  /** How files that it includes are read. Without it there is no `include`. */
  readonly files?: ConfigFiles;
  /** nginx's `-g`: statements of nginx.conf that stand before those of the file, in either syntax. */
  readonly globals?: string | undefined;
}

/** What a configuration says, and in which files. */
export interface ReadConf {
  readonly syntax: Syntax;
  readonly conf: SluiceConf;
  /** As YAML has it. */
  readonly document: Mapping;
  /** The file, and all that it includes, in the order they were read. */
  readonly sources: readonly Source[];
}

/** What messages call them. */
const GLOBALS_NAME = "-g";

/** Which syntax a file is written in: its name tells, or how it begins. */
export function syntaxOf(fileName: string, text: string): Syntax {
  if (/\.(?:ya?ml|json)$/i.test(fileName)) return "yaml";
  if (/\.conf$/i.test(fileName)) return "nginx";
  // A name and what follows it, to a semicolon or a brace: YAML would have a colon behind the name.
  return /^(?:\s|#[^\n]*(?:\n|$))*[a-z_]+(?:\s[^:;{}\n]*)?[;{]/.test(text) ? "nginx" : "yaml";
}

/**
 * The configuration that a text states: merged, checked, in ms and bytes.
 *
 * @param fileName What messages call the text; the folder of an nginx.conf is where the paths of
 * `include` start.
 * @throws {ConfigError} Of all problems, in the order of the files.
 */
export function readConf(
  text: string,
  fileName: string,
  options: ReadFileOptions = {},
): ReadConf {
  const problems = new Problems({ fileName, text });
  const syntax = syntaxOf(fileName, text);
  const { files, globals } = options;
  const own = syntax === "nginx" ? readNginxDocument(problems, files) : readYamlDocument(problems);
  const document = globals === undefined
    ? own
    : join(readNginxGlobals(globals, GLOBALS_NAME, problems), own, syntax, problems);
  const conf = confOf(document, problems, options);
  problems.throwIfAny(conf.errorLogs);
  return { syntax, conf, document, sources: problems.sources };
}

/** Both, the one behind the other. What is set in both is a problem, as it is in nginx. */
function join(first: Mapping, second: Mapping, syntax: Syntax, problems: Problems): Mapping {
  const entries = [...first.entries];
  for (const entry of second.entries) {
    const at = entries.findIndex(({ key }) => key === entry.key);
    const same = entries[at];
    if (same === undefined) {
      entries.push(entry);
    } else if (same.value.kind === "mapping" && entry.value.kind === "mapping") {
      entries[at] = { ...entry, value: join(same.value, entry.value, syntax, problems) };
    } else {
      complainOfBoth(entry, syntax, problems);
    }
  }
  return { ...second, entries };
}

function complainOfBoth({ key, keySpan: span }: Entry, syntax: Syntax, problems: Problems): void {
  const expected = "-g on the command line sets it already";
  if (syntax === "nginx") {
    const found = quote(problems.textOf(span));
    problems.addNginx({ span, words: `${found} directive is duplicate`, found, advice: expected });
  } else {
    problems.add({ span, cannot: `set ${key} here`, found: key, expected });
  }
}
