/**
 * How long a process takes from its start to its first proxied answer.
 *
 * @module
 */
import { type Bench, type Contender, inRounds, type Result } from "./measure.ts";
import { readMemory } from "./proc.ts";
import type { StartWorkload } from "./workloads.ts";

export async function measureStart(
  bench: Bench,
  workload: StartWorkload,
  contenders: readonly Contender[],
): Promise<Result> {
  // The caches (of modules, of code, of files) are filled by one start that is not counted.
  for (const contender of contenders) await (await contender.start(workload)).stop();
  return await inRounds(bench, workload, contenders, async (contender) => {
    const program = await contender.start(workload);
    const memory = await readMemory(program.pid);
    await program.stop();
    return { figures: { startMs: program.startMs, ...memory }, problems: [] };
  });
}
