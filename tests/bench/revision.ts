/**
 * Another revision of Sluice, checked out beside the working tree.
 *
 * @module
 */
import type { Cleanup } from "./cleanup.ts";
import { BenchError } from "./programs.ts";

/**
 * Checks `revision` out into `folder`, as a worktree that the clean-up removes.
 *
 * @throws {BenchError} with git's words.
 */
export async function checkOut(
  checkout: string,
  revision: string,
  folder: string,
  cleanup: Cleanup,
): Promise<void> {
  await git(checkout, ["worktree", "add", "--detach", folder, revision]);
  cleanup.add(() => git(checkout, ["worktree", "remove", "--force", folder]));
}

async function git(checkout: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("git", { args: ["-C", checkout, ...args] })
    .output();
  if (success) return;
  const words = new TextDecoder().decode(stderr).trim();
  throw new BenchError(`Cannot run git ${args.slice(0, 2).join(" ")}: ${words}`);
}
