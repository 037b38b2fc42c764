/**
 * The configuration that runs when none is given: a proxy in front of the demo
 * upstream. It is YAML like any other, so that it shows what one looks like.
 *
 * @module
 */

/** Where the embedded configuration listens unless told otherwise. */
export const DEFAULT_LISTEN = "127.0.0.1:8080";

/** What messages call it. */
export const DEFAULT_CONFIG_NAME = "the embedded configuration";

/**
 * The text of the embedded configuration.
 *
 * @param listen As `listen` of a server is written.
 * @param peers Addresses of the demo upstream.
 */
export function defaultConfig(listen: string, peers: readonly string[]): string {
  // JSON's strings are YAML's: what the user typed stays one value.
  return `upstreams:
  demo:
    keepalive: 16
    servers: [${peers.map((peer) => JSON.stringify(peer)).join(", ")}]
client_max_body_size: 0
servers:
  - listen: ${JSON.stringify(listen)}
    locations:
      /: { proxy: { pass: "http://demo" } }
      = /ws: { proxy: { pass: "http://demo", set_header: { Upgrade: $http_upgrade, Connection: upgrade } } }
`;
}

/** Command lines to try against the running default, where it listens at `address`. */
export function thingsToTry(address: string): string[] {
  const url = urlOf(address);
  return [
    `who answered, each peer in turn:  curl ${url}/`,
    `a stream, one event a second:     curl -N ${url}/events`,
    `a gigabyte:                       curl -o /dev/null ${url}/bytes/1073741824`,
  ];
}

function urlOf(address: string): string {
  if (address.startsWith("unix:")) return `--unix-socket ${address.slice(5)} http://localhost`;
  // An address that stands for all of them is not one to ask.
  return `http://${address.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:")}`;
}
