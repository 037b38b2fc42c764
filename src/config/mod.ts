/**
 * Configuration: text in, checked records out.
 *
 * @module
 */
export { convertConf } from "./convert.ts";
export { parseListen } from "./directives/server.ts";
export type { Node } from "./node.ts";
export { ConfigError, placeIn, type Problem, type Span } from "./problem.ts";
export type { ConfigFiles } from "./nginx_text.ts";
export { type ReadConf, readConf, type ReadFileOptions, type Syntax } from "./read_conf.ts";
export { type ReadOptions, readYaml } from "./read_yaml.ts";
