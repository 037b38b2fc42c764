/**
 * What went wrong before there was a running server, in the error log: a supervisor that
 * keeps starting the program may not show what it prints.
 *
 * @module
 */
import { errorLine, type ErrorLogConf } from "../log/mod.ts";
import { logLines } from "./explain.ts";

/**
 * Writes a failure to the log that the command line names, else to the configuration's, if
 * those could be read and are files. What cannot be written is left: it was printed.
 */
export function logStartFailure(
  error: unknown,
  path: string | undefined,
  confs: readonly ErrorLogConf[],
): void {
  const named = confs.flatMap(({ path }) =>
    typeof path === "object" && "file" in path ? [path.file] : []
  );
  // It was printed there; nginx's scripts name it so.
  const files = path === undefined ? named : path === "stderr" ? [] : [path];
  const host = { process: `${Deno.pid}#0`, wallMs: () => Date.now() };
  const lines = logLines(error).map((line) => errorLine("emerg", line, undefined, host) + "\n");
  for (const file of files) {
    try {
      Deno.writeTextFileSync(file, lines.join(""), { append: true, mode: 0o640 });
    } catch {
      // No such folder, or no permission.
    }
  }
}
