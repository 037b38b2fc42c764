/**
 * V8's inspector of a running Deno: `--inspect=HOST:PORT`, asked over its WebSocket.
 *
 * @module
 */
import type { Cleanup } from "./cleanup.ts";
import { type Bench, type Contender, startAll } from "./measure.ts";
import { BenchError, delay } from "./programs.ts";
import type { LoadWorkload } from "./workloads.ts";
import { runWrk, writeScript } from "./wrk.ts";

const LISTENS_WITHIN_MS = 5_000;
const POLL_MS = 20;

/** What it answers: the result, or why there is none. */
interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

type Waiter = (answer: Answer) => void;

/** A connection to the inspector of a process's main thread. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiters = new Map<number, Waiter>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data) as Answer;
      if (answer.id !== undefined) this.#waiters.get(answer.id)?.(answer);
    };
    socket.onclose = () => {
      for (const wait of this.#waiters.values()) wait({ error: { message: "it has ended" } });
    };
  }

  /** @param address `host:port`. @throws {BenchError} Nobody listens there. */
  static async connect(address: string, cleanup: Cleanup): Promise<Inspector> {
    const socket = new WebSocket(await findSocket(address));
    const opened = Promise.withResolvers<void>();
    socket.onopen = () => opened.resolve();
    socket.onerror = () =>
      opened.reject(new BenchError(`Cannot talk to the inspector at ${address}`));
    await opened.promise;
    cleanup.add(() => Promise.resolve(socket.close()));
    return new Inspector(socket);
  }

  /** @throws {BenchError} with the inspector's words. */
  async call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#calls;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiters.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await promise;
    this.#waiters.delete(id);
    if (error !== undefined) throw new BenchError(`Cannot do ${method}: ${error.message}`);
    return result;
  }

  /** Runs a script in the process and returns its value, which is a number. @throws {BenchError} */
  async evaluate(expression: string): Promise<number> {
    const answer = await this.call("Runtime.evaluate", { expression, returnByValue: true }) as {
      readonly result: { readonly value?: unknown };
      readonly exceptionDetails?: unknown;
    };
    const { value } = answer.result;
    if (typeof value === "number") return value;
    throw new BenchError(`Cannot evaluate ${expression}: ${JSON.stringify(answer)}`);
  }

  close(): void {
    this.#socket.close();
  }
}

/** What was found out about one contender. */
export interface Inspected<Found> {
  readonly name: string;
  readonly of: Found;
}

/**
 * Inspects those contenders that have an inspector, one after the other, when they are warm.
 *
 * @param look Calls `load` for load, which tells how many requests there were.
 */
export async function inspectEach<Found>(
  bench: Bench,
  workload: LoadWorkload,
  contenders: readonly Contender[],
  look: (inspector: Inspector, load: () => Promise<number>) => Promise<Found>,
): Promise<Inspected<Found>[]> {
  const script = await writeScript(workload, bench.folder);
  const able = contenders.filter(({ inspectorAt }) => inspectorAt !== undefined);
  const programs = await startAll(able, workload);
  const inspected: Inspected<Found>[] = [];
  try {
    for (const [{ name, inspectorAt = "" }, { address }] of programs) {
      const load = async (seconds: number) =>
        (await runWrk(workload, script, address, seconds, bench.cores.rest, bench.cleanup))
          .requests;
      const inspector = await Inspector.connect(inspectorAt, bench.cleanup);
      await load(Math.min(2, bench.seconds)); // what is compiled late is fast and allocates less
      inspected.push({ name, of: await look(inspector, () => load(bench.seconds)) });
      inspector.close();
    }
  } finally {
    await Promise.all(programs.values().map((program) => program.stop()));
  }
  return inspected;
}

async function findSocket(address: string): Promise<string> {
  const deadlineMs = performance.now() + LISTENS_WITHIN_MS;
  while (true) {
    const response = await fetch(`http://${address}/json`).catch(() => undefined);
    if (response !== undefined) {
      const [target] = await response.json() as { readonly webSocketDebuggerUrl: string }[];
      if (target !== undefined) return target.webSocketDebuggerUrl;
    }
    if (performance.now() > deadlineMs) {
      throw new BenchError(
        `Cannot find an inspector at ${address}: was it started with {inspect}?`,
      );
    }
    await delay(POLL_MS);
  }
}
