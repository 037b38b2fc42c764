/**
 * What people would otherwise run in this runtime, and HAProxy where it is installed.
 *
 * @module
 */
import type { Cleanup } from "./cleanup.ts";
import { type Cores, findProgram, freeAddress, type Program, startProgram } from "./programs.ts";

export interface PeerOptions {
  /** `host:port` of the origin. */
  readonly upstream: string;
  /** A folder of its own, which exists. */
  readonly folder: string;
}

export interface Peer {
  readonly name: string;
  start(options: PeerOptions, cores: Cores, cleanup: Cleanup): Promise<Program>;
}

const SCRIPTS: Readonly<Record<string, string>> = {
  "httpxy": "httpxy.ts",
  "http-proxy-3": "http_proxy_3.ts",
  "fast-proxy": "fast_proxy.ts",
  "serve+fetch": "serve_fetch.ts",
};

/** Those that can run here. */
export async function findPeers(): Promise<Peer[]> {
  const peers = Object.entries(SCRIPTS).map(([name, file]) => inDeno(name, file));
  if (await findProgram("haproxy")) peers.push({ name: "haproxy", start: startHaproxy });
  return peers;
}

function inDeno(name: string, file: string): Peer {
  const script = new URL(`peers/${file}`, import.meta.url).pathname;
  return {
    name,
    start: async ({ upstream }, cores, cleanup) => {
      const address = freeAddress();
      return await startProgram({
        name,
        command: Deno.execPath(),
        args: ["run", "-A", "--no-lock", "--no-config", "--quiet", script, address, upstream],
        cores: cores.proxy,
        address,
        readyPath: "/small",
      }, cleanup);
    },
  };
}

async function startHaproxy(
  { upstream, folder }: PeerOptions,
  cores: Cores,
  cleanup: Cleanup,
): Promise<Program> {
  const address = freeAddress();
  const config = `${folder}/haproxy.cfg`;
  await Deno.writeTextFile(
    config,
    `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  http-reuse always
frontend edge
  bind ${address}
  default_backend app
backend app
  server origin ${upstream}
`,
  );
  return await startProgram({
    name: "haproxy",
    command: "haproxy",
    args: ["-db", "-f", config],
    cores: cores.proxy,
    address,
    readyPath: "/small",
  }, cleanup);
}
