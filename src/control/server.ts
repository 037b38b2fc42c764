/**
 * Makes a running server out of a configuration.
 *
 * @module
 */
import { SlabPool } from "../buffer/mod.ts";
import { ClientConnection, type ClientShared, serveClient } from "../downstream/mod.ts";
import {
  type ConnContext,
  Deadlines,
  Listener,
  systemClock,
  type TcpConn,
  Turnstile,
} from "../event/mod.ts";
import {
  DEFAULT_MAX_RANGES,
  HttpServer,
  keptOf,
  type ListenerConf,
  type Location,
  type Request,
  type ResponseConf,
  ResponsePolicy,
  Router,
  type ServerConf,
  type SluiceConf,
  Variables,
  Worker,
} from "../http/mod.ts";
import { AccessLog, type AccessLogConf, ERROR_LOG_SINK, ErrorLog, LogFiles } from "../log/mod.ts";
import { PeerGroup } from "../peer/mod.ts";
import { Names } from "./names.ts";
import { type ActionParts, openLocation } from "./open_location.ts";
import { CannotListen, type RunningServer, type StartServerOptions } from "./running_server.ts";
import { loadTlsClients } from "./tls_files.ts";

/**
 * Opens logs and listeners, and begins to accept.
 *
 * @throws {CannotUseFile} When a certificate or key is missing or no good.
 * @throws {CannotListen} When one of the addresses cannot be had; nothing stays open then.
 */
export async function startServer(
  conf: SluiceConf,
  options: StartServerOptions = {},
): Promise<RunningServer> {
  const tlsClients = loadTlsClients(conf);
  const logFiles = new LogFiles();
  const errorLog = new ErrorLog(
    conf.errorLog.level,
    logFiles.open(conf.errorLog.path, ERROR_LOG_SINK),
    {
      process: `${Deno.pid}#0`,
      wallMs: systemClock.wallMs,
    },
  );
  const gate = await Turnstile.open();
  const context: ConnContext = {
    pool: new SlabPool({ maxBytes: conf.bufferMemoryBytes, debug: options.debugBuffers ?? false }),
    deadlines: new Deadlines(systemClock),
    gate,
    counters: { open: 0 },
  };
  const worker = new Worker(context, errorLog, keptOf(conf));
  const names = new Names(context.deadlines, errorLog);
  const groups = openGroups(conf, context.deadlines, names);
  const clients = new Set<ClientConnection>();
  const drained = Promise.withResolvers<void>();
  let isEnding = false;

  function checkDrained(): void {
    if (isEnding && clients.size === 0 && worker.departures.size === 0) drained.resolve();
  }
  worker.onNoneRunning = checkDrained;

  const listeners: Listener[] = [];
  let ending: Promise<void> | undefined;
  /** Once, though a stop may overtake a shutdown and both come here. */
  function end(): Promise<void> {
    return ending ??= closeAll();
  }

  async function closeAll(): Promise<void> {
    await Promise.all(listeners.map((listener) => listener.close()));
    names.close();
    for (const group of groups.values()) group.close();
    gate.close();
    await logFiles.close();
  }

  const variables = new Variables(conf.variables);
  try {
    await names.start();
    for (const listenerConf of conf.listeners) {
      listeners.push(
        openListener(
          listenerConf,
          conf,
          worker,
          { groups, names, tlsClients, variables, handlers: options.handlers ?? {} },
          logFiles,
          clients,
          checkDrained,
        ),
      );
    }
  } catch (error) {
    await end();
    throw error;
  }

  return {
    addresses: listeners.map((listener) => listener.address),
    stats() {
      const { pool, deadlines, counters } = context;
      let idle = names.idleCount;
      for (const group of groups.values()) idle += group.idle.count;
      return {
        pool: pool.stats(),
        clients: clients.size,
        connections: counters.open,
        idle,
        outstanding: [...pool.outstanding(), ...deadlines.outstanding()],
      };
    },
    async shutdown() {
      isEnding = true;
      await Promise.all(listeners.map((listener) => listener.close()));
      for (const client of clients) client.drain();
      checkDrained();
      await drained.promise;
      await end();
    },
    async stop() {
      isEnding = true;
      await Promise.all(listeners.map((listener) => listener.close()));
      for (const client of clients) client.abort();
      for (const departure of [...worker.departures]) departure.leave();
      checkDrained();
      await drained.promise;
      await end();
    },
  };
}

