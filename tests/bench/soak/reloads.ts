/**
 * Reloads of the soak: one configuration after the other, each seen in force before the next;
 * and now and then one that has to be refused.
 *
 * @module
 */
import type { AdminClient, StatusJson } from "./admin_client.ts";
import { sleep } from "./byte_socket.ts";
import type { Traffic } from "./clients.ts";
import { MISTAKE } from "./config.ts";
import type { SluiceProcess } from "./sluice_process.ts";

const LOOK_EVERY_MS = 10;
const PATIENCE_MS = 10_000;
/** Every so many reloads there is one with a mistake. */
const MISTAKE_EVERY = 6;

/** What a loop of reloads needs. */
export interface ReloadsOptions {
  readonly sluice: SluiceProcess;
  readonly admin: AdminClient;
  readonly traffic: Traffic;
  readonly configPath: string;
  readonly configOf: (number: number) => string;
}

export class Reloads {
  readonly #options: ReloadsOptions;
  /** How long each took from the signal to being in force, since somebody took them. */
  latencies: number[] = [];
  /** Configurations put in force. */
  done = 0;
  /** Configurations refused, as they have to be. */
  refused = 0;

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  async run(everyMs: number, isOver: () => boolean): Promise<void> {
    const startMs = performance.now();
    for (let turn = 1;; turn++) {
      await sleep(startMs + turn * everyMs - performance.now());
      if (isOver()) return;
      if (turn % MISTAKE_EVERY === 0) await this.#refuse();
      else await this.next();
    }
  }

  /** Puts another configuration in force. */
  async next(): Promise<void> {
    const { admin, traffic, configOf } = this.#options;
    const number = traffic.confNewest + 1;
    const before = (await admin.status()).config;
    traffic.confNewest = number;
    const startMs = performance.now();
    await this.#signal(configOf(number));
    const isInForce = ({ config }: StatusJson) => config.generation === before.generation + 1;
    const status = await this.#waitFor(isInForce);
    if (status === undefined) return traffic.fail("a reload is not in force", String(number));
    if (status.config.last_error !== "") {
      return traffic.fail("a reload has failed", status.config.last_error);
    }
    this.latencies.push(performance.now() - startMs);
    traffic.confInForce = number;
    this.done++;
  }

  /** A configuration with a mistake changes nothing: the header would tell of it. */
  async #refuse(): Promise<void> {
    const { admin, traffic, configOf } = this.#options;
    const before = (await admin.status()).config;
    await this.#signal(`${MISTAKE}: 1\n${configOf(traffic.confNewest + 1_000_000)}`);
    const status = await this.#waitFor(({ config }) =>
      config.reloads_failed === before.reloads_failed + 1
    );
    if (status?.config.generation !== before.generation) {
      return traffic.fail("a wrong configuration was not refused", JSON.stringify(status?.config));
    }
    this.refused++;
  }

  async #signal(text: string): Promise<void> {
    const { configPath, sluice } = this.#options;
    // In one step, as editors do it: half a file is not a configuration.
    await Deno.writeTextFile(`${configPath}.next`, text);
    await Deno.rename(`${configPath}.next`, configPath);
    sluice.hangUp();
  }

  async #waitFor(isThere: (status: StatusJson) => boolean): Promise<StatusJson | undefined> {
    const endMs = performance.now() + PATIENCE_MS;
    while (performance.now() < endMs) {
      const status = await this.#options.admin.status();
      if (isThere(status)) return status;
      await sleep(LOOK_EVERY_MS);
    }
    return undefined;
  }
}
