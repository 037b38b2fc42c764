/**
 * The shape of the repository as rules over its text: who may import whom, how
 * files are named, what nobody writes. Pure: files in, findings out.
 *
 * @module
 */

import { type Kind, lineAt, only } from "./scan.ts";

/** A file of the repository. */
export interface SourceFile {
  /** From the root, with slashes: "src/upstream/journey.ts". */
  readonly path: string;
  readonly text: string;
}

/** Something that breaks a rule, ready to print: "path:line: what, and what was expected". */
export type Finding = string;

/** What may stand at the top (DESIGN.md, "What is fixed"). */
const TOP_LEVEL = [
  ".ci",
  ".gitignore",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "LICENSE",
  "README.md",
  "deno.json",
  "deno.lock",
  "deploy",
  "main.ts",
  "mod.ts",
  "src",
  "tests",
];

/**
 * Folders of `src/` from the top of the import table to its bottom. A folder may
 * import every one in a lower row, none in a higher one, and none beside it.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["control"],
  ["config"],
  ["http"],
  ["upstream", "downstream", "cache"],
  ["peer"],
  ["event"],
  // Buffers are one worker's own, zones are what workers share: neither needs the other.
  ["buffer", "zone"],
];

/** Import nothing of ours; everybody may import them. */
const LEAVES = ["wire", "log"];

/** Where a request's bytes pass: no console there, what is worth saying goes to `log`. */
const HOT = ["buffer", "zone", "event", "wire", "peer", "upstream", "downstream", "cache", "http"];

/** The border where packages without types get them (DESIGN.md, "What is fixed"). */
const TYPE_BORDER = "src/std.d.ts";

interface TextRule {
  /** What the finding says. */
  readonly message: string;
  readonly pattern: RegExp;
  /** What of the text the rule looks at. */
  readonly reads: readonly Kind[];
  readonly holdsIn: (path: string) => boolean;
}

const everywhere = (path: string) => path !== TYPE_BORDER;
const inSource = (path: string) => path.startsWith("src/");

const TEXT_RULES: readonly TextRule[] = [
  {
    message: "the type any: write the type, or unknown and a check",
    pattern: /(?:[:<,|&(=]|\bas|\bsatisfies|\bextends)\s*any\b(?!\s*[:(=.])/g,
    reads: ["code"],
    holdsIn: everywhere,
  },
  {
    message: "a switched-off type check: make the types right instead",
    pattern: /@ts-(?:ignore|nocheck|expect-error)\b/g,
    reads: ["comment"],
    holdsIn: everywhere,
  },
  {
    message: "Promise.race leaks a reaction per race: wake by a one-slot callback",
    pattern: /\bPromise\s*\.\s*race\b/g,
    reads: ["code"],
    holdsIn: inSource,
  },
  {
    message: "AbortSignal.timeout retains memory until it fires: use the deadlines of event/",
    pattern: /\bAbortSignal\s*\.\s*timeout\b/g,
    reads: ["code"],
    holdsIn: inSource,
  },
  {
    message: "SIGUSR1 opens Deno's inspector: use another signal or the admin API",
    pattern: /\bSIGUSR1\b/g,
    reads: ["code", "string"],
    holdsIn: (path) => inSource(path) || path === "main.ts",
  },
  {
    message: "console in a hot folder: what is worth saying goes to log",
    pattern: /\bconsole\s*\./g,
    reads: ["code"],
    holdsIn: (path) => HOT.some((folder) => path.startsWith(`src/${folder}/`)),
  },
];

/** Everything that is wrong with the files, rule by rule. */
export function checkFiles(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const isTypeScript = file.path.endsWith(".ts");
    return [
      ...checkName(file.path),
      ...(isTypeScript ? checkImports(file) : []),
      ...(isTypeScript ? checkText(file) : []),
    ];
  });
}

/**
 * What stands at the top and should not, and what should and does not.
 *
 * @param ignored Entries of .gitignore, which are nobody's business.
 */
