/**
 * nginx in its two parts: the origin, and the proxy that Sluice is compared with.
 *
 * @module
 */
import type { Cleanup } from "./cleanup.ts";
import { findChild } from "./proc.ts";
import { BenchError, type Cores, freeAddress, type Program, startProgram } from "./programs.ts";
import { writeSite } from "./site.ts";
import { type Feature, FILES, MIB, SMALL_BODY } from "./workloads.ts";

/** What both proxies are told alike. */
export interface ProxyOptions {
  /** `host:port` of the origin. */
  readonly upstream: string;
  /** Idle connections to the origin that may be kept: as many as the workload has clients. */
  readonly keepalive: number;
  /** A file, or undefined for no access log. */
  readonly accessLog: string | undefined;
  /** It runs `site.ts`'s nginx.conf with these; undefined: a configuration of its own. */
  readonly features: ReadonlySet<Feature> | undefined;
  /** A folder of its own, which exists and is empty. */
  readonly folder: string;
}

/** Two names for "as many as come". */
const ENDLESS = 1_000_000_000;
const WORKER_CONNECTIONS = 20_000;

/**
 * Starts the origin: small answers from memory, larger ones from files. `/upload`
 * answers when it has read the whole body: it asks itself over a unix socket,
 * since a plain `return` would answer at the head and drop the connection's keepalive.
 */
export async function startOrigin(
  folder: string,
  cores: Cores,
  cleanup: Cleanup,
): Promise<Program> {
  for (const prefix of ["", "unbuffered/"]) {
    await Deno.mkdir(`${folder}/files/${prefix}`, { recursive: true });
    for (const [name, bytes] of Object.entries(FILES)) {
      await Deno.writeFile(`${folder}/files/${prefix}${name}`, new Uint8Array(bytes).fill(120));
    }
  }
  const address = freeAddress();
  const servers = `
  open_file_cache max=100;
  server {
    listen ${address} backlog=4096;
    root ${folder}/files;
    location = /small { return 200 "${SMALL_BODY.replace("\n", "\\n")}"; }
    location = /upload {
      client_body_buffer_size ${MIB + 4096};
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_method GET;
      proxy_pass http://unix:${folder}/self.sock:/small;
    }
  }
  server {
    listen unix:${folder}/self.sock;
    location = /small { return 200 "${SMALL_BODY.replace("\n", "\\n")}"; }
  }`;
  return await startNginx("origin", address, folder, servers, "off", cores.rest, cleanup);
}

/** Starts nginx as a proxy with one worker; its buffering is left at its defaults. */
export async function startNginxProxy(
  options: ProxyOptions,
  cores: Cores,
  cleanup: Cleanup,
): Promise<Program> {
  const address = freeAddress();
  if (options.features !== undefined) {
    const path = await writeSite(options.folder, { ...options, features: options.features }, {
      main: asRoot(),
      http: tempPaths(options.folder),
      server: `listen ${address};\n`,
    });
    return await runNginx("nginx", address, options.folder, path, cores.proxy, cleanup);
  }
  const servers = `
  upstream app {
    server ${options.upstream};
    keepalive ${options.keepalive};
    keepalive_requests ${ENDLESS};
  }
  server {
    listen ${address};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
    location /unbuffered/ {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }`;
  // Buffered, because Sluice's is.
  const log = options.accessLog ? `${options.accessLog} combined buffer=64k flush=1s` : "off";
  return await startNginx("nginx", address, options.folder, servers, log, cores.proxy, cleanup);
}

async function startNginx(
  name: string,
  address: string,
  folder: string,
  servers: string,
  accessLog: string,
  cores: string,
  cleanup: Cleanup,
): Promise<Program> {
  const config = `
${asRoot()}
daemon off;
worker_processes 1;
worker_rlimit_nofile ${WORKER_CONNECTIONS};
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections ${WORKER_CONNECTIONS}; }
http {
${tempPaths(folder)}
  access_log ${accessLog};
  sendfile on;
  keepalive_requests ${ENDLESS};
  client_max_body_size 0;
${servers}
}
`;
  const path = `${folder}/nginx.conf`;
  await Deno.writeTextFile(path, config);
  return await runNginx(name, address, folder, path, cores, cleanup);
}

/** Without it the worker of a root's nginx is somebody who may not read our files. */
function asRoot(): string {
  return Deno.uid() === 0 ? "user root;" : "";
}

function tempPaths(folder: string): string {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${folder}/${kind};`).join("\n");
}

async function runNginx(
  name: string,
  address: string,
  folder: string,
  path: string,
  cores: string,
  cleanup: Cleanup,
): Promise<Program> {
  const args = ["-p", folder, "-e", "stderr", "-c", path];
  const program = await startProgram(
    { name, command: "nginx", args, cores, address, readyPath: "/small" },
    cleanup,
  );
  const worker = await findChild(program.pid);
  if (worker === undefined) throw new BenchError(`Cannot find the worker of ${name}`);
  return { ...program, pid: worker };
}
