/**
 * The variables that a configuration defines, found before anything of it is read: they are
 * known in all of it, whatever comes first.
 *
 * @module
 */
import type { SettableConf } from "../http/conf.ts";
import { isFixedVariable } from "../http/variables.ts";
import { captureNamesIn } from "../http/regex.ts";
import type { Block } from "./block.ts";
import type { Known } from "./directive.ts";
import { entriesOf } from "./nginx_form.ts";
import { type Node, wordsOf } from "./node.ts";
import { type Problems, quote, type Span } from "./problem.ts";

export interface DeclaredVariables {
  readonly names: ReadonlySet<string>;
  readonly settable: readonly SettableConf[];
}

/** Directives whose keys are variables, and what they do with them. */
const DEFINING = ["map", "geo", "split_clients"];

/** The names of all variables that the configuration defines, wherever it does. */
export function declaredVariables(
  root: Block,
  problems: Problems,
  known: Known,
): DeclaredVariables {
  const names = new Set<string>();
  const settable = new Map<string, SettableConf>();
  const declare = (key: string, span: Span): string => {
    const name = key.slice(1);
    if (known.isBuiltIn(name) && isFixedVariable(name)) {
      problems.add({
        span,
        cannot: `set ${key}`,
        found: quote(key),
        expected: "it is built in: need a name of your own",
      });
    }
    names.add(name);
    return name;
  };
  /** Captures may be of any name that nothing else has; a second regex may have the same. */
  const declareCaptures = (regex: string, span: Span): void => {
    for (const capture of captureNamesIn(regex)) {
      const name = declare(`$${capture}`, span);
      settable.set(name, { name, warnsUnset: false });
    }
  };
  /** `set`, and the regexes of `rewrite` and `if`; an `if` has a list of its own. */
  const lookAtSteps = (steps: Node): void => {
    for (const { key, value } of entriesOf(steps)) {
      if (key === "if") {
        const part = (wanted: string) => entriesOf(value).find(({ key }) => key === wanted)?.value;
        const when = part("when");
        for (const { text, span } of when === undefined ? [] : wordsOf(when) ?? []) {
          declareCaptures(text, span);
        }
        for (const inner of [part("then"), part("rewrite")]) {
          if (inner !== undefined) lookAtSteps(inner);
        }
        continue;
      }
      const [first] = wordsOf(value) ?? [];
      if (first === undefined) continue;
      if (key === "rewrite") declareCaptures(first.text, first.span);
      if (key !== "set" || !first.text.startsWith("$")) continue;
      const name = declare(first.text, first.span);
      // What something else gives a value too may be empty without a word.
      if (!settable.has(name)) settable.set(name, { name, warnsUnset: true });
    }
  };
  const look = ({ context, name, span, settings, blocks }: Block): void => {
    if (context === "location" && name.startsWith("~")) declareCaptures(name, span);
    const serverNames = settings.get("server_name")?.value;
    for (const { text, span } of serverNames === undefined ? [] : wordsOf(serverNames) ?? []) {
      if (text.startsWith("~")) declareCaptures(text, span);
    }
    const rewrite = settings.get("rewrite")?.value;
    if (rewrite !== undefined) lookAtSteps(rewrite);
    const maps = settings.get("map")?.value;
    for (const { value } of maps === undefined ? [] : entriesOf(maps)) {
      const values = entriesOf(value).find(({ key }) => key === "values")?.value;
      for (const { key, keySpan } of values === undefined ? [] : entriesOf(values)) {
        if (key.startsWith("~")) declareCaptures(key, keySpan);
      }
    }
    for (const directive of DEFINING) {
      const value = settings.get(directive)?.value;
      for (const { key, keySpan } of value === undefined ? [] : entriesOf(value)) {
        declare(key, keySpan);
      }
    }
    const value = settings.get("auth_request_set")?.value;
    for (const { key, keySpan } of value === undefined ? [] : entriesOf(value)) {
      const name = declare(key, keySpan);
      settable.set(name, { name, warnsUnset: false });
    }
    blocks.forEach(look);
  };
  look(root);
  return { names, settable: [...settable.values()] };
}
