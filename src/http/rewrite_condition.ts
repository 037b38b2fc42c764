/**
 * The condition of an `if`.
 *
 * @module
 */
import type { ConditionConf } from "./conf.ts";
import type { Variables } from "./configured_variables.ts";
import { CapturingRegex, compileRegex } from "./regex.ts";
import type { Request } from "./request.ts";
import { RewriteText } from "./rewrite_text.ts";

/**
 * Whether it holds.
 *
 * @param isQuoted How captures in its texts are taken: see {@linkcode RewriteText}.
 */
export type Condition = (request: Request, isQuoted: boolean) => boolean;

/** @param log Is told of each regex and what it was tried on, if anybody wants to know. */
export function compileCondition(
  conf: ConditionConf,
  variables: Variables,
  log: ((request: Request, message: string) => void) | undefined,
): Condition {
  switch (conf.kind) {
    case "truth": {
      const text = variables.compile(conf.variable);
      return (request) => {
        const value = text.render(request);
        return value !== "" && value !== "0";
      };
    }
    case "equals": {
      const text = variables.compile(conf.variable);
      const other = new RewriteText(conf.value, variables, false);
      const { isNegated } = conf;
      return (request, isQuoted) =>
        (text.render(request) === other.render(request, isQuoted).text) !== isNegated;
    }
    case "matches": {
      const text = variables.compile(conf.variable);
      const regex = new CapturingRegex(compileRegex(conf.regex, conf.ignoresCase), variables);
      const { isNegated } = conf;
      return (request) => {
        const value = text.render(request);
        const matches = regex.match(request, value);
        if (!matches) request.captures = undefined;
        log?.(request, `"${conf.regex}" ${matches ? "matches" : "does not match"} "${value}"`);
        return matches !== isNegated;
      };
    }
    case "file": {
      const path = new RewriteText(conf.path, variables, false);
      const { test, isNegated } = conf;
      return (request, isQuoted) =>
        fileIs(test, path.render(request, isQuoted).text, request) !== isNegated;
    }
  }
}

const ANYBODY_EXECUTES = 0o111;

/** Looks at the file system while nothing else runs, as nginx does. */
function fileIs(test: "f" | "d" | "e" | "x", path: string, request: Request): boolean {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(systemPath(path));
  } catch (error) {
    const isPlain = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!isPlain) request.report("crit", `stat() "${path}" failed (${messageOf(error)})`);
    return false;
  }
  if (test === "f") return info.isFile;
  if (test === "d") return info.isDirectory;
  return test === "e" || ((info.mode ?? 0) & ANYBODY_EXECUTES) !== 0;
}

/** A path of one byte a character as the runtime wants it. */
function systemPath(path: string): string {
  return new TextDecoder().decode(Uint8Array.from(path, (unit) => unit.charCodeAt(0)));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
