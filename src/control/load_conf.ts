/**
 * Which configuration the command line asks for, and how it is read.
 *
 * @module
 */
import { type ConfigFiles, type ReadConf, readConf as readAnyConf } from "../config/mod.ts";
import { isKnownVariable } from "../http/variables.ts";
import { configFiles } from "./config_files.ts";
import { CannotRead } from "./explain.ts";

/** How a configuration file is reached. */
export type ReadFile = (path: string) => Promise<string>;

/** A configuration, and all that was looked at for it. */
export interface LoadedConf extends ReadConf {
  /** Files, and folders of which the names were read. */
  readonly paths: readonly string[];
}

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
): Promise<LoadedConf> {
  let text: string;
  try {
    text = await readFile(path);
  } catch (error) {
    throw new CannotRead(path, error);
  }
  const paths = [path];
  const files: ConfigFiles = {
    readText(path) {
      paths.push(path);
      return configFiles.readText(path);
    },
    listNames(folder) {
      paths.push(folder);
      return configFiles.listNames(folder);
    },
  };
  return { ...readAnyConf(text, path, { isKnownVariable, files, globals }), paths };
}

/**
 * The same of a text that is in no file.
 *
 * @throws {ConfigError}
 */
export function readConf(text: string, fileName: string, globals: string | undefined): LoadedConf {
  return { ...readAnyConf(text, fileName, { isKnownVariable, globals }), paths: [] };
}
