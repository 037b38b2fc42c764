/**
 * The zones of limits, opened: those of one name and size go on over reloads.
 *
 * @module
 */
import {
  bucketsLayout,
  countsLayout,
  LeakyBuckets,
  type LimitConnZoneConf,
  type LimitReqZoneConf,
} from "../http/mod.ts";
import { KeyTable, type Zones } from "../zone/mod.ts";

/** Of one configuration. */
export class LimitZones {
  readonly #zones: Zones;
  readonly #buckets = new Map<string, LeakyBuckets>();
  readonly #counts = new Map<string, KeyTable>();

  constructor(zones: Zones) {
    this.#zones = zones;
  }

  readonly bucketsOf = ({ name, sizeBytes, rate }: LimitReqZoneConf): LeakyBuckets => {
    const zone = this.#zones.open(`limit_req ${name}`, bucketsLayout(sizeBytes));
    const buckets = this.#buckets.get(name) ?? new LeakyBuckets(zone, rate);
    this.#buckets.set(name, buckets);
    return buckets;
  };

  readonly countsOf = ({ name, sizeBytes }: LimitConnZoneConf): KeyTable => {
    const zone = this.#zones.open(`limit_conn ${name}`, countsLayout(sizeBytes));
    const counts = this.#counts.get(name) ?? new KeyTable(zone);
    this.#counts.set(name, counts);
    return counts;
  };
}
