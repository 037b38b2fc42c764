/**
 * Sluice inside the test's own process: no start-up time, and its counters to look
 * at. At the end of each test everything has to be given back.
 *
 * ```ts
 * await using origin = await respondWith(okResponse("hello"));
 * await withSluice(inFrontOf(origin), async (address, sluice) => {
 *   assertEquals((await exchange(address, getRequest())).bodyText, "hello");
 *   assertEquals(await sluice.accessLine(1), "GET / HTTP/1.1|200|200");
 * });
 * ```
 *
 * @module
 */
import { readYaml } from "../../src/config/mod.ts";
import type { RunningServer, ServerStats } from "../../src/control/running_server.ts";
import { startServer } from "../../src/control/server.ts";
import type { CustomHandler } from "../../src/http/mod.ts";
import type { CustomBalancer } from "../../src/peer/mod.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { assertNothingHeld, counting } from "./leak_check.ts";
import { tempDir } from "./program.ts";
import { PATIENCE_MS, WaitedTooLong } from "./within.ts";

/** How often a condition is looked at that nobody announces, in ms. */
const LOOK_AGAIN_MS = 2;

/** What the access log of these tests says of a request: `request|status|upstream statuses`. */
const LOG = (dir: string, format: string) => `
log:
  access: { path: ${dir}/access.log, format: test, buffer: 0 }
  error: { path: ${dir}/error.log, level: info }
  formats: { test: '${format}' }
`;

/** What {@linkcode withSluice} may be told besides. */
export interface InProcessOptions {
  /** Functions that locations name as their `handler`. */
  readonly handlers?: Readonly<Record<string, CustomHandler>>;
  /** Functions that groups name as their `balance`. */
  readonly balancers?: Readonly<Record<string, CustomBalancer>>;
  /** Of the access log. @default {"$request|$status|$upstream_status"} */
  readonly logFormat?: string;
}

/** A server in this process, and what it has written. */
export class InProcessSluice {
  readonly server: RunningServer;
  readonly dir: string;

  constructor(server: RunningServer, dir: string) {
    this.server = server;
    this.dir = dir;
  }

  get addresses(): readonly string[] {
    return this.server.addresses;
  }

  stats(): ServerStats {
    return this.server.stats();
  }

  get accessLog(): readonly string[] {
    return lines(`${this.dir}/access.log`);
  }

  get errorLog(): readonly string[] {
    return lines(`${this.dir}/error.log`);
  }

  /** The k-th line of the access log, counted from 1. @throws {WaitedTooLong} */
  async accessLine(k: number): Promise<string> {
    await eventually(`line ${k} of the access log`, () => this.accessLog.length >= k);
    return this.accessLog[k - 1]!;
  }

  /** The first line of the error log that matches. @throws {WaitedTooLong} with all lines */
  async errorLine(pattern: RegExp): Promise<string> {
    let found: string | undefined;
    await eventually(
      () => `${pattern} in the error log:\n${this.errorLog.join("\n")}`,
      () => (found = this.errorLog.find((line) => pattern.test(line))) !== undefined,
    );
    return found!;
  }

  /** Waits until no client is connected and only idle upstream connections hold anything. */
  async rest(): Promise<void> {
    await eventually(
      () => `Sluice to hold nothing but idle connections: ${describe(this.stats())}`,
      () => {
        const { clients, connections, idle, pool } = this.stats();
        return clients === 0 && connections === idle && pool.heldCells <= idle; // one for checks holds none
      },
    );
  }
}

/**
 * Runs a server from `yaml` for the time of `act`, then checks that it came to rest
 * and that nothing is held once it has stopped.
 *
 * @param yaml A configuration without `log`.
 */
export async function withSluice(
  yaml: string,
  act: (address: string, sluice: InProcessSluice) => Promise<void>,
  options: InProcessOptions = {},
): Promise<void> {
  await using dir = await tempDir();
  const { handlers = {}, balancers = {}, logFormat = "$request|$status|$upstream_status" } =
    options;
  const conf = readYaml(LOG(dir.path, logFormat) + yaml, "test.yaml", {
    isKnownVariable,
    handlers: Object.keys(handlers),
    balancers: Object.keys(balancers),
  });
  const server = await startServer(conf, { debugBuffers: true, handlers, balancers });
  const sluice = new InProcessSluice(server, dir.path);
  try {
    await act(server.addresses[0]!, sluice);
    await sluice.rest();
  } catch (error) {
    const log = sluice.errorLog.slice(-20);
    if (error instanceof Error && log.length > 0) {
      error.message += `\nThe error log ends with:\n  ${log.join("\n  ")}`;
    }
    throw error;
  } finally {
    await server.stop();
  }
  const bugs = sluice.errorLog.filter((line) => line.includes("a bug in this proxy"));
  if (bugs.length > 0) throw new Error(`The error log tells of a bug:\n${bugs.join("\n")}`);
  await eventually(
    () => `the stopped Sluice to hold nothing: ${describe(server.stats())}`,
    () => server.stats().outstanding.length === 0 && server.stats().connections === 0,
  );
  assertNothingHeld(counting("Sluice", () => server.stats().outstanding));
}

/** Settings for {@linkcode inFrontOf}: lines of YAML flow maps, `read_timeout: 1s, buffer_size: 8k`. */
export interface Settings {
  /** Of `proxy`. */
  readonly proxy?: string;
  /** Of the location beside `proxy`. */
  readonly location?: string;
  /** Of the server. */
  readonly server?: string;
  /** Of the group. */
  readonly group?: string;
  /** At the top, as a line of its own. */
  readonly main?: string;
}

/** A configuration with all paths passed to a group of origins, each an address or `{address, …}`. */
export function inFrontOf(
  origins: { readonly address: string } | string | readonly string[],
  settings: Settings = {},
): string {
  const peers = typeof origins === "string"
    ? [origins]
    : "address" in origins
    ? [origins.address]
    : origins;
  const { proxy = "", location = "", server = "", group = "", main = "" } = settings;
  return `
${main}
upstreams:
  app: { servers: [${peers.join(", ")}]${more(group)} }
servers:
  - { listen: "127.0.0.1:0", locations: { /: { proxy: { pass: "http://app"${more(proxy)} }${
    more(location)
  } } }${more(server)} }
`;
}

/** Looks again and again until `check` holds: for what tells nobody when it changes. */
export async function eventually(
  what: string | (() => string),
  check: () => boolean,
): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!check()) {
    if (performance.now() > endMs) {
      const text = typeof what === "string" ? what : what();
      throw new WaitedTooLong(`Waited ${PATIENCE_MS} ms for ${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

function describe({ clients, connections, idle, pool, outstanding }: ServerStats): string {
  return `${clients} clients, ${connections} connections, ${idle} idle, ` +
    `${pool.heldCells} cells\n${outstanding.join("\n")}`;
}

function more(settings: string): string {
  return settings === "" ? "" : `, ${settings}`;
}

function lines(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
