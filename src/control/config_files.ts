/**
 * Files that a configuration includes.
 *
 * @module
 */
import type { ConfigFiles } from "../config/mod.ts";

/** Those of the file system, read at once: nothing else is done while a configuration is read. */
export const configFiles: ConfigFiles = {
  readText: (path) => Deno.readTextFileSync(path),
  listNames: (folder) => [...Deno.readDirSync(folder)].map(({ name }) => name),
};
