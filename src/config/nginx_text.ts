/**
 * The grammar of nginx.conf: from text to statements, and back. What the statements mean is
 * not looked at here, but for `include`, which may stand anywhere.
 *
 * @module
 */
import type { Line, Statement } from "./nginx_form.ts";
import type { Scalar } from "./node.ts";
import { type Problems, quote, type Source, type Span } from "./problem.ts";

/** How included files are read. Every method throws what the system says. */
export interface ConfigFiles {
  /** Of an absolute path, or one from where the program runs. */
  readText(path: string): string;
  /** The names in a folder. */
  listNames(folder: string): readonly string[];
}

/** Blocks in blocks; nobody nests them deeper, and the stack has an end. */
const DEPTH_LIMIT = 64;

/**
 * The statements of one of the sources of `problems`, those of included files in their places.
 *
 * @param base Where the source's text begins among those of all sources.
 * @param prefix The folder that relative paths of `include` start from, without a slash behind.
 * @throws {ConfigError} Of mistakes after which what follows could not be understood.
 */
export function parseNginx(
  problems: Problems,
  prefix: string,
  files: ConfigFiles | undefined,
  { fileName, text }: Source = problems.source,
  base = 0,
): readonly Statement[] {
  const parsing = { problems, prefix, files, isWhole: true };
  const statements = new Parser(parsing, text, base, [fileName]).parse();
  if (!parsing.isWhole) problems.throwIfAny();
  return statements;
}

/** What the parsers of all files share. */
interface Parsing {
  readonly problems: Problems;
  readonly prefix: string;
  readonly files: ConfigFiles | undefined;
  /** False after a mistake that leaves unclear what the rest belongs to. */
  isWhole: boolean;
}

class Parser {
  readonly #parsing: Parsing;
  readonly #problems: Problems;
  readonly #text: string;
  /** Where the text begins among those of all sources. */
  readonly #base: number;
  /** The files around this one, from the first to this. */
  readonly #open: readonly string[];
  #at = 0;
  /** Its end came too early, which has been told. */
  #isCutOff = false;

  constructor(parsing: Parsing, text: string, base: number, open: readonly string[]) {
    this.#parsing = parsing;
    this.#problems = parsing.problems;
    this.#text = text;
    this.#base = base;
    this.#open = open;
  }

  parse(): readonly Statement[] {
    const statements: Statement[] = [];
    // What is right after a brace too many is read on, for its own mistakes.
    while (this.#at < this.#text.length) statements.push(...this.#block(0));
    return statements;
  }

  /** To the brace that ends it, or at depth 0 to the end of the text. */
  #block(depth: number): Statement[] {
    const statements: Statement[] = [];
    let words: Scalar[] = [];
    for (;;) {
      const start = this.#skipBlanks();
      const character = this.#text[start];
      if (character === undefined) {
        if (words.length > 0 || depth > 0) this.#complainOfEnd(words, depth);
        return statements;
      }
      if (character === ";") {
        this.#at += 1;
        if (words.length === 0) this.#unexpected(start, ";");
        else this.#push(statements, words, undefined);
        words = [];
      } else if (character === "{") {
        this.#at += 1;
        if (words.length === 0) this.#unexpected(start, "{");
        if (depth >= DEPTH_LIMIT) return this.#complainOfDepth(start);
        const block = this.#block(depth + 1);
        if (words.length > 0) this.#push(statements, words, block);
        words = [];
      } else if (character === "}") {
        this.#at += 1;
        const [name] = words;
        if (name !== undefined) {
          // What was meant is clear, and the brace closes the block all the same.
          const advice = `directive ${quote(name.text)} is not terminated by ";"`;
          const span = { start: this.#base + start, end: this.#base + start + 1 };
          this.#problems.addNginx({ span, words: 'unexpected "}"', found: "}", advice });
          this.#push(statements, words, undefined);
        } else if (depth === 0) this.#unexpected(start, "}");
        return statements;
      } else {
        const word = this.#word(start);
        if (word !== undefined) words.push(word);
      }
    }
  }

  /** The offset of the next character that is neither blank nor in a comment. */
  #skipBlanks(): number {
    for (;;) {
      const character = this.#text[this.#at];
      if (character === "#") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (character !== undefined && isBlank(character)) {
        this.#at += 1;
      } else {
        return this.#at;
      }
    }
  }

