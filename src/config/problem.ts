/**
 * What is wrong with a configuration: every problem with its place in the file, told like
 * a compiler tells it.
 *
 * @module
 */
import type { ErrorLogConf } from "../log/conf.ts";

/**
 * A piece of the source text: offsets in UTF-16 units, the end excluded. Where a configuration
 * has several files their texts count as standing one behind the other.
 */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A configuration file's text and the name that messages call it by. */
export interface Source {
  readonly fileName: string;
  readonly text: string;
}

/** One problem. Lines and columns count from 1, columns in characters. */
export interface Problem {
  /** Name of the file, or what a text is called instead. */
  readonly file: string;
  /** Where it begins. */
  readonly line: number;
  /** Where it begins in its line. */
  readonly column: number;
  /** `Cannot set read_timeout to "60 sec": need a time such as "60s" or "500ms"`. */
  readonly message: string;
  /** What stands there. */
  readonly found: string;
  /** What should, as the message says it. */
  readonly expected: string;
  /** The nearest known name, when a name is unknown. */
  readonly nearest: string | undefined;
  /** The line it is in. */
  readonly sourceLine: string;
  /** How many of the line's characters are meant, from `column` on. */
  readonly length: number;
}

/** Every problem of a configuration, in the order of the file. */
export class ConfigError extends Error {
  /** Tells the class in messages. */
  override readonly name = "ConfigError";
  /** At least one. */
  readonly problems: readonly Problem[];
  /** Where the configuration wants errors, if that much of it could be read. */
  readonly errorLogs: readonly ErrorLogConf[];

