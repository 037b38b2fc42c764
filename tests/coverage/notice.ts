/**
 * Whether a directive's test notices when it is ignored.
 *
 * @module
 */
import { IGNORED_VARIABLE, IGNORING_MODULE } from "../support/ignored_directive.ts";
import { count } from "../support/test_counts.ts";
import type { Standing } from "./index.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What became of the test. */
export type Outcome = "fails" | "passes" | "there is no such test";

/** Runs the test that stands for a directive, with the directive ignored. */
export async function runIgnoring(id: string, [file, test]: Standing): Promise<Outcome> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["test", "--quiet", "--no-check", "-A", "--preload", IGNORING_MODULE],
      ...["--filter", test, `tests/scenario/${file}_test.ts`],
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1", [IGNORED_VARIABLE]: id },
    stdout: "piped",
    stderr: "null",
  }).output();
  const { passed, failed } = count(new TextDecoder().decode(stdout));
  if (passed + failed === 0) return "there is no such test";
  return code !== 0 && failed > 0 ? "fails" : "passes";
}
