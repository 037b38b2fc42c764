/**
 * Several threads that serve as one. The main thread leads: it opens every configuration first
 * (so that what is wrong with it is found before a worker hears of it, and so that all zones
 * are there), keeps the workers running, and serves nobody.
 *
 * @module
 */
import { keepOpen, systemClock } from "../event/mod.ts";
import type { SluiceConf } from "../http/mod.ts";
import { Counts, type CountsCopy, type LogLevel, sumOf as sumOfCounts } from "../log/mod.ts";
import { Zones } from "../zone/mod.ts";
import { PeerChanges } from "./peer_changes.ts";
import type { PeerOrder, ProcessControl, Team, WorkerReport } from "./process_control.ts";
import {
  CannotListen,
  type RunningServer,
  type ServerStats,
  type StartServerOptions,
} from "./running_server.ts";
import { openServer, startServer, type ThreadServer } from "./server.ts";
import { leader } from "./thread.ts";
import type { ConfOrder } from "./worker_calls.ts";
import { WorkerEnded, WorkerHandle } from "./worker_handle.ts";

/** Columns of zones for workers that take the place of others whose threads may still run. */
const SPARE_COLUMNS = 2;
/** How long a thread may run on after its end, at most. */
const QUARANTINE_MS = 1_000;
/** A worker that did not live this long is replaced only after as long. */
const LIFE_MIN_MS = 1_000;
/** How long a worker may take to stop before it is ended where it is. */
const STOP_MS = 10_000;

/** Handlers and balancers are functions of this thread. */
export class CannotShareHandlers extends Error {
  /** Tells the class in messages. */
  override readonly name = "CannotShareHandlers";

  /** `workers` as they are configured. */
  constructor(workers: number) {
    super(
      `Cannot start ${workers} workers with handlers or balancers: a function cannot go to another thread; ` +
        "need workers: 1",
    );
  }
}

/** How many threads a configuration asks for. */
export function workersOf({ workers }: SluiceConf): number {
  return workers === 0 ? navigator.hardwareConcurrency : workers;
}

/**
 * Starts what the configuration asks for: a server in this thread, or several workers.
 *
 * @throws {CannotShareHandlers}
 * @throws What {@linkcode startServer} throws. No worker is left then.
 */
export async function start(
  conf: SluiceConf,
  options: StartServerOptions = {},
): Promise<RunningServer> {
  const count = workersOf(conf);
  return count === 1 ? await startServer(conf, options) : await startWorkers(conf, count, options);
}

/** @throws {CannotShareHandlers} And what {@linkcode startServer} throws. */
export async function startWorkers(
  conf: SluiceConf,
  count: number,
  options: StartServerOptions = {},
): Promise<Workers> {
  const functions = { ...options.handlers, ...options.balancers };
  if (Object.keys(functions).length > 0) throw new CannotShareHandlers(count);
  const zones = new Zones({ columns: 1 + count + SPARE_COLUMNS });
  const main = await openServer(conf, options, leader(zones));
  const workers = new Workers(main, zones, conf, count, options);
  try {
    await workers.begin();
  } catch (error) {
    await workers.stop();
    throw error;
  }
  return workers;
}

/** The place of one worker, whoever fills it. */
interface Place {
  /** From 1. */
  readonly number: number;
  /** `undefined`: it is about to be replaced. */
  worker: WorkerHandle | undefined;
  startedAtMs: number;
  /** The last that was heard of what it holds. */
  stats: ServerStats | undefined;
  report: WorkerReport | undefined;
}

/** The workers of a server, as one server. */
export class Workers implements RunningServer, Team {
  readonly #main: ThreadServer;
  readonly #zones: Zones;
  readonly #places: readonly Place[];
  readonly #debugBuffers: boolean;
  #conf: SluiceConf;
  #addresses: readonly string[] = [];
  /** Ports that were asked for as 0, by the names of their listeners. */
  #ports = new Map<string, number>();
  /** Sockets of addresses, by the names of their listeners: open while a worker is replaced. */
  #kept = new Map<string, Disposable>();
  #freeColumns: number[];
  /** Reloads and starts come one after the other. */
  #lastChange: Promise<void> = Promise.resolve();
  readonly #timers = new Set<() => void>();
  #isEnding = false;
  /** By workers that have ended. */
  #countedBefore: CountsCopy = new Counts().read();
  readonly #changes = new PeerChanges();

