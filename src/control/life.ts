/**
 * A running server and what becomes of it: reloads, reopened logs, its end.
 *
 * @module
 */
import type { SluiceConf } from "../http/conf.ts";
import type { Outcome, ReloadsStatus } from "./control.ts";
import { explain, logLines } from "./explain.ts";
import type { LifeRequest, LifeRequests } from "./life_requests.ts";
import { PidFile } from "./pid_file.ts";
import type { Reloading } from "./process_control.ts";
import type { RunningServer } from "./running_server.ts";

/** What a life is made of. */
export interface LifeOptions {
  readonly server: RunningServer;
  /** The configuration's file; empty for one that came from elsewhere. */
  readonly configPath: string;
  /** Reads the configuration again. */
  readonly load: () => Promise<SluiceConf>;
  /** The pid file that a configuration asks for, if it does. */
  readonly pidPathOf: (conf: SluiceConf) => string | undefined;
}

/** From the moment when everything listens to the end. */
export class Life implements Reloading {
  readonly server: RunningServer;
  readonly configPath: string;
  readonly #load: LifeOptions["load"];
  readonly #pidPathOf: LifeOptions["pidPathOf"];
  #pidFile: PidFile | undefined;
  #reloads: ReloadsStatus = {
    generation: 1,
    ok: 0,
    failed: 0,
    lastAtMs: 0,
    lastOkAtMs: 0,
    lastError: "",
  };
  #isEnding = false;
  #lastReload: Promise<Outcome> = Promise.resolve({ ok: true });

  /**
   * Writes the pid file.
   *
   * @throws {CannotUsePid}
   */
  constructor({ server, configPath, load, pidPathOf }: LifeOptions, conf: SluiceConf) {
    this.server = server;
    this.configPath = configPath;
    this.#load = load;
    this.#pidPathOf = pidPathOf;
    const path = pidPathOf(conf);
    if (path !== undefined) this.#pidFile = new PidFile(path);
    server.control.reloading = this;
  }

  get reloads(): ReloadsStatus {
    return this.#reloads;
  }

  /** Does what is asked for until the end, which is when this resolves. */
  async live(requests: LifeRequests): Promise<void> {
    const { promise: end, resolve, reject } = Promise.withResolvers<void>();
    const endWith = (ending: Promise<void>): void => void ending.then(resolve, reject);
    let isHurried = false;
    const obey = ({ kind, received }: LifeRequest): void => {
      this.server.log("notice", received);
      if (kind === "reload") void this.reload();
      else if (kind === "reopen") void this.reopen();
      else if (isHurried) resolve(); // asked once more: nothing is waited for
      else if (kind === "stop" || this.#isEnding) {
        isHurried = this.#isEnding = true;
        endWith(this.server.stop());
      } else {
        this.#isEnding = true;
        endWith(this.server.shutdown());
      }
    };
    const listen = async (): Promise<never> => {
      while (true) obey(await requests.next());
    };
    listen().catch(reject);
    try {
      await end;
    } finally {
      this.#pidFile?.remove();
    }
  }

  /**
   * Reads the configuration again and puts it in force; a wrong one changes nothing. Reloads
   * come one after the other: the last one that was asked for is the last one that reads.
   */
  reload(): Promise<Outcome> {
    return this.#lastReload = this.#lastReload.then(() => this.#reload());
  }

  /** Never rejects. */
  async #reload(): Promise<Outcome> {
    const { server } = this;
    server.log("notice", "reconfiguring");
    try {
      await this.#switch(await this.#load());
    } catch (error) {
      for (const line of logLines(error)) server.log("emerg", line);
      server.log("notice", "the configuration that is in force stays");
      const message = explain(error) ?? "a bug in this proxy: the error log tells more";
      this.#count(message);
      return { ok: false, message };
    }
    this.#count("");
    logStarts(server);
    return { ok: true };
  }

  /** Opens the logs again, after a rotation. */
  async reopen(): Promise<Outcome> {
    this.server.log("notice", "reopening logs");
    await this.server.reopenLogs();
    return { ok: true };
  }

  async #switch(conf: SluiceConf): Promise<void> {
    const path = this.#pidPathOf(conf);
    if (path === this.#pidFile?.path) return await this.server.reload(conf);
    const next = path === undefined ? undefined : new PidFile(path);
    try {
      await this.server.reload(conf);
    } catch (error) {
      next?.remove();
      throw error;
    }
    this.#pidFile?.remove();
    this.#pidFile = next;
  }

  #count(lastError: string): void {
    const { generation, ok, failed, lastOkAtMs } = this.#reloads;
    const nowMs = Date.now();
    const isOk = lastError === "";
    this.#reloads = {
      generation: generation + (isOk ? 1 : 0),
      ok: ok + (isOk ? 1 : 0),
      failed: failed + (isOk ? 0 : 1),
      lastAtMs: nowMs,
      lastOkAtMs: isOk ? nowMs : lastOkAtMs,
      lastError,
    };
  }
}

/** nginx's words, which tools look for: everybody who serves has begun, or begins anew. */
export function logStarts(server: RunningServer): void {
  for (const name of server.workerNames) server.log("notice", `start worker process ${name}`);
}
