/**
 * `deno task directives`: ignores each directive in turn and runs the scenario test that stands for
 * it. A test that passes all the same does not test its directive.
 *
 * ```sh
 * deno task directives              # all, some minutes
 * deno task directives gzip "log: " # those with a word in their name
 * ```
 *
 * @module
 */
import { COVERAGE } from "./index.ts";
import { runIgnoring } from "./notice.ts";

/** Tests at once. */
const JOBS = 2;

async function main(words: readonly string[]): Promise<number> {
  const left = Object.entries(COVERAGE).filter(([id]) =>
    words.length === 0 || words.some((word) => id.includes(word))
  );
  const count = left.length;
  let unnoticed = 0;
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [id, standing] = next;
      const outcome = await runIgnoring(id, standing);
      if (outcome === "fails") continue;
      unnoticed++;
      console.log(`${id}: ignored, ${outcome}: ${standing.join(": ")}`);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  console.log(`${count} directives ignored in turn, ${unnoticed} unnoticed`);
  return unnoticed === 0 && count > 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
