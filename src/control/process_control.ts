/**
 * What the operator sees and does, of a server in this process.
 *
 * @module
 */
import { parsePeerAddress } from "../config/directives/upstream.ts";
import { Counts, type CountsCopy } from "../log/mod.ts";
import {
  CannotChange,
  type PeerChange as GroupPeerChange,
  type PeerGroup,
  type PeerServerConf,
} from "../peer/mod.ts";
import { SERVER_VERSION } from "../downstream/mod.ts";
import type {
  Control,
  GroupStatus,
  NewPeer,
  Outcome,
  PeerChange,
  PeerOutcome,
  Readiness,
  ReloadsStatus,
  Status,
  WorkerStatus,
} from "./control.ts";
import { groupStatus, type Reported, workerStatus } from "./report.ts";

/** What is controlled. */
export interface Controlled {
  readonly readiness: Readiness;
  readonly groups: ReadonlyMap<string, PeerGroup>;
  reported(): Reported;
  reopenLogs(): Promise<void>;
}

/** The workers behind a server that serves nobody itself. */
export interface Team {
  /** What each worker tells of itself. */
  reports(): Promise<readonly WorkerReport[]>;
  /** What they have counted, those that have ended too. */
  counted(): CountsCopy;
  /** Has all of them, and those that are to come, do the same to their groups. */
  change(order: PeerOrder): Promise<void>;
}

/** What one worker tells of itself: plain data. */
export interface WorkerReport {
  readonly worker: WorkerStatus;
  /** Groups as it sees them. */
  readonly groups: readonly GroupStatus[];
}

/** A change of a group's peers, as plain data. */
export type PeerOrder =
  | { readonly kind: "add"; readonly group: string; readonly peer: PeerServerConf }
  | {
    readonly kind: "change";
    readonly group: string;
    readonly name: string;
    readonly change: GroupPeerChange;
  }
  | { readonly kind: "remove"; readonly group: string; readonly name: string };

/** @throws {CannotChange} */
export function obey(group: PeerGroup, order: PeerOrder): void {
  switch (order.kind) {
    case "add":
      return void group.add(order.peer);
    case "change":
      return group.change(order.name, order.change);
    case "remove":
      return group.remove(order.name);
  }
}

/** `added`, `changed: weight=5 drain=off`. */
function whatIsDone(order: PeerOrder): string {
  if (order.kind !== "change") return order.kind === "add" ? "added" : "removed";
  const { weight, maxConns, isDown, isDraining } = order.change;
  const onOff = (name: string, isOn: boolean | undefined) =>
    isOn === undefined ? [] : [`${name}=${isOn ? "on" : "off"}`];
  const parts = [
    ...(weight === undefined ? [] : [`weight=${weight}`]),
    ...(maxConns === undefined ? [] : [`max_conns=${maxConns}`]),
    ...onOff("down", isDown),
    ...onOff("drain", isDraining),
  ];
  return `changed: ${parts.join(" ")}`;
}

/** Of the server of one thread. */
export function reportOf(server: Controlled): WorkerReport {
  const reported = server.reported();
  const nowMs = reported.context.deadlines.stamp();
  return {
    worker: workerStatus(reported),
    groups: Array.from(server.groups.values(), (group) => groupStatus(group, nowMs)),
  };
}

/** What the leader sees of a group, with the queues that each worker has to itself. */
function joined(group: GroupStatus, reports: readonly WorkerReport[]): GroupStatus {
  const seen = reports.flatMap(({ groups }) => groups.filter(({ name }) => name === group.name));
  return { ...group, queued: seen.reduce((sum, { queued }) => sum + queued, 0) };
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
  /** Where others serve. */
  team: Team | undefined;

  constructor(server: Controlled) {
    this.#server = server;
  }

  async status(): Promise<Status> {
    const { deadlines, counts } = this.#server.reported().context;
    const nowMs = deadlines.stamp();
    const reports = await this.team?.reports() ?? [reportOf(this.#server)];
    const upstreams = Array.from(
      this.#server.groups.values(),
      (group) => joined(groupStatus(group, nowMs), reports),
    );
    return {
      version: SERVER_VERSION,
      pid: Deno.pid,
      readiness: this.readiness(),
      startedAtMs: this.#startedAtMs,
      nowMs: Date.now(),
      configPath: this.reloading?.configPath ?? "",
      reloads: this.reloading?.reloads ?? NEVER_RELOADED,
      workers: reports.map(({ worker }) => worker),
      counts: this.team?.counted() ?? (counts ?? new Counts()).read(),
      upstreams,
    };
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
    const peer = {
      ...parsed,
      weight: change.weight ?? 1,
      maxFails: 1,
      failTimeoutMs: 10_000,
      maxConns: change.maxConns ?? 0,
      isBackup: change.backup ?? false,
      isDown: change.down ?? false,
      isDraining: change.drain ?? false,
    };
    return this.#change({ kind: "add", group, peer }, parsed.name, "conflict");
  }

  changePeer(group: string, peer: string, change: PeerChange): Promise<PeerOutcome> {
    const order: PeerOrder = {
      kind: "change",
      group,
      name: peer,
      change: {
        ...(change.weight === undefined ? {} : { weight: change.weight }),
        ...(change.maxConns === undefined ? {} : { maxConns: change.maxConns }),
        ...(change.down === undefined ? {} : { isDown: change.down }),
        ...(change.drain === undefined ? {} : { isDraining: change.drain }),
      },
    };
    return this.#change(order, peer, "not_found");
  }

  removePeer(group: string, peer: string): Promise<PeerOutcome> {
    const known = this.#server.groups.get(group)?.peers.some(({ name }) => name === peer);
    const order: PeerOrder = { kind: "remove", group, name: peer };
    return this.#change(order, peer, known === true ? "conflict" : "not_found");
  }

  /** @param why What a refusal of the group means. */
  async #change(
    order: PeerOrder,
    name: string,
    why: "not_found" | "conflict",
  ): Promise<PeerOutcome> {
    const group = this.#server.groups.get(order.group);
    if (group === undefined) {
      return { ok: false, why: "not_found", message: `no upstream ${order.group}` };
    }
    try {
      obey(group, order);
    } catch (error) {
      if (!(error instanceof CannotChange)) throw error;
      return { ok: false, why, message: error.message };
    }
    group.report("notice", `peer ${name} of ${group.name} is ${whatIsDone(order)}`);
    await this.team?.change(order);
    return { ok: true, name };
  }
}
