/**
 * The whole program between connections in memory: a configuration's locations, groups and logs
 * as they are, with a network, a clock and log files that a test holds in its hands.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { TempSpace } from "../../src/buffer/mod.ts";
import { readYaml } from "../../src/config/mod.ts";
import { Generation, type Lasting } from "../../src/control/generation.ts";
import { setBounds } from "../../src/control/server.ts";
import { alone } from "../../src/control/thread.ts";
import { ClientConnection, type ClientShared, serveClient } from "../../src/downstream/mod.ts";
import { type ConnContext, Deadlines, openGate, TcpConn } from "../../src/event/mod.ts";
import type { SluiceConf } from "../../src/http/conf.ts";
import { PasswordChecks } from "../../src/http/mod.ts";
import { isKnownVariable } from "../../src/http/variables.ts";
import { LogFiles, type LogPath, type LogTarget } from "../../src/log/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { MarkingPool } from "./marking_pool.ts";
import { macrotask, type MemoryConn, type MemoryNet, type OnConnect } from "./memory_net.ts";

/** Its logs: what is written there is kept in memory, by these names. */
const LOG = (format: string) => `
log:
  access: { path: access, format: test, buffer: 0 }
  error: { path: error, level: info }
  formats: { test: '${format}' }
`;

export interface MemorySluiceOptions {
  /** A configuration without `log`. */
  readonly yaml: string;
  readonly net: MemoryNet;
  readonly onConnect: OnConnect;
  /** Of the access log. */
  readonly logFormat: string;
}

/** It is stopped when nobody is connected any more; see {@linkcode stop}. */
export class MemorySluice {
  readonly clock: ManualClock;
  readonly context: ConnContext;
  readonly #lasting: Lasting;
  readonly #logFormat: string;
  readonly #logs = new Map<string, string[]>();
  readonly #shared: ClientShared[];
  readonly #clients = new Set<ClientConnection>();
  readonly #retired = new Set<Generation>();
  #generation: Generation;
  #connections = 0;

