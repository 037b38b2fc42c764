/**
 * A long run of the fuzzers, by hand. It says now and then how far it is, and what a run that
 * goes on from there is started with.
 *
 * ```sh
 * deno task fuzz --minutes 60 --seed 1
 * deno task fuzz --minutes 60 --seed 1 --from 1200000
 * deno task fuzz --only requests --count 1000
 * deno task fuzz --only readings --count 20000000 --minutes 60
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { seedFromEnv } from "../support/random.ts";
import { told, tryBatch } from "./batch.ts";
import { tryConfigurations } from "./configurations.ts";
import { REQUESTS, RESPONSES } from "./corpus.ts";
import { Differential } from "./differential.ts";
import { Found, fuzz } from "./fuzzers.ts";
import { type IsolationTally, playIsolation } from "./isolation.ts";
import { playMarked } from "./memory_isolation.ts";
import { playRequests } from "./memory_requests.ts";
import { playResponses } from "./memory_responses.ts";
import { ResponseDifferential } from "./response_differential.ts";
import { playSchedules } from "./schedules.ts";
import { doubtfulResponse, smugglingText } from "./smuggling.ts";
import { tryReadings } from "./wire_differential.ts";

/** Inputs between two looks at the clock. */
const BATCH = 2_000;
const TELL_EVERY_MS = 10_000;
/** The real programs are slow: they get one of so many inputs. */
const REAL_SHARE = 4;
/** Schedules are long: of so many inputs one is tried, alone and beside the others. */
const SCHEDULE_SHARES = [10, 100] as const;

/** What `--only` may name. */
const KINDS = [
  "wire",
  "readings",
  "configurations",
  "schedules",
  "memory",
  "memory-requests",
  "memory-responses",
  "memory-isolation",
  "requests",
  "responses",
  "isolation",
] as const;

/** One kind of run: tries inputs `from` to `from + count - 1`, and says how often what came of it. */
type Run = (from: number, count: number) => Promise<ReadonlyMap<string, number>>;

const HELP = `deno task fuzz [options]

  --only KIND     one of: ${KINDS.join(", ")}; all in turn without it
  --minutes N     for so long; 1 without it
  --count N       so many inputs at most
  --seed N        of the inputs; else SLUICE_TEST_SEED, or a new one
  --from N        the first input's number: 0, or where a run has stopped`;

interface Options {
  readonly only: string | undefined;
  readonly minutes: number;
  readonly count: number;
  readonly seed: number;
  readonly from: number;
}

/** @throws {TypeError | RangeError} An option that there is not, or a value that cannot be. */
function parseOptions(args: readonly string[]): Options {
  const type = "string";
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type },
      minutes: { type, default: "1" },
      count: { type },
      seed: { type },
      from: { type, default: "0" },
    },
  });
  const number = (name: "minutes" | "count" | "seed" | "from"): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    const isFit = name === "minutes" ? value >= 0 : Number.isSafeInteger(value);
    if (text.trim() !== "" && isFit && (value >= 0 || name === "seed")) return value;
    throw new RangeError(`Cannot use --${name} ${text}: expected a number from 0`);
  };
  const { only } = values;
  if (only !== undefined && !(KINDS as readonly string[]).includes(only)) {
    throw new RangeError(`Cannot run --only ${only}: expected ${KINDS.join(", ")}`);
  }
  return {
    only,
    minutes: number("minutes")!,
    count: number("count") ?? Infinity,
    seed: number("seed") ?? seedFromEnv(),
    from: number("from")!,
  };
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  const { minutes, count, seed } = options;
  const endMs = performance.now() + minutes * 60_000;
  let { from } = options;
  const firstNumber = from;
  const total = new Map<string, number>();
  let tellAtMs = performance.now() + TELL_EVERY_MS;
  await using stack = new AsyncDisposableStack();
  try {
    const runs = await chosenRuns(options, stack);
    while (performance.now() < endMs && from < firstNumber + count) {
      const batch = Math.min(BATCH, firstNumber + count - from);
      for (const run of runs) {
        for (const [what, times] of await run(from, batch)) {
          total.set(what, (total.get(what) ?? 0) + times);
        }
      }
      from += batch;
      if (performance.now() < tellAtMs) continue;
      tellAtMs = performance.now() + TELL_EVERY_MS;
      console.log(`${from - firstNumber} inputs; go on with --seed ${seed} --from ${from}`);
    }
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    console.error(error.message);
    return 1;
  }
  for (const [what, times] of [...total].sort()) {
    console.log(`${String(times).padStart(9)} ${what}`);
  }
  console.log(`${from - firstNumber} inputs, seed ${seed}, nothing found`);
  return 0;
}

