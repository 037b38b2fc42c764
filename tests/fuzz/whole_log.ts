import { eventually, type InProcessSluice } from "../support/in_process.ts";

const LAST = "/last-of-all";

/**
 * All lines of the access log, once Sluice is at rest: the log is written in the order of the
 * requests, so one more request shows that those before it are there.
 *
 * @param ask Sends a request for a target, and waits for the answer.
 */
export async function wholeLog(
  sluice: InProcessSluice,
  ask: (target: string) => Promise<unknown>,
): Promise<readonly string[]> {
  await sluice.rest();
  await ask(LAST);
  let lines: readonly string[] = [];
  await eventually("the last line of the access log", () => {
    lines = sluice.accessLog;
    return lines.at(-1)?.includes(LAST) ?? false;
  });
  return lines;
}
