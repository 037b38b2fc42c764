/**
 * Which configuration the command line asks for, and how it is read.
 *
 * @module
 */
import { type ReadConf, readConf as readAnyConf } from "../config/mod.ts";
import { isKnownVariable } from "../http/variables.ts";
import { configFiles } from "./config_files.ts";
import { CannotRead } from "./explain.ts";

/** How a configuration file is reached. */
export type ReadFile = (path: string) => Promise<string>;

/**
 * Reads and checks a configuration.
 *
 * @throws {CannotRead} The file.
 * @throws {ConfigError} Of all that is wrong with it.
 */
export async function loadConf(
  path: string,
  readFile: ReadFile,
  globals: string | undefined,
): Promise<ReadConf> {
  let text: string;
  try {
    text = await readFile(path);
  } catch (error) {
    throw new CannotRead(path, error);
  }
  return readConf(text, path, globals);
}

/** @throws {ConfigError} */
export function readConf(text: string, fileName: string, globals: string | undefined): ReadConf {
  return readAnyConf(text, fileName, { isKnownVariable, files: configFiles, globals });
}
