/**
 * Two benches at a time would measure each other.
 *
 * @module
 */

/** Holds `path` locked while `work` runs; waits, and says so, while another bench has it. */
export async function alone<T>(
  path: string,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  using file = await Deno.open(path, { create: true, write: true });
  if (!await file.tryLock(true)) {
    say("Waiting for another bench on this machine");
    await file.lock(true);
  }
  try {
    return await work();
  } finally {
    await file.unlock();
  }
}
