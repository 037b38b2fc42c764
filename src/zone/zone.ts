/**
 * Zones, and all those of a server by their names.
 *
 * @module
 */
import {
  AT,
  HEADER_BYTES,
  kindIn,
  KINDS,
  MAGIC,
  type Regions,
  regionsIn,
  regionsOf,
  type ZoneKind,
  type ZoneLayout,
} from "./layout.ts";
import { releaseClaims } from "./key_table.ts";

/** One block of memory, as one worker sees it. */
export class Zone {
  readonly buffer: ArrayBufferLike;
  /** How many columns there are, and which of them is this worker's. */
  readonly columns: number;
  readonly column: number;
  readonly kind: ZoneKind;
  readonly regions: Regions;

  /** @throws {Error} When the memory is not a zone's. */
  constructor(buffer: ArrayBufferLike, column: number) {
    const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.buffer = buffer;
    this.kind = kindIn(header);
    this.columns = header[AT.columns] ?? 0;
    this.column = column;
    this.regions = regionsIn(header);
    if (this.regions.bytes > buffer.byteLength || column >= this.columns) {
      throw new Error("the memory is not what its header says");
    }
  }

  /** One that nobody else sees. */
  static alone(layout: ZoneLayout): Zone {
    return new Zone(memoryOf(layout, 1, false), 0);
  }

  /** What keys are hashed with: the same for all who share the zone, and nobody's to guess. */
  get seed(): readonly [number, number] {
    const [low = 0, high = 0] = new Int32Array(this.buffer, AT.seed * 4, 2);
    return [low, high];
  }

  /** The regions, if the zone is of one of these kinds. */
  expect(...kinds: readonly ZoneKind[]): Regions {
    if (kinds.includes(this.kind)) return this.regions;
    throw new Error(`a zone of ${this.kind} is not one of ${kinds.join(" or ")}`);
  }

  /**
   * Forgets what a worker that has ended held: its counts, and entries that it was about to
   * take. What it had counted in totals stays. To be done again when its thread has surely
   * stopped: one that is terminated runs on for some milliseconds.
   */
  clearColumn(column: number): void {
    const { entries, counts, countsAt, slotsAt } = this.regions;
    if (this.kind === "gauges") {
      new Float64Array(this.buffer, slotsAt + column * entries * 8, entries).fill(0);
    }
    if (this.kind !== "keys") return;
    const size = entries * counts;
    new Int32Array(this.buffer, countsAt + column * size * 4, size).fill(0);
    releaseClaims(this, column);
  }
}

/** A zone on its way to a worker. */
export interface SharedZone {
  readonly name: string;
  readonly buffer: SharedArrayBuffer;
}

/** Whose the zones of a server are. */
export interface ZonesOptions {
  /** Columns of every zone. @default {1} */
  readonly columns?: number;
  /** Which of them is this thread's. @default {0} */
  readonly column?: number;
  /** Zones that others have made; without them this one makes its own. */
  readonly shared?: readonly SharedZone[];
}

/**
 * All zones of a server. The thread that has made it makes the zones too; a worker gets
 * them all and can open no others.
 */
export class Zones {
  readonly columns: number;
  readonly column: number;
  /** Whether this thread may make zones. */
  readonly #isOwner: boolean;
  readonly #buffers = new Map<string, ArrayBufferLike>();
  readonly #zones = new Map<string, Zone>();

  constructor({ columns = 1, column = 0, shared }: ZonesOptions = {}) {
    this.columns = columns;
    this.column = column;
    this.#isOwner = shared === undefined;
    if (shared !== undefined) this.adopt(shared);
  }

  /**
   * The zone of this name and layout, as it was left: it outlives the configuration that
   * opened it. One of another layout takes its place, empty.
   *
   * @throws {Error} In a worker that was not given it.
   */
  open(name: string, layout: ZoneLayout): Zone {
    const known = this.#zones.get(name);
    if (known !== undefined && isOf(known, layout, this.columns)) return known;
    let buffer = this.#buffers.get(name);
    if (this.#isOwner) buffer = memoryOf(layout, this.columns, this.columns > 1);
    if (buffer === undefined) throw new Error(`no such zone: ${name}`);
    const zone = new Zone(buffer, this.column);
    if (!isOf(zone, layout, this.columns)) throw new Error(`the zone ${name} is of another shape`);
    this.#buffers.set(name, buffer);
    this.#zones.set(name, zone);
    return zone;
  }

  /** Takes zones that others have made, in place of those of the same names. */
  adopt(shared: readonly SharedZone[]): void {
    for (const { name, buffer } of shared) {
      if (this.#buffers.get(name) === buffer) continue;
      this.#buffers.set(name, buffer);
      this.#zones.delete(name);
    }
  }

  /** What workers are given. */
  share(): SharedZone[] {
    const shared: SharedZone[] = [];
    for (const [name, buffer] of this.#buffers) {
      if (buffer instanceof SharedArrayBuffer) shared.push({ name, buffer });
    }
    return shared;
  }

  /** Forgets what the worker of a column held: see {@linkcode Zone.clearColumn}. */
  clearColumn(column: number): void {
    for (const zone of this.#zones.values()) zone.clearColumn(column);
  }
}

function isOf(zone: Zone, layout: ZoneLayout, columns: number): boolean {
  const { entries, words, counts } = regionsOf(layout, columns);
  const { regions } = zone;
  return zone.kind === layout.kind && zone.columns === columns && regions.entries === entries &&
    regions.words === words && regions.counts === counts;
}

function memoryOf(layout: ZoneLayout, columns: number, isShared: boolean): ArrayBufferLike {
  const { bytes, entries, words, counts } = regionsOf(layout, columns);
  const buffer = isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
  header.set([MAGIC, columns]);
  header.set(crypto.getRandomValues(new Int32Array(2)), AT.seed);
  header.set([KINDS.indexOf(layout.kind), entries, words, counts], AT.kind);
  return buffer;
}
