/**
 * Tells code, comments and literals of a TypeScript text apart: enough to look
 * for words without being fooled by a comment or a string.
 *
 * @module
 */

/** What a stretch of text is. A template's `${…}` is code. */
export type Kind = "code" | "comment" | "string" | "regex";

interface Stretch {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

/**
 * The text with everything but the wanted kinds replaced by spaces. Line breaks
 * stay, so positions in the result are positions in the text.
 */
export function only(text: string, ...wanted: readonly Kind[]): string {
  return scan(text)
    .map(({ kind, start, end }) => {
      const part = text.slice(start, end);
      return wanted.includes(kind) ? part : part.replace(/[^\n]/g, " ");
    })
    .join("");
}

/** The line of a position, counted from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) {
    line++;
  }
  return line;
}

/** The text as stretches without gaps. */
function scan(text: string): Stretch[] {
  const stretches: Stretch[] = [];
  /** For each open `${`: how many braces are open inside it. */
  const templates: number[] = [];
  let codeStart = 0;
  let at = 0;

  const take = (kind: Kind, end: number) => {
    if (codeStart < at) stretches.push({ kind: "code", start: codeStart, end: at });
    stretches.push({ kind, start: at, end });
    codeStart = at = end;
  };

  while (at < text.length) {
    const char = text[at];
    const two = text.slice(at, at + 2);
    const depth = templates.at(-1);
    if (two === "//") take("comment", endOf(text, /\n|$/g, at));
    else if (two === "/*") take("comment", endOf(text, /\*\/|$/g, at + 2, true));
    else if (char === '"' || char === "'") take("string", endOfQuoted(text, at, char));
    else if (char === "`") take("string", endOfTemplatePart(text, at + 1, templates));
    else if (char === "/" && startsRegex(text, at)) take("regex", endOfRegex(text, at));
    else if (char === "}" && depth === 0) {
      templates.pop();
      take("string", endOfTemplatePart(text, at + 1, templates));
    } else {
      if (depth !== undefined && char === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && char === "}") templates[templates.length - 1] = depth - 1;
      at++;
    }
  }
  take("code", at);
  return stretches;
}

function endOf(text: string, pattern: RegExp, from: number, isIncluded = false): number {
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  if (match === null) return text.length;
  return isIncluded ? match.index + match[0].length : match.index;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote || text[at] === "\n") return at + 1;
  }
  return text.length;
}

/** To the closing backtick, or past the next `${`, which is noted as open. */
function endOfTemplatePart(text: string, start: number, templates: number[]): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "`") return at + 1;
    else if (text.startsWith("${", at)) {
      templates.push(0);
      return at + 2;
    }
  }
  return text.length;
}

function endOfRegex(text: string, start: number): number {
  let isInClass = false;
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at];
    if (char === "\\") at++;
    else if (char === "[") isInClass = true;
    else if (char === "]") isInClass = false;
    else if (char === "\n" || (char === "/" && !isInClass)) return at + 1;
  }
  return text.length;
}

/** A slash divides after a value and starts a regular expression elsewhere. */
function startsRegex(text: string, at: number): boolean {
  const before = text.slice(0, at).trimEnd();
  if (
    /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|yield|await)$/.test(before.slice(-12))
  ) {
    return true;
  }
  return !/[\w$)\]"'`]$/.test(before);
}
