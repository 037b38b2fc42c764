/**
 * What the main thread and a worker say to each other: calls with one answer each.
 *
 * @module
 */
import type { SluiceConf } from "../http/conf.ts";
import type { RowKind } from "../log/mod.ts";
import type { SharedZone } from "../zone/mod.ts";
import type { PeerOrder, WorkerReport } from "./process_control.ts";
import { CannotListen, type ServerStats } from "./running_server.ts";

/** What a worker can be asked for, with what it answers. */
export interface WorkerCalls {
  /** Opens everything and accepts; answers with what it listens on. */
  start(order: StartOrder): Promise<readonly string[]>;
  /** The first half of a reload. */
  prepare(order: ConfOrder): Promise<void>;
  /** Its second half; answers with what it listens on from now on. */
  commit(): Promise<readonly string[]>;
  /** Forgets what was prepared. */
  abandon(): Promise<void>;
  reopenLogs(): Promise<void>;
  stats(): Promise<ServerStats>;
  report(): Promise<WorkerReport>;
  /** Changes the peers of a group as an operator has asked for. */
  changePeer(order: PeerOrder): Promise<void>;
  shutdown(): Promise<void>;
  stop(): Promise<void>;
}

/** A configuration, and what goes with it. */
export interface ConfOrder {
  readonly conf: SluiceConf;
  readonly zones: readonly SharedZone[];
  /** Ports that were settled, by the names of their listeners. */
  readonly ports: ReadonlyMap<string, number>;
}

export interface StartOrder extends ConfOrder {
  /** From 1. */
  readonly number: number;
  /** Of all zones, and this worker's. */
  readonly columns: number;
  readonly column: number;
  readonly debugBuffers: boolean;
  /** What an operator has changed since the configuration came into force. */
  readonly changes: readonly PeerOrder[];
  /** The main thread's clock, in ms. */
  readonly nowMs: number;
}

export type CallName = keyof WorkerCalls;

/** A call on its way; `order` is the call's only argument, if it has one. */
export interface Call {
  readonly id: number;
  readonly name: CallName;
  readonly order: unknown;
}

/** A row that the worker counts in from now on. */
export interface PostedRow {
  readonly kind: RowKind;
  readonly labels: readonly string[];
  readonly values: Float64Array<SharedArrayBuffer>;
}

/** What comes back. The first message of a worker is an answer to 0: it can be called now. */
export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: PostedError };

/** An error as plain data: messages carry no classes. */
export interface PostedError {
  readonly message: string;
  readonly stack: string | undefined;
  /** Of a {@linkcode CannotListen}. */
  readonly cannotListen?: { readonly address: string; readonly cause: string };
}

export function postedError(error: unknown): PostedError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  const { message, stack } = error;
  if (!(error instanceof CannotListen)) return { message, stack };
  const { address, cause } = error;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return { message, stack, cannotListen: { address, cause: reason } };
}

export function errorOf({ message, stack, cannotListen }: PostedError): Error {
  if (cannotListen !== undefined) {
    return new CannotListen(cannotListen.address, new Error(cannotListen.cause));
  }
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
