/**
 * What a request to change a peer says, read strictly: an unknown key is a mistake.
 *
 * @module
 */
import { nearestName } from "../config/nearest.ts";
import type { NewPeer, PeerChange } from "./control.ts";

/** A body that cannot be understood. The message is for a person. */
export class WrongBody extends Error {
  override readonly name = "WrongBody";
}

const FLAGS = ["down", "drain"] as const;
const NUMBERS = { weight: "weight", max_conns: "maxConns" } as const;
const CHANGES = [...Object.keys(NUMBERS), ...FLAGS];

/** `{"address": "127.0.0.1:9001", "weight": 2, …}`. @throws {WrongBody} */
export function readNewPeer(body: unknown): NewPeer {
  const { address, backup, ...rest } = recordOf(body, ["address", "backup", ...CHANGES]);
  if (typeof address !== "string" || address === "") {
    throw new WrongBody('need "address", such as "127.0.0.1:9001"');
  }
  if (backup !== undefined && typeof backup !== "boolean") {
    throw new WrongBody('need true or false for "backup"');
  }
  return { address, backup: backup ?? false, ...changeOf(rest) };
}

/** `{"weight": 2, "drain": true}`. @throws {WrongBody} */
export function readPeerChange(body: unknown): PeerChange {
  const record = recordOf(body, CHANGES);
  if (Object.keys(record).length === 0) throw new WrongBody(`need some of ${CHANGES.join(", ")}`);
  return changeOf(record);
}

function changeOf(record: Readonly<Record<string, unknown>>): PeerChange {
  const change: { -readonly [Key in keyof PeerChange]: PeerChange[Key] } = {};
  for (const key of FLAGS) {
    const value = record[key];
    if (value === undefined) continue;
    if (typeof value !== "boolean") throw new WrongBody(`need true or false for "${key}"`);
    change[key] = value;
  }
  for (const [key, field] of Object.entries(NUMBERS)) {
    const value = record[key];
    if (value === undefined) continue;
    const least = field === "weight" ? 1 : 0;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least) {
      throw new WrongBody(`need a whole number, at least ${least}, for "${key}"`);
    }
    change[field] = value;
  }
  return change;
}

function recordOf(body: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new WrongBody("need a JSON object");
  }
  for (const key of Object.keys(body)) {
    if (keys.includes(key)) continue;
    const nearest = nearestName(key, keys);
    throw new WrongBody(
      `no such key: "${key}"${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`,
    );
  }
  return { ...body };
}