async function chosenRuns(
  { only, seed }: Options,
  stack: AsyncDisposableStack,
): Promise<Run[]> {
  const runs: Run[] = [];
  if (only === undefined || only === "wire") runs.push(wireRun(seed));
  const share = only === undefined ? REAL_SHARE : 1;
  if (only === undefined || only === "requests") {
    runs.push(await requestsRun(seed, share, stack));
  }
  if (only === undefined || only === "responses") {
    runs.push(await responsesRun(seed, share, stack));
  }
  if (only === undefined || only === "readings") {
    runs.push((from, count) => Promise.resolve(tryReadings(seed, from, count)));
  }
  if (only === undefined || only === "configurations") {
    runs.push((from, count) => Promise.resolve(tryConfigurations(seed, from, count)));
  }
  if (only === undefined || only === "schedules") {
    runs.push(schedulesRun(seed, SCHEDULE_SHARES[only === undefined ? 1 : 0]));
  }
  for (const kind of ["memory-requests", "memory-responses"] as const) {
    if (only === undefined || only === "memory" || only === kind) runs.push(memoryRun(seed, kind));
  }
  if (only === undefined || only === "memory-isolation") runs.push(markedRun(seed));
  if (only === undefined || only === "isolation") runs.push(isolationRun(seed, share));
  return runs;
}

function wireRun(seed: number): Run {
  return (from, count) => {
    const { verdicts } = fuzz(seed, (done) => done >= count, from);
    return Promise.resolve(verdicts);
  };
}

async function requestsRun(seed: number, share: number, stack: AsyncDisposableStack): Promise<Run> {
  const differential = stack.use(await Differential.start());
  const { differences } = await differential.round(REQUESTS);
  if (differences.length > 0) throw new Found(told(differences, REQUESTS));
  return async (from, inputs) => {
    const count = Math.ceil(inputs / share);
    const batch = { seed, from, count };
    const outcome = await tryBatch("requests", differential, smugglingText, batch);
    return new Map([
      ["messages to nginx and Node", count],
      ["messages to nginx and Node: requests forwarded", outcome.forwarded],
      ["messages to nginx and Node: requests refused", outcome.refused],
      ["messages to nginx and Node: readings compared with direct ones", outcome.compared],
    ]);
  };
}

async function responsesRun(
  seed: number,
  share: number,
  stack: AsyncDisposableStack,
): Promise<Run> {
  const differential = stack.use(await ResponseDifferential.start());
  const { differences } = await differential.round(RESPONSES);
  if (differences.length > 0) throw new Found(told(differences, RESPONSES));
  return async (from, inputs) => {
    const count = Math.ceil(inputs / share);
    const batch = { seed, from, count };
    const outcome = await tryBatch("responses", differential, doubtfulResponse, batch);
    return new Map([
      ["messages to clients", count],
      ["messages to clients: passed on", outcome.passed],
      ["messages to clients: cut", outcome.cut],
      ["messages to clients: refused", outcome.refused],
      ["messages to clients: readings compared with direct ones", outcome.compared],
    ]);
  };
}

function schedulesRun(seed: number, share: number): Run {
  return async (from, inputs) =>
    new Map(Object.entries(await playSchedules(seed, from, Math.ceil(inputs / share))));
}

/** Messages through the program in memory. */
function memoryRun(seed: number, kind: "memory-requests" | "memory-responses"): Run {
  const isRequests = kind === "memory-requests";
  const rounds = { round: isRequests ? playRequests : playResponses };
  const make = isRequests ? smugglingText : doubtfulResponse;
  return async (from, count) => {
    const { verdicts } = await tryBatch(kind, rounds, make, { seed, from, count });
    const told = new Map<string, number>([[kind, count]]);
    for (const [verdict, times] of verdicts) told.set(`${kind}: ${verdict}`, times);
    return told;
  };
}

/** Marked requests through the program in memory. */
function markedRun(seed: number): Run {
  return async (from, count) =>
    isolationTold("isolation in memory", await playMarked(seed, from, count));
}

function isolationRun(seed: number, share: number): Run {
  return async (from, inputs) => {
    const count = Math.ceil(inputs / share);
    const outcome = await playIsolation(seed, (played) => played >= count, from);
    return isolationTold("isolation", outcome);
  };
}

function isolationTold(name: string, tally: IsolationTally): ReadonlyMap<string, number> {
  return new Map([
    [`${name}: connections`, tally.connections],
    [`${name}: requests`, tally.requests],
    [`${name}: answers compared`, tally.answered],
    [`${name}: answers that failed or were cut`, tally.failed],
    [`${name}: uploads compared`, tally.uploads],
    [`${name}: clients that left early`, tally.left],
  ]);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