  private constructor(lasting: Lasting, logs: Map<string, string[]>, options: {
    readonly clock: ManualClock;
    readonly logFormat: string;
    readonly generation: Generation;
  }) {
    this.clock = options.clock;
    this.context = lasting.context;
    this.#lasting = lasting;
    this.#logs = logs;
    this.#logFormat = options.logFormat;
    this.#generation = options.generation;
    this.#shared = options.generation.conf.listeners.map((listener) => ({
      context: lasting.context,
      settings: options.generation.settingsOf(listener),
      spareHeads: [],
    }));
    options.generation.begin();
  }

  static async open(options: MemorySluiceOptions): Promise<MemorySluice> {
    const { net, logFormat } = options;
    const clock = new ManualClock(undefined, macrotask);
    const conf = readConf(options.yaml, logFormat);
    const logs = new Map<string, string[]>();
    const lasting: Lasting = {
      context: {
        pool: new MarkingPool({ maxBytes: conf.bufferMemoryBytes }),
        tempSpace: new TempSpace(),
        deadlines: new Deadlines(clock),
        gate: openGate,
        counters: { open: 0, dribbling: 0 },
        connect: net.connectTo(options.onConnect),
      },
      logFiles: new LogFiles((path) => memoryTarget(path, logs)),
      thread: alone(),
      passwords: new PasswordChecks(clock),
      handlers: {},
      balancers: {},
    };
    setBounds(lasting.context, conf);
    const generation = await Generation.open(conf, lasting);
    return new MemorySluice(lasting, logs, { clock, logFormat, generation });
  }

  /**
   * A client has connected.
   *
   * @param listener Number of the listener, in the order of the configuration.
   * @param port Of the client, for the log.
   * @param onEnd Called when the program has done with it.
   */
  accept(conn: MemoryConn, listener: number, port: number, onEnd: () => void): void {
    const remote = { hostname: "127.0.0.1", port };
    this.context.deadlines.stamp();
    const tcp = new TcpConn(conn, "downstream", remote, this.context, remote);
    const client = new ClientConnection(tcp, ++this.#connections, this.#shared[listener]!);
    this.#clients.add(client);
    serveClient(client).then(() => {
      this.#clients.delete(client);
      onEnd();
    });
  }

  /** Puts another configuration with the same listeners in force, as a reload does. */
  async reload(yaml: string): Promise<void> {
    const conf = readConf(yaml, this.#logFormat);
    const next = await Generation.open(conf, this.#lasting);
    const old = this.#generation;
    next.begin(old);
    this.#generation = next;
    setBounds(this.context, conf);
    for (const [index, listener] of conf.listeners.entries()) {
      this.#shared[index]!.settings = next.settingsOf(listener);
    }
    this.#retired.add(old);
    old.retire();
    const check = (): void => {
      if (!old.isResting || !this.#retired.delete(old)) return;
      void old.close();
    };
    old.onResting = check;
    check();
  }

  /** Lines that were logged since the last call. */
  takeAccessLines(): string[] {
    return this.#takeLines("access");
  }

  takeErrorLines(): string[] {
    return this.#takeLines("error");
  }

  /** Clients that are connected. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Configurations that are not in force any more and still have requests. */
  get retired(): number {
    return this.#retired.size;
  }

  /** Whether nobody is connected, and nothing goes on without clients. */
  get isResting(): boolean {
    return this.clients === 0 && this.retired === 0 && this.#generation.isResting;
  }

  /**
   * What is held that nobody needs when no client is there and idle connections to peers alone
   * are left; "" for nothing.
   */
  get excess(): string {
    const { pool, counters } = this.context;
    const { heldCells } = pool.stats();
    const { idleCount } = this.#generation;
    // An idle connection has one, for what its peer may say.
    if (counters.open === idleCount && heldCells <= idleCount) return "";
    return `${counters.open} connections, ${idleCount} of them idle, ${heldCells} cells held`;
  }

  /** Closes all of it; what is still held then is told, a line each. */
  async stop(net: MemoryNet): Promise<string[]> {
    for (const client of this.#clients) client.abort();
    for (const generation of [this.#generation, ...this.#retired]) generation.abandon();
    this.#generation.retire();
    for (let turns = 0; turns < 100 && (turns === 0 || !net.isStill); turns++) await net.turn();
    await this.#generation.close();
    const { pool, tempSpace, deadlines, counters } = this.context;
    const held = [...pool.outstanding(), ...deadlines.outstanding()];
    if (counters.open !== 0) held.push(`${counters.open} connections`);
    if (tempSpace.files !== 0) held.push(`${tempSpace.files} temporary files`);
    if (net.open !== 0) held.push(`${net.open} connections of the network`);
    if (this.clock.armedCount !== 0) held.push(`${this.clock.armedCount} timers`);
    if (this.retired !== 0) held.push(`${this.retired} retired configurations`);
    return held;
  }

  #takeLines(name: string): string[] {
    const parts = this.#logs.get(name) ?? [];
    const text = parts.splice(0).join("");
    return text === "" ? [] : text.slice(0, -1).split("\n");
  }
}

function readConf(yaml: string, logFormat: string): SluiceConf {
  return readYaml(LOG(logFormat) + yaml, "test.yaml", { isKnownVariable });
}

/** Keeps what is written, one text a write. */
function memoryTarget(path: LogPath, logs: Map<string, string[]>): LogTarget {
  const name = typeof path === "object" && "file" in path ? path.file : String(path);
  const parts = logs.get(name) ?? [];
  logs.set(name, parts);
  return {
    name,
    open: () => ({
      write(bytes) {
        parts.push(Buffer.from(bytes).toString("latin1"));
        return Promise.resolve(bytes.length);
      },
      close() {},
    }),
    report(message) {
      throw new Error(message);
    },
    after: () => () => {},
  };
}