export function checkTopLevel(entries: readonly string[], ignored: readonly string[]): Finding[] {
  const ours = entries.filter((name) => name !== ".git" && !ignored.includes(name));
  const unexpected = ours.filter((name) => !TOP_LEVEL.includes(name));
  const missing = TOP_LEVEL.filter((name) => !ours.includes(name));
  return [
    ...unexpected.map((name) => `${name}: not among the top-level entries that DESIGN.md fixes`),
    ...missing.map((name) => `${name}: missing at the top level`),
  ];
}

/** Names at the top of the repository that a .gitignore excludes. */
export function ignoredNames(gitignore: string): string[] {
  return gitignore.split("\n").map((line) => line.trim().replace(/^\/|\/$/g, ""))
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** The import table. */
export function checkImports(file: SourceFile): Finding[] {
  const from = placeOf(file.path);
  if (from === undefined) {
    return file.path.startsWith("src/") && file.path !== TYPE_BORDER
      ? [`${file.path}:1: not in a folder of the layout that DESIGN.md fixes`]
      : [];
  }
  const findings: Finding[] = [];
  for (const { specifier, line } of importsOf(file.text)) {
    if (!specifier.startsWith(".")) continue;
    const target = resolve(file.path, specifier);
    const reason = whyNot(from, target);
    if (reason !== undefined) findings.push(`${file.path}:${line}: imports ${target}: ${reason}`);
  }
  return findings;
}

/** Specifiers of static imports, re-exports, dynamic imports and worker URLs, with their lines. */
export function importsOf(text: string): { specifier: string; line: number }[] {
  const code = only(text, "code", "string");
  const patterns = [
    /^[ \t]*(?:import|export)\b[^;"'`()=]*?\bfrom\s*["']([^"']+)["']/gm,
    /^[ \t]*import\s*["']([^"']+)["']/gm,
    /\bimport\s*\(\s*["'`]([^"'`]+)["'`]/g,
    /\bnew\s+URL\(\s*["'`]([^"'`]+)["'`]\s*,\s*import\.meta\.url/g,
  ];
  return patterns
    .flatMap((pattern) => [...code.matchAll(pattern)])
    .map((match) => ({
      specifier: match[1] ?? "",
      line: lineAt(text, match.index + match[0].length - 1),
    }))
    .sort((a, b) => a.line - b.line);
}

function checkName(path: string): Finding[] {
  if (!/^(?:src|tests)\//.test(path) || !path.endsWith(".ts")) return [];
  const isSnake = path.split("/").every((part) =>
    /^[a-z0-9]+(?:_[a-z0-9]+)*(?:\.d)?(?:\.ts)?$/.test(part)
  );
  return isSnake ? [] : [`${path}:1: file and folder names are snake_case`];
}

function checkText({ path, text }: SourceFile): Finding[] {
  return TEXT_RULES.filter(({ holdsIn }) => holdsIn(path)).flatMap(({ message, pattern, reads }) =>
    [...only(text, ...reads).matchAll(pattern)]
      .map(({ index }) => `${path}:${lineAt(text, index)}: ${message}`)
  );
}

/** Where a file stands in the import table; `undefined` for files outside of it. */
function placeOf(path: string): string | undefined {
  const folder = /^src\/([^/]+)\//.exec(path)?.[1];
  if (folder === undefined) return undefined;
  return LEAVES.includes(folder) || layerOf(folder) >= 0 ? folder : undefined;
}

/** Why a file of the folder `from` may not import `target`; `undefined` when it may. */
function whyNot(from: string, target: string): string | undefined {
  if (!target.startsWith("src/")) return "src/ imports nothing outside of src/";
  const to = placeOf(target);
  if (to === undefined) return "it is in no folder of the layout";
  if (to === from) return undefined;
  if (LEAVES.includes(from)) return `${from} imports nothing of ours`;
  if (LEAVES.includes(to)) return undefined;
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)];
  if (fromLayer < toLayer) return undefined;
  if (fromLayer === toLayer) return `${from} and ${to} never import each other`;
  return `${to} stands above ${from}`;
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}

/** A relative specifier as a path from the root. */
function resolve(importer: string, specifier: string): string {
  const { pathname } = new URL(specifier, `file:///${importer}`);
  return pathname.slice(1);
}
