/**
 * Looks at the proxy again and again, from outside, from inside and through its admin listener.
 *
 * @module
 */
import { readCpuMs } from "../proc.ts";
import type { AdminClient, StatusJson } from "./admin_client.ts";
import { ByteSocket, sleep } from "./byte_socket.ts";
import { OUTCOME_CLASSES, type OutcomeClass, type Traffic } from "./clients.ts";
import { hex, POISON, tokenOf } from "./marks.ts";
import type { Reloads } from "./reloads.ts";
import { quantile, type Sample } from "./report.ts";
import type { ServerSample } from "./server.ts";
import type { SluiceProcess } from "./sluice_process.ts";

const SAMPLE_EVERY_MS = 2_000;
const LIVE_LINE_EVERY = 3;
const DIRECT_EVERY_MS = 100;
/** As large as the small requests that are measured are in the mean. */
const DIRECT_BYTES = 1_500;

/** What is looked at. */
export interface Sampled {
  readonly traffic: Traffic;
  readonly sluice: SluiceProcess;
  readonly admin: AdminClient;
  readonly reloads: Reloads;
  /** A good origin, which is asked past the proxy too. */
  readonly direct: string;
}

export class Sampler {
  readonly samples: Sample[] = [];
  /** The heap after a collection: at the end of each quarter but the last. */
  readonly collected: number[] = [];
  readonly #sampled: Sampled;
  readonly #startMs = performance.now();
  #directLatencies: number[] = [];

  constructor(sampled: Sampled) {
    this.#sampled = sampled;
  }

  async run(isOver: () => boolean, lengthMs: number): Promise<void> {
    const { sluice, admin } = this.#sampled;
    const asking = this.#askDirectly(isOver);
    while (!isOver()) {
      await sleep(SAMPLE_EVERY_MS);
      const sample = this.#take(
        await sluice.ask("stats"),
        await admin.status(),
        await readCpuMs(sluice.pid),
      );
      if (sample.atMs > (this.collected.length + 1) * lengthMs / 4 && this.collected.length < 3) {
        this.collected.push((await sluice.ask("gc")).heapBytes);
      }
      this.samples.push(sample);
      if (this.samples.length % LIVE_LINE_EVERY === 0) console.log(liveLine(sample));
    }
    await asking;
  }

  #take(stats: ServerSample, status: StatusJson, cpuMs: number): Sample {
    const { traffic, reloads } = this.#sampled;
    const latencies = traffic.latencies.sort((a, b) => a - b);
    const directly = this.#directLatencies.sort((a, b) => a - b);
    const reloadMs = reloads.latencies.length === 0 ? NaN : Math.max(...reloads.latencies);
    this.#directLatencies = [];
    traffic.latencies = [];
    reloads.latencies = [];
    const { buffers, temp_files } = status.workers[0]!;
    const { rssBytes, heapBytes, externalBytes, descriptors } = stats;
    const { requests, failures, running } = traffic;
    return {
      atMs: performance.now() - this.#startMs,
      requests,
      failures,
      outcomes: outcomesOf(traffic),
      running,
      rssBytes,
      heapBytes,
      externalBytes,
      cpuMs,
      descriptors,
      poolBytes: buffers.memory_bytes,
      heldBytes: buffers.held_bytes,
      heldCells: buffers.cells.reduce((sum, { held }) => sum + held, 0),
      waitingForBuffers: buffers.waiting,
      tempFiles: temp_files.open,
      tempBytes: temp_files.bytes,
      connections: stats.connections,
      clients: stats.clients,
      idle: stats.idle,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      slowestMs: latencies.at(-1) ?? NaN,
      directP50Ms: quantile(directly, 0.5),
      directP99Ms: quantile(directly, 0.99),
      reloadMs,
    };
  }

  /** Small requests past the proxy: what clients, origin and the machine make of it by themselves. */
  async #askDirectly(isOver: () => boolean): Promise<void> {
    const conn = await ByteSocket.open(this.#sampled.direct);
    const head = `GET /good/bytes/${DIRECT_BYTES}?m=${hex(POISON)} HTTP/1.1\r\n` +
      `Host: soak\r\nX-Mark: ${tokenOf(POISON)}\r\n\r\n`;
    while (!isOver()) {
      const startMs = performance.now();
      await conn.write(head);
      if (await conn.head() === undefined || !await conn.take(DIRECT_BYTES, () => {})) {
        throw new Error("Cannot ask the origin: it has ended");
      }
      this.#directLatencies.push(performance.now() - startMs);
      await sleep(DIRECT_EVERY_MS);
    }
    conn.close();
  }
}

/** All outcomes up to now. */
export function outcomesOf({ classes }: Traffic): Record<OutcomeClass, number> {
  return Object.fromEntries(
    OUTCOME_CLASSES.map((name) => [name, classes.get(name) ?? 0]),
  ) as Record<OutcomeClass, number>;
}

function liveLine(sample: Sample): string {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1).padStart(6);
  const count = (n: number) => String(n).padStart(4);
  return `${(sample.atMs / 1_000).toFixed(0).padStart(5)} s  ${
    String(sample.requests).padStart(7)
  } requests ${count(sample.failures)} failures  rss ${mb(sample.rssBytes)} heap ${
    mb(sample.heapBytes)
  } MB  fds ${count(sample.descriptors)}  cells ${count(sample.heldCells)} (${
    mb(sample.poolBytes)
  } MB)  clients ${count(sample.clients)} connections ${count(sample.connections)} idle ${
    count(sample.idle)
  }  p50 ${sample.p50Ms.toFixed(1)} p99 ${sample.p99Ms.toFixed(1)} ms`;
}
