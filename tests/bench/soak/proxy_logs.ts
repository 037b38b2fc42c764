/**
 * What the proxy's own logs say of a soak.
 *
 * @module
 */
import { MISTAKE } from "./config.ts";
import { TextLineReader } from "./lines.ts";

/** Lines of the error log that tell of a bug in the proxy; none is there, it is hoped. */
export async function readBugs(path: string): Promise<string[]> {
  const bugs: string[] = [];
  for await (const line of await linesOf(path)) {
    const isBug = /\[(?:crit|alert|emerg)\]|a bug in this/.test(line);
    // Shed requests are counted, and fail a run that has memory enough.
    const isExpected = line.includes(MISTAKE) || line.includes(" shedding load: ");
    if (isBug && !isExpected) bugs.push(line);
  }
  return bugs;
}

/** What clients asked of the group whose peers are killed, one at a time. */
export interface PairLog {
  readonly requests: number;
  /** Those of which a peer was asked that did not live, and that another one answered. */
  readonly takenOver: number;
  /** Failed although another peer lived, and no byte of them had gone to the one that did not. */
  readonly unsentFailures: readonly string[];
}

/** Reads lines in the format of `config.ts`. */
export async function readPairLog(path: string): Promise<PairLog> {
  let requests = 0;
  let takenOver = 0;
  const unsentFailures: string[] = [];
  for await (const line of await linesOf(path)) {
    const [, status, sent = ""] = /^\S+ \S+ (\d{3}) (-|\d+(?:(?:, | : )\d+)*) \S/.exec(line) ?? [];
    if (status === undefined) throw new Error(`Cannot read a line of ${path}: ${line}`);
    requests++;
    const attempts = sent.split(/, | : /);
    if (status === "200" && attempts.length > 1) takenOver++;
    if (/^50[0-4]$/.test(status) && attempts.every((bytes) => bytes === "-" || bytes === "0")) {
      unsentFailures.push(line);
    }
  }
  return { requests, takenOver, unsentFailures };
}

async function linesOf(path: string): Promise<TextLineReader> {
  return new TextLineReader((await Deno.open(path)).readable);
}
