/**
 * Configuration: text in, checked records out.
 *
 * @module
 */
export { ConfigError, type Problem } from "./problem.ts";
export { type ReadOptions, readYaml } from "./read_yaml.ts";
