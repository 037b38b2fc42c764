/**
 * A running server: what it accepts, and the configurations that answer, one after the other.
 *
 * @module
 */
import { type SharedNumber, SlabPool, TempSpace } from "../buffer/mod.ts";
import type { ClientConnection } from "../downstream/mod.ts";
import {
  type ConnContext,
  Deadlines,
  DescriptorReserve,
  Roster,
  SpareFiles,
  systemClock,
  Turnstile,
} from "../event/mod.ts";
import { type ConnectionNumbers, PasswordChecks } from "../http/mod.ts";
import type { AdminConf, SluiceConf } from "../http/conf.ts";
import { LogFiles, type LogLevel, sharedLogTarget } from "../log/mod.ts";
import type { PeerGroup } from "../peer/mod.ts";
import { AdminListener } from "./admin_listener.ts";
import type { Readiness } from "./control.ts";
import { Generation, type Lasting } from "./generation.ts";
import { type ClientTally, Port, type PortOwner } from "./port.ts";
import { type Controlled, ProcessControl } from "./process_control.ts";
import type { Reported } from "./report.ts";
import {
  type RunningServer,
  type ServerStats,
  ShuttingDown,
  type StartServerOptions,
} from "./running_server.ts";
import { alone, type Thread } from "./thread.ts";
import { Counters } from "../zone/mod.ts";

/**
 * Opens logs and listeners, and begins to accept.
 *
 * @throws {CannotUseFile} When a certificate or key is missing or no good.
 * @throws {CannotListen} When one of the addresses cannot be had; nothing stays open then.
 */
export function startServer(
  conf: SluiceConf,
  options: StartServerOptions = {},
): Promise<RunningServer> {
  return openServer(conf, options, alone());
}

/** What a server stands on: memory, time and turns. */
export interface Footing {
  readonly context: ConnContext;
  /** Called once, when nothing uses it any more. */
  close(): void;
}

/**
 * The same, for any thread: one of several workers, or the main thread that leads them.
 *
 * @param footing Tests bring their own. @default {the process's}
 */
export async function openServer(
  conf: SluiceConf,
  options: StartServerOptions,
  thread: Thread,
  footing?: Footing,
): Promise<ThreadServer> {
  const { context, close } = footing ?? await openFooting(conf, options, thread);
  const lasting: Lasting = {
    context,
    logFiles: new LogFiles(thread.role === "worker" ? sharedLogTarget : undefined),
    thread,
    passwords: new PasswordChecks(context.deadlines.clock),
    handlers: options.handlers ?? {},
    balancers: options.balancers ?? {},
  };
  setBounds(lasting.context, conf);
  let first: Generation | undefined;
  try {
    if (conf.admin !== undefined) equipForAdmin(lasting);
    first = await Generation.open(conf, lasting);
    return new Server(lasting, first, () => {
      close();
      context.reserve?.release();
    });
  } catch (error) {
    await first?.close();
    close();
    context.reserve?.release();
    throw error;
  }
}

async function openFooting(
  conf: SluiceConf,
  { debugBuffers = false }: StartServerOptions,
  thread: Thread,
): Promise<Footing> {
  const gate = await Turnstile.open();
  const tempSpace = new TempSpace(tempBytes(thread));
  const deadlines = new Deadlines(systemClock);
  const spareFiles = new SpareFiles(deadlines, tempSpace);
  return {
    context: {
      pool: new SlabPool({ maxBytes: conf.bufferMemoryBytes, debug: debugBuffers }),
      tempSpace,
      spareFiles,
      deadlines,
      gate,
      counters: { open: 0, dribbling: 0 },
    },
    close: () => {
      gate.close();
      spareFiles.close();
    },
  };
}

/** What is ready to happen to the admin listener. */
interface AdminSwitch {
  apply(): void;
  undo(): void;
}

/** The server of one thread: its reload has two halves, so that several may change as one. */
export interface ThreadServer extends RunningServer, Controlled {
  readonly control: ProcessControl;
  /**
   * The first half of a reload: opens all of a configuration, and changes nothing yet. One at
   * a time.
   *
   * @throws What {@linkcode RunningServer.reload} throws.
   */
  prepare(conf: SluiceConf): Promise<Prepared>;
}

