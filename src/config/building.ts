/**
 * What all builders of records share.
 *
 * @module
 */
import type { Block } from "./block.ts";
import { type Known, Reading, type Settings, settle, type Table } from "./directive.ts";
import type { Problems } from "./problem.ts";

/** Where problems go, and how a block's settings are read. */
export class Building {
  readonly problems: Problems;
  readonly known: Known;

  constructor(problems: Problems, known: Known) {
    this.problems = problems;
    this.known = known;
  }

  /** The settings that a block has of a table, over those of the block around it. */
  settle<T extends Table>(table: T, { settings }: Block, inherited?: Settings<T>): Settings<T> {
    return settle(
      table,
      settings,
      inherited,
      (name) => new Reading(this.problems, name, this.known),
    );
  }
}

/** What is wrong with a regex, in the runtime's words; undefined when nothing is. */
export function regexProblem(compile: () => RegExp): string | undefined {
  try {
    compile();
    return undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return error.message.replace(/^Invalid regular expression: /, "");
  }
}
