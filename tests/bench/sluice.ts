/**
 * Sluice: the working tree, another revision, or whatever `--sluice-command` says.
 *
 * @module
 */
import { stringify } from "@std/yaml";
import { SHIPPED_V8_FLAGS } from "../support/shipped_flags.ts";
import type { Cleanup } from "./cleanup.ts";
import type { ProxyOptions } from "./nginx.ts";
import { writeSite } from "./site.ts";
import { type Cores, freeAddress, type Program, startProgram } from "./programs.ts";

export interface SluiceOptions extends ProxyOptions {
  readonly name: string;
  /** The checkout it runs from. */
  readonly checkout: string;
  /**
   * Replaces `deno run -A main.ts run -c CONFIG -p FOLDER`, with the flags of V8 that are shipped.
   * `{config}`, `{folder}`, `{listen}`, `{upstream}` and `{inspect}` (a flag of Deno's, or nothing)
   * are filled in.
   */
  readonly command: string | undefined;
  /** `host:port` for V8's inspector. */
  readonly inspectorAt: string | undefined;
  /** YAML to put behind the generated configuration. */
  readonly extraConfig: string;
  /** Adds a location without response buffering. */
  readonly unbuffered: boolean;
}

const ENDLESS = 1_000_000_000;
const WORKER_CONNECTIONS = 20_000;
const DEFAULT_COMMAND = `{deno} run -A --v8-flags=${SHIPPED_V8_FLAGS} {inspect} main.ts run ` +
  "-c {config} -p {folder}";

/** Starts Sluice on a free port. */
export async function startSluice(
  options: SluiceOptions,
  cores: Cores,
  cleanup: Cleanup,
): Promise<Program> {
  const address = freeAddress();
  const config = await writeConfig(options, address);
  const { inspectorAt } = options;
  const values: Readonly<Record<string, string | undefined>> = {
    "{deno}": Deno.execPath(),
    "{config}": config,
    "{folder}": options.folder,
    "{inspect}": inspectorAt && `--inspect=${inspectorAt}`,
    "{listen}": address,
    "{upstream}": options.upstream,
  };
  const [command = "", ...args] = (options.command ?? DEFAULT_COMMAND).split(/\s+/)
    .flatMap((word) => word in values ? values[word] ?? [] : word);
  return await startProgram({
    name: options.name,
    command,
    args,
    cwd: options.checkout,
    cores: cores.proxy,
    address,
    readyPath: "/small",
  }, cleanup);
}

/** Returns its path. */
async function writeConfig(options: SluiceOptions, address: string): Promise<string> {
  const { folder, features } = options;
  if (features === undefined) {
    const path = `${folder}/sluice.yaml`;
    await Deno.writeTextFile(path, configuration(options, address));
    return path;
  }
  return await writeSite(folder, { ...options, features }, {
    main: features.has("metrics") ? `admin ${freeAddress()};\n` : "",
    http: "",
    server: `listen ${address};\n`,
  });
}

function configuration(options: SluiceOptions, address: string): string {
  const proxy = { pass: "http://app" };
  const access = options.accessLog ? { path: options.accessLog } : "off";
  const config = stringify({
    worker_connections: WORKER_CONNECTIONS,
    log: { access, error: { path: "stderr", level: "error" } },
    upstreams: {
      app: {
        keepalive: options.keepalive,
        keepalive_requests: ENDLESS,
        servers: [options.upstream],
      },
    },
    client_max_body_size: 0,
    servers: [{
      listen: address,
      keepalive_requests: ENDLESS,
      locations: {
        "/": { proxy },
        ...(options.unbuffered
          ? { "/unbuffered/": { proxy: { ...proxy, buffering: "off" } } }
          : {}),
      },
    }],
  });
  return `${config}${options.extraConfig}\n`;
}
