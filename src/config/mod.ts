/**
 * Configuration: text in, checked records out.
 *
 * @module
 */
export { ConfigError, type Problem } from "./problem.ts";
export { convertConf } from "./convert.ts";
export type { ConfigFiles } from "./nginx_text.ts";
export { type ReadConf, readConf, type ReadFileOptions, type Syntax } from "./read_conf.ts";
export { type ReadOptions, readYaml } from "./read_yaml.ts";
