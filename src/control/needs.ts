/**
 * What a configuration needs of the system: which addresses it listens at and connects to,
 * which files it reads and writes. What the process was not granted is told before it
 * starts, with the directive that needs it.
 *
 * @module
 */
import { formatHost } from "../peer/address.ts";
import type { HealthCheckConf, UpstreamGroupConf } from "../peer/conf.ts";
import type { TlsConf } from "../upstream/conf.ts";
import type { AccessLogConf } from "../log/conf.ts";
import { ownUdpAddress } from "../log/mod.ts";
import type {
  ListenAddress,
  LocationAction,
  LocationConf,
  ServerConf,
  SluiceConf,
  StoreConf,
} from "../http/conf.ts";
import type { FilesConf } from "../http/static_conf.ts";

/** One permission of Deno's. */
export interface Need {
  readonly flag: "net" | "read" | "write" | "sys";
  /** A host and port, a path, a kind of information; "" for all that the flag may grant. */
  readonly what: string;
  /** After `Cannot `: `listen on 0.0.0.0:80`. */
  readonly doing: string;
  /** The directive, in nginx's spelling; "" where it is none's. */
  readonly directive: string;
  /** The directive's value, or a part of it, as the configuration may have it. */
  readonly written: string;
}

/** What a worker loads, with all that it imports: a thread needs permission for it, the first one none. */
const WORKER = new URL("./worker_thread.ts", import.meta.url);

/** What the command line adds to a configuration. */
export interface NeedsOptions {
  /** The files that it was read from, and the folders that were looked through for them. */
  readonly files?: readonly string[];
  /** In place of `pid`. */
  readonly pidFile?: string | undefined;
}

/**
 * Everything that a configuration needs while it runs, in the order of its use.
 */
export function needsOf(
  conf: SluiceConf,
  { files = [], pidFile = conf.pid }: NeedsOptions = {},
): readonly Need[] {
  const needs = new Needs();
  for (const path of files) needs.add("read", path, `read ${path}`, "", "");
  // The turnstile's socket pair: it listens at a port that the system chooses.
  needs.add("net", "127.0.0.1", "be woken by a socket pair of its own", "", "");
  if (conf.workers !== 1 && WORKER.protocol === "file:") {
    const modules = WORKER.pathname.replace(/\/control\/[^/]*$/, "");
    needs.add("read", modules, "start workers", "worker_processes", "");
  }
  for (const { name, address } of conf.listeners) needs.listen(name, address, "listen");
  if (conf.admin !== undefined) {
    const { address, tokenPath } = conf.admin;
    const name = address.transport === "unix" ? `unix:${address.path}` : hostPort(address);
    needs.listen(name, address, "admin");
    if (tokenPath !== undefined) needs.read(tokenPath, "admin");
  }
  if (pidFile !== undefined) needs.readAndWrite(pidFile, "pid");
  for (const { path } of conf.errorLogs) needs.log(path, "error_log");
  for (const group of conf.groups) ofGroup(group, needs);
  for (const { servers } of conf.listeners) for (const server of servers) ofServer(server, needs);
  if (usesHostname(conf)) needs.add("sys", "hostname", "tell $hostname", "", "$hostname");
  return needs.all;
}

/** Needs, each once. */
class Needs {
  readonly #byKey = new Map<string, Need>();