function openGroups(
  conf: SluiceConf,
  deadlines: Deadlines,
  names: Names,
): Map<string, PeerGroup> {
  const groups = new Map<string, PeerGroup>();
  for (const groupConf of conf.groups) {
    const group = new PeerGroup(groupConf, deadlines, names.report);
    names.follow(groupConf, group);
    groups.set(groupConf.name, group);
  }
  return groups;
}

function openListener(
  conf: ListenerConf,
  { workerConnections }: SluiceConf,
  worker: Worker,
  parts: ActionParts,
  logFiles: LogFiles,
  clients: Set<ClientConnection>,
  onClientEnd: () => void,
): Listener {
  const { context, errorLog } = worker;
  const logs = new AccessLogs(logFiles, parts.variables);
  const policies = new ResponsePolicies(parts.variables);
  const fallbacks = new Map<ServerConf, Location>(conf.servers.map((server) => [server, {
    client: server.client,
    accessLog: logs.of(server.accessLog),
    policy: policies.of(server.response),
    isInternal: false,
    logsSubrequests: false,
    subrequestBodyBytes: ERROR_PAGE_BYTES,
    handler: undefined,
    serverName: nameOf(server),
  }]));
  const router = new Router<Location>(conf.servers, (location, server) => ({
    client: location.client,
    accessLog: logs.of(location.accessLog),
    policy: policies.of(location.response),
    isInternal: location.isInternal,
    logsSubrequests: location.subrequests.logSubrequest,
    subrequestBodyBytes: location.subrequests.outputBufferBytes,
    handler: openLocation(location, parts),
    serverName: nameOf(server),
  }));
  const fallback = fallbacks.get(conf.servers[0]!)!;
  const handler = new HttpServer({
    worker,
    variables: parts.variables,
    port: conf.address.transport === "tcp" ? conf.address.port : 0,
    router,
    fallback,
    fallbackOf: (host) => fallbacks.get(router.findServer(host).conf) ?? fallback,
  });
  const shared: ClientShared = {
    context,
    conf: conf.listen,
    firstConf: fallback.client,
    spareHeads: [],
  };
  const onConn = (conn: TcpConn): void => {
    const client = new ClientConnection(conn, ++connectionNumber, shared);
    clients.add(client);
    serveClient(client, handler).finally(() => {
      clients.delete(client);
      onClientEnd();
    });
  };
  try {
    return new Listener(conf.address, conf.backlog, {
      maxConnections: workerConnections,
      context,
      onConn,
      onTrouble: (message) => errorLog.log("alert", message),
    });
  } catch (error) {
    throw new CannotListen(conf.name, error);
  }
}

/** More than any page of our own has. */
const ERROR_PAGE_BYTES = 4096;

/** Counts the connections of the process, for logs. */
let connectionNumber = 0;

function nameOf(server: ServerConf): string {
  return server.serverNames[0] ?? "";
}

/** Locations with one configuration share one policy; where it says nothing there is none. */
class ResponsePolicies {
  readonly #policies = new Map<ResponseConf, ResponsePolicy>();
  readonly #variables: Variables;

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  of(conf: ResponseConf): ResponsePolicy | undefined {
    const { errorPages, addHeaders, maxRanges, redirects } = conf;
    const isDefault = errorPages.length === 0 && addHeaders.length === 0 &&
      maxRanges === DEFAULT_MAX_RANGES && redirects.isAbsolute && redirects.hasPort &&
      !redirects.hasServerName;
    if (isDefault) return undefined;
    const policy = this.#policies.get(conf) ?? new ResponsePolicy(conf, this.#variables);
    this.#policies.set(conf, policy);
    return policy;
  }
}

/** Access logs by what is configured: locations with equal settings share one. */
class AccessLogs {
  readonly #files: LogFiles;
  readonly #variables: Variables;
  readonly #logs = new Map<string, AccessLog<Request>>();

  constructor(files: LogFiles, variables: Variables) {
    this.#files = files;
    this.#variables = variables;
  }

  of(conf: AccessLogConf | "off"): AccessLog<Request> | undefined {
    if (conf === "off") return undefined;
    const key = JSON.stringify(conf);
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = new AccessLog(
        conf.format,
        conf.escape,
        this.#files.open(conf.path, conf),
        this.#variables.lookup,
      );
      this.#logs.set(key, log);
    }
    return log;
  }
}
