/**
 * Texts of the rewrite module: replacements, and values that `set` and `if` use.
 *
 * @module
 */
import { getterOf, templateParts } from "../log/mod.ts";
import type { Variables } from "./configured_variables.ts";
import { byteText } from "./field_text.ts";
import type { Request } from "./request.ts";

type Piece =
  | { readonly capture: number }
  | { readonly get: (request: Request) => string }
  /** Here the query begins. */
  | "query";

/** What a replacement comes to. */
export interface Replaced {
  readonly text: string;
  /** Where the query begins in it; -1: it has none. */
  readonly queryAt: number;
}

const CAPTURE = /^[1-9]$/;

/**
 * A text whose captures are escaped as nginx does: what was escaped in the client's path
 * would otherwise change its meaning in a query.
 */
export class RewriteText {
  readonly #pieces: readonly Piece[];

  /** @param hasQuery Whether a `?` begins a query, as in a replacement that is a path. */
  constructor(text: string, variables: Variables, hasQuery: boolean) {
    let isInPath = hasQuery;
    this.#pieces = templateParts(byteText(text)).flatMap((part): Piece[] => {
      if (part.kind === "literal") {
        const questionAt = isInPath ? part.text.indexOf("?") : -1;
        if (questionAt < 0) return [{ get: () => part.text }];
        isInPath = false;
        const [before, after] = [part.text.slice(0, questionAt), part.text.slice(questionAt + 1)];
        return [{ get: () => before }, "query", { get: () => after }];
      }
      if (CAPTURE.test(part.name)) return [{ capture: Number(part.name) }];
      return [{ get: getterOf(part, variables.lookup) }];
    });
  }

  /** @param isQuoted Whether captures are escaped wherever they stand, not in the query alone. */
  render(request: Request, isQuoted: boolean): Replaced {
    const isEscaped = hasEscapes(request);
    let text = "";
    let queryAt = -1;
    for (const piece of this.#pieces) {
      if (piece === "query") {
        queryAt = text.length;
      } else if ("capture" in piece) {
        const value = request.captures?.[piece.capture] ?? "";
        text += isEscaped && (isQuoted || queryAt >= 0) ? escapeCapture(value) : value;
      } else {
        text += piece.get(request);
      }
    }
    return { text, queryAt };
  }
}

const PERCENT = 0x25;
const PLUS = 0x2b;

/** Whether the client's path has a `%` or a `+`. */
function hasEscapes({ head }: Request): boolean {
  const { bytes } = head.fields;
  for (let at = head.pathStart; at < head.pathEnd; at++) {
    if (bytes[at] === PERCENT || bytes[at] === PLUS) return true;
  }
  return false;
}

/** nginx's `NGX_ESCAPE_ARGS`. */
function escapeCapture(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex -- controls are just what has to be escaped
    /[\x00-\x20"#%&+;<>?\\^`{|}\x7f-\xff]/g,
    (unit) => "%" + unit.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"),
  );
}

/**
 * A redirect's URL, whose captures were escaped, with what need not be so unescaped again, up
 * to its query. What is no escape loses its percent sign: nginx's ways.
 */
export function unescapeRedirect(text: string): string {
  let result = "";
  for (let at = 0; at < text.length; at++) {
    const unit = text[at]!;
    if (unit === "?") return result + text.slice(at);
    if (unit !== "%") {
      result += unit;
      continue;
    }
    const first = text[++at] ?? "";
    if (!/[0-9A-Fa-f]/.test(first)) {
      result += first;
      continue;
    }
    const second = text[++at] ?? "";
    if (!/[0-9A-Fa-f]/.test(second)) continue;
    const code = parseInt(first + second, 16);
    if (code === 0x3f && /[A-Fa-f]/.test(second)) return `${result}?${text.slice(at + 1)}`;
    result += code > PERCENT && code < 0x7f ? String.fromCharCode(code) : `%${first}${second}`;
  }
  return result;
}
