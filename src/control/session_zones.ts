/**
 * The zones of `sticky learn`, opened: those of one name and size go on over reloads.
 *
 * @module
 */
import { sessionsLayout } from "../http/mod.ts";
import { KeyTable, type Zones } from "../zone/mod.ts";

/** Of one configuration. */
export class SessionZones {
  readonly #zones: Zones;
  readonly #tables = new Map<string, KeyTable>();

  constructor(zones: Zones) {
    this.#zones = zones;
  }

  readonly sessionsOf = (
    { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
  ): KeyTable => {
    const zone = this.#zones.open(`sticky ${name}`, sessionsLayout(sizeBytes));
    const table = this.#tables.get(name) ?? new KeyTable(zone);
    this.#tables.set(name, table);
    return table;
  };
}