  #word(start: number): Scalar | undefined {
    const first = this.#text[start];
    return first === '"' || first === "'" ? this.#quoted(start, first) : this.#plain(start);
  }

  #quoted(start: number, mark: string): Scalar | undefined {
    const text = this.#text;
    let end = start + 1;
    while (end < text.length && text[end] !== mark) end += text[end] === "\\" ? 2 : 1;
    if (end >= text.length) {
      this.#at = text.length;
      this.#isCutOff = true;
      return this.#complain({ start, end: start + 1 }, {
        words: 'unexpected end of file, expecting ";" or "}"',
        found: mark,
        advice: `this ${mark} is not closed`,
      });
    }
    this.#at = end + 1;
    const next = text[this.#at];
    // nginx lets `)` follow at once, for the conditions of `if`.
    if (next !== undefined && !isBlank(next) && !/[;{)]/.test(next)) {
      this.#unexpected(this.#at, next, "need a blank or ; behind a quoted text");
    }
    return this.#scalar(start, this.#at, text.slice(start + 1, end));
  }

  #plain(start: number): Scalar {
    const text = this.#text;
    let end = start;
    while (end < text.length) {
      const character = text[end] ?? "";
      if (isBlank(character) || character === ";") break;
      // `${name}` is a variable; any other brace begins a block.
      if (character === "{" && text[end - 1] !== "$") break;
      end += character === "\\" ? 2 : 1;
    }
    end = Math.min(end, text.length);
    this.#at = end;
    return this.#scalar(start, end, text.slice(start, end));
  }

  #scalar(start: number, end: number, written: string): Scalar {
    const span = { start: this.#base + start, end: this.#base + end };
    return {
      kind: "scalar",
      span,
      text: unescaped(written),
      raw: this.#text.slice(start, end),
      isEmpty: false,
    };
  }

  #push(
    statements: Statement[],
    words: readonly Scalar[],
    block: readonly Statement[] | undefined,
  ): void {
    const [name, ...args] = words;
    const span = { start: name!.span.start, end: words.at(-1)!.span.end };
    const statement: Statement = { name: name!, args, block, span };
    if (name!.text !== "include" || block !== undefined) statements.push(statement);
    else statements.push(...this.#include(statement));
  }

  #include({ name, args, span }: Statement): readonly Statement[] {
    const [pattern, ...more] = args;
    if (pattern === undefined || more.length > 0) {
      this.#problems.addNginx({
        span,
        words: 'invalid number of arguments in "include" directive',
        found: quote(name.text),
        advice: "need one path",
      });
      return [];
    }
    const { files, prefix } = this.#parsing;
    if (files === undefined) {
      this.#problems.addNginx({
        span,
        words: '"include" directive is not allowed here',
        found: quote(pattern.text),
        advice: "this text is no file, and has no folder to look in",
      });
      return [];
    }
    const path = pattern.text.startsWith("/") ? pattern.text : `${prefix}/${pattern.text}`;
    const isGlob = /[*?[]/.test(path);
    const paths = isGlob ? globPaths(path, files) : [path];
    return paths.flatMap((path): readonly Statement[] => {
      if (this.#open.includes(path) || this.#open.length > DEPTH_LIMIT) {
        this.#problems.addNginx({
          span: pattern.span,
          words: `${quote(path)} includes itself`,
          found: quote(path),
        });
        return [];
      }
      let text: string;
      try {
        text = files.readText(path);
      } catch (error) {
        this.#problems.addNginx({
          span: pattern.span,
          words: `open() ${quote(path)} failed (${systemWords(error)})`,
          found: quote(path),
        });
        return [];
      }
      const base = this.#problems.addSource({ fileName: path, text });
      const open = [...this.#open, path];
      return new Parser(this.#parsing, text, base, open).parse();
    });
  }

  #unexpected(at: number, character: string, advice?: string): undefined {
    const words = `unexpected ${quote(character)}`;
    return this.#complain({ start: at, end: at + 1 }, { words, found: quote(character), advice });
  }

  #complain(
    { start, end }: Span,
    complaint: { words: string; found: string; advice?: string | undefined },
  ): undefined {
    const span = { start: this.#base + start, end: this.#base + end };
    this.#parsing.isWhole = false;
    return this.#problems.addNginx({ ...complaint, span });
  }

  #complainOfEnd(words: readonly Scalar[], depth: number): void {
    if (this.#isCutOff) return;
    this.#isCutOff = true;
    const [name] = words;
    const end = { start: this.#text.length, end: this.#text.length };
    if (name === undefined) {
      this.#complain(end, {
        words: 'unexpected end of file, expecting "}"',
        found: "the end of the file",
        advice: depth === 1 ? "a block is not closed" : `${depth} blocks are not closed`,
      });
    } else {
      this.#parsing.isWhole = false;
      this.#problems.addNginx({
        span: name.span,
        words: 'unexpected end of file, expecting ";" or "}"',
        found: "the end of the file",
        advice: `directive ${quote(name.text)} is not terminated by ";"`,
      });
    }
  }

  #complainOfDepth(at: number): Statement[] {
    this.#at = this.#text.length;
    this.#isCutOff = true;
    const words = `more than ${DEPTH_LIMIT} blocks in each other`;
    this.#complain({ start: at, end: at + 1 }, { words, found: "{" });
    return [];
  }
}