/** A configuration that is open and not in force yet. One of both is to be called, once. */
export interface Prepared {
  /** Puts it in force, at once; resolves when addresses that it does not have are closed. */
  commit(): Promise<void>;
  /** Closes it again. */
  abandon(): Promise<void>;
}

/** How old what one worker knows of the clients of another may be. */
const PUBLISH_EVERY_MS = 1_000;

/** nginx's words for the end of a worker and of the process. */
const LAST_LINES: Readonly<Record<Thread["role"], readonly string[]>> = {
  alone: ["exiting", `worker process ${Deno.pid} exited with code 0`, "exit"],
  leader: ["exit"],
  worker: ["exiting", "exit"],
};

/** Descriptors that the admin listener finds when traffic has taken all others. */
const RESERVED_DESCRIPTORS = 8;

/** What an operator asks for has to be counted, and asking has to be possible. */
function equipForAdmin({ context, thread }: Lasting): void {
  context.counts ??= thread.newCounts();
  context.reserve ??= new DescriptorReserve(RESERVED_DESCRIPTORS);
}

/** What temp files take: one number for all workers, of which each has its part. */
function tempBytes({ zones }: Thread): SharedNumber {
  const counters = new Counters(zones.open("temp files", { kind: "gauges", slots: 1 }));
  return {
    get own() {
      return counters.own[0]!;
    },
    add: (byteCount) => counters.add(0, byteCount),
    sum: () => counters.sum(0),
  };
}

/** Puts a configuration's budgets in force. */
export function setBounds({ pool, tempSpace }: ConnContext, conf: SluiceConf): void {
  const { bufferMemoryBytes, tempDiskBytes, shedLoadFrom } = conf;
  tempSpace.maxBytes = tempDiskBytes === 0 ? Infinity : tempDiskBytes;
  tempSpace.shareOfNew = shedLoadFrom;
  pool.maxBytes = bufferMemoryBytes;
  pool.scarceFromBytes = shedLoadFrom < 1 ? bufferMemoryBytes * shedLoadFrom : Infinity;
}

class Server implements ThreadServer, PortOwner {
  readonly control = new ProcessControl(this);
  readonly clients = new Roster<ClientConnection>();
  readonly tally: ClientTally = { accepted: 0, requests: 0 };
  readonly #lasting: Lasting;
  readonly #closeLasting: () => void;
  /** By the name of their address, in the order of the configuration. */
  #ports: Map<string, Port>;
  #admin: AdminListener | undefined;
  #adminClosed: Promise<void> = Promise.resolve();
  #current: Generation;
  /** Configurations that are not in force any more and still have requests. */
  readonly #retired = new Set<Generation>();
  /** Reloads come one after the other. */
  #lastReload: Promise<void> = Promise.resolve();
  #endPublishing: () => void = () => {};
  #isEnding = false;
  readonly #drained = Promise.withResolvers<void>();
  #end: Promise<void> | undefined;

  /** @throws {CannotListen} Nothing is listened on then. */
  constructor(
    lasting: Lasting,
    first: Generation,
    closeLasting: () => void,
  ) {
    this.#lasting = lasting;
    this.#closeLasting = closeLasting;
    this.#current = first;
    this.#ports = this.#openPorts(first, new Map());
    try {
      const admin = this.#adminOf(first.conf);
      if (admin !== undefined) {
        this.#admin = new AdminListener(admin, this.control, (message) => this.onTrouble(message));
      }
    } catch (error) {
      for (const port of this.#ports.values()) port.end();
      throw error;
    }
    first.worker.connectionNumbers = this.#connectionNumbers;
    first.begin();
    if (this.thread.role === "worker") this.#publish();
  }

  get thread(): Thread {
    return this.#lasting.thread;
  }

  get workerNames(): readonly string[] {
    return [String(Deno.pid)];
  }

  get adminAddress(): string | undefined {
    return this.#admin?.address;
  }

  get readiness(): Readiness {
    return this.#isEnding ? "draining" : "serving";
  }

  get groups(): ReadonlyMap<string, PeerGroup> {
    return this.#current.groups;
  }

  reported(): Reported {
    const { context, logFiles } = this.#lasting;
    const { clients } = this;
    return {
      id: this.thread.number,
      context,
      clients,
      logFiles,
      upstreamIdle: this.#current.idleCount,
    };
  }

  /** For `stub_status`: other workers' are as of the last second. */
  readonly #connectionNumbers = (): ConnectionNumbers => {
    const { team } = this.thread;
    if (team === undefined) return this.#ownConnections();
    team.publish(this.#ownConnections());
    return team.sum();
  };

  /** Tells the other workers, again and again. */
  #publish(): void {
    const { clock } = this.#lasting.context.deadlines;
    this.thread.team?.publish(this.#ownConnections());
    this.#endPublishing = clock.arm(clock.nowMs() + PUBLISH_EVERY_MS, () => this.#publish());
  }

  #ownConnections(): ConnectionNumbers {
    const { accepted } = this.tally;
    let { requests } = this.tally;
    const doing = { idle: 0, reading: 0, writing: 0 };
    for (const client of this.clients) {
      doing[client.doing] += 1;
      requests += client.requests;
    }
    const { idle: waiting, ...others } = doing;
    return { accepted, requests, ...others, waiting };
  }

