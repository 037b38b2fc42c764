/**
 * Counts of tests, read from what `deno test` prints.
 *
 * @module
 */

/** How many tests went how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Ignored with a reason in their names. */
  readonly skipped: number;
}

export const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

/**
 * The sum of all summary lines of `deno test` in `output`, such as
 * "ok | 12 passed (3 steps) | 0 failed | 1 ignored (3s)".
 */
export function count(output: string): Counts {
  // deno-lint-ignore no-control-regex -- colours of a terminal, to be taken off
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  const lines = plain.matchAll(
    /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?: \(\d+ steps?\))?(?: \| (\d+) ignored)?/gm,
  );
  let counts = NOTHING;
  for (const [, passed, failed, skipped = 0] of lines) {
    counts = plus(counts, {
      passed: Number(passed),
      failed: Number(failed),
      skipped: Number(skipped),
    });
  }
  return counts;
}

export function plus(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** "12 passed, 0 failed", with ", 1 skipped" when some were. */
export function summary({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
