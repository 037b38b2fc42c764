/**
 * All that is made of a configuration and ends with it: groups of peers, names, logs,
 * certificates, locations. Listeners, buffers and clients outlive it.
 *
 * @module
 */
import type { ClientHandler, ClientSettings } from "../downstream/mod.ts";
import type { ConnContext } from "../event/mod.ts";
import {
  CapturingRegex,
  type CustomHandler,
  DEFAULT_MAX_RANGES,
  type EnterServer,
  HttpServer,
  keptOf,
  type ListenerConf,
  type Location,
  type LocationConf,
  LocationFiles,
  locationRegex,
  type PasswordChecks,
  RealIp,
  reshapesAny,
  type ResponseConf,
  ResponsePolicy,
  Rewriter,
  Router,
  SecureLink,
  type ServerConf,
  serverNameRegex,
  type SluiceConf,
  ValidReferers,
  Variables,
  Worker,
} from "../http/mod.ts";
import type { ErrorLog, LogFiles, LogHold } from "../log/mod.ts";
import { addressesLayout, ConnectionsByAddress } from "./connections_by_address.ts";
import { LocationLogs, openErrorLog } from "./location_logs.ts";
import { type CustomBalancer, PeerGroup, PeerStates } from "../peer/mod.ts";
import { HealthChecks } from "./health_checks.ts";
import { LimitZones } from "./limit_zones.ts";
import { Names } from "./names.ts";
import { type ActionParts, openLocation } from "./open_location.ts";
import { SessionZones } from "./session_zones.ts";
import type { Thread } from "./thread.ts";
import { loadTlsClients, type TlsClients } from "./tls_files.ts";

/** What outlives a configuration, and is there before the first one. */
export interface Lasting {
  readonly context: ConnContext;
  readonly logFiles: LogFiles;
  readonly passwords: PasswordChecks;
  readonly thread: Thread;
  /** Functions that locations name as their `handler`. */
  readonly handlers: Readonly<Record<string, CustomHandler>>;
  /** Functions that groups name as their `balance`. */
  readonly balancers: Readonly<Record<string, CustomBalancer>>;
}

/** More than any page of our own has. */
const ERROR_PAGE_BYTES = 4096;

/** What one configuration is at run time. */
export class Generation {
  readonly conf: SluiceConf;
  readonly worker: Worker;
  readonly #logs: LogHold;
  readonly #names: Names;
  readonly #states: PeerStates;
  readonly #groups = new Map<string, PeerGroup>();
  readonly #checks: HealthChecks[] = [];
  readonly #settings = new Map<string, ClientSettings>();
  readonly #byAddress = new Map<string, ConnectionsByAddress>();
  readonly #handlers = new Set<ClientHandler>();
  readonly #thread: Thread;

