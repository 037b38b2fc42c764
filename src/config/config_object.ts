/**
 * A configuration as code: the keys of the YAML as an object, checked by the same table.
 *
 * @module
 */

/** What a key may hold. Times and sizes are written as in YAML: `"5s"`, `"8k"`. */
export type ConfigValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly ConfigValue[]
  | { readonly [key: string]: ConfigValue };

/** A level of the configuration: its directives, by their names in YAML. */
export interface ConfigLevel {
  /** Any directive of the manual that may stand at this level. */
  readonly [directive: string]: ConfigValue;
}

/**
 * A whole configuration. The keys are those of the YAML, which `deploy/manual/` lists.
 * Blocks are typed here; directives are checked by the table when the proxy starts, with
 * the same messages as those of a file.
 */
export interface Config extends ConfigLevel {
  /** Groups of peers, by the names that `proxy.pass` knows them by. */
  readonly upstreams?: { readonly [name: string]: UpstreamConfig };
  /** At least one. */
  readonly servers: readonly ServerConfig[];
}

/** One of `upstreams`. */
export interface UpstreamConfig extends ConfigLevel {
  /** Addresses of the peers, each alone or with its parameters. */
  readonly servers: readonly (string | ConfigLevel)[];
}

/** One of `servers`. */
export interface ServerConfig extends ConfigLevel {
  /** `8080`, `"127.0.0.1:0"`, `"unix:/run/sluice.sock"`, or a list of such. Port 0 is a free one. */
  readonly listen: string | number | ConfigLevel | readonly (string | number | ConfigLevel)[];
  /** Hosts that it answers for; `*.example.org` and `~ regex` too. */
  readonly server_name?: string | readonly string[];
  /** What is done with a path: by pattern, `/x`, `= /x`, `^~ /x`, `~ regex`, `~* regex`. */
  readonly locations?: { readonly [pattern: string]: LocationConfig };
}

/** One of `locations`. */
export type LocationConfig = ConfigLevel;

/**
 * The object as the text that the reader of YAML takes: JSON is YAML, and a message about it
 * shows the line with the key.
 *
 * @throws {TypeError} It holds itself.
 */
export function configText(config: Config): string {
  return JSON.stringify(config, undefined, 2);
}