  /** Its message has a line for each problem. */
  constructor(problems: readonly Problem[], errorLogs: readonly ErrorLogConf[] = []) {
    super(
      problems.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`)
        .join("\n"),
    );
    this.problems = problems;
    this.errorLogs = errorLogs;
  }

  /** All problems as a compiler prints them: place and message, the source line, a caret. */
  format(): string {
    return this.problems.map(formatProblem).join("\n");
  }
}

function formatProblem(problem: Problem): string {
  const { file, line, column, message, sourceLine, length } = problem;
  const before = [...sourceLine].slice(0, column - 1);
  const number = `${line}`;
  // Tabs stay, so that the caret stands under what it means.
  const indent = before.map((character) => character === "\t" ? "\t" : " ").join("");
  const caret = "^" + "~".repeat(Math.max(0, length - 1));
  return [
    `${file}:${line}:${column}: ${message}`,
    ` ${number} | ${sourceLine}`,
    ` ${" ".repeat(number.length)} | ${indent}${caret}`,
  ].join("\n");
}

/** What a problem is made of, before its place is worked out. */
export interface Complaint {
  readonly span: Span;
  /** After `Cannot `: `set read_timeout to "60 sec"`. */
  readonly cannot: string;
  readonly found: string;
  /** After the colon: `need a time such as "60s" or "500ms"`. */
  readonly expected: string;
  readonly nearest?: string | undefined;
}

/** A problem in nginx's words: `unknown directive "x"`, to which the place is added. */
export interface NginxComplaint {
  readonly span: Span;
  readonly words: string;
  /** What stands there. */
  readonly found: string;
  /** What helps: why, and what to write instead. */
  readonly advice?: string | undefined;
  readonly nearest?: string | undefined;
}

/** Gathers the problems of one configuration: a source, and those that it includes. */
export class Problems {
  /** The first one. */
  readonly source: Source;
  readonly #sources: { readonly source: Source; readonly base: number }[] = [];
  readonly #found: { readonly problem: Problem; readonly start: number }[] = [];

  constructor(source: Source) {
    this.source = source;
    this.#sources.push({ source, base: 0 });
  }

  /** Every source, in the order they were added. */
  get sources(): readonly Source[] {
    return this.#sources.map(({ source }) => source);
  }

  /** Whether something is wrong within a span already. */
  hasWithin({ start, end }: Span): boolean {
    return this.#found.some((found) => found.start >= start && found.start <= end);
  }

  /** Adds a source. Returns the offset that its text begins at. */
  addSource(source: Source): number {
    const last = this.#sources.at(-1)!;
    const base = last.base + last.source.text.length + 1;
    this.#sources.push({ source, base });
    return base;
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** Returns undefined, so that a reader can give up and complain in one statement. */
  add({ span, cannot, found, expected, nearest }: Complaint): undefined {
    const place = this.#placeOf(span);
    const message = `Cannot ${cannot}: ${expected}${didYouMean(nearest)}`;
    return this.#push({ ...place, message, found, expected, nearest }, span);
  }

  /** The same in nginx's words, which tools look for. */
  addNginx({ span, words, found, advice, nearest }: NginxComplaint): undefined {
    const place = this.#placeOf(span);
    const more = advice === undefined ? "" : `: ${advice}`;
    const message = `${words} in ${place.file}:${place.line}${more}${didYouMean(nearest)}`;
    return this.#push({ ...place, message, found, expected: advice ?? words, nearest }, span);
  }

  /** What stands in a piece of the sources. */
  textOf({ start, end }: Span): string {
    const { source, base } = this.#sources.findLast(({ base }) => base <= start)!;
    return source.text.slice(start - base, end - base);
  }

  #push(problem: Problem, span: Span): undefined {
    // A value that several servers inherit or alias is wrong once.
    const isKnown = this.#found.some(({ problem: { file, line, column, message } }) =>
      file === problem.file && line === problem.line && column === problem.column &&
      message === problem.message
    );
    if (!isKnown) this.#found.push({ problem, start: span.start });
    return undefined;
  }

  #placeOf({ start, end }: Span): Omit<Problem, "message" | "found" | "expected" | "nearest"> {
    const { source, base } = this.#sources.findLast(({ base }) => base <= start) ??
      { source: this.source, base: 0 };
    return {
      file: source.fileName,
      ...placeOf(source.text, { start: start - base, end: end - base }),
    };
  }

  /**
   * @param errorLogs Where the configuration wants errors, once that is known.
   * @throws {ConfigError} When there is any problem.
   */
  throwIfAny(errorLogs: readonly ErrorLogConf[] = []): void {
    if (this.isEmpty) return;
    const inOrder = this.#found.toSorted((a, b) => a.start - b.start);
    throw new ConfigError(inOrder.map(({ problem }) => problem), errorLogs);
  }
}

function didYouMean(nearest: string | undefined): string {
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}

function placeOf(
  text: string,
  { start, end }: Span,
): Pick<Problem, "line" | "column" | "sourceLine" | "length"> {
  const offset = Math.min(Math.max(start, 0), text.length);
  // A search from before the beginning would begin at it.
  const lineStart = offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
  const nextLine = text.indexOf("\n", offset);
  const lineEnd = nextLine < 0 ? text.length : nextLine;
  const sourceLine = text.slice(lineStart, lineEnd).replace(/\r$/, "");
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < lineStart; at = text.indexOf("\n", at + 1)) {
    line += 1;
  }
  const meant = text.slice(offset, Math.min(end, lineStart + sourceLine.length));
  return {
    line,
    column: [...text.slice(lineStart, offset)].length + 1,
    sourceLine,
    length: Math.max(1, [...meant].length),
  };
}

/** The file and line in which a piece of several sources begins. */
export function placeIn(
  sources: readonly Source[],
  { start }: Span,
): { readonly file: string; readonly line: number } {
  let base = 0;
  for (const { fileName, text } of sources) {
    const end = base + text.length + 1;
    if (start < end) {
      return { file: fileName, line: text.slice(0, start - base).split("\n").length };
    }
    base = end;
  }
  return { file: "", line: 0 };
}

/** A text as messages quote it: JSON's quotes, cut when long. */
export function quote(text: string): string {
  const characters = [...text];
  return JSON.stringify(characters.length > 60 ? characters.slice(0, 57).join("") + "..." : text);
}
