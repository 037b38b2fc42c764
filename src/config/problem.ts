/**
 * What is wrong with a configuration: every problem with its place in the file, told like
 * a compiler tells it.
 *
 * @module
 */

/** A piece of the source text: offsets in UTF-16 units, the end excluded. */
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

  /** Its message has a line for each problem. */
  constructor(problems: readonly Problem[]) {
    super(
      problems.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`)
        .join("\n"),
    );
    this.problems = problems;
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

/** Gathers the problems of one source. */
export class Problems {
  readonly source: Source;
  readonly #found: { readonly problem: Problem; readonly start: number }[] = [];

  constructor(source: Source) {
    this.source = source;
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** Returns undefined, so that a reader can give up and complain in one statement. */
  add({ span, cannot, found, expected, nearest }: Complaint): undefined {
    const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
    const place = placeOf(this.source.text, span);
    const problem = {
      file: this.source.fileName,
      ...place,
      message: `Cannot ${cannot}: ${expected}${hint}`,
      found,
      expected,
      nearest,
    };
    // A value that several servers inherit or alias is wrong once.
    const isKnown = this.#found.some(({ problem: { line, column, message } }) =>
      line === place.line && column === place.column && message === problem.message
    );
    if (!isKnown) this.#found.push({ problem, start: span.start });
    return undefined;
  }

  /** @throws {ConfigError} When there is any problem. */
  throwIfAny(): void {
    if (this.isEmpty) return;
    const inOrder = this.#found.toSorted((a, b) => a.start - b.start);
    throw new ConfigError(inOrder.map(({ problem }) => problem));
  }
}

function placeOf(
  text: string,
  { start, end }: Span,
): Pick<Problem, "line" | "column" | "sourceLine" | "length"> {
  const offset = Math.min(Math.max(start, 0), text.length);
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
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

/** A text as messages quote it: JSON's quotes, cut when long. */
export function quote(text: string): string {
  const characters = [...text];
  return JSON.stringify(characters.length > 60 ? characters.slice(0, 57).join("") + "..." : text);
}
