/**
 * The command line of Sluice. `main.ts --help` tells the rest.
 *
 * @module
 */
import denoJson from "./deno.json" with { type: "json" };
import { runProgram } from "./src/control/commands.ts";
import { isGranted } from "./src/control/permissions.ts";
import { lifeSignals } from "./src/control/life_requests.ts";
import { processFacts } from "./src/control/process_limits.ts";
import { start } from "./src/control/workers.ts";

if (import.meta.main) {
  const status = await runProgram(Deno.args, {
    version: denoJson.version,
    startServer: start,
    readFile: (path) => Deno.readTextFile(path),
    requests: lifeSignals(),
    isGranted,
    facts: processFacts(),
    out: (line) => console.log(line),
    err: (line) => console.error(line),
  });
  // Whatever still runs, such as a drain that was cut short, ends here.
  Deno.exit(status);
}