  get all(): readonly Need[] {
    return [...this.#byKey.values()];
  }

  add(flag: Need["flag"], what: string, doing: string, directive: string, written: string): void {
    const key = `${flag} ${what}`;
    if (!this.#byKey.has(key)) this.#byKey.set(key, { flag, what, doing, directive, written });
  }

  read(path: string, directive: string): void {
    this.add("read", constantPart(path), `read ${path}`, directive, path);
  }

  write(path: string, directive: string): void {
    this.add("write", constantPart(path), `write ${path}`, directive, path);
  }

  readAndWrite(path: string, directive: string): void {
    this.read(path, directive);
    this.write(path, directive);
  }

  listen(name: string, address: ListenAddress, directive: string): void {
    if (address.transport === "unix") {
      return this.#unix(address.path, `listen on ${name}`, directive);
    }
    this.add("net", hostPort(address), `listen on ${name}`, directive, name);
  }

  connect(name: string, address: ListenAddress, directive: string): void {
    if (address.transport === "unix") {
      return this.#unix(address.path, `connect to ${name}`, directive);
    }
    this.add("net", hostPort(address), `connect to ${name}`, directive, name);
  }

  log(path: AccessLogConf["path"], directive: string): void {
    if (typeof path === "string") return;
    if ("file" in path) return this.write(path.file, directive);
    if ("template" in path) return this.write(path.template, directive);
    const { server, hasHostname } = path.syslog;
    if (hasHostname) this.add("sys", "hostname", "name this host to a syslog", directive, "syslog");
    if (server.transport === "unix") {
      for (const flag of ["read", "write"] as const) {
        this.add(flag, server.path, `write to unix:${server.path}`, directive, "syslog");
      }
      // The socket that datagrams leave from has a name that nobody knows before.
      this.add("net", "", "have a socket of its own for a syslog", directive, "syslog");
      return;
    }
    const own = ownUdpAddress(server.hostname);
    this.add("net", hostPort(server), `send to ${hostPort(server)}`, directive, "syslog");
    this.add("net", `${formatHost(own)}:0`, "have a socket for a syslog", directive, "syslog");
  }

  #unix(path: string, doing: string, directive: string): void {
    for (const flag of ["read", "write"] as const) this.add(flag, path, doing, directive, path);
    this.add("net", `unix:${path}`, doing, directive, path);
  }
}

function ofGroup(conf: UpstreamGroupConf, needs: Needs): void {
  for (const { name, address } of conf.peers) {
    if (address.transport === "name") {
      // Its addresses are known when it is looked up, and they change.
      needs.add("net", "", `connect to whatever ${name} stands for`, "server", name);
      continue;
    }
    needs.connect(name, address, "server");
    const port = conf.healthCheck?.port;
    if (port !== undefined && address.transport === "tcp") {
      needs.connect(name, { ...address, port }, "health_check");
    }
  }
  ofTls(conf.healthCheck?.tls, "health_check", needs);
}

function ofServer(server: ServerConf, needs: Needs): void {
  ofLogs(server, needs);
  for (const location of server.locations) ofLocation(location, needs);
}

function ofLocation(location: LocationConf, needs: Needs): void {
  const { client, access, action, files, limitExcept } = location;
  ofLogs(location, needs);
  // Elsewhere a body is thrown away.
  const takesBody = action.kind === "proxy" || action.kind === "handler";
  if (takesBody) needs.readAndWrite(client.clientBodyTempPath, "client_body_temp_path");
  if (access.basic !== undefined) needs.read(access.basic.userFile, "auth_basic_user_file");
  if (action.kind === "static" || files.tryFiles !== undefined) ofFiles(files, needs);
  ofAction(action, needs);
  if (limitExcept !== undefined) ofLocation(limitExcept.otherwise, needs);
}

function ofAction(action: LocationAction, needs: Needs): void {
  if (action.kind !== "proxy") return;
  const { variable, upstream, dial, store } = action;
  if (variable !== undefined) {
    needs.add("net", "", "connect to whatever its variables say", "proxy_pass", variable.url);
  }
  needs.readAndWrite(upstream.tempPath, "proxy_temp_path");
  ofTls(dial.tls, "proxy_ssl", needs);
  if (store === undefined) return;
  needs.readAndWrite(storePath(store.path), "proxy_store");
  needs.readAndWrite(store.tempPath, "proxy_temp_path");
}

/** `on`: where the location's files are. */
function storePath(path: StoreConf["path"]): string {
  return typeof path === "string" ? path : path.path;
}

function ofFiles({ place, symlinks }: FilesConf, needs: Needs): void {
  needs.read(place.path, place.kind);
  if (symlinks.refuses === "none") return;
  const looked = symlinks.from === ""
    ? /^\/[^/]*/.exec(place.path)?.[0] ?? place.path
    : symlinks.from;
  needs.read(looked, "disable_symlinks");
}

function ofTls(conf: TlsConf | HealthCheckConf["tls"], what: string, needs: Needs): void {
  const files = [conf?.trustedCertificatePath, conf?.certificatePath, conf?.certificateKeyPath];
  for (const path of files) if (path !== undefined) needs.read(path, `${what}_certificate`);
}

function ofLogs(
  { accessLogs, errorLogs }: Pick<LocationConf, "accessLogs" | "errorLogs">,
  needs: Needs,
): void {
  for (const { path } of accessLogs) needs.log(path, "access_log");
  for (const { path } of errorLogs) needs.log(path, "error_log");
}

/** The folder that a path with variables is in for sure; "" for anywhere. */
function constantPart(path: string): string {
  const dollar = path.indexOf("$");
  if (dollar < 0) return path;
  return path.slice(0, path.lastIndexOf("/", dollar)) || (path.startsWith("/") ? "/" : "");
}

function hostPort(
  { hostname, port }: { readonly hostname: string; readonly port: number },
): string {
  return `${formatHost(hostname)}:${port}`;
}

/** Any text may have variables. */
function usesHostname(conf: SluiceConf): boolean {
  return /\$\{?hostname\b/.test(JSON.stringify(conf));
}
