/**
 * Waiting for buffer memory, when the pool is used up.
 *
 * @module
 */
import type { SlabPool } from "../buffer/mod.ts";
import { type Deadlines, type Expirable, NEVER } from "./clock.ts";
import { type Phase, Signal, type Wait } from "./wait.ts";

/**
 * How long a phase waits for memory while none comes back at all. Those who wait may
 * hold what the others wait for, so somebody has to give up.
 */
const ROOM_WAIT_MS = 10_000;

/** The buffer memory is used up, and nobody gave any back: worth a 503. */
export class OutOfBuffers extends Error {
  override readonly name = "OutOfBuffers";

  constructor() {
    super(`no buffer memory for ${ROOM_WAIT_MS / 1_000} s`);
  }
}

/** Waits until a Buf has come back to an exhausted pool; then ask the pool again. */
export class Room implements Wait, Expirable {
  slot = -1;
  isOverdue = false;
  readonly #signal = new Signal();
  readonly #deadlines: Deadlines;
  readonly #deadlineMs: number;
  readonly #takeBack: () => void;

  constructor({ pool, deadlines }: RoomContext) {
    this.#deadlines = deadlines;
    this.#deadlineMs = deadlines.stamp() + ROOM_WAIT_MS;
    this.#takeBack = pool.onRoom(() => this.#end());
    deadlines.add(this);
    deadlines.notice(this.#deadlineMs);
  }

  get blocked(): Promise<void> | undefined {
    return this.#signal.blocked;
  }

  arm(wake: () => void): void {
    this.#signal.arm(wake);
  }

  disarm(): void {
    this.#signal.disarm();
  }

  abandon(): void {
    this.#takeBack();
    this.#end();
  }

  expire(nowMs: number): number {
    if (nowMs < this.#deadlineMs) return this.#deadlineMs;
    this.isOverdue = true;
    this.abandon();
    return NEVER;
  }

  toString(): string {
    return "waiting for buffer memory";
  }

  #end(): void {
    this.#deadlines.remove(this);
    this.#signal.ring();
  }
}

/** What a Room needs. */
export interface RoomContext {
  readonly pool: SlabPool;
  readonly deadlines: Deadlines;
}

/** @throws {OutOfBuffers} None came back for too long. */
export async function* waitForRoom(context: RoomContext): Phase<void> {
  const room = new Room(context);
  yield room;
  if (room.isOverdue) throw new OutOfBuffers();
}