  constructor(
    main: ThreadServer,
    zones: Zones,
    conf: SluiceConf,
    count: number,
    options: StartServerOptions,
  ) {
    this.#main = main;
    this.#zones = zones;
    this.#conf = conf;
    this.#debugBuffers = options.debugBuffers ?? false;
    this.#freeColumns = Array.from({ length: zones.columns - 1 }, (_, index) => index + 1);
    this.#places = Array.from({ length: count }, (_, index) => ({
      number: index + 1,
      worker: undefined,
      startedAtMs: 0,
      stats: undefined,
      report: undefined,
    }));
    main.control.team = this;
  }

  /**
   * Starts all workers. Resolves when all of them accept.
   *
   * @throws What opening a server throws: that of the first that could not.
   */
  async begin(): Promise<void> {
    this.#ports = settlePorts(this.#conf, this.#ports);
    this.#kept = keepAll(this.#conf, this.#ports, this.#kept);
    const starts = await Promise.allSettled(this.#places.map((place) => this.#fill(place)));
    for (const start of starts) if (start.status === "rejected") throw start.reason;
  }

  get adminAddress(): string | undefined {
    return this.#main.adminAddress;
  }

  get control(): ProcessControl {
    return this.#main.control;
  }

  counted(): CountsCopy {
    const now = this.#places.flatMap(({ worker }) => worker?.counted.read() ?? []);
    return sumOfCounts([this.#countedBefore, ...now]);
  }

  get workerNames(): readonly string[] {
    return this.#places.map(({ number }) => String(number));
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  reload(conf: SluiceConf): Promise<void> {
    const reload = this.#lastChange.then(() => this.#switchTo(conf));
    this.#lastChange = reload.catch(() => {}); // its caller is told
    return reload;
  }

  async reopenLogs(): Promise<void> {
    await Promise.all([this.#main.reopenLogs(), ...this.#tell("reopenLogs")]);
  }

  log(level: LogLevel, message: string): void {
    this.#main.log(level, message);
  }

  /** As workers told when they were asked the last time; asks them again. */
  stats(): ServerStats {
    for (const place of this.#places) {
      place.worker?.call("stats").then((stats) => place.stats = stats, () => {});
    }
    return sumOf([this.#main.stats(), ...this.#places.flatMap(({ stats }) => stats ?? [])]);
  }

  async reports(): Promise<readonly WorkerReport[]> {
    const reports = await Promise.all(this.#places.map(async (place) => {
      try {
        place.report = await place.worker?.call("report") ?? place.report;
      } catch {
        // It ends, or has not begun yet: what it told before is counted in.
      }
      return place.report;
    }));
    return reports.flatMap((report) => report ?? []);
  }

  async change(order: PeerOrder): Promise<void> {
    this.#changes.add(order);
    await Promise.allSettled(this.#places.map(({ worker }) => worker?.call("changePeer", order)));
  }

  async shutdown(): Promise<void> {
    this.#isEnding = true;
    this.#closeKept();
    await Promise.all(this.#tell("shutdown"));
    await this.#end();
    await this.#main.shutdown();
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    this.#closeKept();
    const { promise: isLate, resolve: giveUp } = Promise.withResolvers<void>();
    const disarm = systemClock.arm(systemClock.nowMs() + STOP_MS, giveUp);
    isLate.then(() => {
      for (const { worker } of this.#places) worker?.terminate("it did not stop");
    });
    await Promise.all(this.#tell("stop"));
    disarm();
    await this.#end();
    await this.#main.stop();
  }

  /** Ends a worker where it is; it is replaced. For tests of just that. */
  terminate(number: number): void {
    this.#places[number - 1]?.worker?.terminate("terminated");
  }

  /** Before the workers' own: who waits in the queue then is accepted by them. */
  #closeKept(): void {
    closeOthers(this.#kept, new Map());
    this.#kept = new Map();
  }

  /** Calls all workers that run. Never rejects: one that ends meanwhile has nothing left to do. */
  #tell(name: "reopenLogs" | "shutdown" | "stop"): Promise<void>[] {
    return this.#places.map(async ({ worker }) => {
      try {
        await worker?.call(name);
      } catch (error) {
        if (!(error instanceof WorkerEnded)) throw error;
      }
    });
  }

  async #end(): Promise<void> {
    for (const disarm of this.#timers) disarm();
    this.#timers.clear();
    await this.#lastChange;
    for (const place of this.#places) {
      if (place.worker === undefined) continue;
      place.worker.release();
      place.worker = undefined;
      this.log("notice", `worker process ${place.number} exited with code 0`);
    }
  }

  /** Two halves: all open the configuration, then all put it in force; or none does. */
  async #switchTo(conf: SluiceConf): Promise<void> {
    const prepared = await this.#main.prepare(conf);
    let ports: Map<string, number>;
    let kept: Map<string, Disposable>;
    try {
      ports = settlePorts(conf, this.#ports);
      kept = keepAll(conf, ports, this.#kept);
    } catch (error) {
      await prepared.abandon();
      throw error;
    }
    const order: ConfOrder = { conf, zones: this.#zones.share(), ports };
    const workers = this.#places.flatMap(({ worker }) => worker ?? []);
    const answers = await Promise.allSettled(
      workers.map((worker) => worker.call("prepare", order)),
    );
    const failed = answers.find((answer) => answer.status === "rejected");
    if (failed !== undefined) {
      await Promise.allSettled(workers.map((worker) => worker.call("abandon")));
      closeOthers(kept, this.#kept);
      await prepared.abandon();
      throw failed.reason;
    }
    this.#conf = conf;
    this.#ports = ports;
    closeOthers(this.#kept, kept);
    this.#kept = kept;
    this.#changes.clear();
    // One that ends here is replaced by one with the new configuration.
    const commits = workers.map((worker) => worker.call("commit"));
    await prepared.commit();
    for (const answer of await Promise.allSettled(commits)) {
      if (answer.status === "fulfilled") this.#learnAddresses(answer.value);
    }
    if (workersOf(conf) === this.#places.length) return;
    this.log("warn", `workers stay ${this.#places.length} until the next start`);
  }

  /** Starts a worker. @throws What opening a server throws, or {@linkcode WorkerEnded}. */
  async #fill(place: Place): Promise<void> {
    const column = this.#freeColumns.shift()!;
    const worker = new WorkerHandle(column, (why) => this.#onEnd(place, worker, why));
    place.worker = worker;
    place.startedAtMs = systemClock.nowMs();
    try {
      await worker.ready;
      this.#learnAddresses(
        await worker.call("start", {
          number: place.number,
          conf: this.#conf,
          zones: this.#zones.share(),
          columns: this.#zones.columns,
          column,
          ports: this.#ports,
          debugBuffers: this.#debugBuffers,
          changes: this.#changes.all,
          nowMs: systemClock.nowMs(),
        }),
      );
    } catch (error) {
      if (place.worker === worker) this.#giveUp(place, worker);
      throw error;
    }
  }

  /** One that could not open what it was to. */
  #giveUp(place: Place, worker: WorkerHandle): void {
    worker.release();
    place.worker = undefined;
    this.#clear(worker.column);
  }

  /** The first worker listens on most: unix sockets are its own. */
  #learnAddresses(addresses: readonly string[]): void {
    if (addresses.length >= this.#addresses.length) this.#addresses = addresses;
  }

  #onEnd(place: Place, worker: WorkerHandle, why: string): void {
    this.#countedBefore = sumOfCounts([this.#countedBefore, worker.counted.read()]);
    place.worker = place.stats = place.report = undefined;
    this.#clear(worker.column);
    this.log("alert", `worker process ${place.number} exited with code 1: ${why}`);
    const livedMs = systemClock.nowMs() - place.startedAtMs;
    if (livedMs < LIFE_MIN_MS) this.#later(LIFE_MIN_MS, () => this.#replace(place));
    else this.#replace(place);
  }

  /** Its thread may run on for a moment: till that is over nobody gets its column. */
  #clear(column: number): void {
    this.#zones.clearColumn(column);
    this.#later(QUARANTINE_MS, () => {
      this.#zones.clearColumn(column);
      this.#freeColumns.push(column);
    });
  }

  #replace(place: Place): void {
    this.#lastChange = this.#lastChange.then(async () => {
      if (this.#isEnding || place.worker !== undefined) return;
      if (this.#freeColumns.length === 0) {
        // More have ended at once than there are columns to spare: soon there are some again.
        return this.#later(QUARANTINE_MS, () => this.#replace(place));
      }
      try {
        await this.#fill(place);
        this.log("notice", `start worker process ${place.number}`);
      } catch (error) {
        if (error instanceof WorkerEnded) return; // it has been told of, and what comes next is settled
        const why = error instanceof Error ? messageOf(error) : String(error);
        this.log("alert", `worker process ${place.number} exited with code 1: ${why}`);
        this.#later(LIFE_MIN_MS, () => this.#replace(place));
      }
    });
  }

  #later(delayMs: number, act: () => void): void {
    if (this.#isEnding) return;
    const disarm = systemClock.arm(systemClock.nowMs() + delayMs, () => {
      this.#timers.delete(disarm);
      act();
    });
    this.#timers.add(disarm);
  }
}

function messageOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/**
 * Ports for listeners that ask for any: those that they have, or free ones. They are settled
 * before workers open them, since all of them are to open the same.
 *
 * @throws {CannotListen}
 */
function settlePorts(
  { listeners }: SluiceConf,
  known: ReadonlyMap<string, number>,
): Map<string, number> {
  const ports = new Map<string, number>();
  for (const { name, address } of listeners) {
    if (address.transport !== "tcp" || address.port !== 0) continue;
    ports.set(name, known.get(name) ?? freePort(name, address.hostname));
  }
  return ports;
}

/**
 * The sockets of a configuration: those that are open already, and new ones. Not of addresses
 * where each worker has a queue of its own, nor of unix sockets, which cannot be shared.
 *
 * @throws {CannotListen} None is left open that was not before.
 */
function keepAll(
  { listeners }: SluiceConf,
  ports: ReadonlyMap<string, number>,
  open: ReadonlyMap<string, Disposable>,
): Map<string, Disposable> {
  const kept = new Map<string, Disposable>();
  for (const { name, address, backlog, reusePort } of listeners) {
    if (address.transport !== "tcp" || reusePort) continue;
    try {
      const bind = { ...address, port: ports.get(name) ?? address.port };
      kept.set(name, open.get(name) ?? keepOpen(bind, backlog));
    } catch (error) {
      closeOthers(kept, open);
      throw new CannotListen(name, error);
    }
  }
  return kept;
}

function closeOthers(
  some: ReadonlyMap<string, Disposable>,
  but: ReadonlyMap<string, Disposable>,
): void {
  for (const [name, socket] of some) if (but.get(name) !== socket) socket[Symbol.dispose]();
}

function freePort(name: string, hostname: string): number {
  try {
    using listener = Deno.listen({ hostname, port: 0 });
    return listener.addr.port;
  } catch (error) {
    throw new CannotListen(name, error);
  }
}

function sumOf(all: readonly ServerStats[]): ServerStats {
  const [first, ...rest] = all;
  return rest.reduce((sum, one) => ({
    pool: addUp(sum.pool, one.pool),
    clients: sum.clients + one.clients,
    connections: sum.connections + one.connections,
    idle: sum.idle + one.idle,
    outstanding: [...sum.outstanding, ...one.outstanding],
  }), first!);
}

function addUp(one: ServerStats["pool"], other: ServerStats["pool"]): ServerStats["pool"] {
  return {
    slabBytes: one.slabBytes + other.slabBytes,
    maxBytes: one.maxBytes + other.maxBytes,
    heldCells: one.heldCells + other.heldCells,
    heldBytes: one.heldBytes + other.heldBytes,
    refusals: one.refusals + other.refusals,
  };
}
