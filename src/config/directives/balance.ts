/** How `balance` is written: nginx's words, or a map for `hash`. @module */
import type { BalanceConf } from "../../peer/conf.ts";
import type { ArgumentType, Reading } from "../directive.ts";
import { nearestName } from "../nearest.ts";
import { type Mapping, type Node, wordsOf } from "../node.ts";
import { flag, template } from "../types.ts";

const WAYS = ["round_robin", "least_conn", "ip_hash", "random", "ewma"] as const;
const EXPECTED = "one of round_robin, least_conn, least_time header, least_time last_byte, ewma, " +
  "ip_hash, random, random two, or {hash: KEY, consistent: on}";

export const balance: ArgumentType<BalanceConf> = {
  label: "round_robin | least_conn | least_time header | least_time last_byte | ewma | ip_hash | " +
    "random [two] | hash KEY [consistent]",
  expected: EXPECTED,
  read(node, reading): BalanceConf | undefined {
    if (node.kind === "mapping") return readMap(node, reading);
    const [first, ...rest] = wordsOf(node) ?? [];
    if (first === undefined) return reading.refuse(node, EXPECTED);
    const [second, third] = rest.map(({ text }) => text);
    const way = WAYS.find((way) => way === first.text);
    if (way !== undefined && rest.length === 0) return { kind: way };
    if (first.text === "random" && second === "two" && rest.length <= 2) {
      // nginx's `least_conn` is what it does anyway.
      if (third === undefined || third === "least_conn") return { kind: "random_two" };
    }
    if (first.text === "least_time" && rest.length === 1) {
      if (second === "header" || second === "last_byte") {
        return { kind: "least_time", isToHead: second === "header" };
      }
    }
    if (first.text === "hash" && rest.length > 0 && rest.length <= 2) {
      if (third === undefined || third === "consistent") {
        return readHash(rest[0]!, third !== undefined, reading);
      }
    }
    return reading.refuse(node, EXPECTED);
  },
};

function readMap(node: Mapping, reading: Reading): BalanceConf | undefined {
  let key: Node | undefined;
  let isConsistent = false;
  for (const { key: name, keySpan, value } of node.entries) {
    if (name === "hash") key = value;
    else if (name === "consistent") {
      isConsistent = flag.read(value, reading.of("consistent")) ?? false;
    } else {
      const nearest = nearestName(name, ["hash", "consistent"]);
      reading.refusePart(keySpan, name, "no such parameter", nearest);
    }
  }
  if (key === undefined) return reading.refuse(node, EXPECTED);
  return readHash(key, isConsistent, reading.of("hash"));
}

function readHash(node: Node, isConsistent: boolean, reading: Reading): BalanceConf | undefined {
  const key = template.read(node, reading);
  if (key === undefined) return undefined;
  if (key === "") return reading.refuse(node, 'a text with $variables such as "$request_uri"');
  return { kind: "hash", key, isConsistent };
}
