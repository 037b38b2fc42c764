/**
 * What the operator sees and does, of a server in this process.
 *
 * @module
 */
import { parsePeerAddress } from "../config/directives/upstream.ts";
import { Counts } from "../log/mod.ts";
import { CannotChange, type PeerGroup } from "../peer/mod.ts";
import { SERVER_VERSION } from "../downstream/mod.ts";
import type {
  Control,
  NewPeer,
  Outcome,
  PeerChange,
  PeerOutcome,
  Readiness,
  ReloadsStatus,
  Status,
} from "./control.ts";
import { groupStatus, type Reported, workerStatus } from "./report.ts";

/** What is controlled. */
export interface Controlled {
  readonly readiness: Readiness;
  readonly groups: ReadonlyMap<string, PeerGroup>;
  reported(): Reported;
  reopenLogs(): Promise<void>;
}

/** What a server leaves to who has started it: where its configuration comes from. */
export interface Reloading {
  /** The file; empty for a configuration that came from elsewhere. */
  readonly configPath: string;
  readonly reloads: ReloadsStatus;
  reload(): Promise<Outcome>;
  reopen(): Promise<Outcome>;
}

const NEVER_RELOADED: ReloadsStatus = {
  generation: 1,
  ok: 0,
  failed: 0,
  lastAtMs: 0,
  lastOkAtMs: 0,
  lastError: "",
};

/** Controls one server. */
export class ProcessControl implements Control {
  readonly #server: Controlled;
  readonly #startedAtMs = Date.now();
  /** Undefined in a program that has Sluice as a library: it reloads by itself. */
  reloading: Reloading | undefined;

  constructor(server: Controlled) {
    this.#server = server;
  }

  status(): Promise<Status> {
    const reported = this.#server.reported();
    const { counts, deadlines } = reported.context;
    const nowMs = deadlines.stamp();
    return Promise.resolve({
      version: SERVER_VERSION,
      pid: Deno.pid,
      readiness: this.readiness(),
      startedAtMs: this.#startedAtMs,
      nowMs: Date.now(),
      configPath: this.reloading?.configPath ?? "",
      reloads: this.reloading?.reloads ?? NEVER_RELOADED,
      workers: [workerStatus(reported)],
      counts: (counts ?? new Counts()).read(),
      upstreams: Array.from(this.#server.groups.values(), (group) => groupStatus(group, nowMs)),
    });
  }

  readiness(): Readiness {
    return this.#server.readiness;
  }

  reload(): Promise<Outcome> {
    if (this.reloading !== undefined) return this.reloading.reload();
    return Promise.resolve({ ok: false, message: "the configuration did not come from a file" });
  }

  async reopen(): Promise<Outcome> {
    if (this.reloading !== undefined) return this.reloading.reopen();
    await this.#server.reopenLogs();
    return { ok: true };
  }

  addPeer(group: string, { address, ...change }: NewPeer): Promise<PeerOutcome> {
    const parsed = parsePeerAddress(address);
    if (parsed === undefined) {
      const message = `"${address}" is no address: need one such as "127.0.0.1:9001"`;
      return Promise.resolve({ ok: false, why: "invalid", message });
    }
    return this.#change(group, "conflict", (group) => {
      group.add({
        ...parsed,
        weight: change.weight ?? 1,
        maxFails: 1,
        failTimeoutMs: 10_000,
        maxConns: change.maxConns ?? 0,
        isBackup: change.backup ?? false,
        isDown: change.down ?? false,
        isDraining: change.drain ?? false,
      });
      return parsed.name;
    });
  }

  changePeer(group: string, peer: string, change: PeerChange): Promise<PeerOutcome> {
    return this.#change(group, "not_found", (group) => {
      group.change(peer, {
        ...(change.weight === undefined ? {} : { weight: change.weight }),
        ...(change.maxConns === undefined ? {} : { maxConns: change.maxConns }),
        ...(change.down === undefined ? {} : { isDown: change.down }),
        ...(change.drain === undefined ? {} : { isDraining: change.drain }),
      });
      return peer;
    });
  }

  removePeer(group: string, peer: string): Promise<PeerOutcome> {
    const known = this.#server.groups.get(group)?.peers.some(({ name }) => name === peer);
    return this.#change(group, known === true ? "conflict" : "not_found", (group) => {
      group.remove(peer);
      return peer;
    });
  }

  /** @param why What a refusal of the group means. */
  #change(
    name: string,
    why: "not_found" | "conflict",
    change: (group: PeerGroup) => string,
  ): Promise<PeerOutcome> {
    const group = this.#server.groups.get(name);
    if (group === undefined) {
      return Promise.resolve({ ok: false, why: "not_found", message: `no upstream ${name}` });
    }
    try {
      return Promise.resolve({ ok: true, name: change(group) });
    } catch (error) {
      if (!(error instanceof CannotChange)) throw error;
      return Promise.resolve({ ok: false, why, message: error.message });
    }
  }
}
