/**
 * The program of a worker: it does what the main thread calls for.
 *
 * @module
 */
import { setClock } from "../event/mod.ts";
import type { OnRow } from "../log/mod.ts";
import { CannotChange } from "../peer/mod.ts";
import { Zones } from "../zone/mod.ts";
import { obey, type PeerOrder, reportOf, type WorkerReport } from "./process_control.ts";
import { openServer, type Prepared, type ThreadServer } from "./server.ts";
import { type SettledPorts, worker } from "./thread.ts";
import {
  type Answer,
  type Call,
  type ConfOrder,
  postedError,
  type PostedRow,
  type StartOrder,
  type WorkerCalls,
} from "./worker_calls.ts";

/** The one server of this thread. */
class ThreadCalls implements WorkerCalls {
  readonly #onRow: OnRow;
  #server: Promise<ThreadServer> | undefined;
  #zones: Zones | undefined;
  #prepared: Prepared | undefined;
  #ports: SettledPorts = new Map();

  constructor(onRow: OnRow) {
    this.#onRow = onRow;
  }

  async start(order: StartOrder): Promise<readonly string[]> {
    setClock(order.nowMs);
    const { number, columns, column, zones, debugBuffers } = order;
    this.#ports = order.ports;
    this.#zones = new Zones({ columns, column, shared: zones });
    const thread = worker(number, this.#zones, () => this.#ports, this.#onRow);
    this.#server = openServer(order.conf, { debugBuffers }, thread);
    const server = await this.#server;
    for (const change of order.changes) obeyIn(server, change);
    return server.addresses;
  }

  async prepare({ conf, zones, ports }: ConfOrder): Promise<void> {
    this.#ports = ports;
    this.#zones?.adopt(zones);
    this.#prepared = await (await this.#running).prepare(conf);
  }

  async commit(): Promise<readonly string[]> {
    await this.#prepared?.commit();
    this.#prepared = undefined;
    return (await this.#running).addresses;
  }

  async abandon(): Promise<void> {
    await this.#prepared?.abandon();
    this.#prepared = undefined;
  }

  async reopenLogs(): Promise<void> {
    await (await this.#running).reopenLogs();
  }

  async stats(): ReturnType<WorkerCalls["stats"]> {
    return (await this.#running).stats();
  }

  async report(): Promise<WorkerReport> {
    return reportOf(await this.#running);
  }

  async changePeer(order: PeerOrder): Promise<void> {
    obeyIn(await this.#running, order);
  }

  async shutdown(): Promise<void> {
    await (await this.#running).shutdown();
  }

  async stop(): Promise<void> {
    await (await this.#running).stop();
  }

  get #running(): Promise<ThreadServer> {
    return this.#server ?? Promise.reject(new Error("the worker has not been started"));
  }
}

/** What the main thread could do to its group, this one mostly can; a name may stand for less here. */
function obeyIn(server: ThreadServer, order: PeerOrder): void {
  try {
    const group = server.groups.get(order.group);
    if (group !== undefined) obey(group, order);
  } catch (error) {
    if (!(error instanceof CannotChange)) throw error;
    server.log("warn", error.message);
  }
}

/** A worker's end of the two. */
interface WorkerScope {
  onmessage: (event: MessageEvent<Call>) => void;
  postMessage(message: Answer | PostedRow): void;
}

const scope = globalThis as unknown as WorkerScope;
const calls: WorkerCalls = new ThreadCalls((kind, labels, values) =>
  scope.postMessage({ kind, labels, values })
);

scope.onmessage = ({ data: { id, name, order } }) => {
  carryOut(name, order).then(
    (value) => scope.postMessage({ id, ok: true, value }),
    (error) => scope.postMessage({ id, ok: false, error: postedError(error) }),
  );
};
scope.postMessage({ id: 0, ok: true, value: undefined });

async function carryOut(name: Call["name"], order: unknown): Promise<unknown> {
  switch (name) {
    case "start":
      return await calls.start(order as StartOrder);
    case "prepare":
      return await calls.prepare(order as ConfOrder);
    case "changePeer":
      return await calls.changePeer(order as PeerOrder);
    default:
      return await calls[name]();
  }
}
