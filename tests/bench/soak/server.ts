/**
 * The process under test: Sluice as `main.ts` runs it, with its signals and its admin listener,
 * and what it holds on request. A line on stdin asks (`stats`, `gc`, `stop`), a JSON line on
 * stdout answers.
 *
 * @module
 */
import { TextLineReader } from "./lines.ts";
import { runProgram } from "../../../src/control/commands.ts";
import { lifeSignals, SIGNAL_OF } from "../../../src/control/life_requests.ts";
import { isGranted } from "../../../src/control/permissions.ts";
import { processFacts } from "../../../src/control/process_limits.ts";
import type { RunningServer, ServerStats } from "../../../src/control/running_server.ts";
import { startServer } from "../../../src/control/server.ts";

/** What a line of answer says. */
export interface ServerSample extends Omit<ServerStats, "outstanding"> {
  readonly outstanding: readonly string[];
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly descriptors: number;
}

/** The first line. */
export interface ServerReady {
  readonly address: string;
  /** Empty without an admin listener. */
  readonly adminAddress: string;
}

function countDescriptors(): number {
  return Array.from(Deno.readDirSync("/proc/self/fd")).length - 1; // without the folder itself
}

async function serve(path: string, debugBuffers: boolean): Promise<void> {
  let running: RunningServer | undefined;
  const { promise: isListening, resolve: onListening } = Promise.withResolvers<RunningServer>();
  const ended = runProgram(["run", "-c", path], {
    version: "soak",
    startServer: async (conf, options) => {
      running = await startServer(conf, { ...options, debugBuffers });
      return running;
    },
    readFile: (path) => Deno.readTextFile(path),
    requests: lifeSignals(),
    isGranted,
    facts: processFacts(),
    out: (line) => console.error(line), // stdout is for answers
    err: (line) => {
      if (running !== undefined && line.includes("listening on")) onListening(running);
      else console.error(line);
    },
  });
  const server = await Promise.race([isListening, ended]);
  if (typeof server === "number") throw new Error(`it ended with status ${server}`);
  const sample = (): ServerSample => {
    const { rss, heapUsed, external } = Deno.memoryUsage();
    return {
      ...server.stats(),
      rssBytes: rss,
      heapBytes: heapUsed,
      externalBytes: external,
      descriptors: countDescriptors(),
    };
  };
  const say = (what: ServerReady | ServerSample) => console.log(JSON.stringify(what));
  say({ address: server.addresses[0]!, adminAddress: server.adminAddress ?? "" });
  for await (const command of new TextLineReader(Deno.stdin.readable)) {
    if (command === "gc") (globalThis as { gc?: () => void }).gc?.();
    if (command === "stop") {
      Deno.kill(Deno.pid, SIGNAL_OF.stop);
      await ended;
      // Reads that closing has cancelled settle later, and hold their cells until then.
      for (let looks = 0; looks < 50 && server.stats().outstanding.length > 0; looks++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      say(sample());
      return;
    }
    say(sample());
  }
}

if (import.meta.main) {
  const [path = "", debug] = Deno.args;
  await serve(path, debug === "debug");
  Deno.exit(0); // stdin is still open
}
