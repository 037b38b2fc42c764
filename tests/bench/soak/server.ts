/**
 * The process under test: Sluice from a YAML file, and what it holds on request. A line
 * on stdin asks (`stats`, `gc`, `stop`), a JSON line on stdout answers.
 *
 * @module
 */
import { TextLineReader } from "./lines.ts";
import { readYaml } from "../../../src/config/mod.ts";
import type { ServerStats } from "../../../src/control/running_server.ts";
import { startServer } from "../../../src/control/server.ts";
import { isKnownVariable } from "../../../src/http/variables.ts";

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
}

function countDescriptors(): number {
  return Array.from(Deno.readDirSync("/proc/self/fd")).length - 1; // without the folder itself
}

async function serve(path: string, debugBuffers: boolean): Promise<void> {
  const conf = readYaml(await Deno.readTextFile(path), path, { isKnownVariable, handlers: [] });
  const server = await startServer(conf, { debugBuffers });
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
  say({ address: server.addresses[0]! });
  for await (const command of new TextLineReader(Deno.stdin.readable)) {
    if (command === "gc") (globalThis as { gc?: () => void }).gc?.();
    if (command === "stop") {
      await server.stop();
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
