/**
 * How `tests/coverage/` has a Sluice that a test starts ignore a directive, as the test's own
 * process does.
 *
 * @module
 */

/** The environment variable that names it. */
export const IGNORED_VARIABLE = "SLUICE_TEST_IGNORED_DIRECTIVE";

/** What makes the program ignore it, for `--preload`. */
export const IGNORING_MODULE = new URL("../coverage/ignore.ts", import.meta.url).pathname;

/** Arguments of `deno run` for that; none, unless there is such a directive. */
export function ignoringArgs(): readonly string[] {
  return Deno.env.has(IGNORED_VARIABLE) ? ["--preload", IGNORING_MODULE] : [];
}
