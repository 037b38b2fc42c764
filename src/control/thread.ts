/**
 * Which part of a server a thread is: all of it, one of several workers, or the one that
 * leads them.
 *
 * @module
 */
import type { BindAddress } from "../event/mod.ts";
import type { ListenerConf, SluiceConf } from "../http/mod.ts";
import { Counts, type OnRow } from "../log/mod.ts";
import { TeamNumbers } from "./team_numbers.ts";
import { Zones } from "../zone/mod.ts";

/** Counts the connections of a process with one thread. */
let connectionNumber = 0;

export interface Thread {
  /** Workers count from 1; 0: the main thread. It stands in the error log behind the process. */
  readonly number: number;
  readonly zones: Zones;
  /** Peers are checked by the one that leads or is alone. */
  readonly role: "alone" | "leader" | "worker";
  /** The number of one more connection to a client, for logs: no other worker gives the same. */
  nextConnection(): number;
  /** Clients of all workers; not there where there is one. */
  readonly team: TeamNumbers | undefined;
  /** What it counts in. */
  newCounts(): Counts;
  /** The addresses of a configuration that this thread listens on. */
  listensTo(conf: SluiceConf): readonly ListenerConf[];
  /** Where it really listens: a port of 0 is settled before several threads listen there. */
  bindOf(listener: ListenerConf): BindAddress;
}

/** The only thread: it does everything. */
export function alone(): Thread {
  return {
    number: 0,
    zones: new Zones(),
    role: "alone",
    nextConnection: () => ++connectionNumber,
    team: undefined,
    newCounts: () => new Counts(),
    listensTo: ({ listeners }) => listeners,
    bindOf: ({ address }) => address,
  };
}

/** The main thread of several: it leads, checks peers, and serves nobody. */
export function leader(zones: Zones): Thread {
  return {
    number: 0,
    zones,
    role: "leader",
    nextConnection: () => 0,
    team: new TeamNumbers(zones),
    newCounts: () => new Counts(),
    listensTo: () => [],
    bindOf: ({ address }) => address,
  };
}

/** Ports that were settled, by the names of their listeners. */
export type SettledPorts = ReadonlyMap<string, number>;

/**
 * One worker of several.
 *
 * @param ports Read anew at each use.
 * @param onRow Told of each row that it counts in, for the main thread to read along.
 */
export function worker(
  number: number,
  zones: Zones,
  ports: () => SettledPorts,
  onRow: OnRow,
): Thread {
  const team = new TeamNumbers(zones);
  return {
    number,
    zones,
    role: "worker",
    nextConnection: () => team.nextConnection(),
    team,
    newCounts: () => new Counts(onRow),
    // Threads cannot share a unix socket, so the first worker has it.
    listensTo: ({ listeners }) =>
      listeners.filter(({ address }) => number === 1 || address.transport === "tcp"),
    bindOf({ name, address }) {
      const port = ports().get(name);
      return port === undefined || address.transport !== "tcp" ? address : { ...address, port };
    },
  };
}