  private constructor(conf: SluiceConf, { context, logFiles, thread }: Lasting) {
    this.conf = conf;
    this.#thread = thread;
    this.#logs = logFiles.hold();
    const errorLog = openErrorLog(conf.errorLogs, this.#logs, thread.number);
    this.worker = new Worker(context, errorLog, keptOf(conf));
    const peers = conf.groups.reduce((sum, { peers }) => sum + peers.length, 0);
    this.#states = new PeerStates(thread.zones, peers);
    this.#names = new Names(context.deadlines, errorLog, this.#states);
  }

  /**
   * Opens all of it: files are read, logs opened, names looked up.
   *
   * @throws {CannotUseFile} When a certificate or key is missing or no good.
   * @throws What opening a log does. Nothing stays open then.
   */
  static async open(conf: SluiceConf, lasting: Lasting): Promise<Generation> {
    const tlsClients = loadTlsClients(conf);
    const generation = new Generation(conf, lasting);
    try {
      generation.#openGroups(tlsClients, lasting.balancers);
      await generation.#names.start();
      const parts: ActionParts = {
        groups: generation.#groups,
        names: generation.#names,
        tlsClients,
        variables: new Variables(conf.variables),
        passwords: lasting.passwords,
        limitZones: new LimitZones(lasting.thread.zones),
        sessionZones: new SessionZones(lasting.thread.zones),
        handlers: lasting.handlers,
      };
      for (const listener of conf.listeners) generation.#openServers(listener, parts);
      return generation;
    } catch (error) {
      await generation.close();
      throw error;
    }
  }

  get errorLog(): ErrorLog {
    return this.worker.errorLog;
  }

  /** Idle connections to peers. */
  get idleCount(): number {
    let count = this.#names.idleCount;
    for (const { idle } of this.#groups.values()) count += idle.count;
    for (const { idleCount } of this.#checks) count += idleCount;
    return count;
  }

  /** The groups of the configuration, by their names. */
  get groups(): ReadonlyMap<string, PeerGroup> {
    return this.#groups;
  }

  /** For the connections of a listening address, by its name. */
  settingsOf(listener: ListenerConf): ClientSettings {
    return this.#settings.get(listener.name)!;
  }

  /** Counts the connections of a listening address; undefined where there is no bound for them. */
  byAddressOf(listener: ListenerConf): ConnectionsByAddress | undefined {
    return this.#byAddress.get(listener.name);
  }

  /** Whether a request that `handler` answers is one of this configuration. */
  owns(handler: ClientHandler): boolean {
    return this.#handlers.has(handler);
  }

  /**
   * From now on, this one is in force: peers are checked. It goes on with what `previous`
   * knows of the peers that both have.
   */
  begin(previous?: Generation): void {
    for (const [name, group] of this.#groups) {
      const before = previous === undefined ? undefined : previous.#groups.get(name);
      if (before !== undefined) group.takeOver(before);
    }
    for (const checks of this.#checks) checks.start();
  }

  /** Nothing new comes: idle connections to peers are closed, and no name is looked up again. */
  retire(): void {
    this.#names.retire();
    for (const checks of this.#checks) checks.close();
    for (const group of this.#groups.values()) group.close();
  }

  /** Whether nothing of it is under way. */
  get isResting(): boolean {
    return this.worker.isResting;
  }

  /** Called when the last of what is under way has ended. */
  set onResting(onResting: () => void) {
    this.worker.onNoneRunning = onResting;
  }

  /** What runs without its client, such as copies of requests, ends now. */
  abandon(): void {
    for (const departure of [...this.worker.departures]) departure.leave();
  }

  /** Closes all that it has opened; nothing of it may be under way. Never rejects. */
  async close(): Promise<void> {
    this.#names.close();
    await Promise.all(this.#checks.map((checks) => checks.close()));
    for (const group of this.#groups.values()) group.end();
    await this.#logs.close();
  }

  #openGroups(tlsClients: TlsClients, balancers: Lasting["balancers"]): void {
    const { context } = this.worker;
    for (const conf of this.conf.groups) {
      const group = new PeerGroup(
        conf,
        context.deadlines,
        this.#names.report,
        balancers,
        this.#states,
      );
      this.#names.follow(conf, group);
      this.#groups.set(conf.name, group);
      const { healthCheck } = conf;
      if (healthCheck === undefined || this.#thread.role === "worker") continue;
      const tls = healthCheck.tls && tlsClients.get(healthCheck.tls);
      this.#checks.push(new HealthChecks(group, healthCheck, tls, context));
    }
  }

  /** The servers of one listening address. */
  #openServers(conf: ListenerConf, parts: ActionParts): void {
    const logs = new LocationLogs(this.#logs, parts.variables, {
      conf: this.conf.errorLogs,
      log: this.errorLog,
      thread: this.#thread.number,
    });
    const policies = new ResponsePolicies(parts.variables);
    const fallbacks = new Map<ServerConf, Location>(conf.servers.map((server) => [server, {
      client: server.client,
      accessLog: logs.accessLog(server.accessLogs),
      errorLog: logs.errorLog(server.errorLogs),
      counts: this.#countsOf(server.statusZone, server, conf),
      policy: policies.of(server.response),
      files: new LocationFiles(server.files, server.types, parts.variables),
      secureLink: undefined,
      isInternal: false,
      logsSubrequests: false,
      subrequestBodyBytes: ERROR_PAGE_BYTES,
      handler: undefined,
      serverName: nameOf(server),
      rewriter: undefined,
      methods: undefined,
      regexes: undefined,
      referers: server.referers && new ValidReferers(server.referers),
      warnsUnset: server.warnsUnset,
    }]));
    const place = (
      location: LocationConf,
      server: ServerConf,
      within: readonly LocationConf[],
    ): Location => {
      const { rewrite } = location;
      const files = new LocationFiles(location.files, location.types, parts.variables);
      return {
        client: location.client,
        accessLog: logs.accessLog(location.accessLogs),
        errorLog: logs.errorLog(location.errorLogs),
        counts: this.#countsOf(location.statusZone, server, conf),
        policy: policies.of(location.response),
        files,
        secureLink: location.secureLink && new SecureLink(location.secureLink, parts.variables),
        isInternal: location.isInternal,
        logsSubrequests: location.subrequests.logSubrequest,
        subrequestBodyBytes: location.subrequests.outputBufferBytes,
        handler: openLocation(location, files, parts),
        serverName: nameOf(server),
        methods: location.limitExcept?.methods,
        rewriter: rewrite &&
          new Rewriter(
            rewrite,
            files.types,
            parts.variables,
            (inner) => place(inner, server, []),
            location.limitExcept?.methods,
          ),
        regexes: regexesOf([...within, location], parts.variables),
        referers: location.referers && new ValidReferers(location.referers),
        warnsUnset: location.warnsUnset,
      };
    };
    const router = new Router<Location>(conf.servers, place);
    const fallback = fallbacks.get(conf.servers[0]!)!;
    const handler = new HttpServer({
      worker: this.worker,
      variables: parts.variables,
      mergesSlashes: conf.listen.mergeSlashes,
      port: conf.address.transport === "tcp" ? conf.address.port : 0,
      router,
      fallback,
      fallbackOf: (host) => fallbacks.get(router.findServer(host).conf) ?? fallback,
      enterServer: enterServer(fallbacks, router, parts.variables),
    });
    this.#handlers.add(handler);
    this.#settings.set(conf.name, { conf: conf.listen, firstConf: fallback.client, handler });
    if (conf.listen.maxConnectionsPerAddress > 0) this.#countAddressesOf(conf);
  }

  /** One table for all workers, which goes on over reloads. */
  #countAddressesOf({ name }: ListenerConf): void {
    const { zones } = this.#thread;
    const layout = addressesLayout(this.conf.workerConnections * zones.columns);
    const zone = zones.open(`connections of ${name}`, layout);
    this.#byAddress.set(name, new ConnectionsByAddress(zone, () => this.worker.sharedNowMs));
  }

  /** A server without a name is counted by the address that it is behind. */
  #countsOf(
    zone: string | undefined,
    server: ServerConf,
    { name }: ListenerConf,
  ): Float64Array | undefined {
    const serverName = nameOf(server) === "" ? name : nameOf(server);
    return this.worker.context.counts?.servers.of(zone ?? serverName);
  }
}

/** The regexes among locations, each with what it catches; undefined: none of them is one. */
function regexesOf(
  locations: readonly LocationConf[],
  variables: Variables,
): readonly CapturingRegex[] | undefined {
  const regexes = locations.flatMap(({ modifier, pattern }) =>
    modifier === "~" || modifier === "~*"
      ? [new CapturingRegex(locationRegex(modifier, pattern), variables)]
      : []
  );
  return regexes.length === 0 ? undefined : regexes;
}

/** Nothing where no server rewrites anything, or has a regex in its names. */
function enterServer(
  servers: ReadonlyMap<ServerConf, Location>,
  router: Router<Location>,
  variables: Variables,
): EnterServer | undefined {
  const rewriters = new Map<ServerConf, Rewriter>();
  const realIps = new Map<ServerConf, RealIp>();
  const regexes = new Map<string, CapturingRegex>();
  for (const [server, { files }] of servers) {
    const { rewrite, realIp, serverNames } = server;
    if (realIp !== undefined) realIps.set(server, new RealIp(realIp));
    if (rewrite !== undefined && files !== undefined) {
      // An `if` of a server is no location.
      const openIf = (): never => {
        throw new Error("a location in a server's if");
      };
      rewriters.set(server, new Rewriter(rewrite, files.types, variables, openIf));
    }
    for (const name of serverNames.filter((name) => name.startsWith("~"))) {
      regexes.set(name, new CapturingRegex(serverNameRegex(name), variables));
    }
  }
  if (rewriters.size === 0 && realIps.size === 0 && regexes.size === 0) return undefined;
  return {
    catch(request) {
      const { host } = request;
      const name = regexes.size === 0 ? undefined : router.regexFor(host);
      if (name !== undefined) regexes.get(name)!.catch(request, host);
    },
    realIpOf: (host) => realIps.get(router.findServer(host).conf),
    rewriterOf: (host) => rewriters.get(router.findServer(host).conf),
  };
}

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
      conf.userId === undefined && maxRanges === DEFAULT_MAX_RANGES && !reshapesAny(conf) &&
      redirects.isAbsolute &&
      redirects.hasPort &&
      !redirects.hasServerName;
    if (isDefault) return undefined;
    const policy = this.#policies.get(conf) ?? new ResponsePolicy(conf, this.#variables);
    this.#policies.set(conf, policy);
    return policy;
  }
}
