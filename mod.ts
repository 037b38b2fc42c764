/**
 * Sluice as a library: a reverse proxy that a program starts, configures in code and
 * extends with handlers of its own.
 *
 * ```ts
 * import { startProxy } from "@sluice/sluice";
 * import { assertEquals } from "@std/assert";
 *
 * await using proxy = await startProxy({
 *   config: `
 *     log: { access: off }
 *     servers:
 *       - listen: 127.0.0.1:0
 *         locations: { "= /health": { return: 200 ok } }
 *   `,
 * });
 *
 * const response = await fetch(`http://${proxy.addresses[0]}/health`);
 * assertEquals(await response.text(), "ok");
 * ```
 *
 * @module
 */
import { type Config, configText } from "./src/config/config_object.ts";
import { readYaml } from "./src/config/mod.ts";
import type { ServerStats } from "./src/control/running_server.ts";
import { start } from "./src/control/workers.ts";
import { type CustomHandler, isKnownVariable } from "./src/http/mod.ts";
import type { CustomBalancer } from "./src/peer/mod.ts";

export type {
  Config,
  ConfigLevel,
  ConfigValue,
  LocationConfig,
  ServerConfig,
  UpstreamConfig,
} from "./src/config/config_object.ts";
export { ConfigError, type Problem } from "./src/config/mod.ts";
export { CannotShareHandlers } from "./src/control/workers.ts";
export { CannotListen, type ServerStats } from "./src/control/running_server.ts";
export type { SlabPoolStats } from "./src/buffer/mod.ts";
export type { LogLevel } from "./src/log/mod.ts";

export type {
  CustomHandler,
  HandlerContext,
  HandlerResponse,
  HandlerVariables,
  SubrequestInit,
  SubrequestResponse,
} from "./src/http/mod.ts";

export type {
  BalancerPeer,
  BalancerRequest,
  BalancerResult,
  CustomBalancer,
  PeerChooser,
} from "./src/peer/mod.ts";

/** What {@linkcode startProxy} is told. */
export interface ProxyOptions {
  /** The configuration: YAML text, or an object with the same keys. */
  readonly config: string | Config;
  /**
   * What messages about the configuration call it.
   * @default "config"
   */
  readonly configName?: string;
  /** Functions that locations name as their `handler`. */
  readonly handlers?: Readonly<Record<string, CustomHandler>>;
  /** Functions that groups name as their `balance`. */
  readonly balancers?: Readonly<Record<string, CustomBalancer>>;
}

/** A proxy that accepts connections. `await using` it, or {@linkcode RunningProxy.stop} it. */
export interface RunningProxy extends AsyncDisposable {
  /** What it listens on, in the order of the configuration, with real ports: `127.0.0.1:8080`. */
  readonly addresses: readonly string[];
  /** Where the admin listener is, if the configuration has one (`admin`). */
  readonly adminAddress: string | undefined;
  /** What is held right now: connections, buffers. */
  stats(): ServerStats;
  /** Accepts nothing new, finishes what runs, then closes everything. */
  shutdown(): Promise<void>;
  /** Closes everything at once. */
  stop(): Promise<void>;
}

/**
 * Starts a proxy in this process. It needs `--allow-net`, and read and write permission for
 * the files that its configuration names.
 *
 * @example A configuration in code
 * ```ts
 * import { startProxy } from "@sluice/sluice";
 * import { assertEquals } from "@std/assert";
 *
 * await using origin = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0, onListen() {} },
 *   (request) => new Response(`asked for ${new URL(request.url).pathname}`),
 * );
 * await using proxy = await startProxy({
 *   config: {
 *     log: { access: "off" },
 *     upstreams: { app: { servers: [`127.0.0.1:${origin.addr.port}`] } },
 *     servers: [{
 *       listen: "127.0.0.1:0",
 *       locations: { "/": { proxy: { pass: "http://app", read_timeout: "5s" } } },
 *     }],
 *   },
 * });
 *
 * const response = await fetch(`http://${proxy.addresses[0]}/through`);
 * assertEquals(await response.text(), "asked for /through");
 * ```
 *
 * @example A handler that asks two locations for one answer
 * ```ts
 * import { startProxy } from "@sluice/sluice";
 * import { assertEquals } from "@std/assert";
 *
 * await using proxy = await startProxy({
 *   config: {
 *     log: { access: "off" },
 *     servers: [{
 *       listen: "127.0.0.1:0",
 *       locations: {
 *         "= /offer": { handler: "offer" },
 *         "= /name": { internal: true, return: "200 lamp" },
 *         "= /price": { internal: true, return: "200 42" },
 *       },
 *     }],
 *   },
 *   handlers: {
 *     async offer(context) {
 *       const [name, price] = await Promise.all([
 *         context.subrequest("/name"),
 *         context.subrequest("/price"),
 *       ]);
 *       return { headers: { "X-Asked": context.path }, body: `${name.text()}: ${price.text()}` };
 *     },
 *   },
 * });
 *
 * const response = await fetch(`http://${proxy.addresses[0]}/offer`);
 * assertEquals(response.headers.get("X-Asked"), "/offer");
 * assertEquals(await response.text(), "lamp: 42");
 * ```
 *
 * @example A balancer: each tenant has a peer of its own, as long as that can be used
 * ```ts
 * import { startProxy } from "@sluice/sluice";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = (text: string) =>
 *   Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response(text));
 * await using one = answer("one");
 * await using two = answer("two");
 * await using proxy = await startProxy({
 *   config: {
 *     log: { access: "off" },
 *     upstreams: {
 *       app: {
 *         balance: "by_tenant $http_x_tenant",
 *         servers: [
 *           { address: `127.0.0.1:${one.addr.port}`, route: "a" },
 *           { address: `127.0.0.1:${two.addr.port}`, route: "b" },
 *         ],
 *       },
 *     },
 *     servers: [{ listen: "127.0.0.1:0", locations: { "/": { proxy: { pass: "http://app" } } } }],
 *   },
 *   balancers: {
 *     by_tenant: () => ({
 *       // Who is nobody's tenant, or whose peer is out, is left to round robin.
 *       choose: (candidates, { key }) => candidates.find(({ route }) => route === key),
 *     }),
 *   },
 * });
 *
 * for (const [tenant, peer] of [["b", "two"], ["a", "one"], ["b", "two"]] as const) {
 *   const response = await fetch(`http://${proxy.addresses[0]}/`, {
 *     headers: { "X-Tenant": tenant },
 *   });
 *   assertEquals(await response.text(), peer);
 * }
 * ```
 *
 * @throws {ConfigError} Of all that is wrong with the configuration.
 * @throws {CannotListen} When one of the addresses cannot be had.
 * @throws {CannotShareHandlers} When the configuration has several workers and there are handlers.
 */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { config, configName = "config", handlers = {}, balancers = {} } = options;
  const text = typeof config === "string" ? config : configText(config);
  const conf = readYaml(text, configName, {
    isKnownVariable,
    handlers: Object.keys(handlers),
    balancers: Object.keys(balancers),
  });
  const server = await start(conf, { handlers, balancers });
  return {
    addresses: server.addresses,
    get adminAddress() {
      return server.adminAddress;
    },
    stats: () => server.stats(),
    shutdown: () => server.shutdown(),
    stop: () => server.stop(),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