  get addresses(): readonly string[] {
    return [...this.#ports.values()].map(({ address }) => address);
  }

  stats(): ServerStats {
    const { pool, tempSpace, deadlines, counters } = this.#lasting.context;
    return {
      pool: pool.stats(),
      clients: this.clients.size,
      connections: counters.open,
      idle: this.#current.idleCount,
      outstanding: [
        ...pool.outstanding(),
        ...tempSpace.outstanding(),
        ...deadlines.outstanding(),
      ],
    };
  }

  log(level: LogLevel, message: string): void {
    this.#current.errorLog.log(level, message);
  }

  reopenLogs(): Promise<void> {
    return this.#lasting.logFiles.reopen();
  }

  reload(conf: SluiceConf): Promise<void> {
    const reload = this.#lastReload.then(async () => (await this.prepare(conf)).commit());
    this.#lastReload = reload.catch(() => {}); // its caller is told
    return reload;
  }

  async shutdown(): Promise<void> {
    this.#isEnding = true;
    this.log("notice", "gracefully shutting down");
    await this.#onPorts((port) => port.end());
    for (const client of this.clients) client.drain();
    const disarm = this.#limit(this.#current);
    await this.#ended();
    disarm();
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#onPorts((port) => port.close());
    for (const client of this.clients) client.abort();
    for (const generation of this.#all()) generation.abandon();
    await this.#ended();
  }

  onClientEnd(): void {
    if (this.#isEnding) this.#checkDrained();
  }

  onTrouble(message: string): void {
    this.log("alert", message);
  }

  async prepare(conf: SluiceConf): Promise<Prepared> {
    if (conf.admin !== undefined) equipForAdmin(this.#lasting);
    const next = await Generation.open(conf, this.#lasting);
    let ports: Map<string, Port>;
    let admin: AdminSwitch;
    try {
      if (this.#isEnding) throw new ShuttingDown();
      ports = this.#openPorts(next, this.#ports);
    } catch (error) {
      await next.close();
      throw error;
    }
    const closeAgain = async (): Promise<void> => {
      const fresh = [...ports].flatMap(([name, port]) => this.#ports.has(name) ? [] : [port]);
      await Promise.all(fresh.map((port) => port.close()));
      await next.close();
    };
    try {
      admin = this.#prepareAdmin(this.#adminOf(conf));
    } catch (error) {
      await closeAgain();
      throw error;
    }
    return {
      commit: () => this.#switchTo(next, ports, admin),
      abandon: () => {
        admin.undo();
        return closeAgain();
      },
    };
  }

  /** Nothing can fail, and nothing is waited for: a request meets one or the other. */
  async #switchTo(next: Generation, ports: Map<string, Port>, admin: AdminSwitch): Promise<void> {
    const old = this.#current;
    const { conf } = next;
    next.worker.connectionNumbers = this.#connectionNumbers;
    next.begin(old);
    this.#current = next;
    setBounds(this.#lasting.context, conf);
    if (conf.admin === undefined) {
      const { context } = this.#lasting;
      context.counts = undefined;
      context.reserve?.release();
      context.reserve = undefined;
    }
    for (const listener of conf.listeners) {
      const port = this.#ports.get(listener.name);
      if (port === undefined) continue;
      const later = port.adopt(listener, next);
      if (later !== undefined) next.errorLog.log("warn", later);
    }
    const gone = [...this.#ports].flatMap(([name, port]) => ports.has(name) ? [] : [port]);
    this.#ports = ports;
    this.#retire(old);
    admin.apply();
    // As nginx: who renames a log and reloads has a new one.
    await Promise.all([this.#lasting.logFiles.reopen(), ...gone.map((port) => port.end())]);
  }

  /** Workers leave it to the one that leads them. */
  #adminOf(conf: SluiceConf): AdminConf | undefined {
    return this.thread.role === "worker" ? undefined : conf.admin;
  }

  /** Makes ready for another configuration's admin listener: nothing of the old one changes yet. */
  #prepareAdmin(conf: AdminConf | undefined): AdminSwitch {
    const old = this.#admin;
    if (conf !== undefined && old?.isAt(conf)) {
      return { apply: old.prepare(conf), undo() {} };
    }
    const next = conf === undefined
      ? undefined
      : new AdminListener(conf, this.control, (message) => this.onTrouble(message));
    return {
      apply: () => {
        this.#admin = next;
        if (old !== undefined) this.#closeAdmin(old);
      },
      undo: () => {
        if (next !== undefined) this.#closeAdmin(next);
      },
    };
  }

  /** Not waited for where it stands: who has asked for a reload there is to have an answer yet. */
  #closeAdmin(admin: AdminListener): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#adminClosed;
    this.#adminClosed = promise;
    before.then(() => admin.close()).then(resolve, resolve);
  }

  /**
   * The ports of a configuration: those that are open already, and new ones.
   *
   * @throws {CannotListen} None is left open that was not before.
   */
  #openPorts(generation: Generation, open: ReadonlyMap<string, Port>): Map<string, Port> {
    const ports = new Map<string, Port>();
    const fresh: Port[] = [];
    try {
      for (const conf of this.thread.listensTo(generation.conf)) {
        const known = open.get(conf.name);
        const port = known ?? new Port(conf, generation, this);
        if (known === undefined) fresh.push(port);
        ports.set(conf.name, port);
      }
    } catch (error) {
      for (const port of fresh) port.close();
      throw error;
    }
    return ports;
  }

  /** A configuration that has no new requests ends with its last one, or when its time is over. */
  #retire(old: Generation): void {
    this.#retired.add(old);
    old.retire();
    old.errorLog.log("notice", "gracefully shutting down");
    const disarm = this.#limit(old);
    let hasEnded = false;
    const check = (): void => {
      if (hasEnded || !old.isResting) return;
      hasEnded = true;
      disarm();
      old.errorLog.log("notice", "exiting");
      old.close().then(() => {
        this.#retired.delete(old);
        this.#checkDrained();
      });
    };
    old.onResting = check;
    check();
  }

  /** Ends what still runs of it after `worker_shutdown_timeout`. Returns how to take that back. */
  #limit(generation: Generation): () => void {
    const { workerShutdownTimeoutMs } = generation.conf;
    if (workerShutdownTimeoutMs === undefined) return () => {};
    const { clock } = this.#lasting.context.deadlines;
    return clock.arm(clock.nowMs() + workerShutdownTimeoutMs, () => {
      for (const client of this.clients) {
        const isItsOwn = client.handler !== undefined && generation.owns(client.handler);
        if (isItsOwn || (this.#isEnding && generation === this.#current)) client.abort();
      }
      generation.abandon();
    });
  }

  #all(): Generation[] {
    return [this.#current, ...this.#retired];
  }

  async #onPorts(act: (port: Port) => Promise<void>): Promise<void> {
    await Promise.all([...this.#ports.values()].map(act));
  }

  #checkDrained(): void {
    const isDrained = this.#isEnding && this.clients.size === 0 && this.#retired.size === 0 &&
      this.#current.isResting;
    if (isDrained) this.#drained.resolve();
  }

  /** Once, though a stop may overtake a shutdown and both come here. */
  #ended(): Promise<void> {
    this.#current.onResting = () => this.#checkDrained();
    this.#checkDrained();
    return this.#end ??= this.#drained.promise.then(() => this.#close());
  }

  async #close(): Promise<void> {
    await this.#lastReload; // one that was under way when the end was asked for
    if (this.#admin !== undefined) this.#closeAdmin(this.#admin);
    await this.#adminClosed;
    this.#closeLasting();
    this.#endPublishing();
    for (const line of LAST_LINES[this.thread.role]) this.log("notice", line);
    await this.#current.close();
  }
}