function isBlank(character: string): boolean {
  return character === " " || character === "\t" || character === "\n" || character === "\r";
}

/** Backslashes that nginx takes as escapes; before anything else one stands for itself. */
function unescaped(written: string): string {
  if (!written.includes("\\")) return written;
  return written.replace(
    /\\(["'\\trn])/g,
    (_, character: string) => ESCAPES[character] ?? character,
  );
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", r: "\r", n: "\n" };

/** The paths that a pattern of `*`, `?` and `[…]` stands for, in the order of their letters. */
function globPaths(pattern: string, files: ConfigFiles): readonly string[] {
  const [, ...segments] = pattern.split("/");
  const isAbsolute = pattern.startsWith("/");
  let folders = [isAbsolute ? "" : pattern.slice(0, pattern.indexOf("/"))];
  let isFixed = true;
  for (const segment of segments) {
    if (isFixed && !/[*?[]/.test(segment)) {
      folders = folders.map((folder) => `${folder}/${segment}`);
      continue;
    }
    // From here on what there is decides.
    isFixed = false;
    const regex = globRegex(segment);
    folders = folders.flatMap((folder) =>
      namesIn(folder === "" ? "/" : folder, files)
        // A dot at the beginning is matched by a dot only, as in a shell.
        .filter((name) => regex.test(name) && (!name.startsWith(".") || segment.startsWith(".")))
        .toSorted()
        .map((name) => `${folder}/${name}`)
    );
  }
  return folders;
}

/** None where there is no such folder: a pattern may match nothing. */
function namesIn(folder: string, files: ConfigFiles): readonly string[] {
  try {
    return files.listNames(folder);
  } catch {
    return [];
  }
}

function globRegex(segment: string): RegExp {
  let source = "";
  for (const [part] of segment.matchAll(/\*|\?|\[[!^]?\]?[^\]]*\]|\\.|[^]/g)) {
    if (part === "*") source += ".*";
    else if (part === "?") source += ".";
    else if (part.startsWith("[") && part.length > 1) {
      source += part.replace(/^\[[!^]/, "[^").replaceAll("\\", "\\\\");
    } else source += part.replace(/^\\/, "").replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  }
  return new RegExp(`^${source}$`, "s");
}

/** As nginx shows what the system said. */
function systemWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "NotFound") return "2: No such file or directory";
  if (error.name === "PermissionDenied") return "13: Permission denied";
  if (error.name === "IsADirectory") return "21: Is a directory";
  return error.message;
}

/** Lines as nginx.conf has them, blocks indented by four. */
export function printNginx(lines: readonly Line[], indent = ""): string {
  return lines.map(({ name, args, block }) => {
    const words = [name, ...args.map(printArgument)].join(" ");
    if (block === undefined) return `${indent}${words};\n`;
    const inner = printNginx(block, `${indent}    `);
    return inner === ""
      ? `${indent}${words} {\n${indent}}\n`
      : `${indent}${words} {\n${inner}${indent}}\n`;
  }).join("");
}

/** One argument, in quotes where it needs them. */
export function printArgument(text: string): string {
  const escaped = text
    .replace(/\\(?=["'\\trn]|$)/g, "\\\\")
    .replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t");
  const isPlain = text !== "" && !/[\s;"'#]|^[{}]|(?<!\$)\{/.test(text) && !escaped.endsWith("\\");
  if (isPlain) return escaped;
  if (text.includes('"') && !text.includes("'")) return `'${escaped}'`;
  return `"${escaped.replaceAll('"', '\\"')}"`;
}
